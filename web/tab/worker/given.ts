import type { GivenPictures } from '../../../src/studio/given.ts';
import { type Added, addPictures } from './pictures.ts';

/** Pictures are fetched and kept in such heaps. */
const HEAP = 40;

/** What the server of this page has to give; undefined where it has nothing, or is gone. */
export async function givenPictures(folder: string): Promise<GivenPictures | undefined> {
  const answer = await fetch(`${folder}list.json`).catch(() => undefined);
  return answer?.ok ? ((await answer.json()) as GivenPictures) : undefined;
}

/** Takes all of them into the page. @throws Error where the server is gone. */
export async function takeGiven(folder: string): Promise<Added> {
  const given = await givenPictures(folder);
  if (!given) throw new Error('The pictures are not served any more. Start `understudy page` with the folder again.');
  const of = Object.values(given.classes).reduce((sum, ids) => sum + ids.length, 0);
  let added = 0;
  const refused: string[] = [];
  for (const [name, ids] of Object.entries(given.classes))
    for (let at = 0; at < ids.length; at += HEAP) {
      const files = await Promise.all(ids.slice(at, at + HEAP).map((id) => fetched(folder, id)));
      const result = await addPictures({ [name]: files }, { before: added + refused.length, of });
      added += result.added;
      refused.push(...result.refused);
    }
  return { added, refused };
}

async function fetched(folder: string, id: number): Promise<File> {
  const answer = await fetch(`${folder}${id}`);
  if (!answer.ok) throw new Error(`Picture ${id} was not given: the server says ${answer.status}.`);
  return new File([await answer.blob()], `picture ${id}`);
}
