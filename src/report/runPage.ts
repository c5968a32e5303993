import { heading, htmlPage, htmlTable, note } from '../analysis/page.ts';
import { escapeText } from '../analysis/svg.ts';
import { showAddress } from '../data/address.ts';
import { formatDuration } from '../train/loggers/progressLine.ts';
import { runCharts } from './curves.ts';
import type { DifferingImage, MultilabelDetails, RunDetails } from './details.ts';
import { confidenceSvg, confusionSvg, MATRIX_CLASSES, reliabilitySvg } from './pictures.ts';
import type { RunPage, RunReport } from './readRunNode.ts';

/** Rows of the table of classes at most. */
const MOST_CLASSES = 200;

export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined || Number.isNaN(share) ? '-' : `${(100 * share).toFixed(2)} %`;

/** A run as one page that loads nothing. */
export function runPage(run: RunPage): string {
  const { details } = run;
  return htmlPage(`Run ${run.name}`, [
    htmlTable([], summaryRows(run)),
    heading('Curves'),
    `<div class="cards">${runCharts(run).join('\n')}</div>`,
    note('Of long runs each point is a mean over a stretch of steps.'),
    ...(details ? evaluationParts(details, run.thumbnails) : [note('The run has no evaluation with details so far.')]),
    heading('Cost'),
    htmlTable([], costRows(run)),
    heading('Settings'),
    ...(details && details.setup.choices.length > 0
      ? [
          htmlTable(
            ['chosen from the data', 'value', 'reason'],
            details.setup.choices.map(({ key, value, reason }) => [key, String(value), reason]),
          ),
        ]
      : []),
    `<pre>${escapeText(run.configText)}</pre>`,
    heading('Hashes'),
    htmlTable(
      ['file', 'bytes', 'SHA-256'],
      run.hashes.map(({ file, bytes, sha256 }) => [file, String(bytes), sha256]),
    ),
  ]);
}

function summaryRows({ details }: RunReport): string[][] {
  if (!details) return [];
  const { setup, metrics, step, epoch, ema, images } = details;
  const shares = [
    'top1',
    'top5',
    'map',
    'micro_f1',
    'macro_f1',
    'ece',
    'teacher_agreement',
    'teacher_top1',
    'teacher_map',
  ];
  return [
    ['student', setup.student],
    ['method', setup.method],
    ...(setup.teacher === null ? [] : [['teacher', setup.teacher]]),
    [
      'data',
      `${setup.data}: ${setup.trainImages} training, ${images} validation images, ${details.classes.length} classes`,
    ],
    ['best', `step ${step} of ${setup.steps}, epoch ${epoch} of ${setup.epochs}${ema ? ', averaged weights' : ''}`],
    ...shares.flatMap((name) => (metrics[name] === undefined ? [] : [[LABELS[name]!, percent(metrics[name])]])),
    ...(metrics.teacher_kl === undefined ? [] : [['KL(teacher || student)', `${metrics.teacher_kl.toFixed(4)} nats`]]),
    ...(metrics.loss === undefined ? [] : [['loss', metrics.loss.toFixed(4)]]),
  ];
}

export const LABELS: Readonly<Record<string, string>> = {
  top1: 'top-1',
  top5: 'top-5',
  map: 'mAP',
  micro_f1: 'micro-F1',
  macro_f1: 'macro-F1',
  ece: 'expected calibration error',
  teacher_agreement: 'agreement with the teacher',
  teacher_top1: 'top-1 of the teacher',
  teacher_map: 'mAP of the teacher',
};

function evaluationParts(details: RunDetails, images: RunPage['thumbnails']): string[] {
  const { calibration, right, differing } = details;
  const best =
    'Of the best evaluation, whose weights are in model/. It was chosen by these same images, which flatters it a little.';
  if (details.multilabel)
    return [heading('Classes, lowest average precision first'), note(best), ...labelTable(details, details.multilabel)];
  return [
    heading('Confusion'),
    note(best),
    details.classes.length <= MATRIX_CLASSES
      ? `<div class="wide">${confusionSvg(details)}</div>`
      : confusedPairs(details),
    heading('Classes, worst first'),
    classTable(details),
    ...(calibration
      ? [
          heading('Calibration'),
          `<div class="cards">${reliabilitySvg([
            { name: 'student', reliability: calibration.student },
            ...(calibration.teacher ? [{ name: 'teacher', reliability: calibration.teacher }] : []),
          ])}${confidenceSvg(calibration.student)}</div>`,
          note('15 equal bins of the probability of the decision (arXiv 1706.04599); empty bins are left out.'),
        ]
      : []),
    ...(right
      ? [
          heading('Teacher against student'),
          htmlTable(
            ['images', 'teacher right', 'teacher wrong'],
            [
              ['student right', String(right.both), String(right.student)],
              ['student wrong', String(right.teacher), String(right.neither)],
            ],
          ),
        ]
      : []),
    ...(differing.length > 0
      ? [
          heading(differing[0]!.teacher ? 'Images on which they differ most' : 'Surest mistakes'),
          `<div class="cards">${differing.map((one) => card(one, images.get(one.path))).join('\n')}</div>`,
        ]
      : []),
  ];
}

function confusedPairs({ classes, confusion }: RunDetails): string {
  const wrong = confusion.filter(([label, decision]) => label !== decision).sort((a, b) => b[2] - a[2]);
  const rows = wrong
    .slice(0, 30)
    .map(([label, decision, images]) => [classes[label]!, classes[decision]!, String(images)]);
  return htmlTable(['class', 'taken for', 'images'], rows);
}

function classTable({ scores, classes, truth }: RunDetails): string {
  const rows = [...scores].sort((a, b) => (a.recall ?? 2) - (b.recall ?? 2) || a.class - b.class);
  const withTeacher = scores.some(({ teacherRecall }) => teacherRecall !== null);
  const head = ['class', 'images', truth === 'labels' ? 'accuracy' : 'as the teacher', 'precision', 'F1'];
  const table = htmlTable(
    [...head, ...(withTeacher ? ['accuracy of the teacher'] : [])],
    rows
      .slice(0, MOST_CLASSES)
      .map((row) => [
        classes[row.class]!,
        String(row.images),
        percent(row.recall),
        percent(row.precision),
        percent(row.f1),
        ...(withTeacher ? [percent(row.teacherRecall)] : []),
      ]),
  );
  return rows.length > MOST_CLASSES
    ? `${table}${note(`${rows.length - MOST_CLASSES} more classes are in evaluation.json.`)}`
    : table;
}

function labelTable({ classes }: RunDetails, { classes: scores, withoutImages }: MultilabelDetails): string[] {
  const rows = [...scores].sort((a, b) => (a.ap ?? 2) - (b.ap ?? 2) || a.class - b.class);
  const withTeacher = scores.some(({ teacherAp }) => teacherAp !== null);
  const head = ['class', 'images', 'AP', 'precision', 'recall', 'F1', ...(withTeacher ? ['AP of the teacher'] : [])];
  const cells = rows
    .slice(0, MOST_CLASSES)
    .map((row) => [
      classes[row.class]!,
      String(row.images),
      ...[row.ap, row.precision, row.recall, row.f1].map(percent),
      ...(withTeacher ? [percent(row.teacherAp)] : []),
    ]);
  const left = rows.length - cells.length;
  return [
    htmlTable(head, cells),
    ...(left > 0 ? [note(`${left} more classes are in evaluation.json.`)] : []),
    note(`Precision, recall and F1 at a probability of 0.5. mAP leaves out ${withoutImages} classes without images.`),
  ];
}

function card({ path, label, student, teacher, kl }: DifferingImage, image: string | undefined): string {
  const picture = image === undefined ? note('the image cannot be read any more') : `<img alt="" src="${image}">`;
  const said = (who: string, answer: { class: string; probability: number }) =>
    `${who}: ${answer.class} (${(100 * answer.probability).toFixed(0)} %)`;
  const lines = [
    ...(label === null ? [] : [`label: ${label}`]),
    said('student', student),
    ...(teacher ? [said('teacher', teacher)] : []),
    ...(kl === null ? [] : [`KL ${kl.toFixed(2)} nats`]),
    showAddress(path),
  ];
  return `<div class="card">${picture}${lines.map((words) => `<p>${escapeText(words)}</p>`).join('')}</div>`;
}

export function costRows({ details, seconds, speed, rows }: RunReport): string[][] {
  const steps = rows.reduce((most, row) => Math.max(most, row.step), 0);
  return [
    ...(seconds === null ? [] : [['training and evaluation', `${formatDuration(seconds)}, without pauses`]]),
    ['updates', String(steps)],
    ...(details
      ? [
          ['images seen', String(steps * details.setup.imagesPerStep)],
          ['parameters of the student', String(details.setup.parameters)],
          ['multiply-accumulates for one image', String(details.setup.macs)],
        ]
      : []),
    ...(speed
      ? [
          [
            'latency of model.onnx, one image',
            `${speed.latency.median.toPrecision(3)} ms median, ${speed.latency.p90.toPrecision(3)} ms at 90 % (${speed.latency.runs} runs)`,
          ],
          [
            `throughput of model.onnx, batch ${speed.throughput.batch}`,
            `${speed.throughput.imagesPerSec.toPrecision(3)} images/s on ${speed.cores} cores, measured when this page was written`,
          ],
        ]
      : []),
  ];
}
