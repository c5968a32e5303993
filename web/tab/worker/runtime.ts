import glue from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

/** ONNX Runtime with its files from this page's own folder: nothing is fetched from elsewhere. */
export async function runtime() {
  const ort = await import('onnxruntime-web/wasm');
  ort.env.wasm.wasmPaths = { mjs: new URL(glue, import.meta.url).href, wasm: new URL(wasm, import.meta.url).href };
  return ort;
}

/** WebAssembly has threads on a page that is isolated from others. */
export const threads = (): number =>
  globalThis.crossOriginIsolated ? Math.max(1, Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2))) : 1;
