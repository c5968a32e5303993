import { UserError } from '../../graph/errors.ts';

/** A model of the Hugging Face Hub: `hf:org/name[@revision]`. */
export interface HubReference {
  /** `org/name`; some old models have a name alone. */
  readonly name: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

const PART = /^[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;

/** True for a reference to the Hub, right or wrong. */
export const isHubReference = (text: string): boolean => text.startsWith('hf:');

/**
 * Names become folders of the cache, so only what the Hub itself allows is taken.
 * @throws UserError for any other name or revision.
 */
export function parseHubReference(text: string): HubReference {
  const [, name = '', revision = 'main'] = /^hf:(?:\/\/)?([^@]*)(?:@(.*))?$/s.exec(text) ?? [];
  const parts = name.split('/');
  const named = parts.length <= 2 && parts.every((part) => PART.test(part) && !/--|\.\./.test(part));
  if (!named)
    throw new UserError(
      `${text.slice(0, 120)}: wanted hf:org/name or hf:org/name@revision, got the name "${name.slice(0, 80)}"`,
    );
  const safe =
    revision.length <= 200 && revision.split('/').every((part) => /^[\w][\w.-]*$/.test(part) && !part.includes('..'));
  if (!safe)
    throw new UserError(
      `${text.slice(0, 120)}: wanted a branch, a tag or a commit after @, got "${revision.slice(0, 80)}"`,
    );
  return { name, revision };
}

/** A commit never changes, so a whole copy of it needs no network. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);
