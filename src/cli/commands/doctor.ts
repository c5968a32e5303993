import type { Finding } from '../../run/doctor/finding.ts';
import { valuesOf } from '../arguments.ts';
import { command, jsonFlag } from '../command.ts';
import { trainingFlags } from '../trainingFlags.ts';

const { config, set, epochs, batch, images, fraction } = trainingFlags;

const SIGNS: Readonly<Record<Finding['level'], string>> = { ok: 'ok', note: 'note', warning: 'WARN', error: 'ERROR' };

export const doctor = command({
  meta: {
    name: 'doctor',
    description: 'Look at data and teacher before any training: what would go wrong, what it will cost',
  },
  args: {
    data: { type: 'string', valueHint: 'DIR', required: true, description: 'Images, as distill takes them (data.dir)' },
    teacher: { type: 'string', valueHint: 'REF', description: 'A trained model, as distill takes it (teacher)' },
    student: {
      type: 'string',
      valueHint: 'NAME',
      default: 'deit_tiny_patch16_224',
      description: 'A model of "understudy list models" (student.name)',
    },
    method: {
      type: 'string',
      valueHint: 'NAME',
      description: 'A method of "understudy list methods"; default: kd with a teacher, else supervised',
    },
    ...{ config, set, epochs, batch, images, fraction },
    ranks: {
      type: 'string',
      valueHint: 'N',
      description: 'Forecast the run on up to N machines like this one too, and say where more stop paying',
    },
    link: {
      type: 'string',
      valueHint: 'SPEED',
      description:
        'With --ranks: what joins them (1Gb/s, 110MB/s; 10Gb/s,20us with the time of a message), or ssh:HOST to measure it; default: 1, 10 and 100 Gb/s',
    },
    json: jsonFlag,
  },
  repeatable: ['set'],
  notes: [
    'Reads images for up to 20 seconds, asks the teacher about some of them, and times a few updates of the run itself. Nothing\nis written. The status is 1 where the run would not go.',
  ],
  examples: [
    'understudy doctor --data photos --teacher runs/teacher --student deit_tiny_patch16_224 --method dearkd',
    'understudy doctor --data photos --json',
    'understudy doctor --data photos --teacher runs/teacher --ranks 16 --link 10Gb/s --set train.accumulate=16',
  ],
  run: async ({ args, rawArgs }) => {
    const { trainingInput } = await import('../trainingInput.ts');
    const { examine } = await import('../../run/doctor/examine.ts');
    const { listingEvents } = await import('../listingEvents.ts');
    const { modelEvents } = await import('../modelEvents.ts');
    const { whileRunning } = await import('../outcome.ts');
    const { print, printJson } = await import('../text.ts');
    const method = args.method ?? (args.teacher === undefined ? 'supervised' : 'kd');
    const named = { 'data.dir': args.data, teacher: args.teacher, 'student.name': args.student, method };
    const { jobOf } = await import('../plannedJob.ts');
    const job = await jobOf(args.ranks, args.link);
    const input = await trainingInput(args, named, valuesOf(doctor, rawArgs, 'set'));
    const show = (finding: Finding) => {
      if (!args.json) print(line(finding));
    };
    const findings = await whileRunning((start) => {
      start();
      return examine(input, { job, onFinding: show, onModel: modelEvents(), onListing: listingEvents() });
    });
    const errors = findings.filter(({ level }) => level === 'error').length;
    const warnings = findings.filter(({ level }) => level === 'warning').length;
    if (args.json) printJson({ errors, warnings, findings });
    else print(`\n${errors} errors, ${warnings} warnings`);
    return errors > 0 ? 1 : 0;
  },
});

function line({ level, about, text, remedy }: Finding): string {
  const indented = (more: string) => more.replaceAll('\n', '\n        ');
  const advice = remedy === undefined ? '' : `\n        -> ${indented(remedy)}`;
  return `${SIGNS[level].padEnd(6)}  ${about}: ${indented(text)}${advice}`;
}
