import { UserError } from '../../graph/errors.ts';
import type { DataAnswer, Place } from '../answers.ts';
import { ask } from '../asking/ask.ts';
import { type Library, NotThere } from '../library/library.ts';
import { Catalogue, type CatalogueHead } from './catalogue.ts';

/** Data sets whose lists are kept in memory. */
const KEPT = 2;

interface Listed {
  images: number;
  catalogue?: Catalogue;
  error?: Error;
}

/** The lists of data sets, each made when it is first asked for. */
export class Catalogues {
  readonly #library: Library;
  readonly #listed = new Map<string, Listed>();

  constructor(library: Library) {
    this.#library = library;
  }

  /** How far it is; it begins where it was not asked for yet. */
  async state(place: Place): Promise<DataAnswer> {
    const listed = this.#listed.get(place.id) ?? (await this.#list(place));
    if (listed.error) {
      // Asked again it is looked at again: the folder may have been mended.
      this.#listed.delete(place.id);
      throw listed.error;
    }
    return { place, images: listed.catalogue?.head.images ?? listed.images, facts: listed.catalogue?.facts ?? null };
  }

  /** @throws NotThere where the list is not made yet: the page asks how far it is first. */
  async get(id: string): Promise<Catalogue> {
    await this.#library.place('data', id);
    const { catalogue } = this.#listed.get(id) ?? {};
    if (!catalogue) throw new NotThere(`data ${id}: its images are not listed yet`);
    return catalogue;
  }

  /** Lets the list go, so that it is made anew. */
  forget(id: string): void {
    this.#listed.delete(id);
  }

  async #list(place: Place): Promise<Listed> {
    const path = await this.#library.path(place);
    const listed: Listed = { images: 0 };
    this.#listed.set(place.id, listed);
    const [oldest] = this.#listed.keys();
    if (this.#listed.size > KEPT) this.#listed.delete(oldest!);
    const onSaid = ({ images }: { readonly images?: number }) => {
      listed.images = images ?? listed.images;
    };
    const listing = ask<CatalogueHead>('list', [path], { onSaid }).then(
      ({ head, body }) => {
        listed.catalogue = new Catalogue(head, body);
      },
      (error: unknown) => {
        // What is wrong names the folder by its whole path, which the page shows below the studio's folder.
        const said = (error as Error).message.replaceAll(`${this.#library.root}/`, '');
        listed.error = error instanceof UserError ? new UserError(said) : (error as Error);
      },
    );
    // A small folder is listed at once, without a word of waiting.
    await Promise.race([listing, new Promise((resolve) => setTimeout(resolve, 400))]);
    return listed;
  }
}
