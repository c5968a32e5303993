export const DEVICES = ['cpu', 'webgpu', 'cuda'] as const;

/** Where a run computes: ONNX Runtime's CPU kernels, WebGPU (on Linux through Vulkan), or CUDA (where its files are installed). */
export type Device = (typeof DEVICES)[number];
