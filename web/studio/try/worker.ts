import webgpuGlue from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import webgpuWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import glue from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { type ImageInput, type ImageModel, loadModel } from 'understudy/browser';
import { rgbOf } from '../../ui/rgbOf.ts';
import type { Device, TryAnswer, TryQuestion, TryReply } from './protocol.ts';

/** As they lie in a model folder of Understudy. */
const FILES = ['config.json', 'preprocessor_config.json', 'model.safetensors'];

/** ONNX Runtime with its files from the studio alone. One worker has one device, since the two runtimes share their settings. */
async function runtimeOf(device: Device) {
  const ort = await (device === 'wasm' ? import('onnxruntime-web/wasm') : import('onnxruntime-web/webgpu'));
  const [mjs, binary] = device === 'wasm' ? [glue, wasm] : [webgpuGlue, webgpuWasm];
  ort.env.wasm.wasmPaths = { mjs: new URL(mjs, location.href).href, wasm: new URL(binary, location.href).href };
  return ort;
}

const models = new Map<string, Promise<ImageModel<ImageInput>>>();

function modelAt(device: Device, folder: string): Promise<ImageModel<ImageInput>> {
  const known = models.get(folder) ?? load(device, folder);
  models.set(folder, known);
  known.catch(() => models.delete(folder));
  return known;
}

async function load(device: Device, folder: string): Promise<ImageModel<ImageInput>> {
  const files = await Promise.all(
    FILES.map(async (name) => {
      const answer = await fetch(`${folder}/${name}`);
      if (!answer.ok) throw new Error(((await answer.json()) as { error: string }).error);
      return [name, await answer.blob()] as const;
    }),
  );
  return loadModel(Object.fromEntries(files), { runtime: await runtimeOf(device), device });
}

/** The first answer compiles; the median is of those after it. */
async function answer({ device, folder, picture, times }: TryQuestion): Promise<TryAnswer> {
  const began = performance.now();
  const model = await modelAt(device, folder);
  const image = rgbOf(picture);
  const all = await model.predict(image, { top: model.classes.length });
  const first = performance.now() - began;
  const took: number[] = [];
  for (let i = 0; i < times; i++) {
    const from = performance.now();
    await model.predict(image, { top: 1 });
    took.push(performance.now() - from);
  }
  return { all, first, median: took.sort((a, b) => a - b)[times >> 1] ?? first };
}

self.onmessage = async ({ data: { id, question } }: MessageEvent<{ id: number; question: TryQuestion }>) => {
  const reply = (said: Omit<TryReply, 'id'>) => postMessage({ id, ...said });
  try {
    reply({ answer: await answer(question) });
  } catch (error) {
    reply({ error: String((error as Error).message ?? error) });
  }
};
