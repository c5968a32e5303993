import { downloadFile, modelInfo, pathsInfo } from '@huggingface/hub';
import { UserError } from '../../graph/errors.ts';
import { HubFailure, hubError } from './errors.ts';
import type { HubReference } from './reference.ts';
import type { HubSettings } from './settingsNode.ts';

/** A file of a model as the Hub lists it. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file (64 digits), git's SHA-1 of a small one (40). */
  readonly hash: string;
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
      throw this.explain(error);
    }
  }

  /** Gives up where no answer begins in time; answers that are errors become failures with the Hub's own code. */
  readonly #fetch = async (address: string | URL | Request, options: RequestInit = {}): Promise<Response> => {
    this.#failure = undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), this.#settings.timeout);
    try {
      const response = await fetch(address, { ...options, signal: stop.signal });
      const code = response.headers.get('x-error-code') ?? '';
      // The client takes this one itself: the file does not exist.
      if (response.ok || (response.status === 404 && code === 'EntryNotFound')) {
        this.#refuseIgnoredRange(options, response);
        return response;
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
