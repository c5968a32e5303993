import type { FormField } from '../../src/studio/answers.ts';
import { SelectField, TextField } from '../ui/fields.tsx';
import { setParams } from './address.ts';
import { valueSet, type Wanted, withValue } from './newRun.ts';

interface Props {
  readonly fields: readonly FormField[];
  readonly section: string;
  readonly wanted: Wanted;
  /** Shown at once; the rest opens. */
  readonly first: readonly string[];
  readonly without?: readonly string[];
}

/** The settings of a section, as their schema has them. A setting that is left alone is not written at all. */
export function SettingFields({ fields, section, wanted, first, without = [] }: Props) {
  const own = fields.filter(({ key }) => key.startsWith(`${section}.`) && !without.includes(key));
  const top = first.flatMap((key) => own.filter((field) => field.key === key));
  const rest = own.filter(({ key }) => !first.includes(key));
  const changed = rest.filter(({ key }) => valueSet(wanted, key) !== undefined).length;
  return (
    <>
      <div class="form">
        {top.map((field) => (
          <Setting key={field.key} field={field} wanted={wanted} />
        ))}
      </div>
      {rest.length > 0 && (
        <details>
          <summary>
            All of {section}: {rest.length} more{changed > 0 && `, ${changed} set`}
          </summary>
          <div class="form" style={{ marginTop: 'var(--space-3)' }}>
            {rest.map((field) => (
              <Setting key={field.key} field={field} wanted={wanted} />
            ))}
          </div>
        </details>
      )}
    </>
  );
}

function Setting({ field, wanted }: { readonly field: FormField; readonly wanted: Wanted }) {
  const value = valueSet(wanted, field.key) ?? '';
  const change = (next: string) => {
    const set = withValue(wanted, field.key, next);
    setParams({ set: set.length > 0 ? JSON.stringify(set) : null });
  };
  const usual = shown(field.default);
  const props = { label: field.key, help: <Help field={field} />, wrong: wrongOf(field, value) };
  const choices = field.kind === 'switch' ? ['true', 'false'] : field.choices;
  if (choices)
    return (
      <SelectField
        {...props}
        value={value}
        onChange={change}
        options={[
          ['', `${usual} (as it is)`],
          ...choices.filter((choice) => choice !== usual).map((choice): [string, string] => [choice, choice]),
        ]}
      />
    );
  return <TextField {...props} value={value} onInput={change} placeholder={usual} />;
}

const shown = (value: unknown): string =>
  value === null || value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);

/** What it means, and what `auto` becomes, by which rule. */
const Help = ({ field: { doc, rules } }: { readonly field: FormField }) => (
  <>
    {doc}
    {rules && (
      <details>
        <summary>What auto becomes</summary>
        <ul>
          {rules.map(({ when, value }) => (
            <li key={when}>
              {value}: {when}
            </li>
          ))}
        </ul>
      </details>
    )}
  </>
);

function wrongOf({ kind, auto, none, least, most }: FormField, value: string): string | undefined {
  if (kind !== 'number' || value === '' || (auto && value === 'auto') || (none && value === 'null')) return undefined;
  const number = Number(value);
  const wanted = [
    'a number',
    ...(least === undefined ? [] : [`from ${least}`]),
    ...(most === undefined ? [] : [`up to ${most}`]),
  ].join(' ');
  const fits =
    value.trim() !== '' && Number.isFinite(number) && number >= (least ?? number) && number <= (most ?? number);
  return fits ? undefined : `Wanted ${wanted}.`;
}
