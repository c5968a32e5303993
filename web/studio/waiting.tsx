import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Notice } from '../ui/basics.tsx';
import type { Answer } from './useAnswer.ts';

/** Words in place of what is on its way; nothing for the first moment, so that nothing flickers. */
export function Waiting({ what }: { readonly what: string }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 100);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="soft" role="status">
      {shown ? what : ''}
    </p>
  );
}

/** What a view shows of an answer: itself, what went wrong, or that it is being asked for. */
export function Answered<T>({
  answer: { value, error },
  waiting,
  children,
}: {
  readonly answer: Answer<T>;
  readonly waiting: string;
  readonly children: (value: T) => ComponentChildren;
}) {
  return (
    <>
      {error && (
        <Notice kind="bad" title="That did not work">
          {error.message}
        </Notice>
      )}
      {value !== undefined ? children(value) : !error && <Waiting what={waiting} />}
    </>
  );
}
