import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { stream } from '../random/stream.ts';
import { cskd } from './cskd.ts';
import { methodNamed } from './index.ts';

const [B, K] = [2, 4];

const drawn = (name: string, shape: readonly number[]): NdArray => {
  const { normal } = stream('cskd', name);
  return ndArray(
    shape,
    Float64Array.from({ length: sizeOf(shape) }, () => 2 * normal()),
  );
};

interface Sizes {
  readonly patches?: readonly [number, number];
  readonly places?: readonly [number, number];
}

/** The terms of a student and a teacher, as functions of what is fed. */
function build(config: object = {}, { patches = [4, 4], places = [2, 2] }: Sizes = {}) {
  const store = inputStore();
  const student = {
    logits: input('logits', [B, K]),
    distLogits: input('distLogits', [B, K]),
    patchDistLogits: input('patches', [B, ...patches, K]),
  };
  const teacher = { logits: input('whole', [B, K]), placeLogits: input('places', [B, ...places, K]) };
  const terms = cskd.loss({
    scope: new Scope(store, true),
    student,
    teacher,
    targets: input('targets', [B, K]),
    config: cskd.config.parse(config),
  });
  const ports = { ...student, whole: teacher.logits, places: teacher.placeLogits, targets: student.logits };
  const given = new Map(Object.entries(ports).map(([name, { shape }]) => [name, drawn(name, shape)]));
  given.set('patches', drawn('patches', student.patchDistLogits.shape));
  const [schedule] = [...store.schedules.values()];
  const value = (changes: Record<string, NdArray> = {}, [epoch, epochs] = [0, 1]): number => {
    const r = schedule ? [[`scalar.${schedule.name}`, ndArray([], [schedule.at(epoch!, epochs!)])] as const] : [];
    return evaluate([terms.patches!.value], new Map([...given, ...r, ...Object.entries(changes)]))[0]!.data[0]!;
  };
  return { terms, student, teacher, schedule, given, value };
}

/** The answers of one place, at all of them. */
const everywhere = ({ data }: NdArray, rows: number, columns: number): NdArray =>
  ndArray(
    [B, rows, columns, K],
    Array.from({ length: B * rows * columns * K }, (_, i) => data[Math.floor(i / (rows * columns * K)) * K + (i % K)]!),
  );

describe('what a patch learns', () => {
  it.each([
    ['linear', [1, 0.75, 0.5, 0.25]],
    ['quadratic', [1, 0.5625, 0.25, 0.0625]],
    ['cosine', [1, Math.cos(Math.PI / 8), Math.SQRT1_2, Math.cos((3 * Math.PI) / 8)]],
  ] as const)('fades %s from the place to the whole image, 1 in the first epoch', (fuse, wanted) => {
    const { schedule } = build({ fuse });
    wanted.forEach((r, epoch) => void expect(schedule!.at(epoch, 4)).toBeCloseTo(r, 12));
    expect(schedule!.at(0, 300)).toBe(1);
  });

  it('is the last of 300 linear epochs nearly the whole image: r = 1/300', () => {
    expect(build().schedule!.at(299, 300)).toBeCloseTo(1 / 300, 12);
  });

  it.each(['hard', 'soft'])('is with r = 1 what it is without the whole image, with r = 0 nothing else: %s', (kind) => {
    const [fading, local, global] = [
      build({ kind }),
      build({ kind, fuse: 'none' }),
      build({ kind, fuse: 'globalOnly' }),
    ];
    expect([local.schedule, global.schedule]).toEqual([undefined, undefined]);
    const nothing = { 'scalar.local': ndArray([], [0]) };
    expect(fading.value()).toBeCloseTo(local.value(), 12);
    expect(fading.value(nothing)).toBeCloseTo(global.value(), 12);
    expect(Math.abs(local.value() - global.value())).toBeGreaterThan(0.01);
  });

  it.each(['hard', 'soft'])('is the same at all places of a constant map, whatever the epoch: %s', (kind) => {
    const { value, given } = build({ kind });
    const whole = given.get('whole')!;
    const constant = { places: everywhere(whole, 2, 2) };
    const one = build({ kind }, { places: [1, 1], patches: [1, 1] });
    const patch = drawn('one patch', [B, K]);
    const alone = one.value({ places: everywhere(whole, 1, 1), patches: everywhere(patch, 1, 1) }, [0, 4]);
    for (const epoch of [0, 3])
      expect(value({ ...constant, patches: everywhere(patch, 4, 4) }, [epoch, 4])).toBeCloseTo(alone, 12);
  });

  it('is nothing left to learn where it says what the teacher says, softly', () => {
    const { value, given } = build({ kind: 'soft', tau: 2 }, { patches: [2, 2] });
    expect(value({ patches: given.get('places')! })).toBeCloseTo(0, 12);
    expect(value()).toBeGreaterThan(0.1);
  });

  it('is learned where it is: a place of the teacher reaches the patches that it covers alone', () => {
    const { terms, student } = build({ fuse: 'none' }, { patches: [4, 4], places: [2, 2] });
    const [gradient] = grad(terms.patches!.value, [student.patchDistLogits]);
    const of = (places: NdArray) =>
      evaluate(
        [gradient!],
        new Map([
          ['patches', drawn('patches', [B, 4, 4, K])],
          ['places', places],
        ] as const),
      )[0]!.data;
    const places = drawn('places', [B, 2, 2, K]);
    // The decision of the first image's place at the lower left is another one.
    const changed = ndArray(
      places.shape,
      places.data.map((x, i) => (i >= 2 * K && i < 3 * K ? -x : x)),
    );
    const [before, after] = [of(places), of(changed)];
    const moved = Array.from({ length: B * 16 }, (_, n) => n).filter((n) =>
      Array.from({ length: K }, (_, k) => n * K + k).some((i) => before[i] !== after[i]),
    );
    expect(moved).toEqual([8, 9, 12, 13]);
  });

  it('counts as many times as there are places where the authors sum it', () => {
    const [place, reference] = [build({ kind: 'soft' }), build({ kind: 'soft', reduce: 'reference' })];
    expect(reference.value() / place.value()).toBeCloseTo(4, 9);
  });

  it('gets no gradient of the teacher', () => {
    const { terms, teacher } = build({ kind: 'soft' });
    const found = grad(terms.patches!.value, [teacher.logits, teacher.placeLogits]);
    const value = evaluate(found, new Map());
    for (const { data } of value) expect(Math.max(...data.map(Math.abs))).toBe(0);
  });
});

describe('cskd', () => {
  it('refuses a teacher whose map is finer than the patches', () => {
    expect(() => build({}, { patches: [4, 4], places: [4, 5] })).toThrow(
      /wanted a teacher whose last map is no finer.*got 4 x 5 places \(teacher\) and 4 x 4 patches.*smaller patch size/,
    );
  });

  it('is DeiT without its patches, and without labels both tokens listen', () => {
    expect(Object.keys(build({ weight: 0 }).terms)).toEqual(['ce', 'kd']);
    const { terms } = build({ alpha: 1 });
    expect(Object.entries(terms).map(([name, { weight }]) => [name, weight])).toEqual([
      ['kd', 0.5],
      ['kdDist', 0.5],
      ['patches', 1],
    ]);
    expect(cskd.needs(cskd.config.parse({ alpha: 1 })).labels).toBe('none');
    expect(() => cskd.needs(cskd.config.parse({ alpha: 0, weight: 0 }))).toThrow(/nothing is left to distil/);
  });

  it('asks for a third vote, or for two', () => {
    const shape = (config: object) => cskd.shapeStudent!(cskd.config.parse(config), {} as never, undefined);
    expect(shape({})).toEqual({ distToken: true, patchVote: true });
    expect(shape({ inference: 'two' })).toEqual({ distToken: true, patchVote: false });
    // Nothing would teach it.
    expect(shape({ weight: 0 })).toEqual({ distToken: true, patchVote: false });
  });

  it('in a sum fades as alone, under its name, and the patches are its own', () => {
    const sum = methodNamed('cskd+vkd');
    const store = inputStore();
    const student = build().student;
    const terms = sum.loss({
      scope: new Scope(store, true).in('method', (scope) => scope),
      student: {
        ...{ ...student, patchVote: input('vote', [B, K]), norm: input('norm', [B, 18, 3]) },
        grid: { rows: 4, columns: 4, prefix: 2 },
        dense: { tokens: input('dense', [B, 16, 3]), rows: 4, columns: 4 },
      },
      teacher: { ...build().teacher, pooled: input('pooled', [B, 5]) },
      targets: input('targets', [B, K]),
      config: sum.config.parse({}),
    });
    expect(Object.keys(terms)).toEqual(['ce', 'cskd.kd', 'cskd.patches', 'vkd.kd', 'vkd.feature']);
    expect([...store.schedules.keys()]).toEqual(['method.cskd.local']);
  });
});
