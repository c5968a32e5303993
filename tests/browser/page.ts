/** What the page is asked to do. */
export interface Job {
  /** Folder of the model below /models/. */
  readonly folder: string;
  readonly client: 'transformers.js' | 'onnxruntime-web' | 'none';
  readonly device?: 'wasm' | 'webgpu';
  readonly dtype?: 'fp32' | 'fp16' | 'q8';
  /** transformers.js's own processor in place of preprocess(). */
  readonly ownResize?: boolean;
  readonly wasmPaths: string;
  readonly urls: readonly string[];
}

interface Answer {
  /** Logits of each image. */
  rows: number[][];
  /** Inputs of each image; for client `none` alone, as they are long. */
  inputs: number[][];
}

/** The parts of the page's modules and of the browser that are used; the tests' types know no browser. */
interface Page {
  fetch(url: string): Promise<{ blob(): Promise<unknown>; json(): Promise<Record<string, never>> }>;
  createImageBitmap(blob: unknown): Promise<{ readonly width: number; readonly height: number }>;
  OffscreenCanvas: new (
    width: number,
    height: number,
  ) => {
    getContext(kind: '2d'): {
      drawImage(image: unknown, x: number, y: number): void;
      getImageData(x: number, y: number, width: number, height: number): ImageBytes;
    };
  };
}

type Run = (feeds: { pixel_values: unknown }) => Promise<{ logits: { data: ArrayLike<number> } }>;
type TensorClass = new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown;

/** What is used of the page's modules. */
interface Modules {
  readonly 'understudy/browser': { preprocess(image: ImageBytes, config: unknown): Float32Array };
  readonly 'onnxruntime-web': {
    readonly Tensor: TensorClass;
    readonly InferenceSession: { create(url: string): Promise<{ run: Run }> };
  };
  readonly '@huggingface/transformers': {
    readonly env: { readonly backends: { readonly onnx: { readonly wasm: { wasmPaths: string } } } };
    readonly Tensor: TensorClass;
    readonly RawImage: new (data: Uint8ClampedArray, width: number, height: number, channels: number) => unknown;
    readonly AutoModelForImageClassification: { from_pretrained(name: string, options: object): Promise<Run> };
    readonly AutoImageProcessor: {
      from_pretrained(name: string): Promise<(image: unknown) => Promise<{ pixel_values: unknown }>>;
    };
  };
}

interface ImageBytes {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Runs in the browser: it is sent there as text, so nothing outside of it exists. */
export async function classify(job: Job): Promise<Answer> {
  const page = globalThis as unknown as Page;
  // Written so that the tests' own bundler leaves it alone.
  const load = new Function('name', 'return import(name)') as <K extends keyof Modules>(name: K) => Promise<Modules[K]>;
  const { preprocess } = await load('understudy/browser');
  const config = (await (await page.fetch(`/models/${job.folder}/preprocessor_config.json`)).json()) as unknown as {
    crop_size: { height: number };
  };
  const side = config.crop_size.height;
  const pixels = async (url: string): Promise<ImageBytes> => {
    const bitmap = await page.createImageBitmap(await (await page.fetch(url)).blob());
    const context = new page.OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  };
  const runner = async (): Promise<(image: ImageBytes) => Promise<ArrayLike<number>>> => {
    if (job.client === 'onnxruntime-web') {
      const ort = await load('onnxruntime-web');
      const session = await ort.InferenceSession.create(`/models/${job.folder}/onnx/model.onnx`);
      return async (image) => {
        const input = new ort.Tensor('float32', preprocess(image, config), [1, 3, side, side]);
        return (await session.run({ pixel_values: input })).logits.data;
      };
    }
    const hub = await load('@huggingface/transformers');
    Object.assign(hub.env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: '/models/' });
    hub.env.backends.onnx.wasm.wasmPaths = job.wasmPaths;
    const options = { device: job.device, ...(job.dtype ? { dtype: job.dtype } : {}) };
    const model = await hub.AutoModelForImageClassification.from_pretrained(job.folder, options);
    const process = job.ownResize ? await hub.AutoImageProcessor.from_pretrained(job.folder) : undefined;
    return async (image) => {
      const own = process && (await process(new hub.RawImage(image.data, image.width, image.height, 4)));
      const input = own?.pixel_values ?? new hub.Tensor('float32', preprocess(image, config), [1, 3, side, side]);
      return (await model({ pixel_values: input })).logits.data;
    };
  };
  const answer: Answer = { rows: [], inputs: [] };
  const run = job.client === 'none' ? undefined : await runner();
  for (const url of job.urls) {
    const image = await pixels(url);
    if (run) answer.rows.push(Array.from(await run(image)));
    else answer.inputs.push(Array.from(preprocess(image, config)));
  }
  return answer;
}
