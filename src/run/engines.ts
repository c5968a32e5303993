import type { Engine } from '../engine/contract.ts';
import { type OrtNodeOptions, ortNode } from '../engine/ortNode.ts';
import { ortWebgpu } from '../engine/ortWebgpuNode.ts';
import type { Device } from './devices.ts';

/** The engine that computes on a device. */
export function engineFor(device: Device, options: OrtNodeOptions): Engine {
  return device === 'webgpu' ? ortWebgpu() : ortNode(options);
}
