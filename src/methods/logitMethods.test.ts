import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { METHODS, methodNamed } from './index.ts';

const K = 4;
const LOGITS = [1, -0.5, 0.25, 2, 0, 1.5, -1, 0.5];
const TEACHER = [0.5, 1, -2, 0, 2, -1, 0.25, 0.75];
const LABELS = [0, 1, 0, 0, 0, 0, 1, 0];

interface Part {
  readonly value: number;
  readonly weight: number;
  /** To the student's logits. */
  readonly gradient: readonly number[];
}

/** The method's own terms in float64, and their weighted sum `all`. */
function parts(
  name: 'nkd' | 'dkd',
  config: object,
  logits = LOGITS,
  teacher = TEACHER,
  rows = LABELS,
): Record<string, Part> & { all: Part } {
  const [B, method] = [logits.length / K, methodNamed(name)];
  const z = input('logits', [B, K]);
  const terms = method.loss({
    scope: new Scope(inputStore(), true),
    student: { logits: z },
    teacher: { logits: input('teacher', [B, K]) },
    targets: input('targets', [B, K]),
    config: method.config.parse({ labelWeight: 0, labelSmoothing: 0, ...config }),
  });
  const feeds = new Map(
    Object.entries({ logits, teacher, targets: rows }).map(([port, data]) => [port, ndArray([B, K], data)]),
  );
  const evaluated = Object.entries(terms).map(([term, { value, weight }]): [string, Part] => {
    const [v, g] = evaluate([value, ...grad(value, [z])], feeds);
    return [term, { value: v!.data[0]!, weight, gradient: Array.from(g!.data) }];
  });
  const all = evaluated.reduce<Part>(
    (sum, [, { value, weight, gradient }]) => ({
      value: sum.value + weight * value,
      weight: 1,
      gradient: sum.gradient.map((x, i) => x + weight * gradient[i]!),
    }),
    { value: 0, weight: 1, gradient: logits.map(() => 0) },
  );
  return { ...Object.fromEntries(evaluated), all };
}

describe('dkd', () => {
  it('is 0 with gradient 0 where the teacher says what the student says', () => {
    const { all } = parts('dkd', {}, LOGITS, LOGITS);
    expect(Math.abs(all.value)).toBeLessThan(1e-14);
    for (const g of all.gradient) expect(Math.abs(g)).toBeLessThan(1e-14);
    expect(parts('dkd', {}).all.value).toBeGreaterThan(0.1);
  });

  it('is plain KD at alpha = 1 and beta = 1 - p_target (equation 6)', () => {
    const p = TEACHER.slice(0, K).map(Math.exp);
    const q = LOGITS.slice(0, K).map(Math.exp);
    const [sumP, sumQ] = [p, q].map((x) => x.reduce((a, b) => a + b, 0)) as [number, number];
    const kl = p.reduce((s, x, i) => s + (x / sumP) * Math.log(x / sumP / (q[i]! / sumQ)), 0);
    const { all } = parts(
      'dkd',
      { alpha: 1, beta: 1 - p[1]! / sumP, temp: 1 },
      LOGITS.slice(0, K),
      TEACHER.slice(0, K),
      [0, 1, 0, 0],
    );
    expect(all.value).toBeCloseTo(kl, 12);
  });

  it('asks for integer labels, the others take mixed ones', () => {
    expect(METHODS.dkd.needs(METHODS.dkd.config.parse({})).labels).toBe('integer');
    expect(METHODS.nkd.needs(METHODS.nkd.config.parse({})).labels).toBe('any');
    expect(METHODS.uskd.needs(METHODS.uskd.config.parse({}))).toEqual({
      student: ['tokens', 'logits'],
      teacher: [],
      labels: 'any',
    });
  });
});

describe('nkd', () => {
  it('has no pull among the other classes where the teacher says what the student says', () => {
    // That part is then an entropy, at its least: only the target part still pulls, towards the target.
    const { target, nonTarget } = parts('nkd', { temp: 2 }, LOGITS, LOGITS);
    for (const g of nonTarget!.gradient) expect(Math.abs(g)).toBeLessThan(1e-14);
    expect(target!.gradient[1]).toBeLessThan(-1e-3);
    expect(target!.gradient[6]).toBeLessThan(-1e-3);
    expect(Math.max(...parts('nkd', { temp: 2 }).nonTarget!.gradient)).toBeGreaterThan(0.05);
  });

  it('takes the larger part of a mixed label as its target', () => {
    const of = (rows: number[]) => parts('nkd', {}, LOGITS, TEACHER, rows).all.value;
    expect(of([0.3, 0.7, 0, 0, 0, 0, 0.55, 0.45])).toBe(of(LABELS));
    expect(of([0.7, 0.3, 0, 0, 0, 0, 0.55, 0.45])).not.toBeCloseTo(of(LABELS), 3);
  });

  it('is right at logits of 1e4', () => {
    const { target, nonTarget } = parts('nkd', {}, [0, 1e4, -1e4, 0], [1e4, 0, 0, -1e4], [1, 0, 0, 0]);
    expect(target!.value).toBe(1e4);
    // Without class 0 the teacher gives classes 1 and 2 a half each: the student's logs there are 0 and -2e4.
    expect(nonTarget!.value).toBe(1e4);
    expect(nonTarget!.gradient).toEqual([0, 0.5, -0.5, 0]);
  });
});

describe.each(['nkd', 'dkd'] as const)('%s', (name) => {
  it('tells teacher and student apart', () => {
    const [forth, back] = [parts(name, {}).all.value, parts(name, {}, TEACHER, LOGITS).all.value];
    expect(Math.abs(forth - back)).toBeGreaterThan(0.05);
  });

  it('has the label loss, smoothed, beside its own terms', () => {
    const { ce } = parts(name, { labelWeight: 0.5, labelSmoothing: 0.1 }, [3, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]);
    expect(ce).toMatchObject({
      weight: 0.5,
      value: expect.closeTo(Math.log(Math.exp(3) + 3) - 3 * (0.9 + 0.1 / K), 12),
    });
  });
});
