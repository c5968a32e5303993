import { CheckField, TextField } from '../../ui/fields.tsx';
import { kindOf } from '../kind.ts';
import type { Kind, Length, Plan, Size } from '../protocol.ts';
import { attempt, keeper, project } from '../state.ts';
import { useState } from 'preact/hooks';
import { Choice } from './choice.tsx';

const KINDS: Readonly<Record<Kind, readonly [name: string, help: string]>> = {
  auto: ['Auto', ''],
  convolutional: ['Convolutional', 'Learns most from few pictures.'],
  transformer: ['Transformer', 'Learns from a teacher, or from many pictures: thousands.'],
};

/** What Auto comes to. */
const AUTO: Readonly<Record<Exclude<Kind, 'auto'>, string>> = {
  convolutional: 'A convolutional network, since there is no teacher: it learns most from few pictures.',
  transformer: 'A vision transformer, which learns from the teacher.',
};

const SIZES: Readonly<Record<Size, readonly [name: string, help: string]>> = {
  small: ['Small', 'The quickest to train and to answer; enough for a few classes.'],
  medium: ['Medium', 'Two to three times the work: for many classes, or finer differences.'],
  large: ['Large', 'Three to ten times the work: for many pictures and patience.'],
};

const LENGTHS: Readonly<Record<Length, readonly [name: string, help: string]>> = {
  auto: ['Auto', 'As many passes over the pictures as their number asks for: fewer pictures, more passes.'],
  '1m': ['1 min', 'As many passes as fit into about a minute: a first look.'],
  '5m': ['5 min', 'As many passes as fit into about five minutes.'],
  '30m': ['30 min', 'As many passes as fit into about half an hour.'],
  passes: ['Passes', 'So many times over all pictures, however long that takes.'],
};

const options = <T extends string>(table: Readonly<Record<T, readonly [string, string]>>) =>
  Object.entries<readonly [string, string]>(table).map(([value, [name]]) => [value as T, name] as const);

export function PlanChoice() {
  const { plan, teacher } = project.value!;
  const set = (changes: Partial<Plan>) => void attempt('train', () => keeper.ask('setPlan', { ...plan, ...changes }));
  return (
    <div class="stack">
      <Choice
        label="Kind of model"
        value={plan.kind}
        options={options(KINDS)}
        onChange={(kind) => set({ kind })}
        help={plan.kind === 'auto' ? AUTO[kindOf(plan, teacher)] : KINDS[plan.kind][1]}
      />
      <Choice
        label="Size of the model"
        value={plan.size}
        options={options(SIZES)}
        onChange={(size) => set({ size })}
        help={SIZES[plan.size][1]}
      />
      <Choice
        label="How long"
        value={plan.length}
        options={options(LENGTHS)}
        onChange={(length) => set({ length })}
        help={LENGTHS[plan.length][1]}
      />
      {plan.length === 'passes' && <Passes value={plan.passes} onChange={(passes) => set({ passes })} />}
      <div>
        <CheckField
          label="Mirrored pictures show the same thing"
          checked={plan.mirror}
          onChange={(mirror) => set({ mirror })}
        />
        <p class="help small soft">Not so for digits, letters, or left and right hands: untick it there.</p>
      </div>
    </div>
  );
}

function Passes({ value, onChange }: { readonly value: number; readonly onChange: (value: number) => void }) {
  const [text, setText] = useState(String(value));
  const wanted = (given: string) => /^[1-9]\d{0,4}$/.test(given);
  const input = (given: string) => {
    setText(given);
    if (wanted(given)) onChange(Number(given));
  };
  return (
    <TextField
      label="Number of passes"
      type="number"
      value={text}
      onInput={input}
      wrong={wanted(text) ? undefined : `Wanted a whole number from 1 to 99999. ${value} is used.`}
    />
  );
}
