import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly help?: ComponentChildren;
  /** What is wrong with the value, and what to do. */
  readonly wrong?: string | undefined;
}

interface Described {
  readonly id: string;
  readonly 'aria-describedby'?: string | undefined;
  readonly 'aria-invalid'?: boolean | undefined;
}

/** A label, a control, help below it, and what is wrong. */
const Field = ({
  label,
  help,
  wrong,
  children,
}: FieldProps & { readonly children: (described: Described) => ComponentChildren }) => {
  const id = useId();
  const ids = [help ? `${id}-help` : '', wrong ? `${id}-wrong` : ''].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label class="label" for={id}>
        {label}
      </label>
      {children({ id, 'aria-describedby': ids || undefined, 'aria-invalid': wrong ? true : undefined })}
      {wrong && (
        <div class="wrong" id={`${id}-wrong`}>
          {wrong}
        </div>
      )}
      {help && (
        <div class="help" id={`${id}-help`}>
          {help}
        </div>
      )}
    </div>
  );
};

interface TextProps extends FieldProps {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly placeholder?: string;
  readonly type?: 'text' | 'number' | 'search';
  readonly required?: boolean;
  /** Offered while typing. */
  readonly choices?: readonly string[];
}

export const TextField = ({ value, onInput, placeholder, type = 'text', required, choices, ...field }: TextProps) => {
  const list = useId();
  return (
    <Field {...field}>
      {(described) => (
        <>
          <input
            {...described}
            class="input"
            type={type}
            step="any"
            value={value}
            placeholder={placeholder}
            required={required}
            autocomplete="off"
            spellcheck={false}
            list={choices ? list : undefined}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
          {choices && (
            <datalist id={list}>
              {choices.map((choice) => (
                <option key={choice} value={choice} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
};

interface SelectProps extends FieldProps {
  readonly value: string;
  readonly options: readonly (readonly [value: string, name: string])[];
  readonly onChange: (value: string) => void;
}

export const SelectField = ({ value, options, onChange, ...field }: SelectProps) => (
  <Field {...field}>
    {(described) => (
      <select {...described} class="input" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([option, name]) => (
          <option key={option} value={option} selected={option === value}>
            {name}
          </option>
        ))}
      </select>
    )}
  </Field>
);

export const CheckField = ({
  label,
  checked,
  onChange,
}: {
  readonly label: ComponentChildren;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}) => (
  <label class="check">
    <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
    <span>{label}</span>
  </label>
);

export const RangeField = ({
  label,
  value,
  min,
  max,
  step,
  onInput,
  shown,
}: {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onInput: (value: number) => void;
  /** The value in words. */
  readonly shown?: string;
}) => {
  const id = useId();
  return (
    <div class="row">
      <label class="small" for={id}>
        {label}
      </label>
      <input
        id={id}
        class="range"
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={shown}
        onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
      />
      <output class="small soft" for={id}>
        {shown ?? value}
      </output>
    </div>
  );
};
