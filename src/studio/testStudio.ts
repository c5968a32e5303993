import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Studio, startStudio } from './startStudio.ts';

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Answers as soon as the headers are there, and leaves the connection open. */
  readonly stream?: boolean;
}

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Ends a stream. */
  readonly end: () => void;
}

/** A studio of a folder of its own, asked over a socket as a browser would, with any header that is wanted. */
export interface TestStudio extends Studio {
  readonly dir: string;
  readonly token: string;
  /** `understudy_PORT=...` */
  readonly cookie: string;
  /** Without a word of its own: no cookie, no Origin. */
  bare(path: string, asked?: Asked): Promise<Got>;
  /** As the studio's own page asks. */
  own(path: string, asked?: Asked): Promise<Got>;
}

export async function testStudio(fill: (dir: string) => Promise<void> = async () => undefined): Promise<TestStudio> {
  const dir = await mkdtemp(join(tmpdir(), 'studio-'));
  await fill(dir);
  const studio = await startStudio({ dir, port: 0 });
  const token = new URL(studio.address).searchParams.get('token')!;
  const bare = (path: string, asked: Asked = {}) => ask(studio.port, path, asked);
  const first = await bare(`/?token=${token}`);
  const cookie = String(first.headers['set-cookie']).split(';')[0]!;
  const own = (path: string, { headers, ...asked }: Asked = {}) =>
    bare(path, {
      ...asked,
      headers: {
        cookie,
        'sec-fetch-site': 'same-origin',
        ...(asked.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
  const close = async () => {
    await studio.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { ...studio, dir, token, cookie, bare, own, close };
}

function ask(port: number, path: string, { method = 'GET', headers = {}, body, stream = false }: Asked): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path, method, agent: false, headers: { host: `127.0.0.1:${port}`, ...headers } },
      (answer) => {
        let text = '';
        const got = () =>
          resolve({ status: answer.statusCode!, headers: answer.headers, text, end: () => asked.destroy() });
        if (stream) return got();
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        return answer.on('end', got);
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
