import { headHeight } from '../../../src/analysis/look.ts';
import type { EvaluationAnswer } from '../../../src/studio/answers.ts';
import { Card } from '../../ui/basics.tsx';
import { Chart } from '../../ui/chart.tsx';
import { Table } from '../../ui/table.tsx';
import { param, setParams } from '../address.ts';
import { ofEvaluation } from './ofEvaluation.tsx';
import { JudgedPictures } from './judgedPictures.tsx';

/** Classes that a matrix on a page can still show; of more the most confused pairs are listed. */
const MATRIX_CLASSES = 40;
const PAIRS = 50;

const shareText = (value: number | null): string => (value === null ? '–' : `${(100 * value).toFixed(1)} %`);

/** Which class is taken for which: each cell opens its pictures. Then the classes, the worst first, and the calibration. */
export const Confusion = ofEvaluation(({ id, evaluation }) => (
  <>
    <div class="matrix-and-classes">
      <Card
        title="Confusion"
        aside={<span class="soft small">Rows are labels, columns what the student says; the last evaluation</span>}
      >
        {evaluation.classes.length <= MATRIX_CLASSES ? (
          <Matrix of={evaluation} id={id} />
        ) : (
          <Pairs of={evaluation} id={id} />
        )}
      </Card>
      <Worst of={evaluation} id={id} />
    </div>
    {(param('class') !== null || param('prediction') !== null) && <JudgedPictures id={id} evaluation={evaluation} />}
    <Reliability of={evaluation} />
  </>
));

const cellHref = (id: string, label: number, prediction: number): string =>
  `/runs/${id}/confusion?class=${label}&prediction=${prediction}#pictures`;

function Matrix({ of: { classes, confusion }, id }: { readonly of: EvaluationAnswer; readonly id: string }) {
  const counts = new Map(confusion.map(([row, column, images]) => [`${row} ${column}`, images]));
  const rows = new Map<number, number>();
  for (const [row, , images] of confusion) rows.set(row, (rows.get(row) ?? 0) + images);
  const chosen = `${param('class')} ${param('prediction')}`;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="matrix" tabIndex={0} aria-label="Confusion matrix" style={{ '--head': headHeight(classes) }}>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Label</span>
            </th>
            {classes.map((name) => (
              <th key={name} scope="col" title={name}>
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {classes.map((name, row) => (
            <tr key={name}>
              <th scope="row" title={name}>
                {name}
              </th>
              {classes.map((other, column) => {
                const images = counts.get(`${row} ${column}`) ?? 0;
                const share = images / (rows.get(row) ?? 1);
                const kind = images === 0 ? '' : row === column ? 'right' : 'wrong';
                return (
                  <td
                    key={other}
                    class={kind}
                    style={{ '--share': `${Math.round(100 * Math.max(share, images > 0 ? 0.08 : 0))}%` }}
                  >
                    {images > 0 && (
                      <a
                        href={cellHref(id, row, column)}
                        aria-current={chosen === `${row} ${column}` ? 'true' : undefined}
                        aria-label={`${name} taken for ${other}: ${images} of ${rows.get(row)}`}
                      >
                        {images}
                      </a>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Pairs({ of: { classes, confusion }, id }: { readonly of: EvaluationAnswer; readonly id: string }) {
  const wrong = confusion.filter(([label, decision]) => label !== decision).sort((a, b) => b[2] - a[2]);
  return (
    <Table
      caption={`The ${PAIRS} most confused pairs of classes`}
      rows={wrong.slice(0, PAIRS)}
      keyOf={([label, decision]) => `${label} ${decision}`}
      columns={[
        { key: 'label', name: 'Class', cell: ([label]) => classes[label] },
        { key: 'decision', name: 'Taken for', cell: ([, decision]) => classes[decision] },
        {
          key: 'images',
          name: 'Pictures',
          number: true,
          cell: ([label, decision, images]) => <a href={cellHref(id, label, decision)}>{images}</a>,
        },
      ]}
    />
  );
}

function Worst({ of: { classes, scores }, id }: { readonly of: EvaluationAnswer; readonly id: string }) {
  const sort = { key: param('sort') ?? 'recall', down: param('down') !== null };
  return (
    <Card title="Classes, the worst first">
      <Table
        caption="Classes"
        rows={scores}
        keyOf={(score) => score.class}
        sort={sort}
        onSort={({ key, down }) => setParams({ sort: key, down: down ? '' : null })}
        columns={[
          {
            key: 'name',
            name: 'Class',
            by: (score) => classes[score.class]!,
            cell: (score) => <a href={`/runs/${id}/confusion?class=${score.class}#pictures`}>{classes[score.class]}</a>,
          },
          {
            key: 'images',
            name: 'Pictures',
            number: true,
            by: ({ images }) => images,
            cell: ({ images }) => String(images),
          },
          {
            key: 'recall',
            name: 'Recall',
            number: true,
            by: ({ recall }) => recall,
            cell: ({ recall }) => shareText(recall),
          },
          {
            key: 'precision',
            name: 'Precision',
            number: true,
            by: ({ precision }) => precision,
            cell: ({ precision }) => shareText(precision),
          },
          { key: 'f1', name: 'F1', number: true, by: ({ f1 }) => f1, cell: ({ f1 }) => shareText(f1) },
        ]}
      />
    </Card>
  );
}

function Reliability({ of: { calibration } }: { readonly of: EvaluationAnswer }) {
  if (!calibration) return null;
  const line = (name: string, colour: number, { bins, ece }: typeof calibration.student) => {
    const filled = bins.filter(({ images }) => images > 0);
    return {
      name: `${name}, ECE ${shareText(ece)}`,
      colour,
      x: filled.map(({ confidence }) => 100 * confidence!),
      y: filled.map(({ accuracy }) => 100 * accuracy!),
    };
  };
  return (
    <div class="stack tight">
      <Chart
        title="Calibration"
        unit="right, %"
        xName="probability of the decision, %"
        height={280}
        lines={[
          line('student', 0, calibration.student),
          ...(calibration.teacher ? [line('teacher', 1, calibration.teacher)] : []),
          { name: 'as sure as it is right', colour: 7, dashed: true, x: [0, 100], y: [0, 100] },
        ]}
      />
      <p class="soft small">
        Below the dashed line a model is surer than it is right. ECE is the mean distance from it, in 15 bins (Guo et
        al., 2017).
      </p>
    </div>
  );
}
