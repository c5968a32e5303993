import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockFolder } from '../formats/disk/folderLockNode.ts';
import { takeWish, WISH_FILE } from '../host/node/wishNode.ts';
import { sameSecret } from './guard.ts';
import { HEADERS } from './headers.ts';
import { idOf } from './library/scan.ts';
import { type Got, type TestStudio, testStudio } from './testStudio.ts';

/** A name that would run, were it ever taken for markup. */
const SCRIPT = '<img src=x onerror=alert(1)>';

let studio: TestStudio;
beforeAll(async () => {
  studio = await testStudio(async (dir) => {
    const run = join(dir, `run ${SCRIPT.replaceAll('/', '')}`);
    await mkdir(run);
    await writeFile(join(run, 'config.yaml'), `method: "${SCRIPT}"\nstudent: {name: vit}\ndata: {dir: photos}\n`);
    await writeFile(join(run, 'metrics.jsonl'), '{"step":1,"epoch":1,"train/loss":2,"time":1}\n');
    await mkdir(join(dir, 'linked'));
    await writeFile(join(dir, 'linked/config.yaml'), 'method: kd\n');
    await symlink('/etc/passwd', join(dir, 'linked/train.log'));
    await mkdir(join(dir, 'linked/checkpoints'));
    for (const name of ['metrics.jsonl', 'evaluation.json', 'summary.csv'])
      await symlink('/etc/passwd', join(dir, 'linked', name));

    // A study and a set of made images whose files lead elsewhere.
    for (const name of ['study', 'set']) await mkdir(join(dir, name));
    for (const name of ['plan.json', 'study.yaml']) await writeFile(join(dir, 'study', name), '{}');
    for (const name of ['results.json', 'advice.json']) await symlink('/etc/passwd', join(dir, 'study', name));
    const made = {
      version: 1,
      teacher: { family: 'x', sha256: 'x' },
      student: null,
      classes: ['a'],
      perClass: 1,
      settings: {},
    };
    await writeFile(join(dir, 'set/synthesis.json'), JSON.stringify(made));
    await symlink('/etc/passwd', join(dir, 'set/synthesis-2.json'));
    await symlink('/etc/passwd', join(dir, 'set/quality.json'));
    await symlink(tmpdir(), join(dir, 'set/batches'));

    await symlink(tmpdir(), join(dir, 'out'));
  });
});
afterAll(() => studio.close());

const posted = (headers: Record<string, string>) =>
  studio.bare('/api/jobs', {
    method: 'POST',
    headers: { cookie: studio.cookie, 'content-type': 'application/json', ...headers },
    body: '{}',
  });
/** Whatever was wrong with the request itself: it came through all guards. */
const cameThrough = ({ status }: Got) => status === 400;

describe('the studio answers its own page alone', () => {
  it('1: listens on the loopback addresses only', async () => {
    const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    const others = own.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
    const refused = await Promise.all(
      ['127.0.0.1', ...others].map(
        (host) =>
          new Promise<boolean>((resolve) => {
            const socket = connect({ host, port: studio.port, timeout: 2000 }, () => resolve(false));
            socket.on('error', () => resolve(true)).on('timeout', () => resolve(true));
          }),
      ),
    );
    expect(refused).toEqual([false, ...others.map(() => true)]);
  });

  it('2: refuses a name that was made to mean this machine, with a right token and cookie too', async () => {
    const named = (host: string) => studio.own(`/api/runs?token=${studio.token}`, { headers: { host } });
    for (const host of [
      'evil.example',
      `evil.example:${studio.port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `localhost.evil.example:${studio.port}`,
    ])
      expect([host, (await named(host)).status]).toEqual([host, 403]);
    for (const host of [`localhost:${studio.port}`, `LOCALHOST:${studio.port}`, `[::1]:${studio.port}`])
      expect([host, (await named(host)).status]).not.toEqual([host, 403]);
  });

  it('3: has no header of CORS, to nobody and to no question before one', async () => {
    const asked = [
      await studio.own('/api/runs', { headers: { origin: 'http://evil.example' } }),
      await studio.bare('/api/jobs', {
        method: 'OPTIONS',
        headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' },
      }),
    ];
    for (const { headers } of asked)
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('4: changes nothing, and streams nothing, for another site, another port of this machine, or nobody that says who', async () => {
    for (const site of ['cross-site', 'same-site', 'none'])
      expect((await posted({ 'sec-fetch-site': site })).status).toBe(403);
    for (const origin of ['http://evil.example', 'http://127.0.0.1:1', 'null'])
      expect((await posted({ origin })).status).toBe(403);
    expect((await posted({})).status).toBe(403);
    expect(cameThrough(await posted({ 'sec-fetch-site': 'same-origin' }))).toBe(true);
    expect(cameThrough(await posted({ origin: `http://127.0.0.1:${studio.port}` }))).toBe(true);
    for (const headers of [{}, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'cross-site' }])
      expect((await studio.bare('/api/stream', { headers: { cookie: studio.cookie, ...headers } })).status).toBe(403);
    const reads = await studio.own('/api/runs', {
      headers: { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' },
    });
    expect(reads.status).toBe(403);
  });

  it('5: swaps the token for a cookie that scripts cannot read and other sites cannot send; nothing else lets in', async () => {
    const first = await studio.bare(`/runs/x?token=${studio.token}&smooth=0.5`);
    expect([first.status, first.headers.location]).toEqual([303, '/runs/x?smooth=0.5']);
    const cookie = String(first.headers['set-cookie']);
    expect(cookie).toMatch(new RegExp(`^understudy_${studio.port}=[\\w-]{43};`));
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).not.toContain(studio.token);
    const wrong = `${studio.token.slice(0, -1)}${studio.token.endsWith('A') ? 'B' : 'A'}`;
    for (const path of ['/', '/api/runs', '/assets/', `/?token=${wrong}`, '/?token=', `/?token=${studio.token}x`])
      expect([path, (await studio.bare(path)).status]).toEqual([path, 401]);
    const [name] = studio.cookie.split('=');
    for (const value of ['', 'x', wrong, studio.token, `${studio.cookie.split('=')[1]}x`])
      expect((await studio.bare('/api/runs', { headers: { cookie: `${name}=${value}` } })).status).toBe(401);
    expect((await studio.own('/api/runs')).status).toBe(200);
    expect([sameSecret('a', 'a'), sameSecret('a', 'b'), sameSecret('', 'b'), sameSecret('bb', 'b')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('6: takes a body as JSON alone, and changes nothing on GET', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'text/plain; a=application/json',
    ])
      expect((await posted({ 'sec-fetch-site': 'same-origin', 'content-type': type })).status).toBe(415);
    const before = (await studio.own('/api/jobs')).text;
    for (const path of ['/api/jobs/x/stop', '/api/jobs/line/x', '/api/doctor', '/api/runs/x/tell', '/api/sets/x/stop'])
      expect((await studio.own(path)).status).toBe(404);
    expect((await studio.own('/api/jobs')).text).toBe(before);
  });

  it('7: says to the browser what it may do, with every answer, refusals among them', async () => {
    const answers = [
      await studio.own('/'),
      await studio.own('/api/runs'),
      await studio.bare('/'),
      await studio.own('/', { headers: { host: 'x' } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 401, 403]);
    for (const { headers } of answers)
      for (const [name, value] of Object.entries(HEADERS)) expect([name, headers[name]]).toEqual([name, value]);
    const policy = HEADERS['content-security-policy']!;
    expect(policy).not.toMatch(/'unsafe-|\*|https?:/);
    expect(policy).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    // The page is such that the policy holds: no script and no style of its own, nothing from elsewhere.
    const page = answers[0]!.text;
    expect(page).not.toMatch(/<script(?![^>]* src="\/)|<style|\son\w+=|https?:\/\//);
  });

  it('8: opens nothing by a path, and nothing outside of its folder by a link', async () => {
    for (const path of [
      '/../../package.json',
      '/%2e%2e/%2e%2e/package.json',
      '/assets/..%2f..%2f..%2fpackage.json',
      '/assets/%5c..%5cx.js',
    ])
      expect((await studio.own(path)).text).not.toContain('"name": "understudy"');
    for (const id of ['..', '%2e%2e%2f', 'etc/passwd', 'AAAAAAAAAAAA'])
      expect((await studio.own(`/api/runs/${id}`)).status).toBe(404);
    const linked = `/api/runs/${idOf('run', 'linked')}`;
    const curves = await studio.own(`${linked}/curves`);
    expect([curves.status, JSON.parse(curves.text).curves]).toEqual([200, {}]);
    const others = await Promise.all([studio.own(linked), studio.own('/api/runs')]);
    for (const { status, text } of others) expect([status, text.includes('root:')]).toEqual([200, false]);
    const study = await studio.own(`/api/studies/${idOf('study', 'study')}`);
    expect(JSON.parse(study.text)).toMatchObject({ report: null, advice: null });
    const set = await studio.own(`/api/sets/${idOf('set', 'set')}`);
    expect(JSON.parse(set.text)).toMatchObject({ rounds: 1, images: 0, curves: {}, quality: null });
    expect((await studio.own('/api/places')).text).not.toContain('"out');
  });

  it('8: a wish to a run is a file in its folder, and nothing where a link leads', async () => {
    const [folder, target] = [join(studio.dir, 'linked'), join(studio.dir, 'target')];
    const tell = (body: object) =>
      studio.own(`/api/runs/${idOf('run', 'linked')}/tell`, { method: 'POST', body: JSON.stringify(body) });
    await writeFile(target, 'kept');
    await symlink(target, join(folder, WISH_FILE));
    expect((await tell({ what: 'save' })).text).toContain('nobody works at this run');
    const lock = await lockFolder(folder);
    for (const wrong of [{}, { what: 'rm' }, { what: 'save', to: '/tmp' }])
      expect((await tell(wrong)).status).toBe(400);
    expect((await tell({ what: 'save' })).status).toBe(200);
    await lock.release();
    expect([await readFile(target, 'utf8'), await takeWish(folder)]).toEqual(['kept', 'save']);
  });

  it('8: a name is text, never markup', async () => {
    const runs = await studio.own('/api/runs');
    expect(runs.headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(runs.text).runs.map(({ method }: { method: string }) => method)).toContain(SCRIPT);
    // No page is ever made of text that the server puts in.
    const unknown = await studio.own(`/${encodeURIComponent(SCRIPT)}`, { headers: { accept: 'text/html' } });
    expect(unknown.text).not.toContain('onerror');
  });

  it('10: refuses a body that is too long, and streams that are too many, and goes on when they end', async () => {
    const body = JSON.stringify({ command: 'x'.repeat(1 << 20) });
    // The server hangs up on what it does not read: the answer may be lost on the way, and nothing was taken in.
    const long = await studio.own('/api/jobs', { method: 'POST', body }).then(
      ({ status }) => status,
      () => 413,
    );
    expect(long).toBe(413);
    const streams = await Promise.all(Array.from({ length: 30 }, () => studio.own('/api/stream', { stream: true })));
    const counts = streams.map(({ status }) => status);
    expect([
      counts.filter((status) => status === 200).length,
      counts.filter((status) => status === 503).length,
    ]).toEqual([24, 6]);
    for (const { end } of streams) end();
    await expect
      .poll(
        async () => {
          const again = await studio.own('/api/stream', { stream: true });
          again.end();
          return again.status;
        },
        { timeout: 10_000 },
      )
      .toBe(200);
  });
});
