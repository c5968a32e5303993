import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config/parse.ts';
import { runSchema } from '../src/config/schema.ts';
import type { Pixels } from '../src/data/augment/pixels.ts';
import { memoryDisk, type MemoryDisk } from '../src/host/memory/filesMemory.ts';
import { memoryHost } from '../src/host/memory/hostMemory.ts';
import { type BalanceForm, weightsFromShares } from '../src/program/balanced.ts';
import { stream } from '../src/random/stream.ts';
import type { RunInputs } from '../src/run/training/prepare/assemble.ts';
import { runOn } from '../src/run/training/runOn.ts';
import { checkBalance, checkBalancedTerms } from '../src/run/training/stage/balance.ts';
import type { RunEvent } from '../src/train/events.ts';
import { parseMetricRows, withoutTimings } from '../src/train/loggers/metricRow.ts';

const FORM: BalanceForm = { logLoss: true, floor: 1e-3, minLoss: {}, normalise: 'sum' };

/** Two heads and labels: two terms without a teacher. */
const runConfig = (weights: object | string, more: object = {}) =>
  parseConfig(
    runSchema,
    {
      data: { dir: 'memory' },
      student: {
        name: 'vit_pico_patch4',
        imageSize: 8,
        settings: { width: 8, depth: 1, heads: 2, dropPath: 0.3, distToken: true },
      },
      weights: weights as 'balanced',
      stages: [
        { method: 'supervised', share: 0.5 },
        { method: 'supervised', share: 0.5 },
      ],
      optim: { lr: 0.01, warmupEpochs: 1 },
      train: { epochs: 4, batch: 2, accumulate: 2, evalBatch: 4, seed: 3, ledgerEvery: 3, ...more },
    },
    'test',
  );

const listOf = (part: string, count: number) => ({
  root: 'memory',
  paths: Array.from({ length: count }, (_, i) => `${part}/${i}`),
  labels: Int32Array.from({ length: count }, (_, i) => i % 2),
});
const inputs: RunInputs = {
  data: {
    ...{ labelled: true, multilabel: false, classes: ['dark', 'light'] },
    ...{ train: listOf('train', 9), val: listOf('val', 5), splitSource: 'folders', reportOnly: false },
    ...{ facts: { images: 9, classes: 2, shorterSide: 8 }, notes: [], digests: { train: 'a', val: 'b' } },
  },
  teacher: undefined,
  init: undefined,
};
async function read(path: string): Promise<Pixels> {
  const draw = stream(1, path);
  const light = 128 * (Number(path.split('/')[1]) % 2);
  return { width: 9, height: 10, data: Uint8Array.from({ length: 270 }, () => light + draw.below(100)) };
}

const leftBy = ({ files }: MemoryDisk) => ({
  rows: parseMetricRows(new TextDecoder().decode(files.get('metrics.jsonl'))).map(withoutTimings),
  files: Object.fromEntries([...files].filter(([path]) => path.startsWith('checkpoints/last/')).sort()),
});

describe('a run with balanced weights', () => {
  it.each([
    ['closed', { mode: 'balanced', every: 2 }],
    ['amortised', { mode: 'balanced', rule: 'amortised' }],
  ])('stopped after any update it goes on with the same bits: %s', async (_, weights) => {
    const config = runConfig(weights);
    const whole = memoryDisk();
    await runOn(memoryHost({ disk: whole, read }), config, inputs, {});
    const shares = leftBy(whole).rows.flatMap((row) => row['balance/ce'] ?? []);
    expect(new Set(shares).size).toBeGreaterThan(1);
    for (const at of [1, 5]) {
      const [disk, stop] = [memoryDisk(), new AbortController()];
      const stopped = await runOn(memoryHost({ disk, read }), config, inputs, {
        signal: stop.signal,
        onEvent: (event) => event.type === 'step' && event.step === at && stop.abort(),
      });
      expect(stopped).toMatchObject({ reason: 'interrupted', steps: at });
      await runOn(memoryHost({ disk, read }), config, inputs, { resume: true });
      expect(leftBy(disk), `stopped after ${at}`).toEqual(leftBy(whole));
    }
  });

  it('tells in its ledger conflict, dominance and shares; with fixed weights the first two', async () => {
    const ledgers = async (weights: object | string) => {
      const events: RunEvent[] = [];
      const host = memoryHost({ disk: memoryDisk(), read });
      await runOn(host, runConfig(weights), inputs, { onEvent: (event) => void events.push(event) });
      return events.filter((event) => event.type === 'ledger');
    };
    const [balanced, fixed] = [await ledgers('balanced'), await ledgers('fixed')];
    for (const [of, ledger] of [
      ['balanced', balanced.at(-1)!],
      ['fixed', fixed.at(-1)!],
    ] as const) {
      const [{ terms, cosine, ratio }] = ledger.pairs as [NonNullable<typeof ledger.pairs>[number]];
      expect(terms, of).toEqual(['ce', 'ceDist']);
      expect(Math.abs(cosine)).toBeLessThanOrEqual(1);
      expect(ratio! / (ledger.terms.ce!.share / ledger.terms.ceDist!.share)).toBeCloseTo(1, 6);
    }
    const { balance, terms } = balanced.at(-1)!;
    expect(balance!.measured).toBe(1);
    const losses = { ce: terms.ce!.value, ceDist: terms.ceDist!.value };
    const weights = weightsFromShares(balance!.shares, losses, FORM);
    expect(terms.ce!.weight).toBeCloseTo(weights.ce!, 9);
    expect(fixed.at(-1)!.balance).toBeUndefined();
    expect(fixed.at(-1)!.terms.ce!.weight).toBe(0.5);
  });

  it.each([
    [runConfig({ rule: 'amortised' }), /weights\.mode=balanced.*got fixed/],
    [runConfig({ mode: 'balanced', minLoss: { kd: 1 } }), /Unknown term of weights\.minLoss "kd".*ce, ceDist/],
  ])('refuses what it cannot do, before anything is written', async (config, message) => {
    const disk = memoryDisk();
    await expect(runOn(memoryHost({ disk, read }), config, inputs, {})).rejects.toThrow(message);
    expect([...disk.files.keys()]).toEqual([]);
  });

  it('knows the terms of all its stages', () => {
    const { weights } = runConfig({ mode: 'balanced', minLoss: { kd: 1, ce: 0.5 }, shareMin: 0.4 });
    expect(() => checkBalancedTerms(weights, [['ce', 'kd'], ['ce', 'feature'], []])).not.toThrow();
    expect(() => checkBalancedTerms(weights, [['ce', 'feature']])).toThrow(/minLoss "kd".*ce, feature/);
    expect(() => checkBalancedTerms(weights, [['ce', 'kd', 'feature']])).toThrow(/shareMin: wanted at most 1\/3/);
  });

  it('refuses lanes', () => {
    expect(() => checkBalance(runConfig('balanced', { lanes: 2 }))).toThrow(/train\.lanes=1.*got 2/);
  });

  it('refuses a least share that its terms cannot all have', () => {
    expect(() => runConfig({ mode: 'balanced', shareMin: 0.6 })).toThrow(/shareMin/);
  });
});
