import { internal, UserError } from '../../graph/errors.ts';
import { CONVENTIONS, type Convention } from './conventions.ts';

/** Where a tensor of a file goes: `part` of `parts` row blocks of our parameter. */
export interface Place {
  readonly ours: string;
  readonly part: number;
  readonly parts: number;
}

/** What wrappers put before every name: DataParallel, torch.compile, Lightning, a detector's or timm's wrapper. */
const WRAPPERS = /^(?:module\.|_orig_mod\.|model\.|backbone\.|timm_model\.)+/;

/** Tensors that no forward pass of a classifier reads. */
const UNUSED = /(^|\.)(num_batches_tracked|position_ids|mask_token)$|^(?:(?:vit|deit)\.)?pooler\.dense\./;

/** Which of the tensors of a file are ours, and how the file calls them. */
export interface Renaming {
  readonly convention: Convention;
  /** By the file's names. Names that belong to nothing stay as they are, so that a diff shows them. */
  readonly places: ReadonlyMap<string, Place>;
  /** How many tensors belong to another part of a whole model, such as CLIP's for texts. */
  readonly passedOver: number;
}

/**
 * Recognises the naming of a file by the rows that fit and renames to ours.
 * @throws UserError where no naming fits, or two names of the file mean the same.
 */
export function renameToOurs(names: readonly string[], where: string): Renaming {
  const used = names
    .map((name) => [name, name.replace(WRAPPERS, '')] as const)
    .filter(([, bare]) => !UNUSED.test(bare));
  const scored = Object.values<Convention>(CONVENTIONS).map((convention) => {
    const kept = used.filter(([, bare]) => !convention.passed?.names.test(bare));
    return { convention, kept, fits: kept.filter(([, bare]) => placeOf(convention, bare) !== undefined).length };
  });
  const { convention, kept, fits } = scored.reduce((a, b) => (b.fits > a.fits ? b : a));
  // Half of the names: a head of its own or some odd names still let the diff say what is wrong.
  if (fits * 2 < kept.length || fits === 0)
    throw unknownNames(
      where,
      used.map(([, bare]) => bare),
    );
  const bare = placesIn(
    convention,
    kept.map(([, bare]) => bare),
  );
  const places = new Map(kept.map(([name, spelled]) => [name, bare.get(spelled)!]));
  refuseTwice(where, places);
  return { convention, places, passedOver: used.length - kept.length };
}

/** Where the tensors of a file of this convention go; names that belong to nothing stay as they are. */
export function placesIn(convention: Convention, names: readonly string[]): Map<string, Place> {
  return new Map(names.map((name) => [name, placeOf(convention, name) ?? { ours: name, part: 0, parts: 1 }]));
}

/** The names under which a convention stores one of our parameters, in the order of the row blocks. */
export function renameFromOurs(convention: Convention, ours: string): string[] {
  for (const row of convention.rows) {
    const values = row.ours.match(ours);
    if (values) return row.theirs.map((theirs) => theirs.fill(values));
  }
  throw internal(`${convention.name} has no name for ${ours}`);
}

function placeOf(convention: Convention, name: string): Place | undefined {
  const alias = convention.aliases.flatMap(([old, now]) => {
    const values = old.match(name);
    return values ? [now.fill(values)] : [];
  })[0];
  const spelled = alias ?? name;
  return (
    find(convention, spelled) ?? (convention.base === '' ? undefined : find(convention, convention.base + spelled))
  );
}

function find({ rows }: Convention, name: string): Place | undefined {
  for (const { ours, theirs } of rows) {
    for (const [part, one] of theirs.entries()) {
      const values = one.match(name);
      if (values) return { ours: ours.fill(values), part, parts: theirs.length };
    }
  }
  return undefined;
}

function refuseTwice(where: string, places: ReadonlyMap<string, Place>): void {
  const seen = new Map<string, string>();
  for (const [name, { ours, part }] of places) {
    const key = `${ours} ${part}`;
    const before = seen.get(key);
    if (before !== undefined)
      throw new UserError(
        `${where}: wanted one tensor for ${ours}, got two: ${short(before)} and ${short(name)}. Save the weights of one model alone`,
      );
    seen.set(key, name);
  }
}

function unknownNames(where: string, names: readonly string[]): UserError {
  const some = names.slice(0, 6).map(short).join(', ');
  const known = Object.values<Convention>(CONVENTIONS).map(({ name }) => name);
  return new UserError(
    `${where}: wanted the parameter names of ${known.join(', ')}; got ${names.length === 0 ? 'no weights' : `${some}${names.length > 6 ? `, ... (${names.length})` : ''}`}. Other architectures come as ONNX files`,
  );
}

const short = (name: string): string => (name.length <= 80 ? name : `${name.slice(0, 77)}...`);
