import { UserError } from '../../graph/errors.ts';
import type { HubReference } from './reference.ts';

/** A request that failed: the status and the Hub's own code, or status 0 where there was no answer. */
export class HubFailure extends Error {
  override name = 'HubFailure';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  static ofNetwork(error: unknown, timeout: number): HubFailure {
    if ((error as Error | undefined)?.name === 'AbortError')
      return new HubFailure(0, '', `no answer in ${timeout / 1000} s`);
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    return new HubFailure(
      0,
      cause?.code ?? '',
      cause?.code ?? cause?.message ?? String((error as Error).message ?? error),
    );
  }
}

/** True where another attempt may help: no connection, or a server that is busy. */
export const isPassing = (failure: HubFailure): boolean =>
  failure.status === 0 ||
  failure.status === 429 ||
  failure.status >= 500 ||
  ['RangeIgnored', NOT_THE_HUB].includes(failure.code);

/** Something else answers: a sign-in page, a proxy, a mirror that speaks another language. */
export const NOT_THE_HUB = 'NotTheHub';

interface Reached {
  readonly endpoint: string;
  readonly token: string | undefined;
}

/** What the user can do about a failure; other errors stay what they are. */
export function hubError(error: unknown, { name, revision }: HubReference, { endpoint, token }: Reached): unknown {
  if (!(error instanceof HubFailure)) return error;
  const say = (text: string) => new UserError(`hf:${name}: ${text}`, { cause: error });
  const { status, code, message } = error;
  const identity = token === undefined ? 'no token is set' : 'the token that is set is not enough';
  if (code === 'GatedRepo' || status === 403)
    return say(
      `wanted to download it, got status ${status}: it is gated and ${identity}. Accept its conditions at ${endpoint}/${name}, then set HF_TOKEN or run: hf auth login`,
    );
  if (code === 'RevisionNotFound') return say(`wanted the revision ${revision}, got none of that name at ${endpoint}`);
  if (code === 'EntryNotFound') return say(`wanted the file ${message}, got none of that name in the repository`);
  if (code === NOT_THE_HUB)
    return say(
      `wanted an answer of the Hub from ${endpoint}, got ${message}. Check HF_ENDPOINT, and whether a proxy or a sign-in page stands between; or try again later`,
    );
  // Without a token the Hub does not tell a private model from none.
  if (status === 401 || status === 404)
    return say(
      `wanted a model, got status ${status} from ${endpoint}: there is none of that name, or it is private and ${identity}. Check the name, or set HF_TOKEN`,
    );
  if (status === 0)
    return say(
      `wanted to reach ${endpoint}, got ${message}, and the cache has no whole copy. Check the network; HF_ENDPOINT names a mirror`,
    );
  return say(
    `wanted a file from ${endpoint}, got status ${status}${message ? ` (${message.slice(0, 120)})` : ''}. Try again later`,
  );
}
