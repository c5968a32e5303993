export const DEVICES = ['cpu', 'webgpu'] as const;

/** Where a run computes: ONNX Runtime's CPU kernels, or WebGPU (on Linux through Vulkan). */
export type Device = (typeof DEVICES)[number];
