import { expect, it } from 'vitest';
import { ort } from '../../src/engine/onnxRuntimeNode.ts';
import { CONTRIB_TABLE } from '../../src/onnx/import/contribTable.ts';
import { RULES } from '../../src/onnx/import/rules/index.ts';
import { type Attribute, float, node, onnxBytes } from './onnxBuilder.ts';

/** What ONNX Runtime has against a file of one node; '' for nothing. */
async function complaint(op: string, inputs: number, attributes: Record<string, Attribute> = {}, outputs = 1) {
  const names = Array.from({ length: outputs }, (_, i) => (i === 0 ? 'logits' : `y${i}`));
  const bytes = onnxBytes({ nodes: [node(op, Array(inputs).fill('x'), names, attributes)] });
  try {
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1 });
    await session.release();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** `7-8` for "[min=7, max=8]"; no end where that is as good as none. */
function range(text: string, what: string): string | undefined {
  const [, low, high] = new RegExp(`${what} size \\d+ not in range \\[min=(\\d+), max=(\\d+)\\]`).exec(text) ?? [];
  return low === undefined ? undefined : `${low}-${Number(high) > 1000 ? '' : high}`;
}

const SAMPLES: Record<string, Attribute> = { i: 1, f: float(1), s: 'NOTSET', I: [1] };

/** Every attribute of the table, and some that no operator has. */
const ALL = new Map(
  Object.values(CONTRIB_TABLE).flatMap(([row]) =>
    row![5]
      .split(' ')
      .filter(Boolean)
      .map((word) => word.replace('!', '').split(':') as [string, string]),
  ),
);

it('every operator of ONNX Runtime that has a rule is in the table', () => {
  const own = Object.keys(RULES).filter((key) => key.includes('::'));
  expect(Object.keys(CONTRIB_TABLE).sort()).toEqual(own.sort());
});

it.each(Object.entries(CONTRIB_TABLE))(
  '%s has the inputs, outputs and attributes that ONNX Runtime gives it',
  async (op, [row]) => {
    const [, inputs, types, outputs, , attributes] = row!;
    const words = attributes.split(' ').filter(Boolean);
    const required = words.filter((word) => word.endsWith('!')).map((word) => word.slice(0, -1).split(':'));
    const needed = Object.fromEntries(required.map(([name, kind]) => [name!, SAMPLES[kind!]!]));
    expect(range(await complaint(op, 0, needed), 'input')).toBe(inputs);
    const [least = '', most] = inputs.split('-');
    expect(types.split(' ').length).toBe(Number(most === '' ? least : most));
    expect(range(await complaint(op, Number(least), needed, 9), 'output')).toBe(outputs);
    const accepted: string[] = [];
    for (const [name, kind] of ALL) {
      const text = await complaint(op, Number(least), { ...needed, [name]: SAMPLES[kind]! });
      if (!text.includes(`Unrecognized attribute: ${name}`)) accepted.push(`${name}:${kind}`);
    }
    expect(accepted.sort()).toEqual(words.map((word) => word.replace('!', '')).sort());
    for (const [name] of required) {
      const without = Object.fromEntries(Object.entries(needed).filter(([other]) => other !== name));
      expect(await complaint(op, Number(least), without)).toContain(name);
    }
  },
);
