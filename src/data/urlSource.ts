import { UserError } from '../graph/errors.ts';
import { compareCodePoints } from './dataset.ts';
import type { ImageSource, SourceImage } from './imageSource.ts';

/** What is used of `fetch`. */
interface Fetches {
  fetch(address: string): Promise<{
    readonly ok: boolean;
    readonly status: number;
    arrayBuffer(): Promise<ArrayBuffer>;
    json(): Promise<unknown>;
  }>;
}

async function answerOf(address: string) {
  let answer: Awaited<ReturnType<Fetches['fetch']>>;
  try {
    answer = await (globalThis as unknown as Fetches).fetch(address);
  } catch (error) {
    throw new UserError(`${address}: wanted an answer, got: ${(error as Error).message}`, { cause: error });
  }
  if (!answer.ok) throw new UserError(`${address}: wanted a file, got the status ${answer.status}`);
  return answer;
}

/** The bytes at an address. @throws UserError */
export const fetchBytes = async (address: string): Promise<Uint8Array> =>
  new Uint8Array(await (await answerOf(address)).arrayBuffer());

/** Addresses by class. */
export type AddressesByClass = Readonly<Record<string, readonly string[]>>;

/** Images by their addresses, and how they are called. */
export interface AddressedImages {
  /** Addresses by class: relative to `base`, or whole. */
  readonly train: AddressesByClass;
  /** Left out: a part of each class is put aside for validation. */
  readonly val?: AddressesByClass;
}

/**
 * Images that lie on a web server as a data source. They are fetched when they are wanted, by the workers that decode them.
 * Without `base` addresses are relative to the page, or to the script of the worker, that calls.
 * @param images addresses by class, or the address of a JSON file of this form (`AddressesByClass` or `AddressedImages`), to which
 *   its addresses are relative.
 * @throws UserError where that file is not of this form.
 */
export async function imagesAt(
  images: AddressesByClass | AddressedImages | string,
  { base, name = typeof images === 'string' ? images : 'images' }: { base?: string; name?: string } = {},
): Promise<ImageSource> {
  const here = base ?? (globalThis as { location?: { readonly href: string } }).location?.href;
  const from = typeof images === 'string' ? wholeAddress(images, here) : here;
  const { train, val } = checkedParts(typeof images === 'string' ? await (await answerOf(from!)).json() : images, name);
  const listed = (part: AddressesByClass): SourceImage[] =>
    Object.entries(part).flatMap(([label, addresses]) => addresses.map((id) => ({ id, label })));
  const where = (id: string): string => wholeAddress(id, from);
  return {
    name,
    classes: Object.keys(train).sort(compareCodePoints),
    train: listed(train),
    ...(val && { val: listed(val) }),
    read: (id) => fetchBytes(where(id)),
    where,
  };
}

function wholeAddress(address: string, base: string | undefined): string {
  try {
    return new URL(address, base).href;
  } catch {
    throw new UserError(`${address}: wanted a whole address, or \`base\` to which it is relative`);
  }
}

function checkedParts(given: unknown, name: string): AddressedImages {
  const isPart = (part: unknown): part is AddressesByClass =>
    isRecord(part) &&
    Object.values(part).every((list) => Array.isArray(list) && list.every((one) => typeof one === 'string'));
  if (isPart(given)) return { train: given };
  if (isRecord(given) && isPart(given.train) && (given.val === undefined || isPart(given.val)))
    return given as unknown as AddressedImages;
  throw new UserError(`${name}: wanted addresses by class, { CLASS: [ADDRESS] } or { train, val } of that form`);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
