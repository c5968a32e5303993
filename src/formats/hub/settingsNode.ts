import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../graph/errors.ts';

/** How the Hub is reached and where its files are kept. */
export interface HubSettings {
  readonly endpoint: string;
  /** The folder `hub` of Python's huggingface_hub: both share what they have downloaded. */
  readonly cacheDir: string;
  readonly token: string | undefined;
  /** Never use the network. */
  readonly offline: boolean;
  /** Milliseconds without an answer, or without a byte, after which a connection is given up. */
  readonly timeout: number;
  /** Attempts to go on with a broken download. */
  readonly attempts: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings of huggingface_hub: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN, HF_TOKEN_PATH,
 * HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_DOWNLOAD_TIMEOUT. The only place where the environment is read for it.
 * @throws UserError for an endpoint or token that cannot be one.
 */
export function hubSettings(env: Environment = process.env, home = homedir()): HubSettings {
  const own = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(home, '.cache'), 'huggingface');
  const seconds = Number(env.HF_HUB_DOWNLOAD_TIMEOUT);
  return {
    endpoint: endpointOf(env.HF_ENDPOINT),
    cacheDir: env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? join(own, 'hub'),
    token: tokenOf(env, own),
    offline: isOn(env.HF_HUB_OFFLINE) || isOn(env.TRANSFORMERS_OFFLINE),
    timeout: seconds > 0 ? seconds * 1000 : 30_000,
    attempts: 5,
  };
}

const isOn = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

function endpointOf(value = 'https://huggingface.co'): string {
  if (/^https?:\/\/[^\s/]+/.test(value) && URL.canParse(value)) return value.replace(/\/+$/, '');
  throw new UserError(`HF_ENDPOINT: wanted an http or https address, got "${value}"`);
}

/** The token that `hf auth login` stores, unless the environment has one. */
function tokenOf(env: Environment, own: string): string | undefined {
  if (isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const file = env.HF_TOKEN_PATH ?? join(own, 'token');
  const given = env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN;
  const token = (given ?? (existsSync(file) ? readFileSync(file, 'utf8') : '')).trim();
  if (token === '') return undefined;
  if (/^hf_\w+$/.test(token)) return token;
  throw new UserError(
    `${given === undefined ? file : 'HF_TOKEN'}: wanted an access token of the Hugging Face Hub (hf_...), got something else. Make one at https://huggingface.co/settings/tokens`,
  );
}
