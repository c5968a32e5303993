import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { RunInput } from '../src/config/schema.ts';
import { trainRun } from '../src/run/training/trainRunNode.ts';
import { temporaryFolder, writeDataset } from './endToEnd/commandLine.ts';

const dir = temporaryFolder();
const at = (...path: string[]) => join(dir, ...path);
const data = { dir: at('data'), workers: 1 };
const train = { epochs: 2, batch: 8, threads: 1, evalEvery: 2 };

/** A run whose defaults and forms are others now than they were; `was` says what they were. */
function settings(was: { readonly form?: object; readonly dkd?: Record<string, unknown> } = {}): RunInput {
  const small = { width: 24, depth: 3, heads: 3, dropPath: 0.4, ...was.form };
  return {
    data,
    train,
    student: { name: 'deit3_small_patch16_224', imageSize: 32, settings: small },
    teacher: at('teacher'),
    method: 'dkd',
    ...(was.dkd ? { methods: { dkd: was.dkd } } : {}),
  };
}

async function run(out: string, input: RunInput | undefined, stopAt = 0): Promise<string> {
  const stop = new AbortController();
  await trainRun(input, {
    out: at(out),
    resume: input === undefined,
    signal: stop.signal,
    onEvent: (event) => event.type === 'step' && event.step === stopAt && stop.abort(),
  });
  return createHash('sha256')
    .update(readFileSync(at(out, 'checkpoints/last/model.safetensors')))
    .digest('hex');
}

/** Takes out of a run's files what older releases did not write. */
function makeOlder(out: string): void {
  const [config, state] = [at(out, 'config.yaml'), at(out, 'checkpoints/last/state.json')];
  const saved = parse(readFileSync(config, 'utf8'));
  delete saved.optim.cosineOver;
  delete saved.student.settings.dropPathForm;
  delete saved.methods.dkd;
  writeFileSync(config, stringify(saved));
  const { digests: _, settings: __, ...progress } = JSON.parse(readFileSync(state, 'utf8'));
  writeFileSync(state, JSON.stringify(progress));
}

beforeAll(async () => {
  await writeDataset(at('data'));
  const student = { name: 'resnet8_small', imageSize: 32, settings: { depths: [1, 1, 1], widths: [4, 8, 8] } };
  await trainRun({ data, student, train: { ...train, epochs: 1 } }, { out: at('teacher') });
});

describe('a run that an older release began', () => {
  it('goes on as it began: a drop path that rises, DKD at full weight', async () => {
    const was = settings({ form: { dropPathForm: 'linear' }, dkd: { warmupEpochs: 0 } });
    const whole = await run('whole', was);
    await run('stopped', was, 3);
    makeOlder('stopped');
    expect(await run('stopped', undefined)).toBe(whole);
    // Either of the two alone would have shown.
    expect(await run('form', settings({ dkd: { warmupEpochs: 0 } }))).not.toBe(whole);
    expect(await run('weight', settings({ form: { dropPathForm: 'linear' } }))).not.toBe(whole);
  });

  it('is refused by name where its steps are computed otherwise now', async () => {
    const config = at('stopped', 'config.yaml');
    const saved = parse(readFileSync(config, 'utf8'));
    writeFileSync(config, stringify({ ...saved, optim: { ...saved.optim, layerDecay: 0.75 } }));
    await expect(run('stopped', undefined)).rejects.toThrow(
      /stopped\/config\.yaml: optim\.layerDecay 0\.75: this run was/,
    );
  });
});
