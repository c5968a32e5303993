import { useId } from 'preact/hooks';

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, name: string])[];
  readonly onChange: (value: T) => void;
  /** What the chosen one means. */
  readonly help: string;
}

/** A few words of which one is chosen, beside each other. */
export function Choice<T extends string>({ label, value, options, onChange, help }: ChoiceProps<T>) {
  const id = useId();
  return (
    <fieldset class="choice" aria-describedby={`${id}-help`}>
      <legend class="label">{label}</legend>
      <div class="segments">
        {options.map(([option, name]) => (
          <label key={option}>
            <input type="radio" name={id} value={option} checked={option === value} onChange={() => onChange(option)} />
            <span>{name}</span>
          </label>
        ))}
      </div>
      <p class="help small soft" id={`${id}-help`}>
        {help}
      </p>
    </fieldset>
  );
}
