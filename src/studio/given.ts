import { basename, resolve } from 'node:path';
import type { Context } from 'hono';
import { addressIn } from '../data/address.ts';
import { readImageBytes } from '../data/images/decodeNode.ts';
import { openDataset } from '../data/openDatasetNode.ts';
import { UserError } from '../graph/errors.ts';

/** Pictures of this machine that the page may have: a list of them by class, and each by its number in the list. */
export interface GivenPictures {
  readonly name: string;
  /** The numbers of a class's pictures. */
  readonly classes: Readonly<Record<string, readonly number[]>>;
}

export interface Given {
  readonly list: GivenPictures;
  read(id: string): Uint8Array | undefined;
}

/** @throws UserError where there are no pictures with one class each. */
export async function openGiven(dir: string): Promise<Given> {
  const { classes, train, val } = await openDataset(dir, { seed: 0 });
  if (classes.length < 2 || train.sets)
    throw new UserError(
      `${dir}: wanted pictures of two classes or more, one class each (a folder for each class), got ${train.sets ? 'pictures of several classes' : `${classes.length} classes`}`,
    );
  const addresses: string[] = [];
  const byClass = new Map<string, number[]>(classes.map((name) => [name, []]));
  for (const { root, paths, labels } of [train, val])
    for (const [i, path] of paths.entries())
      byClass.get(classes[labels[i]!] ?? '')?.push(addresses.push(addressIn(root, path)) - 1);
  return {
    list: { name: basename(resolve(dir)), classes: Object.fromEntries(byClass) },
    read: (id) => {
      const address = /^\d{1,9}$/.test(id) ? addresses[Number(id)] : undefined;
      return address === undefined ? undefined : readImageBytes(address);
    },
  };
}

/** A picture is bytes to the page, never a document: what it is, the page finds out by decoding it. */
export function givenAnswer(context: Context, given: Given): Response {
  const id = context.req.param('id') ?? '';
  if (id === 'list.json') return context.json(given.list);
  const bytes = given.read(id);
  if (!bytes) return context.json({ error: `given/${id}: nothing is there` }, 404);
  context.header('content-type', 'application/octet-stream');
  context.header('cache-control', 'no-store');
  return context.body(Uint8Array.from(bytes));
}
