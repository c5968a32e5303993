import { useState } from 'preact/hooks';
import { Button } from '../../ui/basics.tsx';
import { Picker } from '../picker.tsx';
import type { PictureClass } from '../protocol.ts';
import { attempt, busy, keeper } from '../state.ts';
import { count } from '../words.ts';
import { add } from './adding.ts';
import { ofDrop } from './dropped.ts';
import { Film } from './film.tsx';
import { Thumbs } from './thumbs.tsx';

const NOTHING = 'None of these files is a picture. Wanted JPEG, PNG, WebP, GIF, BMP or AVIF files.';

/** The colour that a class has everywhere on the page. */
export const classColour = (index: number): string => `var(--series-${(index % 8) + 1})`;

export function ClassCard({ of: one, index }: { readonly of: PictureClass; readonly index: number }) {
  const [filming, setFilming] = useState(false);
  const [over, setOver] = useState(false);
  const addFiles = (files: readonly File[]) => attempt('pictures', () => add({ [one.name]: files }, NOTHING));
  const drop = (event: DragEvent) => {
    event.preventDefault();
    event.stopPropagation();
    setOver(false);
    const files = ofDrop(event.dataTransfer!);
    void files.then((byFolder) => addFiles(Object.values(byFolder).flat()));
  };
  return (
    <article
      class={`card class ${over ? 'over' : ''}`}
      aria-label={`Class ${one.name}`}
      onDragOver={(event) => {
        event.preventDefault();
        event.stopPropagation();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <header>
        <ClassName of={one} index={index} />
        <span class="soft small">{count(one.pictures.length, 'picture')}</span>
        {!busy.value && (
          <Button
            kind="quiet"
            label={`Remove class ${one.name}`}
            onClick={() => void attempt('pictures', () => keeper.ask('removeClass', one.id))}
          >
            <span aria-hidden="true">✕</span>
          </Button>
        )}
      </header>
      {one.pictures.length > 0 ? (
        <Thumbs of={one} />
      ) : (
        <p class="small soft">No pictures yet. Film some, choose files, or drop them on this card.</p>
      )}
      {filming && <Film name={one.name} onTaken={addFiles} onClose={() => setFilming(false)} />}
      {!busy.value && !filming && (
        <div class="row">
          <Button onClick={() => setFilming(true)} label={`Film ${one.name} with the webcam`}>
            <CameraMark />
            Webcam
          </Button>
          <Picker
            several
            accept="image/*"
            label={`Choose files of ${one.name}`}
            onPick={(files) => void addFiles(files)}
          >
            Choose files
          </Picker>
        </div>
      )}
    </article>
  );
}

function ClassName({ of: { id, name }, index }: { readonly of: PictureClass; readonly index: number }) {
  const rename = (input: HTMLInputElement) => {
    if (input.value.trim() === '') input.value = name;
    else if (input.value !== name) void attempt('pictures', () => keeper.ask('renameClass', id, input.value));
  };
  return (
    <div class="class-name grow">
      <span class="dot" style={{ background: classColour(index) }} />
      <input
        class="input"
        aria-label="Name of the class"
        value={name}
        maxLength={80}
        disabled={busy.value}
        spellcheck={false}
        onChange={(event) => rename(event.currentTarget)}
        onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
      />
    </div>
  );
}

const CameraMark = () => (
  <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
    <path
      d="M1.5 4.5h8.5v7h-8.5zM10 7l4.5-2.2v6.4L10 9z"
      fill="none"
      stroke="currentColor"
      stroke-width="1.4"
      stroke-linejoin="round"
    />
  </svg>
);
