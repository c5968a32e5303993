import { describe, expect, it } from 'vitest';
import { runSchema } from '../../config/schema.ts';
import { METHODS, type Method, type MethodName } from '../../methods/index.ts';
import { planStages } from '../plan/stages.ts';
import { checkLabels, WITHOUT_LABELS } from './unlabelled.ts';
import type { RunData } from './runData.ts';
import { datasetOfSource } from './runDataOf.ts';

const data = { labelled: false, classes: ['a', 'b'] } as unknown as RunData;

function check(
  method: string,
  methods: Record<string, Record<string, unknown>> = {},
  over: Partial<RunData> = {},
  labels: 'use' | 'ignore' = 'use',
) {
  const config = runSchema.parse({ data: { dir: 'photos' }, student: { name: 's' }, method, methods });
  return () => checkLabels('photos', { ...data, ...over }, planStages(config, 12, 1), method, labels);
}

it('a source whose labels are not to be read is one of images without labels', () => {
  const train = ['a', 'b'].flatMap((label) => [1, 2].map((i) => ({ id: `${label}${i}`, label })));
  const source = { name: 'mine', classes: ['a', 'b'], train, read: async () => new Uint8Array() };
  const opened = (labels: 'use' | 'ignore') =>
    datasetOfSource(
      source,
      runSchema.parse({ data: { dir: 'x', valFraction: 0.5, labels }, student: { name: 's' } }).data,
    );
  expect([opened('use').classes, ...opened('use').train.labels]).toEqual([['a', 'b'], 0, 1]);
  expect([opened('ignore').classes, ...opened('ignore').train.labels]).toEqual([[], -1, -1]);
  expect(opened('ignore').val.labels).toEqual(Int32Array.of(-1, -1));
});

describe('images without labels', () => {
  it('whose labels are not to be read: the setting is named, not the folder', () => {
    expect(check('supervised', {}, {}, 'ignore')).toThrow(
      /^data\.labels: with ignore .* supervised needs; set data\.labels=use/,
    );
    expect(check('supervised')).toThrow(/^photos: wanted images in class folders/);
  });

  it.each(Object.keys(METHODS) as MethodName[])('%s: its row of the table is what its needs say', (name) => {
    const method = METHODS[name] as Method;
    const settings = WITHOUT_LABELS[name];
    const asItIs = settings !== undefined && Object.keys(settings).length === 0;
    expect(method.needs(method.config.parse({})).labels === 'none').toBe(asItIs);
    if (settings) {
      expect(check(name, { [name]: settings })).not.toThrow();
      return;
    }
    // No setting of a number or switch frees the others from labels.
    const zeroed = ['labelWeight', 'alpha', 'beta', 'gamma'].flatMap((key) =>
      [0, 1].flatMap((value) => {
        const parsed = method.config.safeParse({ [key]: value });
        return parsed.success ? [parsed.data] : [];
      }),
    );
    for (const config of zeroed) expect(method.needs(config).labels).not.toBe('none');
  });

  it("says with which settings the run's own method would do, else which methods would", () => {
    expect(check('kd')).toThrow('since kd needs labels');
    expect(check('kd')).toThrow(/without labels: kd needs none with --set methods\.kd\.alpha=1$/);
    expect(check('kd+vitkd', { kd: { alpha: 1 } })).toThrow(
      'kd+vitkd needs none with --set methods.kd.alpha=1 --set methods.vitkd.labelWeight=0',
    );
    expect(check('vitkd+nkd')).toThrow(/--method kd --set methods\.kd\.alpha=1; --method deit .*; --method vitkd /);
  });

  it("names DearKD's second stage, which learns from labels alone", () => {
    expect(check('dearkd', { dearkd: { alpha: 1 } })).toThrow(
      /since supervised, stage 2 of dearkd, needs labels.*methods\.dearkd\.stageOne=1/,
    );
    expect(check('dearkd', { dearkd: { alpha: 1, stageOne: 1, logitKd: 'none' } })).toThrow(
      'since dearkd needs labels',
    );
  });

  it('wants a teacher, whose classes they take, and is no matter where there are labels', () => {
    expect(check('kd', { kd: { alpha: 1 } }, { classes: [] })).toThrow('give one with --teacher REF');
    const train = (labels: number[]) => ({ root: '', paths: [], labels: Int32Array.from(labels) });
    expect(check('supervised', {}, { labelled: true, train: train([-1, 1]) })).not.toThrow();
    // The validation images alone have some.
    expect(check('supervised', {}, { labelled: true, train: train([-1, -1]) })).toThrow('needs labels');
  });
});
