import { geometryText } from '../../formats/preprocessing/geometry.ts';
import { largest } from '../../graph/lists.ts';
import { printableName } from '../../graph/printable.ts';
import { measureOf, type RunDetails } from '../../report/details.ts';
import { quantity } from '../../report/measures.ts';
import type { SavedModel } from '../../formats/savedModel.ts';
import { isPlain } from '../../formats/transformersNames.ts';
import type { EncoderKind } from '../../models/encoder.ts';
import type { ModelConfig } from '../../models/index.ts';
import { type NetworkConfig, networkOf } from '../../onnx/network.ts';
import { oneWidth } from '../../models/widths.ts';
import { type Dtype, ONNX_FILES } from './files.ts';
import { modelSize } from '../models/size.ts';
import { isTransformers, portsOf } from './ports.ts';
import { type Snippet, snippetsOf } from './snippets.ts';
import type { FilePorts } from '../../onnx/import/filePorts.ts';
import type { FileCheck } from './agreement.ts';

/** What the run of a model knows of it: its evaluation.json. */
export type Origin = Pick<RunDetails, 'setup' | 'ema' | 'metrics' | 'images' | 'truth'>;

/** Teacher, method and data of the run, and how good its model is on all of its validation images. */
export function trained(origin: Origin): string {
  const { setup, images, truth } = origin;
  const measure = (metric: string) => measureOf(origin, metric);
  const { method, teacher, data, trainImages, epochs, seed } = setup;
  const from = teacher === null ? '' : ` from the teacher ${literal(teacher)}`;
  const how = `${method}${from}, on ${trainImages} images of ${literal(data)} (${epochs} epochs, seed ${seed})`;
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
  const [name, metric] = measure('map') === undefined ? ['top-1', 'top1'] : ['mAP', 'map'];
  const [value, ofTeacher] = [measure(metric), measure(`teacher/${metric}`)];
  const beside = ofTeacher === undefined ? '' : `; the teacher has ${percent(ofTeacher)}`;
  const alone = measure('class_head_top1');
  const heads = alone === undefined ? '' : ` (all heads averaged; the class head alone ${percent(alone)})`;
  if (truth === 'labels' && value !== undefined)
    return `How: ${how}. ${name} on the ${images} validation images of that run: ${percent(value)}${heads}${beside}.`;
  const agreement = measure('teacher_agreement');
  return agreement === undefined
    ? `How: ${how}.`
    : `How: ${how}. It agrees with the teacher on ${percent(agreement)} of the ${images} validation images of that run.`;
}

/** README.md of an exported model: what it is, how images become its input, how to run it. The snippets are run by the tests. */
export function modelCard(
  saved: SavedModel,
  dtypes: readonly Dtype[],
  checks: readonly FileCheck[],
  origin?: Origin | null,
): string {
  const { model, classes, preprocessing } = saved;
  const { imageSize, mean, std, filter = 'bicubic' } = preprocessing;
  const shown =
    classes.slice(0, 20).map(literal).join(', ') + (classes.length > 20 ? ', ... (config.json has all)' : '');
  const ports = portsOf(networkOf(model));
  const shownDtype = dtypes.includes('fp32') ? 'fp32' : dtypes[0]!;
  return `---
library_name: transformers.js
pipeline_tag: image-classification
tags:
  - understudy
  - ${model.family}
---

# ${describe(model)}

Trained with Understudy. ${classes.length} classes: ${shown}.

${origin ? `${trained(origin)}\n\n` : ''}Size: ${sizeOf(model)}.${votes(model)}
Input \`${ports.input}\` float32 ${ports.channelsLast ? `[batch, ${imageSize}, ${imageSize}, 3]` : `[batch, 3, ${imageSize}, ${imageSize}]`}; output \`${ports.output}\` float32 [batch, ${classes.length}]${ports.through ? `, the ${ports.through} of the logits` : ''}.
Images: RGB, ${geometryText(preprocessing, filter)}, then (x / 255 - mean) / std
with mean [${mean.join(', ')}] and std [${std.join(', ')}].

${saved.multilabel ? 'An image may have several classes (problem_type multi_label_classification): the probability of each is the sigmoid of its logit, and a class\nabove 0.5 is a yes. Pipelines that take a softmax over the classes do not fit.\n\n' : ''}${portability(model)}

${fileTable(dtypes, checks)}
${use(ports, shownDtype, preprocessing)}`;
}

/** A name as a code span, in which neither HTML nor Markdown means anything; a longer fence holds backticks. CommonMark 6.1. */
function literal(name: string): string {
  const text = printableName(name);
  const fence = '`'.repeat(
    1 +
      largest(
        [...text.matchAll(/`+/g)].map(([run]) => run.length),
        0,
      ),
  );
  const pad = /^`|`$|^ .* $|^\s*$/.test(text) ? ' ' : '';
  return `${fence}${pad}${text}${pad}${fence}`;
}

function fileTable(dtypes: readonly Dtype[], checks: readonly FileCheck[]): string {
  const share = (value: number | undefined) => (value === undefined ? '' : `${(value * 100).toFixed(2)} %`);
  const row = (dtype: Dtype) => {
    const real = checks.find((check) => check.dtype === dtype)?.real;
    const cells = real ? [share(real.top1), real.largestDifference.toExponential(1), share(real.accuracy)] : [];
    return `| \`${ONNX_FILES[dtype]}\` | ${[dtype, ...cells].join(' | ')} |`;
  };
  const measured = checks[0]?.real;
  const head = measured
    ? '| file | dtype | same top-1 as the trainer | largest difference of a logit | accuracy |\n|---|---|---|---|---|'
    : '| file | dtype |\n|---|---|';
  const note = measured
    ? `\nMeasured on ${measured.images} images before the files were written, by ONNX Runtime on one machine's CPU.\n`
    : '';
  return `${head}\n${dtypes.map(row).join('\n')}\n${note}`;
}

const block = ({ language, code }: Snippet): string => `\`\`\`${language}\n${code}\`\`\`\n`;

/** How the folder is run, by whom: the snippets under the headings of where they run. */
function use(ports: FilePorts, dtype: Dtype, preprocessing: SavedModel['preprocessing']): string {
  const all = snippetsOf({ dtype, ports, preprocessing });
  const of = (where: Snippet['where'], client: string) =>
    block(all.find((one) => one.where === where && one.client === client)!);
  const python = `\n## In Python\n\n${block(all.find(({ where }) => where === 'Python')!)}`;
  if (!isTransformers(ports)) return `${underOwnNames(ports, of('Node', 'Understudy'))}${python}`;
  return `## In Node

\`preprocess\` is the code that evaluated the model while it was trained, for Node and for browsers. The resize of transformers.js
is another one, so that \`pipeline('image-classification', folder)\` works too but may answer differently on some images.

${of('Node', 'transformers.js')}
With Understudy alone:

${of('Node', 'Understudy')}
## In a browser

All are written for this folder at \`/models/my-model\` of your site. With transformers.js:

${of('a browser', 'transformers.js')}
With onnxruntime-web alone:

${of('a browser', 'onnxruntime-web')}
With Understudy, whose code reads \`model.safetensors\` and gives onnxruntime-web a graph of it:

${of('a browser', 'Understudy')}${python}`;
}

/** Of a file whose image and answer have other names than transformers.js gives them. */
const underOwnNames = ({ input, output }: FilePorts, snippet: string): string => `## In Node

${snippet}
The ONNX files run in any runtime that is given an image as ${literal(input)} and asked for ${literal(output)}; transformers.js, which has
names of its own for both, does not run them. \`preprocess\` of \`understudy/browser\` makes the input [1, 3, height, width] of an image.
`;

/** One line: family and size. */
export function describe(model: NetworkConfig): string {
  if (model.family === 'onnx') return `a network that came as ONNX, ${model.imageSize} px`;
  if (model.family === 'regnet')
    return `RegNetY, depths ${model.depths.join('-')}, widths ${model.widths.join('-')}, ${model.imageSize} px`;
  if (model.family === 'resnet')
    return `ResNet, ${model.depths.join('-')} ${model.block} blocks, ${model.imageSize} px`;
  const { heads } = model;
  const kind = kindOf(model);
  return `${kind}, width ${model.width}${model.family === 'vit' ? widths(model) : ''}, depth ${model.depth}, ${heads === 1 ? '1 head' : `${heads} heads`}, patch ${model.patchSize}, ${model.imageSize} px`;
}

function kindOf(model: Extract<ModelConfig, { family: 'vit' | 'encoder' }>): string {
  if (model.family === 'encoder') return ENCODERS[model.kind];
  if (model.mhca && model.mhca.layers > 0) return 'Vision Transformer with MHCA';
  if (model.patchVote) return 'DeiT with three votes';
  return model.distToken ? 'DeiT' : 'Vision Transformer';
}

const ENCODERS = {
  dinov2: 'DINOv2',
  dinov2_with_registers: 'DINOv2 with registers',
  dinov3_vit: 'DINOv3',
  clip_vision_model: "CLIP's image tower",
  siglip_vision_model: "SigLIP's image tower",
} as const satisfies Readonly<Record<EncoderKind, string>>;

/** Parameters and cost of one image. */
function sizeOf(model: NetworkConfig): string {
  const { parameters, macs } = modelSize(model);
  return `${quantity(parameters)} parameters, ${quantity(macs)} multiply-accumulates an image`;
}

/** Who answers, where it is not one head. */
function votes(model: NetworkConfig): string {
  if (model.family !== 'vit' || !model.distToken || !model.distHead) return '';
  return model.patchVote
    ? ' It answers with the mean of three votes: the class head, the distillation head, and the distillation head over the patches.'
    : ' It answers with the mean of two heads.';
}

type Vit = Extract<ModelConfig, { family: 'vit' }>;

function widths({ lastBlocks, lift }: Vit): string {
  const last = lastBlocks.length === 0 ? [] : [`in the last blocks ${lastBlocks.map(({ width }) => width).join(', ')}`];
  const parts = [...last, ...(lift === null ? [] : [`lifted to ${lift}`])];
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

function portability(model: NetworkConfig): string {
  if (model.family === 'onnx')
    return 'The fp32 file is the one that the network came as, with its own names and operators, and other weights. `model.safetensors` has them\nunder the names that they have in that file, `network.onnx` the graph without them; both load in Understudy.';
  const why = model.family === 'vit' ? unlikeOthers(model) : undefined;
  if (why !== undefined)
    return `${why}, so it is no plain ${model.family === 'vit' && model.distToken ? 'DeiT' : 'ViT'}: only the ONNX files are portable. \`model.safetensors\` has our own names\nand loads in Understudy.`;
  if (model.family === 'encoder')
    return 'The ONNX files run in every ONNX runtime. `model.safetensors` has our own names and loads in Understudy.';
  if (isPlain(model))
    return `The ONNX files run in every ONNX runtime. \`model.safetensors\` has the parameter names of transformers'\n\`${model.family === 'vit' && model.distToken ? 'DeiTForImageClassificationWithTeacher' : 'ViTForImageClassification'}\`.`;
  return 'The ONNX files run in every ONNX runtime. `model.safetensors` has the parameter names of timm (ViT, RegNet) or torchvision (ResNet).';
}

/** What no other library's ViT has. */
function unlikeOthers(model: Vit): string | undefined {
  if (model.mhca && model.mhca.layers > 0) return 'Its first blocks have MHCA layers';
  if (!oneWidth(model)) return 'Its tokens have more than one width';
  return model.patchVote ? 'Its patches have a vote' : undefined;
}
