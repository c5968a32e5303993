import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { Button } from '../ui/basics.tsx';

interface PickerProps {
  readonly label?: string;
  readonly kind?: 'plain' | 'primary' | 'quiet';
  readonly folder?: boolean;
  readonly accept?: string;
  readonly several?: boolean;
  readonly disabled?: boolean;
  readonly onPick: (files: readonly File[]) => void;
  readonly children: ComponentChildren;
}

/** A button that asks for files or a folder. */
export function Picker({ label, kind = 'plain', folder, accept, several, disabled, onPick, children }: PickerProps) {
  const input = useRef<HTMLInputElement>(null);
  const picked = () => {
    const files = [...(input.current?.files ?? [])];
    // The same files can be picked again.
    input.current!.value = '';
    if (files.length > 0) onPick(files);
  };
  const named = label === undefined ? {} : { label };
  return (
    <>
      <Button kind={kind} {...named} disabled={disabled ?? false} onClick={() => input.current?.click()}>
        {children}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        multiple={several || folder}
        accept={accept}
        onChange={picked}
        aria-label={label ?? 'Files'}
        {...(folder ? { webkitdirectory: true } : {})}
      />
    </>
  );
}
