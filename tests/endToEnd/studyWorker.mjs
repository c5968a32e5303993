import { runStudy } from '../../dist/study/runStudy.js';

/** `understudy study FILE --out OUT` that gives other processes up after SILENT ms, and tells each event as a line. Plain JavaScript, so that Node runs it as it stands. */
const [file, out, silent] = process.argv.slice(2);
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const { reason } = await runStudy(file, {
  out,
  claimTimes: { renew: Number(silent) / 10, silent: Number(silent), unfinished: 1000 },
  onStudyEvent: tell,
  onEvent: ({ type, step }) => {
    if (type === 'step') tell({ type, step });
  },
});
tell({ type: 'ended', reason });
