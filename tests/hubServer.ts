import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong on purpose, by path of a file. */
export interface Faults {
  /** The connection breaks after so many bytes of the first answer with the file's bytes. */
  cutAfter?: Record<string, number>;
  /** The bytes that are sent instead of the file's. */
  replaced?: Record<string, Buffer>;
  /** Status and code of every answer. */
  refuse?: { status: number; code?: string };
  /** The answer to a file's bytes never begins. */
  silent?: string;
  /** Answers to a part are the whole file. */
  ignoreRange?: boolean;
  /** Every answer to a file's bytes is the whole file, with status 200. */
  noRanges?: boolean;
  /** Every answer is this text with status 200, as of a proxy's sign-in page. */
  page?: { readonly type: string; readonly text: string };
  /** Answers of the API begin and never end: a byte now and then, or as fast as they are taken. */
  unending?: 'drip' | 'flood';
  /** A file that is listed is not there. */
  gone?: string;
  token?: string;
}

export interface HubServer {
  readonly url: string;
  readonly commit: string;
  /** Method, path and range of what was asked, in order. */
  readonly asked: { readonly method: string; readonly path: string; readonly range: string | undefined }[];
  faults: Faults;
  close(): Promise<void>;
}

const sha = (kind: string, ...parts: (string | Buffer)[]): string => {
  const hash = createHash(kind);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** A server on 127.0.0.1 that speaks the Hub's protocol for one model: revisions, list of paths, files with ranges behind a redirect. */
export async function hubServer(name: string, files: Readonly<Record<string, Buffer>>): Promise<HubServer> {
  const commit = sha('sha1', name, ...Object.values(files));
  const state: { faults: Faults; asked: HubServer['asked']; cut: Set<string> } = {
    faults: {},
    asked: [],
    cut: new Set(),
  };
  const large = (path: string) => path.endsWith('.safetensors');
  const hashOf = (path: string) =>
    large(path) ? sha('sha256', files[path]!) : sha('sha1', `blob ${files[path]!.length}\0`, files[path]!);

  const json = (response: ServerResponse, value: unknown, status = 200, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  };
  const refuse = (response: ServerResponse, status: number, code = '') =>
    json(response, { error: 'refused' }, status, code ? { 'x-error-code': code } : {});

  const unending = (response: ServerResponse, kind: 'drip' | 'flood') => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const flood = () => {
      while (!response.destroyed && response.write(Buffer.alloc(2 ** 20, ' ')));
    };
    if (kind === 'flood') response.on('drain', flood);
    if (kind === 'flood') return flood();
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
  };

  const sendFile = (request: IncomingMessage, response: ServerResponse, path: string) => {
    const { faults } = state;
    if (faults.silent === path) return;
    const whole = faults.replaced?.[path] ?? files[path]!;
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const ranged = request.headers.range !== undefined && !faults.noRanges && !(faults.ignoreRange && from !== '0');
    const [begin, end] = ranged
      ? [Number(from), to === '' ? whole.length : Math.min(Number(to) + 1, whole.length)]
      : [0, whole.length];
    const part = whole.subarray(begin, end);
    response.writeHead(ranged ? 206 : 200, {
      'content-length': part.length,
      etag: `"${hashOf(path)}"`,
      ...(ranged ? { 'content-range': `bytes ${begin}-${end - 1}/${whole.length}` } : {}),
    });
    const cut = faults.cutAfter?.[path];
    if (cut === undefined || part.length <= 1 || state.cut.has(path)) return void response.end(part);
    state.cut.add(path);
    response.write(part.subarray(0, cut), () => setTimeout(() => response.destroy(), 50));
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url!, 'http://127.0.0.1');
    const path = decodeURIComponent(pathname);
    state.asked.push({ method: request.method!, path, range: request.headers.range });
    const { faults } = state;
    if (faults.page) {
      response.writeHead(200, { 'content-type': faults.page.type });
      return void response.end(faults.page.text);
    }
    if (faults.unending && path.startsWith('/api/')) return unending(response, faults.unending);
    if (faults.refuse) return refuse(response, faults.refuse.status, faults.refuse.code);
    if (faults.token && request.headers.authorization !== `Bearer ${faults.token}` && !path.startsWith('/cdn/'))
      return refuse(response, 401, 'GatedRepo');
    const [, revision] = /^\/api\/models\/.*\/revision\/(.+)$/.exec(path) ?? [];
    if (path.startsWith('/api/models/') && !path.startsWith(`/api/models/${name}/`))
      return refuse(response, 404, 'RepoNotFound');
    if (revision !== undefined) {
      if (!['main', 'v1', 'refs/pr/2', commit].includes(revision)) return refuse(response, 404, 'RevisionNotFound');
      return json(response, {
        _id: 'x',
        id: name,
        sha: commit,
        siblings: Object.keys(files).map((rfilename) => ({ rfilename })),
      });
    }
    if (path === `/api/models/${name}/paths-info/${commit}`) {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { paths } = JSON.parse(body) as { paths: string[] };
      const known = paths.filter((one) => one in files);
      return json(
        response,
        known.map((one) => ({
          path: one,
          type: 'file',
          size: files[one]!.length,
          oid: large(one) ? sha('sha1', one) : hashOf(one),
          ...(large(one) ? { lfs: { oid: hashOf(one), size: files[one]!.length, pointerSize: 130 } } : {}),
        })),
      );
    }
    const file = path.replace(`/${name}/resolve/${commit}/`, '').replace('/cdn/', '');
    if (!(file in files) || faults.gone === file) return refuse(response, 404, 'EntryNotFound');
    if (path.startsWith('/cdn/') || !large(file)) return sendFile(request, response, file);
    response.writeHead(302, { location: `/cdn/${file}` });
    response.end();
  };

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    commit,
    asked: state.asked,
    get faults() {
      return state.faults;
    },
    set faults(faults) {
      state.faults = faults;
      state.cut.clear();
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
