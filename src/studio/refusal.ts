/** What somebody sees who opens the studio without its token. */
export const refusalPage = (): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Understudy studio</title></head>
<body><h1>This studio asks for its token</h1>
<p>Open the address that <code>understudy studio</code> printed when it started. It ends in <code>?token=</code> and a long word.</p>
<p>The studio makes a new token each time it starts, so an older address, and a page left open from before, ends here.</p>
<p>Did you come by a link from another page? <a href="">Go on</a>.</p>
</body></html>
`;
