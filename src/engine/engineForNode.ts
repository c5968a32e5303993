import { availableParallelism, cpus } from 'node:os';
import type { Engine } from './contract.ts';
import type { Device } from './devices.ts';
import { ortCuda } from './ortCudaNode.ts';
import { type OrtNodeOptions, ortNode } from './ortNode.ts';
import { ortWebgpu } from './ortWebgpuNode.ts';

/** The engine that computes on a device. */
export function engineFor(device: Device, options: OrtNodeOptions): Engine {
  if (device === 'cuda') return ortCuda();
  return device === 'webgpu' ? ortWebgpu() : ortNode(options);
}

/** What rounds as it does: on another processor ONNX Runtime takes other kernels, for other threads it cuts other blocks. */
export function computedOn(device: Device, threads: number | 'auto', cores = availableParallelism()): string {
  if (device !== 'cpu') return device;
  const model = cpus()[0]?.model.trim() || 'a CPU';
  return `${model}, ${threads === 'auto' ? `${cores} cores` : `train.threads=${threads}`}`;
}
