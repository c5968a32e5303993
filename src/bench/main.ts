import { parseArgs } from 'node:util';
import { benchAccuracy } from './accuracy.ts';
import { benchBrowser, benchBrowserLoading } from './browser.ts';
import { benchCluster } from './cluster.ts';
import { benchDistill, lanesFor } from './distill.ts';
import { benchEightBits } from './eightBits.ts';
import { benchImport, FULL_SIZE } from './import.ts';
import { benchImportTrain, benchStudentSpeed, TRAINED } from './importTrain.ts';
import { benchLoader } from './loader.ts';
import { benchStep, profileStep } from './step.ts';
import { benchStudio } from './studio.ts';
import { benchSynthesize } from './synthesize.ts';

const USAGE = `npm run bench -- step [--model NAME] [--batch N] [--rounds N] [--profile] [--json]
  Times the training step (forward, backward, AdamW) in processes of its own, in turn with PyTorch's step on the same shapes
  where python3-torch is installed (and libopenblas0: on the slow reference BLAS it is left out), by the better of its threads' two
  ways to wait. The ratio is the median of the rounds' ratios; 5 rounds, about 4 minutes. Also how near the step comes to the rate of
  large matrix products on this processor. --profile: no PyTorch, but the step's operators by layer, the longest first.
npm run bench -- distill [--teacher NAME] [--model NAME] [--batch N] [--lanes N] [--rounds N] [--json]
  Times distillation with the teacher in float, in 8 bits and read from the store, in turn with PyTorch's step in float32 and
  bfloat16 (autocast). Images a second are medians over the rounds; default: DeiT-S into DeiT-Ti, batch 16, 3 rounds.
  The batch is N micro-batches in N lanes (train.lanes); default: one for each core, of at least 8 images.
npm run bench -- synthesize [--model NAME] [--batch N] [--rounds N] [--json]
  The same for an iteration of image synthesis: a small-stem ResNet as teacher, cross entropy, total variation, BatchNorm statistics.
npm run bench -- loader [--images N] [--batch N] [--rounds N] [--json]
  Images a second of the loader on 2 worker threads, from 500 x 375 JPEGs that it makes and from the cache, in turn with PyTorch's
  DataLoader where python3-torchvision is installed; and the share of a DeiT-Ti run that waits for data.
npm run bench -- import [--models NAME,NAME] [--opset N] [--raw] [--images N] [--json]
  No times but numbers: torchvision's models at full size with random weights, written by PyTorch's exporter (RegNetY-16GF as a state
  dict), are imported; largest differences of the logits to ONNX Runtime's own run of the file and to PyTorch, and of the gradient to
  the pixels, for batch 1 and 7. --images: PyTorch computes so many of the 7, as it takes longest. --raw: constant parameters and
  BatchNorm statistics as torchvision has them, not drawn. Exit status 1 where one does not agree.
  Models: ${FULL_SIZE.join(' ')}
npm run bench -- studentSpeed [--batch N] [--rounds N] [--json]
  A step (forward, backward, AdamW) of ResNet-18 and ViT-B/16 as PyTorch writes them to ONNX, as students, in turn with the same
  networks as we build them, on one thread: seconds by the clock and of the processor, and their ratios.
npm run bench -- import --train [--models NAME,NAME] [--json]
  The same files as students (python3-onnx is needed too): loss and the gradient of every weight of one training step, each relative
  to PyTorch's in float64, beside PyTorch's own in float32; and whether the file with other weights is the file in all else.
  Models: ${TRAINED.join(' ')}
npm run bench -- accuracy [--quick] [--rounds N] [--json]
  Processor and wall seconds until a tiny student is right on 85 % of Fashion-MNIST's test images and on 90 % of the hand signs, in
  turn: at its defaults, as its defaults were before, and by a PyTorch script of the same recipe. Evaluations are not counted; one
  thread. --quick: 70 % of Fashion-MNIST from 6,000 images.
npm run bench -- cluster [--model NAME] [--batch N] [--rounds N] [--json]
  Two ranks of a core each on this machine (Open MPI): the collectives of an update's gradients in turn with mpi4py's of the same
  sizes where python3-mpi4py is installed; an update of two micro-batches, the share of it that communication takes, and the same
  update in one process of two threads, in turn. Default: DeiT-Ti, 16 images an update, 3 rounds.
npm run bench -- browser --loading [--images N] [--rounds N] [--json]
  Runs on 500 x 375 JPEGs that it makes, in headless Chromium: images a second and waiting for data where web workers make the
  batches, in turn with runs whose own thread does. 128 images, 3 rounds.
npm run bench -- browser [--models NAME,NAME] [--rounds N] [--json]
  The training step of vit_pico_patch4 (batch 25) and DeiT-Ti at 224 px (batch 4) in headless Chromium, in WebAssembly with 1 and 2
  threads, in turn with Node's with as many; on a real WebGPU adapter where there is one. 3 rounds.
npm run bench -- studio [--model NAME] [--batch N] [--rounds N] [--json]
  Images a second of a training run while headless Chromium shows its page of the studio and while no page is open, in turn, ten
  seconds each; and what the studio's server and the browser take of the processor. Default: vit_pico_patch4, batch 50, 5 rounds.
npm run bench -- eightBits --model REF --data DIR [--images N] [--json]
  No times but numbers: on how many real images (default 1,000) the q8 file of a trained model decides as its float32 file does, on
  this processor, in WebAssembly, and on an emulated one with AVX2 and no AVX-512, where qemu-user is installed.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    teacher: { type: 'string', default: 'deit_small_patch16_224' },
    model: { type: 'string' },
    batch: { type: 'string' },
    images: { type: 'string' },
    data: { type: 'string', default: '' },
    lanes: { type: 'string' },
    rounds: { type: 'string' },
    models: { type: 'string' },
    opset: { type: 'string', default: '14' },
    raw: { type: 'boolean', default: false },
    train: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    loading: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const given = Number(values.batch ?? 16);
const rounds = (usual: number): number => Number(values.rounds ?? usual);
const model = values.model ?? 'deit_tiny_patch16_224';
const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  accuracy: () => benchAccuracy(values.quick, rounds(values.quick ? 1 : 3)),
  cluster: () => benchCluster(model, given, rounds(3)),
  browser: () =>
    values.loading
      ? benchBrowserLoading(rounds(3), Number(values.images ?? 128))
      : benchBrowser(rounds(3), values.models?.split(',')),
  step: () => (values.profile ? profileStep(model, given) : benchStep(model, given, rounds(5))),
  distill: () =>
    benchDistill({
      teacher: values.teacher,
      student: model,
      batch: given,
      lanes: Number(values.lanes ?? lanesFor(given)),
      rounds: rounds(3),
    }),
  loader: () => benchLoader(Number(values.images ?? 256), given, rounds(3)),
  import: async () => {
    if (values.train) {
      const trained = await benchImportTrain(values.models?.split(',') ?? TRAINED);
      if (!trained.agrees) process.exitCode = 1;
      return trained;
    }
    const models = values.models?.split(',') ?? FULL_SIZE;
    const result = await benchImport({
      models,
      opset: Number(values.opset),
      raw: values.raw,
      judged: Number(values.images ?? 7),
    });
    if (!result.agrees) process.exitCode = 1;
    return result;
  },
  studio: () => benchStudio(values.model ?? 'vit_pico_patch4', Number(values.batch ?? 50), rounds(5)),
  studentSpeed: () => benchStudentSpeed(Number(values.batch ?? 4), rounds(3)),
  eightBits: () => benchEightBits(model, values.data, Number(values.images ?? 1000)),
  synthesize: () => benchSynthesize(values.model ?? 'resnet20_small', Number(values.batch ?? 64), rounds(5)),
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
