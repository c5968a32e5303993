import { parseArgs } from 'node:util';
import { benchStep } from './step.ts';

const USAGE = `npm run bench -- step [--model NAME] [--batch N] [--rounds N] [--json]
  Times the training step (forward, backward, AdamW) in processes of its own, in turn with PyTorch's step on the same shapes
  where python3-torch is installed (and libopenblas0, without which it runs on a slow reference BLAS).`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'deit_tiny_patch16_224' },
    batch: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || positionals[0] !== 'step') {
  console.error(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const result = await benchStep(values.model, Number(values.batch), Number(values.rounds));
  if (values.json) console.log(JSON.stringify(result));
  else console.log(JSON.stringify(result, null, 2));
}
