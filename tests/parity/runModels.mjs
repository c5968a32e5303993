import { readFileSync } from 'node:fs';

/**
 * runModels.mjs RUNTIME JOBS: runs each model of a JSON file by onnxruntime-node or onnxruntime-web and prints the values of its
 * outputs. Plain JavaScript, so that Node runs it as it stands on an emulated processor too.
 */
const [runtime, jobs] = process.argv.slice(2);
const ort = await import(runtime);
if (runtime === 'onnxruntime-web') ort.env.wasm.numThreads = 1;

const found = {};
for (const { name, model, feeds } of JSON.parse(readFileSync(jobs, 'utf8'))) {
  const session = await ort.InferenceSession.create(new Uint8Array(Buffer.from(model, 'base64')), {
    executionProviders: [runtime === 'onnxruntime-web' ? 'wasm' : 'cpu'],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const tensors = feeds.map((feed) => [feed.name, new ort.Tensor('float32', Float32Array.from(feed.data), feed.shape)]);
  const outputs = await session.run(Object.fromEntries(tensors));
  found[name] = Object.fromEntries(Object.entries(outputs).map(([port, { data }]) => [port, Array.from(data, Number)]));
  await session.release();
}
console.log(JSON.stringify(found));
