import { checkedFirst } from '../../../engine/checkedFirst.ts';
import type { Engine } from '../../../engine/contract.ts';
import { type OrtWeb, ortWeb } from '../../../engine/ortWeb.ts';

export type WebDevice = 'wasm' | 'webgpu';

export interface RunEngine {
  readonly engine: Engine;
  /** What computes now: WebAssembly from where WebGPU was found wrong. */
  on(): WebDevice;
  /** What it has to say is told here, and kept until somebody listens. */
  listen(note: (message: string) => void): void;
}

/** The engine of a run in a browser. What WebGPU computes first is compared with WebAssembly; what is fed back is not read for that. */
export function engineForRun(runtime: OrtWeb, device: WebDevice, threads: number | undefined): RunEngine {
  const plain = (kind: WebDevice) => ortWeb(runtime, { device: kind, threads });
  const kept: string[] = [];
  let on = device;
  let tell = (message: string): void => {
    kept.push(message);
  };
  const compares = (output: string): boolean => !output.startsWith('next.');
  const reference = plain('wasm');
  return {
    engine:
      device === 'wasm'
        ? reference
        : checkedFirst(plain('webgpu'), {
            reference,
            compares,
            tell: (message) => {
              on = 'wasm';
              tell(message);
            },
          }),
    on: () => on,
    listen: (note) => {
      tell = note;
      for (const message of kept.splice(0)) note(message);
    },
  };
}
