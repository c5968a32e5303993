import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { buildModel, type Features, variantConfig } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { drawNoise } from '../nn/noise.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { stream } from '../random/stream.ts';
import { vitkd } from './vitkd.ts';

const B = 2;
const FEATURES = ['tokens', 'ffn', 'mha'] as const;

/** All features of a ViT of `depth` blocks as input ports `side.feature.block`. */
function ports(side: string, depth: number, width: number, rows: number, columns: number): Features {
  const shape = [B, 1 + rows * columns, width];
  const blocks = (name: string) => Array.from({ length: depth }, (_, i) => input(`${side}.${name}.${i}`, shape));
  const lists = Object.fromEntries(FEATURES.map((name) => [name, blocks(name)]));
  return {
    logits: input(`${side}.logits`, [B, 3]),
    ...lists,
    norm: input(`${side}.norm`, shape),
    grid: { rows, columns, prefix: 1 },
  };
}

interface Options {
  readonly teacherDepth?: number;
  readonly width?: number;
  readonly grid?: readonly [number, number];
  readonly teacherGrid?: readonly [number, number];
}

function build(config: object, { teacherDepth = 3, width = 6, grid = [2, 3], teacherGrid = grid }: Options = {}) {
  const store = inputStore();
  const [student, teacher] = [ports('s', 3, 4, ...grid), ports('t', teacherDepth, width, ...teacherGrid)];
  const parsed = vitkd.config.parse({ labelWeight: 0, ...config });
  const terms = vitkd.loss({
    scope: new Scope(store, true),
    student,
    teacher,
    targets: input('targets', [B, 3]),
    config: parsed,
  });
  const feeds = new Map<string, NdArray>();
  for (const t of [student, teacher].flatMap((f) => [f.norm!, ...FEATURES.flatMap((name) => f[name]!)])) {
    const random = stream('vitkd', String(t.node.attrs.name));
    feeds.set(
      String(t.node.attrs.name),
      ndArray(t.shape, Float64Array.from({ length: sizeOf(t.shape) }, random.normal)),
    );
  }
  for (const spec of store.params.values()) feeds.set(spec.name, ndArray(spec.shape, initialValue(spec, 1)));
  for (const spec of store.noises.values())
    feeds.set(`noise.${spec.name}`, ndArray(spec.shape, drawNoise(spec, stream(3, spec.name)), 'uint8'));
  return { terms, student, teacher, store, feeds };
}

/** Which input ports a term depends on, parameters aside. */
function reads(t: Tensor): string[] {
  const [found, seen] = [new Set<string>(), new Set<object>()];
  const visit = ({ node }: Tensor) => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.op.name === 'Input' && /^[st]\./.test(String(node.attrs.name))) found.add(String(node.attrs.name));
    for (const from of node.inputs) if (from) visit(from);
  };
  visit(t);
  return [...found].sort();
}

describe('what ViTKD reads', () => {
  it('the first two blocks and the last one after its norm, the deep teacher included', () => {
    const { terms } = build({}, { teacherDepth: 5 });
    expect(reads(terms.shallow!.value)).toEqual(['s.tokens.0', 's.tokens.1', 't.tokens.0', 't.tokens.1']);
    expect(reads(terms.deep!.value)).toEqual(['s.norm', 't.norm']);
  });

  it.each(['ffn', 'mha'])('the branch %s of the blocks where tap says so, the last one without a norm', (tap) => {
    const { terms } = build({ tap, layers: { shallow: [1] } }, { teacherDepth: 5 });
    expect(reads(terms.shallow!.value)).toEqual([`s.${tap}.1`, `t.${tap}.1`]);
    expect(reads(terms.deep!.value)).toEqual([`s.${tap}.2`, `t.${tap}.4`]);
  });

  it('the layers that are named, of each side its own', () => {
    const { terms } = build({ layers: { shallow: [{ student: 0, teacher: 2 }], deep: 1 } }, { teacherDepth: 5 });
    expect(reads(terms.shallow!.value)).toEqual(['s.tokens.0', 't.tokens.2']);
    expect(reads(terms.deep!.value)).toEqual(['s.tokens.1', 't.tokens.1']);
  });

  it('says so where a layer is not there', () => {
    expect(() => build({ layers: { shallow: [3] } })).toThrow('vitkd.layers: the student has blocks 0 to 2, got 3');
    expect(() => build({ layers: { deep: { student: 2, teacher: 7 } } })).toThrow(
      'the teacher has blocks 0 to 2, got 7',
    );
  });

  it('asks for just those features; a CNN has none of them', () => {
    const needs = (config: object) => vitkd.needs(vitkd.config.parse(config));
    expect(needs({})).toEqual({ student: ['tokens', 'norm', 'logits'], teacher: ['tokens', 'norm'], labels: 'any' });
    expect(needs({ shallow: { how: 'none' }, labelWeight: 0 })).toEqual({
      student: ['norm', 'logits'],
      teacher: ['norm'],
      labels: 'none',
    });
    expect(needs({ deep: { how: 'none' } }).teacher).toEqual(['tokens']);
    expect(needs({ tap: 'mha' }).teacher).toEqual(['mha']);
    const cnn = buildModel(variantConfig('resnet8_small', { classes: 2 }));
    expect(cnn.features.filter((name) => needs({}).teacher.includes(name))).toEqual([]);
    expect(() => needs({ shallow: { how: 'none' }, deep: { how: 'none' } })).toThrow('nothing is left to distil');
  });

  it('refuses another token grid, naming both and what would work', () => {
    expect(() => build({}, { grid: [4, 4], teacherGrid: [14, 14] })).toThrow(
      /same token grid .* got 4 x 4 \(student\) and 14 x 14 \(teacher\).*image or patch size so that it gets 14 x 14, or a teacher with 4 x 4/,
    );
    // As many tokens, but others.
    expect(() => build({}, { grid: [2, 3], teacherGrid: [3, 2] })).toThrow('got 2 x 3 (student) and 3 x 2 (teacher)');
    expect(() => build({}, { grid: [2, 3], teacherGrid: [2, 4] })).toThrow('got 2 x 3 (student) and 2 x 4 (teacher)');
  });
});

describe('the mask', () => {
  it.each([
    [0.5, 3],
    [0.3, 4],
    [0.9, 0],
    [5 / 6, 1],
    [1, 0],
  ])('at ratio %d leaves exactly floor(6 (1 - ratio)) = %d tokens', (maskRatio, ones) => {
    expect([...build({ maskRatio }).store.noises.values()]).toEqual([
      { kind: 'exactCount', name: 'visible', shape: [B, 6], ones },
    ]);
  });

  it('is none at ratio 0', () => {
    expect([...build({ maskRatio: 0 }).store.noises.keys()]).toEqual([]);
  });

  it('is drawn apart for each generating layer', () => {
    const { store } = build({ shallow: { how: 'generate' } });
    expect([...store.noises.keys()]).toEqual(['shallow.0.visible', 'shallow.1.visible', 'visible']);
  });
});

describe.each(['conv', 'selfAttention', 'crossAttention'])('generator %s', (generator) => {
  const { terms, student, teacher, store, feeds } = build({ generator, shallow: { how: 'none' } });
  const visible = Array.from(feeds.get('noise.visible')!.data);
  const lengths = (data: ArrayLike<number>, D: number) =>
    Array.from({ length: B * 7 }, (_, i) => Math.hypot(...Array.from(data).slice(i * D, (i + 1) * D)));

  it('sees the visible patches, never what is masked nor the class token', () => {
    const [g] = evaluate(grad(terms.deep!.value, [student.norm!]), feeds);
    lengths(g!.data, 4).forEach((length, i) => {
      const patch = (i % 7) - 1;
      if (patch >= 0 && visible[Math.floor(i / 7) * 6 + patch] === 1) expect(length).toBeGreaterThan(1e-9);
      else expect(length).toBe(0);
    });
  });

  it('is held to the teacher on the masked tokens alone, and no gradient reaches the teacher', () => {
    const moved = (i: number) => {
      const data = Float64Array.from(feeds.get('t.norm')!.data);
      for (let j = 0; j < 6; j++) data[i * 6 + j]! += 3;
      const [now] = evaluate([terms.deep!.value], new Map([...feeds, ['t.norm', { ...feeds.get('t.norm')!, data }]]));
      return now!.data[0]! !== evaluate([terms.deep!.value], feeds)[0]!.data[0]!;
    };
    for (let i = 0; i < B * 7; i++) {
      const patch = (i % 7) - 1;
      expect(moved(i), `token ${i}`).toBe(patch >= 0 && visible[Math.floor(i / 7) * 6 + patch] === 0);
    }
    expect(Array.from(evaluate(grad(terms.deep!.value, [teacher.norm!]), feeds)[0]!.data).every((x) => x === 0)).toBe(
      true,
    );
  });

  it('trains every parameter of its own', () => {
    const names = [...store.params.keys()];
    const inputs = new Map<string, Tensor>();
    const seen = new Set<object>();
    const visit = (t: Tensor) => {
      if (seen.has(t.node)) return;
      seen.add(t.node);
      if (t.node.op.name === 'Input') inputs.set(String(t.node.attrs.name), t);
      for (const from of t.node.inputs) if (from) visit(from);
    };
    visit(terms.deep!.value);
    const wrt = names.map((name) => inputs.get(name));
    expect(
      wrt.every((t) => t !== undefined),
      names.filter((_, i) => !wrt[i]).join(),
    ).toBe(true);
    const gradients = evaluate(grad(terms.deep!.value, wrt as Tensor[]), feeds);
    // A bias of the keys moves all scores of a query alike: its gradient is 0 in truth.
    const idle = names.filter(
      (name, i) => !/k\.bias$/.test(name) && Math.max(...Array.from(gradients[i]!.data, Math.abs)) < 1e-12,
    );
    expect(idle).toEqual([]);
  });
});

describe('scale', () => {
  const value = (config: object, grid: readonly [number, number]) => {
    const { terms, feeds } = build(config, { grid });
    const [shallow, deep] = evaluate([terms.shallow!.value, terms.deep!.value], feeds);
    return [shallow!.data[0]!, deep!.data[0]!] as const;
  };

  it("is the authors' at 14 x 14 tokens and a mask ratio of 0.5, whichever is chosen", () => {
    const [a, b] = [value({ scale: 'reference' }, [14, 14]), value({}, [14, 14])];
    expect(b[0] / a[0]).toBeCloseTo(1, 12);
    expect(b[1] / a[1]).toBeCloseTo(1, 12);
  });

  it('per element does not grow with the grid, the reference does', () => {
    const ratio = (scale: string) => value({ scale }, [6, 6])[0] / value({ scale }, [3, 3])[0];
    expect(ratio('per-element')).toBeGreaterThan(0.7);
    expect(ratio('per-element')).toBeLessThan(1.4);
    expect(ratio('reference')).toBeGreaterThan(3);
  });
});

it('has the label loss beside it', () => {
  const { terms, feeds } = build({ labelWeight: 0.5, labelSmoothing: 0 });
  const rows = ndArray([B, 3], [0, 1, 0, 1, 0, 0]);
  const [ce] = evaluate(
    [terms.ce!.value],
    new Map([...feeds, ['s.logits', ndArray([B, 3], [0, 0, 0, 0, 0, 0])], ['targets', rows]]),
  );
  expect(ce!.data[0]).toBeCloseTo(Math.log(3), 12);
  expect([terms.ce!.weight, terms.shallow!.weight, terms.deep!.weight]).toEqual([0.5, 3e-5, 3e-6]);
  expect(Object.keys(build({}).terms)).toEqual(['shallow', 'deep']);
});
