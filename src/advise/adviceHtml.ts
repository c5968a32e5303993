import { heading, htmlPage, htmlTable } from '../analysis/page.ts';
import { escapeText } from '../analysis/svg.ts';
import type { Advice, SearchRound } from './advice.ts';
import { finalRows } from './adviceText.ts';
import { seconds } from './verdict.ts';

/** The answer as one page that loads nothing: verdict, finalists, search, what did not apply. */
export function adviceHtml(advice: Advice): string {
  const { verdict, next, search, refused, student, data, notes } = advice;
  const [head, ...rows] = finalRows(advice);
  const said = [verdict.text, ...notes].map((text) => `<p>${escapeText(text)}</p>`);
  return htmlPage(`Advice for ${student} on ${data}`, [
    ...said,
    htmlTable(head!, rows),
    `<p>Next: <code>${escapeText(next)}</code></p>`,
    ...curveTable(advice),
    ...search.flatMap((round, i) => [heading(`Search, round ${i + 1}`), roundTable(round, advice)]),
    ...(refused.length > 0
      ? [
          heading('Methods that do not apply'),
          htmlTable(
            ['method', 'why'],
            refused.map(({ name, why }) => [name, why]),
          ),
        ]
      : []),
  ]);
}

function roundTable({ budget, rows }: SearchRound, { chosenBy }: Advice): string {
  const percent = (share: number) => (share * 100).toFixed(2);
  const cells = rows.map(({ arm, epochs, scores, mean, kept, error }) => [
    arm,
    mean === null ? '-' : percent(mean),
    scores.map(percent).join(', '),
    String(epochs),
    kept ? 'stays' : '',
    error ?? '',
  ]);
  return `<p>${seconds(budget)} of processor time a run, judged by ${chosenBy.images} of the ${chosenBy.of} images.</p>${htmlTable(['', 'mean %', 'by seed', 'epochs', '', ''], cells)}`;
}

/** Means by length, for each finalist. */
function curveTable({ curve }: Advice): string[] {
  const lengths = [...new Set(curve.map(({ budget }) => budget))].sort((a, b) => a - b);
  if (lengths.length < 2) return [];
  const arms = [...new Set(curve.map(({ arm }) => arm))];
  const cell = (arm: string, budget: number) => {
    const scores = curve.find((row) => row.arm === arm && row.budget === budget)?.scores ?? [];
    return scores.length === 0 ? '-' : ((scores.reduce((a, b) => a + b, 0) / scores.length) * 100).toFixed(2);
  };
  const rows = arms.map((arm) => [arm, ...lengths.map((budget) => cell(arm, budget))]);
  return [heading('Accuracy over processor time, %'), htmlTable(['', ...lengths.map(seconds)], rows)];
}
