import type { Place, Places } from '../../../src/studio/answers.ts';
import { Command, Empty, Words } from '../../ui/basics.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { bytes } from '../../tab/words.ts';
import { address } from '../address.ts';
import { Top } from '../shell.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';
import { ago } from '../words.ts';

interface Listing {
  readonly title: string;
  readonly of: (places: Places) => readonly Place[];
  readonly href: (place: Place) => string;
  readonly none: string;
  readonly line: string;
}

const LISTINGS: Readonly<Record<string, Listing>> = {
  '/studies': {
    title: 'Studies',
    of: ({ studies }) => studies,
    href: ({ id }) => `/studies/${id}`,
    none: 'A study makes many runs from one file and compares them, with intervals over seeds.',
    line: 'understudy study studies/methods.yaml',
  },
  '/data': {
    title: 'Data',
    of: ({ data }) => data,
    href: ({ id }) => `/data/${id}`,
    none: 'A data set is a folder with a folder of pictures for each class, such as photos/cat and photos/dog; or tar shards or Parquet files.',
    line: 'understudy doctor --data photos',
  },
  '/sets': {
    title: 'Made images',
    of: ({ sets }) => sets,
    href: ({ id }) => `/sets/${id}`,
    none: 'Images that are made from a teacher alone, where its data are not there: a student learns from them.',
    line: 'understudy synthesize --teacher runs/teacher --out images --images 2000',
  },
  '/models': {
    title: 'Models',
    of: ({ models }) => models,
    href: ({ id }) => `/models/${id}`,
    none: 'A model is a folder that `understudy export` wrote, or one of transformers or timm.',
    line: 'understudy export runs/student --out my-model',
  },
};

/** A list of studies, data sets or models, by the address. */
export function PlacesView() {
  const listing = LISTINGS[address.value.pathname]!;
  const answer = useAnswer<Places>('/places', { live: true });
  return (
    <>
      <Top title={listing.title} />
      <Answered answer={answer} waiting="Looking through the folder…">
        {(places) => <List listing={listing} places={listing.of(places)} />}
      </Answered>
    </>
  );
}

const ABOUT: Column<Place> = {
  key: 'about',
  name: 'What is there',
  cell: ({ about }) => <span class="sentence">{about}</span>,
};
const SIZE: Column<Place> = {
  key: 'size',
  name: 'Size',
  number: true,
  cell: ({ bytes: size }) => (size === undefined ? '' : bytes(size)),
};
const CHANGED: Column<Place> = {
  key: 'changed',
  name: 'Changed',
  number: true,
  cell: ({ changed }) => <span class="soft">{changed === undefined ? '' : ago(changed)}</span>,
};

const List = ({ listing, places }: { readonly listing: Listing; readonly places: readonly Place[] }) =>
  places.length === 0 ? (
    <Empty title={`No ${listing.title.toLowerCase()} here yet`}>
      <p>
        <Words>{listing.none}</Words>
      </p>
      <Command line={listing.line} />
    </Empty>
  ) : (
    <Table
      caption={listing.title}
      rows={places}
      keyOf={({ id }) => id}
      columns={[
        { key: 'name', name: 'Folder', cell: (place) => <a href={listing.href(place)}>{place.name}</a> },
        ...(places.some(({ about }) => about) ? [ABOUT] : []),
        ...(places.some(({ bytes: size }) => size) ? [SIZE] : []),
        ...(places.some(({ changed }) => changed) ? [CHANGED] : []),
      ]}
    />
  );
