/** A photo of the hand signs: its class (0 to 9) and the camera's number. */
export interface SignPhoto {
  readonly label: string;
  readonly name: string;
}

export type SignPart = 'train' | 'inner' | 'test';

/**
 * The first photos of people whose sign is no smaller than that of the person before: a sign that was repeated, swapped or
 * mislabelled broke off a run of rising signs elsewhere. Found by looking at the photos.
 */
const SAME_AS_BEFORE = new Set([1167, 4040, 4247, 4583, 4696, 4807, 4953, 5044, 5108, 5175, 5292, 5341, 5970]);

const numberOf = ({ name }: SignPhoto): number => Number(name.replace(/\D+/g, ''));

/**
 * The photos by person. Names tell no people, but the camera counted on and each person made 0 to 9 in turn: a run of rising
 * classes is one person. Of five people in order the last is for the test and the one before it for choosing settings
 * (`inner`), so that no hand is in two parts.
 */
export function splitByPerson<Photo extends SignPhoto>(photos: readonly Photo[]): Record<SignPart, Photo[]> {
  const parts: Record<SignPart, Photo[]> = { train: [], inner: [], test: [] };
  let [person, last] = [-1, 10];
  for (const photo of [...photos].sort((a, b) => numberOf(a) - numberOf(b))) {
    const sign = Number(photo.label);
    if (sign <= last && !SAME_AS_BEFORE.has(numberOf(photo))) person++;
    last = sign;
    parts[person % 5 === 4 ? 'test' : person % 5 === 3 ? 'inner' : 'train'].push(photo);
  }
  return parts;
}
