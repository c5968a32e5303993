import type { Preprocessing } from '../../formats/savedModel.ts';
import { geometryOf } from '../../formats/preprocessing/geometry.ts';
import type { FilePorts } from '../../onnx/import/filePorts.ts';
import { type Dtype, ONNX_FILES } from './files.ts';
import { isTransformers } from './ports.ts';

/** Code that asks an exported folder about a picture and prints the class. The tests run each as it stands. */
export interface Snippet {
  /** Who runs it. */
  readonly client: string;
  readonly where: 'Node' | 'a browser' | 'Python';
  /** What it needs, as a line for a shell. */
  readonly install: string;
  readonly language: 'js' | 'python';
  readonly code: string;
}

export interface SnippetOptions {
  readonly dtype: Dtype;
  readonly ports: FilePorts;
  readonly preprocessing: Preprocessing;
  /** Name of the exported folder. */
  readonly folder?: string;
}

/** All ways to run a folder that its files allow. The first is the one with the least to install. */
export function snippetsOf({ folder = 'my-model', ...options }: SnippetOptions): readonly Snippet[] {
  const of: Given = { ...options, folder, file: ONNX_FILES[options.dtype] };
  const plain = isTransformers(of.ports);
  return [
    understudyInNode(of),
    ...(plain ? [transformersInNode(of)] : []),
    understudyInBrowser(of),
    ...(plain ? [transformersInBrowser(of), ortInBrowser(of)] : []),
    inPython(of),
  ];
}

interface Given extends Required<SnippetOptions> {
  readonly file: string;
}

/** A text as JavaScript and Python both write it. */
const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

const site = (folder: string): string => quoted(`/models/${encodeURIComponent(folder)}/`);

const ANSWER = 'console.log(id2label[logits.data.indexOf(Math.max(...logits.data))]);';

const understudyInNode = ({ folder }: Given): Snippet => ({
  ...{ client: 'Understudy', where: 'Node', language: 'js', install: 'npm install understudy' },
  code: `import { loadModel } from 'understudy';

const model = await loadModel(${quoted(`./${folder}`)});
console.log(await model.predict('image.jpg'));
await model.dispose();
`,
});

const transformersInNode = ({ folder, dtype }: Given): Snippet => ({
  ...{ client: 'transformers.js', where: 'Node', language: 'js' },
  install: 'npm install @huggingface/transformers understudy',
  code: `import { readFile } from 'node:fs/promises';
import { AutoModelForImageClassification, RawImage, Tensor } from '@huggingface/transformers';
import { preprocess } from 'understudy/browser';

const folder = ${quoted(`./${folder}`)}; // this folder
const model = await AutoModelForImageClassification.from_pretrained(folder, { dtype: '${dtype}' });
const config = JSON.parse(await readFile(folder + '/preprocessor_config.json', 'utf8'));

const input = preprocess(await RawImage.read('image.jpg'), config);
const { height, width } = config.crop_size ?? config.size;
const { logits } = await model({ pixel_values: new Tensor('float32', input, [1, 3, height, width]) });
const { id2label } = model.config;
${ANSWER}
`,
});

const understudyInBrowser = ({ folder }: Given): Snippet => ({
  ...{ client: 'Understudy', where: 'a browser', language: 'js', install: 'npm install understudy onnxruntime-web' },
  code: `import * as runtime from 'onnxruntime-web'; // or 'onnxruntime-web/webgpu', and device: 'webgpu' below
import { loadModel } from 'understudy/browser';

const load = async (path) => (await fetch(path)).blob();
const files = {};
for (const name of ['config.json', 'preprocessor_config.json', 'model.safetensors'])
  files[name] = await load(${site(folder)} + name);

const model = await loadModel(files, { runtime });
const [best] = await model.predict(await load('image.jpg')); // a picked file is a Blob too
console.log(best.class);
`,
});

const transformersInBrowser = ({ folder, dtype }: Given): Snippet => ({
  ...{ client: 'transformers.js', where: 'a browser', language: 'js' },
  install: 'npm install @huggingface/transformers understudy',
  code: `import { AutoModelForImageClassification, env, RawImage, Tensor } from '@huggingface/transformers';
import { preprocess } from 'understudy/browser';

env.allowLocalModels = true; // your site before the hub
const model = await AutoModelForImageClassification.from_pretrained(${quoted(folder)}, { dtype: '${dtype}' });
const config = await (await fetch(${site(folder)} + 'preprocessor_config.json')).json();

const input = preprocess(await RawImage.read('image.jpg'), config); // or the ImageData of a canvas
const { height, width } = config.crop_size ?? config.size;
const { logits } = await model({ pixel_values: new Tensor('float32', input, [1, 3, height, width]) });
const { id2label } = model.config;
${ANSWER}
`,
});

const ortInBrowser = ({ folder, file }: Given): Snippet => ({
  ...{ client: 'onnxruntime-web', where: 'a browser', language: 'js' },
  install: 'npm install onnxruntime-web understudy',
  code: `import { InferenceSession, Tensor } from 'onnxruntime-web';
import { preprocess } from 'understudy/browser';

const folder = ${site(folder)};
const json = async (name) => (await fetch(folder + name)).json();
const [config, { id2label }] = [await json('preprocessor_config.json'), await json('config.json')];
const session = await InferenceSession.create(folder + '${file}');

const image = await createImageBitmap(await (await fetch('image.jpg')).blob());
const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
context.drawImage(image, 0, 0);
const input = preprocess(context.getImageData(0, 0, image.width, image.height), config);

const { height, width } = config.crop_size ?? config.size;
const { logits } = await session.run({ pixel_values: new Tensor('float32', input, [1, 3, height, width]) });
${ANSWER}
`,
});

/** Pillow resizes as `preprocess` does, bit for bit; the rest is the model's geometry, written out. */
const inPython = ({ folder, file, ports, preprocessing }: Given): Snippet => ({
  ...{ client: 'onnxruntime', where: 'Python', language: 'python' },
  install: 'pip install onnxruntime numpy pillow',
  code: `import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

folder = ${quoted(folder)}
image = ImageOps.exif_transpose(Image.open('image.jpg')).convert('RGB')
${squareInPython(preprocessing)}
pixels = np.asarray(image, np.float32) / 255
pixels = (pixels - np.float32([${preprocessing.mean.join(', ')}])) / np.float32([${preprocessing.std.join(', ')}])
batch = pixels${ports.channelsLast ? '' : '.transpose(2, 0, 1)'}[None]

session = onnxruntime.InferenceSession(f'{folder}/${file}')
(logits,) = session.run([${quoted(ports.output)}], {${quoted(ports.input)}: batch})
with open(f'{folder}/config.json', encoding='utf-8') as config:
    print(json.load(config)['id2label'][str(logits[0].argmax())])
`,
});

/** Lines that make the model's square of `image`; roundings are those of `placeSquare`. */
function squareInPython(preprocessing: Preprocessing): string {
  const { imageSize: size, filter = 'bicubic' } = preprocessing;
  const { resize, centre, fill = [0, 0, 0] } = geometryOf(preprocessing);
  const method = `Image.Resampling.${filter.toUpperCase()}`;
  const half = centre === 'even' ? `round((side - ${size}) / 2)` : `(side - ${size}) // 2`;
  const cut = `left, top = [${half} for side in image.size]
image = image.crop((left, top, left + ${size}, top + ${size}))`;
  switch (resize.to) {
    case 'nothing':
      return resize.cut ? cut : `assert image.size == (${size}, ${size})`;
    case 'exactly': {
      const sized = `image = image.resize((${resize.width}, ${resize.height}), ${method})`;
      return resize.width === size && resize.height === size ? sized : `${sized}\n${cut}`;
    }
    case 'longer':
      return `ratio = max(image.size) / ${resize.side}
image = image.resize([max(1, round(side / ratio)) for side in image.size], ${method})
square = Image.new('RGB', (${size}, ${size}), (${fill.join(', ')}))
square.paste(image, tuple(${centre === 'even' ? `(${size} - side) // 2` : `-((side - ${size}) // 2)`} for side in image.size))
image = square`;
    case 'shorter':
      return `(width, height), short = image.size, ${resize.side}
if width <= height:
    image = image.resize((short, int(short * height / width)), ${method})
else:
    image = image.resize((int(short * width / height), short), ${method})
${cut}`;
  }
}
