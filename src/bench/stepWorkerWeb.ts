import * as wasm from 'onnxruntime-web';
import { type OrtWeb, ortWeb } from '../engine/ortWeb.ts';
import { buildModel, variantConfig } from '../models/index.ts';
import { StepOf } from './timedSteps.ts';

/** What the bench asks of a worker in a tab. */
export interface WebStepTask {
  readonly model: string;
  readonly batch: number;
  readonly steps: number;
  readonly device: 'wasm' | 'webgpu';
  readonly threads: number;
}

const worker = globalThis as unknown as {
  onmessage: (event: { readonly data: WebStepTask }) => void;
  postMessage(answer: unknown): void;
};

/** The counterpart of `stepWorker.ts` in a tab: times the training step of a model in a worker of its own. */
worker.onmessage = async ({ data: { model, batch, steps, device, threads } }) => {
  try {
    const runtime = device === 'wasm' ? wasm : ((await import('onnxruntime-web/webgpu')) as OrtWeb);
    const step = new StepOf(buildModel(variantConfig(model, { classes: 1000 })), batch);
    worker.postMessage({ answer: await step.time(ortWeb(runtime, { device, threads }), steps) });
  } catch (error) {
    worker.postMessage({ error: (error as Error).stack ?? String(error) });
  }
};
