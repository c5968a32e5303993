import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunInput } from '../../src/config/schema.ts';
import { readSafetensors, writeSafetensors } from '../../src/formats/tensors/safetensorsNode.ts';
import { UserError } from '../../src/graph/errors.ts';
import { trainRun } from '../../src/run/training/trainRunNode.ts';
import { contents, temporaryFolder, writeDataset } from './commandLine.ts';

/** A checkpoint that was damaged or edited is refused in words, and nothing of the run is touched. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const dir = temporaryFolder();
const at = (...path: string[]) => join(dir, ...path);

async function run(out: string, input: RunInput | undefined, { resume = false, stopAt = -1 } = {}) {
  const stop = new AbortController();
  const notes: string[] = [];
  const result = await trainRun(input, {
    out: at(out),
    resume,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'step' && event.step === stopAt) stop.abort();
      if ('message' in event) notes.push(event.message);
    },
  });
  return { ...result, notes: notes.join('\n') };
}

type State = Record<string, unknown>;
const LAST = 'checkpoints/last';

/** A copy of the stopped run with `change` done to it; without digests it is one of an older release. */
function changed(change: (path: (file: string) => string) => unknown): string {
  const out = `copy-${Math.random()}`;
  cpSync(at('stopped'), at(out), { recursive: true });
  change((file) => at(out, file));
  return out;
}

/** Keys that are undefined go. Without `older` its digests stay. */
const withState = (file: string, edit: State | null, { older = true } = {}): void => {
  const state = { ...(JSON.parse(readFileSync(file, 'utf8')) as State), ...(older ? { digests: undefined } : {}) };
  writeFileSync(file, JSON.stringify(edit && { ...state, ...edit }));
};

async function refusal(out: string): Promise<string> {
  const before = contents(at(out));
  const error = await run(out, undefined, { resume: true }).then(
    () => expect.fail('was not refused'),
    (error: Error) => error,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(contents(at(out))).toEqual(before);
  rmSync(at(out), { recursive: true });
  return error.message;
}

beforeAll(async () => {
  await writeDataset(at('data'));
  const input: RunInput = {
    data: { dir: at('data'), workers: 1 },
    student: { name: 'resnet8_small', imageSize: 16, settings: { depths: [1, 1, 1], widths: [4, 8, 8] } },
    train: { batch: 8, threads: 1, epochs: 4, checkpointSeconds: 1e6, ema: 0.9 },
    optim: { name: 'adamw' },
  };
  await run('whole', input);
  expect((await run('stopped', input, { stopAt: 7 })).steps).toBe(7);
});

describe('a checkpoint with its digests', () => {
  it('goes on to the same bits', async () => {
    const out = changed(() => {});
    const { notes } = await run(out, undefined, { resume: true });
    expect(notes).not.toContain('digests');
    for (const file of ['model.safetensors', 'optimizer.safetensors', 'state.json'])
      expect(readFileSync(at(out, LAST, file)).equals(readFileSync(at('whole', LAST, file))), file).toBe(true);
  });

  it.each(['model.safetensors', 'optimizer.safetensors'])('a flipped bit of %s is refused', async (file) => {
    const out = changed((path) => {
      const bytes = readFileSync(path(`${LAST}/${file}`));
      bytes[bytes.length - 3]! ^= 1;
      writeFileSync(path(`${LAST}/${file}`), bytes);
    });
    expect(await refusal(out)).toMatch(
      new RegExp(`${file}: wanted what was saved, got other contents \\(SHA-256\\)\\. The checkpoint is damaged`),
    );
  });

  it.each([
    ['step', { step: 8 }],
    ['weights', { weights: { ce: 0 } }],
    ['best', { best: { step: 3, metric: 0.99 } }],
    ['settings', { settings: undefined }],
    ['digests', { digests: null }],
  ])('an edited %s of state.json is refused', async (_, edit) => {
    const out = changed((path) => withState(path(`${LAST}/state.json`), edit, { older: false }));
    expect(await refusal(out)).toContain('wanted what was saved, got other contents');
  });
});

describe('a checkpoint of an older release', () => {
  it('goes on, with a note', async () => {
    const out = changed((path) => withState(path(`${LAST}/state.json`), { settings: undefined }));
    const { notes, steps } = await run(out, undefined, { resume: true });
    expect(steps).toBe(12);
    expect(notes).toContain('checkpoint = without digests');
    const same = (file: string) => readFileSync(at(out, LAST, file)).equals(readFileSync(at('whole', LAST, file)));
    // From here on it is one of this release.
    expect(['model.safetensors', 'optimizer.safetensors', 'state.json'].map(same)).toEqual([true, true, true]);
  });

  it.each<[string, State | null, RegExp]>([
    ['null', null, /wanted a JSON object/],
    ['without a step', { step: undefined }, /step: /],
    ['a step that is null', { step: null }, /step: /],
    ['a step that is a text', { step: '7' }, /step: /],
    ['half a step', { step: 7.5 }, /step: /],
    ['a step after the end', { step: 1e9 }, /step: wanted at most the 12 of the run, got 1000000000/],
    ['a stage that there is not', { stage: 7 }, /stage: wanted that of step 7, got 7/],
    ['weights that are texts', { weights: { ce: 'x' } }, /weights\.ce: /],
    ['no best', { best: undefined }, /best: /],
    ['a best that cannot be', { best: { step: 3, metric: 99 } }, /best: wanted an evaluation/],
    ['a best to come', { best: { step: 9, metric: 0.5 } }, /best: wanted an evaluation up to step 7/],
    ['another seed', { seed: 5 }, /seed: wanted 0, as in config\.yaml, got 5/],
    ['an unknown key', { stepp: 5 }, /stepp/],
    ['another version', { version: 2 }, /written by another release/],
  ])('%s is refused', async (_, edit, message) => {
    const out = changed((path) => withState(path(`${LAST}/state.json`), edit));
    const told = await refusal(out);
    expect(told).toMatch(message);
    expect(told).toContain('state.json: ');
  });

  it('arrays that are missing, renamed or of another shape are refused by name', async () => {
    const cases: [(name: string, shape: readonly number[]) => [string, readonly number[]] | undefined, RegExp][] = [
      [(name, shape) => (name.startsWith('slot.m.') ? undefined : [name, shape]), /- slot\.m\.\S+ \[/],
      [
        (name, shape) => [name.replace('slot.m.fc.weight', 'slot.n.fc.weight'), shape],
        /- slot\.m\.fc\.weight .*\n\+ slot\.n\.fc\.weight/,
      ],
      [(name, shape) => (name.startsWith('ema.') ? undefined : [name, shape]), /- ema\./],
      [(name, shape) => [name, shape.length === 4 ? [...shape].reverse() : shape], /- slot\..*\n\+ slot\./],
    ];
    for (const [change, message] of cases) {
      const out = changed((path) => withState(path(`${LAST}/state.json`), {}));
      const file = at(out, LAST, 'optimizer.safetensors');
      const { tensors } = await readSafetensors(file);
      const kept = [...tensors].flatMap(([name, tensor]) => {
        const found = change(name, tensor.shape);
        return found ? [[found[0], { ...tensor, shape: found[1] }] as const] : [];
      });
      await writeSafetensors(file, kept as never);
      const error = await run(out, undefined, { resume: true }).then(
        () => expect.fail('was not refused'),
        (error: Error) => error,
      );
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(message);
    }
  });
});

describe('contents that no run saves', () => {
  it('a state.json that is nested beyond what JSON is written back from is refused', async () => {
    const out = changed((path) =>
      writeFileSync(path(`${LAST}/state.json`), `{"version": 1, "last": ${'['.repeat(1e5)}${']'.repeat(1e5)}}`),
    );
    expect(await refusal(out)).toMatch(/state\.json: wanted JSON, got more than 100 brackets within each other/);
  });

  it('slots that are NaN are refused by name', async () => {
    const out = changed((path) => withState(path(`${LAST}/state.json`), {}));
    const file = at(out, LAST, 'optimizer.safetensors');
    const bytes = readFileSync(file);
    bytes.writeUInt32LE(0x7fc00000, bytes.length - 4);
    writeFileSync(file, bytes);
    expect(await refusal(out)).toMatch(/optimizer\.safetensors: wanted finite weights, got NaN .* \(1 of \d+\)/);
  });
});

describe('config.yaml edited by hand', () => {
  const edit = (from: RegExp, to: string) =>
    changed((path) => {
      const text = readFileSync(path('config.yaml'), 'utf8');
      expect(text).toMatch(from);
      writeFileSync(path('config.yaml'), text.replace(from, to));
    });

  it.each([
    [/epochs: 4/, 'epochs: 5', 'train.epochs: the run has 4, got 5'],
    [/seed: 0/, 'seed: 1', 'train.seed: the run has 0, got 1'],
    [/ema: 0.9/, 'ema: 0.8', 'train.ema: the run has 0.9, got 0.8'],
    [/name: adamw/, 'name: sgd', 'optim.name: the run has "adamw", got "sgd"'],
  ])('%s is refused as the same by --set is', async (from, to, message) => {
    const told = await refusal(edit(from, to));
    expect(told).toContain(message);
    expect(told).toContain('config.yaml: wanted the settings that the run was started with');
  });

  it('what changes no number may be new', async () => {
    const out = edit(/checkpointSeconds: 1000000/, 'checkpointSeconds: 7');
    expect((await run(out, undefined, { resume: true })).reason).toBe('done');
    expect(existsSync(at(out, 'report.html'))).toBe(true);
  });
});
