import type { ComponentChildren } from 'preact';

export interface Column<T> {
  readonly key: string;
  readonly name: ComponentChildren;
  readonly number?: boolean;
  readonly cell: (row: T) => ComponentChildren;
  /** What the rows are sorted by; a column without it cannot be. */
  readonly by?: (row: T) => number | string | null;
}

export interface Sort {
  readonly key: string;
  readonly down: boolean;
}

interface TableProps<T> {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string | number;
  readonly sort?: Sort | undefined;
  readonly onSort?: (sort: Sort) => void;
}

/** Dense, with numbers at the right; a wide one scrolls by itself, also by the keyboard. */
export function Table<T>({ caption, columns, rows, keyOf, sort, onSort }: TableProps<T>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table class="table">
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, sort).map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ key, number, cell }) => (
                <td key={key} class={number ? 'number' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Head<T>({
  column: { key, name, number, by },
  sort,
  onSort,
}: {
  readonly column: Column<T>;
  readonly sort: Sort | undefined;
  readonly onSort: ((sort: Sort) => void) | undefined;
}) {
  const own = sort?.key === key;
  const direction = own ? (sort.down ? 'descending' : 'ascending') : undefined;
  const mark = own ? (sort.down ? ' ↓' : ' ↑') : '';
  return (
    <th class={number ? 'number' : undefined} scope="col" aria-sort={direction}>
      {by && onSort ? (
        <button type="button" onClick={() => onSort({ key, down: own ? !sort.down : Boolean(number) })}>
          {name}
          {mark}
        </button>
      ) : (
        name
      )}
    </th>
  );
}

/** Rows without a value come last, either way. */
function sorted<T>(rows: readonly T[], columns: readonly Column<T>[], sort: Sort | undefined): readonly T[] {
  const by = columns.find(({ key }) => key === sort?.key)?.by;
  if (!by || !sort) return rows;
  const turn = sort.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return (
      turn *
      (typeof x === 'number' && typeof y === 'number'
        ? x - y
        : String(x).localeCompare(String(y), 'en', { numeric: true }))
    );
  });
}
