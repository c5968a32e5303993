import { parseArgs } from 'node:util';
import { benchDistill } from './distill.ts';
import { benchStep } from './step.ts';

const USAGE = `npm run bench -- step [--model NAME] [--batch N] [--rounds N] [--json]
  Times the training step (forward, backward, AdamW) in processes of its own, in turn with PyTorch's step on the same shapes
  where python3-torch is installed (and libopenblas0, without which it runs on a slow reference BLAS).
npm run bench -- distill [--teacher NAME] [--model NAME] [--batch N] [--rounds N] [--json]
  Times distillation with the teacher in float, in 8 bits and read from the store, in turn with PyTorch's step in float32 and
  bfloat16 (autocast). Images a second are medians over the rounds; default: DeiT-S into DeiT-Ti, batch 16, 2 rounds.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    teacher: { type: 'string', default: 'deit_small_patch16_224' },
    model: { type: 'string', default: 'deit_tiny_patch16_224' },
    batch: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [batch, rounds] = [Number(values.batch), Number(values.rounds)];
const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  step: () => benchStep(values.model, batch, rounds),
  distill: () => benchDistill(values.teacher, values.model, batch, rounds),
};
const bench = BENCHES[positionals[0] ?? ''];
if (values.help || !bench) {
  console.error(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const result = await bench();
  if (values.json) console.log(JSON.stringify(result));
  else console.log(JSON.stringify(result, null, 2));
}
