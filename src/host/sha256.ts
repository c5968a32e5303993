import { joined } from '../formats/disk/content.ts';

/** SHA-256 in hexadecimal by what pages, workers and Node have alike. It takes bytes at once, so pieces are joined first. */
export async function sha256(pieces: Iterable<Uint8Array>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', joined([...pieces])));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
