import { useState } from 'preact/hooks';
import { CheckField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';

export const ColumnChoice = <T,>({
  columns,
  always,
  hidden,
  setHidden,
}: {
  readonly columns: readonly Column<T>[];
  /** The key of the column that is always there. */
  readonly always: string;
  readonly hidden: ReadonlySet<string>;
  readonly setHidden: (hidden: ReadonlySet<string>) => void;
}) => (
  <details class="menu">
    <summary class="button">Columns</summary>
    <div class="sheet stack tight">
      {columns
        .filter(({ key }) => key !== always)
        .map(({ key, name }) => (
          <CheckField
            key={key}
            label={name}
            checked={!hidden.has(key)}
            onChange={(on) => setHidden(new Set(on ? [...hidden].filter((one) => one !== key) : [...hidden, key]))}
          />
        ))}
    </div>
  </details>
);

/** The columns of a table that this browser does not show. */
export function useHidden(
  table: string,
  usually: readonly string[],
): [ReadonlySet<string>, (hidden: ReadonlySet<string>) => void] {
  const place = `${table}.hidden`;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(() => {
    const kept = localStorage.getItem(place);
    return new Set(kept === null ? usually : kept.split(','));
  });
  return [
    hidden,
    (next) => {
      localStorage.setItem(place, [...next].join(','));
      setHidden(next);
    },
  ];
}
