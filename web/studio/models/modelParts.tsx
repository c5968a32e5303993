import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { LearnedAnswer, ModelAnswer } from '../../../src/studio/answers.ts';
import { quantity } from '../../../src/report/measures.ts';
import { headHeight } from '../../../src/analysis/look.ts';
import { viridis } from '../../../src/analysis/colours.ts';
import { Button, Card, Command, Empty, Figures } from '../../ui/basics.tsx';
import { Chart } from '../../ui/chart.tsx';
import { Table } from '../../ui/table.tsx';
import { bytes } from '../../tab/words.ts';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';

interface PartsProps {
  /** `/runs/ID` or `/models/ID` of the server. */
  readonly at: string;
  /** Of the command line. */
  readonly path: string;
  /** Address of what it has learned; null while it is not known of which pictures. */
  readonly learned: string | null;
  readonly names: readonly string[];
  /** Chooses the pictures. */
  readonly choice?: ComponentChildren;
}

/** What a model is (size, classes, taps), and what it has learned. */
export function ModelParts({ at, path, learned, names, choice }: PartsProps) {
  const answer = useAnswer<ModelAnswer>(`${at}/inspect`);
  return (
    <Answered answer={answer} waiting="Opening the model…">
      {(model) => (
        <>
          <Size of={model} />
          <Taps of={model} />
          <Learned learned={learned} names={names} choice={choice} />
          <Command line={`understudy inspect ${path}`} />
        </>
      )}
    </Answered>
  );
}

const Size = ({ of }: { readonly of: ModelAnswer }) => (
  <Figures
    of={[
      ['Parameters', quantity(of.parameters), `family ${of.family}`],
      ['Multiply-accumulates', quantity(of.macs), 'one picture'],
      ['On the disk', of.bytesOnDisk === null ? '–' : bytes(of.bytesOnDisk)],
      ['Classes', String(of.classes.length)],
      ['Picture', of.imageSize === null ? '–' : `${of.imageSize} px`],
    ]}
  />
);

const shapeText = (shape: readonly (number | 'B')[]): string => shape.join(' × ');

const Taps = ({ of }: { readonly of: ModelAnswer }) => (
  <Card title="Blocks and taps" aside={<span class="soft small">What methods can learn from, B is the batch</span>}>
    <Table
      caption="Features of the model"
      rows={of.features}
      keyOf={({ name }) => name}
      columns={[
        { key: 'name', name: 'Feature', cell: ({ name }) => <code>{name}</code> },
        { key: 'count', name: 'How many', number: true, cell: ({ count }) => String(count) },
        {
          key: 'shapes',
          name: 'Shape',
          cell: ({ shapes }) =>
            Object.entries(shapes)
              .map(([where, shape]) => `${where && `${where}: `}${shapeText(shape)}`)
              .join('; '),
        },
      ]}
    />
    <p class="soft small">
      As a student: {of.asStudent.join(', ') || 'no method'}. As a teacher: {of.asTeacher.join(', ') || 'no method'}.
    </p>
  </Card>
);

function Learned({ learned, names, choice }: Pick<PartsProps, 'learned' | 'names' | 'choice'>) {
  const [wanted, setWanted] = useState(false);
  const answer = useAnswer<LearnedAnswer>(wanted ? learned : null);
  if (!wanted || learned === null)
    return (
      <Empty title="What has it learned?">
        <p>
          How far its attention reaches in each block, and how alike its layers are, over 64 pictures. It takes some
          seconds of this machine.
        </p>
        {choice}
        <Button kind="primary" onClick={() => setWanted(true)} disabled={learned === null}>
          {learned === null ? 'There is no data set in this folder' : 'Look'}
        </Button>
      </Empty>
    );
  return (
    <Answered answer={answer} waiting="Running it over 64 pictures…">
      {(found) => (
        <>
          {choice}
          <div class="two">
            <Distance of={found} names={names} />
            <Cka of={found} names={names} />
          </div>
        </>
      )}
    </Answered>
  );
}

function Distance({
  of: { distances, images },
  names,
}: {
  readonly of: LearnedAnswer;
  readonly names: readonly string[];
}) {
  const lines = distances.flatMap((mean, colour) =>
    mean ? [{ name: names[colour] ?? 'teacher', colour, x: mean.map((_, i) => i), y: mean }] : [],
  );
  if (lines.length === 0) return <Empty title="No attention: it is a convolutional network" />;
  return (
    <Chart title={`Attention distance, ${images} pictures`} unit="pixels" xName="block" height={300} lines={lines} />
  );
}

/** The first layers at the top left. */
function Cka({ of: { cka }, names }: { readonly of: LearnedAnswer; readonly names: readonly string[] }) {
  const [first, last] = [names[0] ?? '', names.at(-1) ?? ''];
  return (
    <Card
      title="CKA"
      aside={<span class="soft small">{`${first} by ${last}; 1: the same but for rotation and scale`}</span>}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section class="matrix" tabIndex={0} aria-label="CKA by layer" style={{ '--head': headHeight(cka.columns) }}>
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">Layer</span>
              </th>
              {cka.columns.map((name) => (
                <th key={name} scope="col">
                  <span>{name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {cka.rows.map((name, row) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {cka.columns.map((other, column) => {
                  const value = cka.values[row]![column] ?? null;
                  const [r, g, b] = viridis(value ?? 0);
                  // Black or white, whichever reads better on the colour.
                  const dark = 0.299 * r + 0.587 * g + 0.114 * b > 120;
                  return (
                    <td
                      key={other}
                      style={
                        value === null
                          ? {}
                          : { background: `rgb(${r}, ${g}, ${b})`, color: dark ? '#000' : '#fff', textAlign: 'center' }
                      }
                    >
                      {value === null ? '–' : value.toFixed(2)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Card>
  );
}
