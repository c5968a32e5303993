import { UserError } from '../../graph/errors.ts';
import { HubFailure, hubError, NOT_THE_HUB } from './errors.ts';
import type { HubReference } from './reference.ts';
import type { HubSettings } from './settingsNode.ts';

/** Loaded where something is asked of the Hub: most commands ask nothing. */
const hub = () => import('@huggingface/hub');

/** A file of a model as the Hub lists it. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file (64 digits), git's SHA-1 of a small one (40). */
  readonly hash: string;
}

/** An answer of the API is whole after so many times the time limit. Our choice: lists of 500,000 files are 50 MB. */
const WHOLE = 4;
const MAX_ANSWER = 64 * 2 ** 20;

const notTheHub = (got: string): HubFailure => new HubFailure(200, NOT_THE_HUB, got);

/** An answer of the API with its body read: as long as the request's time limit runs, and no longer than any list of files. */
async function wholeAnswer(response: Response): Promise<Response> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > MAX_ANSWER) throw notTheHub(`more than ${MAX_ANSWER / 2 ** 20} MB`);
    parts.push(part);
  }
  const bytes = Buffer.concat(parts);
  try {
    JSON.parse(bytes.toString('utf8'));
  } catch {
    throw notTheHub(bytes.length === 0 ? 'nothing' : `no JSON (${JSON.stringify(bytes.toString('utf8', 0, 40))})`);
  }
  return new Response(bytes, { status: response.status, headers: response.headers });
}

/** The official client with time limits, and errors that say what to do. */
export class HubClient {
  readonly #settings: HubSettings;
  readonly #model: HubReference;
  /** Why the last request failed: the client passes on the words alone of what goes wrong in a stream. */
  #failure: HubFailure | undefined;

  constructor(settings: HubSettings, model: HubReference) {
    this.#settings = settings;
    this.#model = model;
  }

  /** The commit that the revision stands for now, and the files of the repository. */
  async resolve(): Promise<{ readonly commit: string; readonly files: readonly string[] }> {
    const { name, revision } = this.#model;
    const { modelInfo } = await hub();
    const found = await this.#asking(() =>
      modelInfo({ name, revision, additionalFields: ['sha', 'filePaths'], ...this.#common() }),
    );
    const { sha, filePaths } = found as { sha?: unknown; filePaths?: unknown };
    if (typeof sha === 'string' && /^[0-9a-f]{40}$/.test(sha) && Array.isArray(filePaths))
      return { commit: sha, files: filePaths.filter((path) => typeof path === 'string') };
    throw this.#strange('a commit and a list of files');
  }

  async list(commit: string, paths: readonly string[]): Promise<HubFile[]> {
    const repo = { type: 'model', name: this.#model.name } as const;
    const { pathsInfo } = await hub();
    const found = await this.#asking(() => pathsInfo({ repo, paths: [...paths], revision: commit, ...this.#common() }));
    return paths.map((path) => {
      const info = found.find((one) => one.path === path);
      if (!info) throw this.#strange(`the file ${path}`);
      const [hash, size] = [info.lfs?.oid ?? info.oid ?? '', info.lfs?.size ?? info.size];
      // They become names of files in the cache.
      if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) || !Number.isSafeInteger(size) || size < 0)
        throw this.#strange(`a size and a hash of ${path}`);
      return { path, size, hash };
    });
  }

  /** The bytes of a file from an offset on. */
  async open(commit: string, file: HubFile, from: number): Promise<ReadableStream<Uint8Array>> {
    const repo = { type: 'model', name: this.#model.name } as const;
    const { downloadFile } = await hub();
    const blob = await this.#asking(() =>
      downloadFile({ repo, path: file.path, revision: commit, xet: false, ...this.#common() }),
    );
    if (!blob) throw hubError(new HubFailure(404, 'EntryNotFound', file.path), this.#model, this.#settings);
    if (blob.size !== file.size) throw this.#strange(`${file.size} bytes of ${file.path}`);
    return blob.slice(from, file.size).stream() as ReadableStream<Uint8Array>;
  }

  /** What a broken stream has to say. */
  explain(error: unknown): unknown {
    return hubError(this.#failure ?? error, this.#model, this.#settings);
  }

  #common() {
    const { endpoint, token } = this.#settings;
    const accessToken = token === undefined ? {} : { accessToken: token };
    return { hubUrl: endpoint, fetch: this.#fetch as typeof fetch, ...accessToken };
  }

  async #asking<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      // What the client cannot read is what the server sent.
      const failure = error instanceof HubFailure || error instanceof UserError ? error : this.#failure;
      throw this.explain(
        failure ?? notTheHub(`what its client cannot read (${(error as Error).message.slice(0, 120)})`),
      );
    }
  }

  /** Gives up where no answer begins in time, or one of the API's is not whole in a few times that; answers that are errors become failures with the Hub's own code. */
  readonly #fetch = async (address: string | URL | Request, options: RequestInit = {}): Promise<Response> => {
    this.#failure = undefined;
    const stop = new AbortController();
    let timer = setTimeout(() => stop.abort(), this.#settings.timeout);
    try {
      const response = await fetch(address, { ...options, signal: stop.signal });
      const code = response.headers.get('x-error-code') ?? '';
      // The client takes this one itself: the file does not exist.
      if (response.ok || (response.status === 404 && code === 'EntryNotFound')) {
        this.#refuseIgnoredRange(options, response);
        if (response.headers.get('content-type')?.startsWith('text/html')) throw notTheHub('a web page');
        if (!new URL(address instanceof Request ? address.url : address).pathname.startsWith('/api/')) return response;
        clearTimeout(timer);
        timer = setTimeout(() => stop.abort(), WHOLE * this.#settings.timeout);
        return await wholeAnswer(response);
      }
      await response.body?.cancel();
      throw new HubFailure(response.status, code, response.headers.get('x-error-message') ?? '');
    } catch (error) {
      this.#failure = error instanceof HubFailure ? error : HubFailure.ofNetwork(error, this.#settings.timeout);
      throw this.#failure;
    } finally {
      clearTimeout(timer);
    }
  };

  /** A whole file in answer to a part would be written behind what is there. */
  #refuseIgnoredRange({ headers }: RequestInit, response: Response): void {
    const range = (headers as Record<string, string> | undefined)?.Range;
    if (range !== undefined && !range.startsWith('bytes=0-') && response.status === 200)
      throw new HubFailure(200, 'RangeIgnored', '');
  }

  #strange(wanted: string): UserError {
    const { endpoint } = this.#settings;
    return new UserError(
      `hf:${this.#model.name}: wanted ${wanted} from ${endpoint}, got another answer. Check HF_ENDPOINT, or try again later`,
    );
  }
}
