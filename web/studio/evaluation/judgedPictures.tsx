import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { EvaluationAnswer, JudgedKind, JudgedRow } from '../../../src/studio/answers.ts';
import { Button, Empty } from '../../ui/basics.tsx';
import { address, param, setParams } from '../address.ts';
import { OpenPicture } from '../data/openPicture.tsx';
import { Picture, PictureGrid } from '../data/pictureGrid.tsx';

const percent = (value: number | null): string => (value === null ? '' : `, ${Math.round(100 * value)} %`);

interface JudgedProps {
  readonly id: string;
  readonly evaluation: EvaluationAnswer;
  readonly kind?: JudgedKind;
  readonly chosen?: ReadonlySet<number>;
  /** Below each picture. */
  readonly extra?: (row: JudgedRow) => ComponentChildren;
}

/** The pictures of a cell, a class or a list, the surest answers first. */
export function JudgedPictures({ id, evaluation, kind, chosen, extra }: JudgedProps) {
  const [label, prediction, at] = [param('class'), param('prediction'), param('at')];
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries({ kind, class: label, prediction })) if (value) asked.set(name, value);
  const named = (k: string | null) => (k === null ? undefined : evaluation.classes[Number(k)]);
  const title = [named(label), named(prediction) && `taken for ${named(prediction)}`].filter(Boolean).join(' ');
  const place = useRef<HTMLDivElement>(null);
  // A cell that was chosen above shows its pictures here, which may be beyond the edge.
  useEffect(() => {
    if (title) place.current?.scrollIntoView({ block: 'nearest' });
  }, [title]);
  return (
    <div id="pictures" class="stack" ref={place}>
      {title && (
        <div class="row apart">
          <h2 class="break">{title}</h2>
          <Button onClick={() => setParams({ class: null, prediction: null, at: null })}>Close</Button>
        </div>
      )}
      <div class={at === null ? '' : 'beside'}>
        <PictureGrid<JudgedRow>
          label="Pictures"
          path={`/runs/${id}/pictures?${asked}`}
          short={kind === undefined}
          extraHeight={(extra ? 30 : 0) + (evaluation.teacher ? 16 : 0)}
          picture={(row) => ({
            key: row.i,
            source: `/api/runs/${id}/pictures/${row.i}?side=160`,
            href: opened(row.i),
            name: row.name,
            words: <Words row={row} classes={evaluation.classes} />,
            ...(extra ? { extra: extra(row) } : {}),
            chosen: at === String(row.i) || chosen?.has(row.i) === true,
          })}
          none={<Empty title="No picture fits" />}
        />
        {at !== null && <Opened key={at} id={id} at={Number(at)} evaluation={evaluation} />}
      </div>
    </div>
  );
}

function opened(i: number): string {
  const url = new URL(address.value);
  url.searchParams.set('at', String(i));
  return url.pathname + url.search;
}

/** What is said of a picture, and by whom. */
function said({ label, prediction, probability, teacher, teacherProbability }: JudgedRow, classes: readonly string[]) {
  const name = (k: number) => classes[k] ?? '–';
  return {
    student: `${name(prediction)}${percent(probability)}`,
    label: name(label),
    ...(teacher >= 0 ? { teacher: `${name(teacher)}${percent(teacherProbability)}` } : {}),
  };
}

function Words({ row, classes }: { readonly row: JudgedRow; readonly classes: readonly string[] }) {
  const { student, label, teacher } = said(row, classes);
  return (
    <>
      <span class="line">{student}</span>
      <span class="line soft">label: {label}</span>
      {teacher !== undefined && <span class="line soft">teacher: {teacher}</span>}
    </>
  );
}

interface OpenedProps {
  readonly id: string;
  readonly at: number;
  readonly evaluation: EvaluationAnswer;
}

/** A picture, and on demand what the class token of each model looks at. */
function Opened({ id, at, evaluation: { teacher, classes } }: OpenedProps) {
  const [looked, setLooked] = useState<readonly string[]>([]);
  const source = `/runs/${id}/pictures/${at}`;
  const facts = (row: JudgedRow): (readonly [string, string])[] => {
    const { student, label, teacher: other } = said(row, classes);
    return [
      ['Student', student],
      ...(other === undefined ? [] : [['Teacher', other] as const]),
      ['Label', label],
      ['File', row.name],
    ];
  };
  return (
    <OpenPicture<JudgedRow> at={source} facts={facts}>
      <div class="row">
        {['student', ...(teacher ? ['teacher'] : [])].map((who) => (
          <Button key={who} disabled={looked.includes(who)} onClick={() => setLooked([...looked, who])}>
            Where the {who} looks
          </Button>
        ))}
      </div>
      {looked.map((who) => (
        <figure key={who} class="large">
          <figcaption class="small soft">
            Attention of the {who}’s class token in its last block, mean and heads; yellow is most
          </figcaption>
          <Picture source={`/api${source}/attention?of=${who}`} alt={`Attention of the ${who}`} />
        </figure>
      ))}
    </OpenPicture>
  );
}
