import type { ComponentChildren } from 'preact';
import { Notice } from '../ui/basics.tsx';
import { fault } from './state.ts';

interface ColumnProps {
  readonly id: 'pictures' | 'train' | 'try';
  readonly number: number;
  readonly title: string;
  readonly hint: string;
  readonly children: ComponentChildren;
}

/** One of the three steps, with what went wrong in it. */
export const Column = ({ id, number, title, hint, children }: ColumnProps) => (
  <section class={`column ${id}`} id={id} aria-labelledby={`${id}-title`}>
    <header>
      <span class="number-mark" aria-hidden="true">
        {number}
      </span>
      <div>
        <h2 id={`${id}-title`}>{title}</h2>
        <p class="soft small">{hint}</p>
      </div>
    </header>
    {fault.value?.column === id && (
      <Notice kind="bad" title="That did not work">
        {fault.value.message}
      </Notice>
    )}
    {children}
  </section>
);
