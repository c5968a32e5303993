import { availableParallelism } from 'node:os';
import type { RunConfig } from '../config/schema.ts';
import type { Engine } from '../engine/contract.ts';
import { type OrtNodeOptions, ortNode } from '../engine/ortNode.ts';
import { ortWebgpu } from '../engine/ortWebgpuNode.ts';
import type { Device } from './devices.ts';

/** The engine that computes on a device. */
export function engineFor(device: Device, options: OrtNodeOptions): Engine {
  return device === 'webgpu' ? ortWebgpu() : ortNode(options);
}

/** What rounds as it does. ONNX Runtime cuts products into other blocks where it has another number of threads. */
export function computedOn(device: Device, threads: RunConfig['train']['threads']): string {
  if (device === 'webgpu') return device;
  return threads === 'auto' ? `${device} with ${availableParallelism()} cores` : `${device}, threads: ${threads}`;
}
