import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileRows } from '../run/exporting/runInputs.ts';
import { ortWeb } from '../run/exporting/verifyClients.ts';

/**
 * Runs `FOLDER/FILE` on the inputs of `FOLDER/inputs.bin`, float32 [images,3,S,S], by onnxruntime-node or, with `wasm`, by
 * onnxruntime-web, and prints the logits as JSON. A process of its own, since it may run on an emulated processor.
 */
const [folder = '', file = '', side = '', runtime = ''] = process.argv.slice(2);
const bytes = readFileSync(join(folder, 'inputs.bin'));
const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const size = 3 * Number(side) ** 2;
const inputs = Array.from({ length: values.length / size }, (_, i) => values.subarray(i * size, (i + 1) * size));
const web = runtime === 'wasm' ? await ortWeb() : undefined;
const options = { executionProviders: [web ? 'wasm' : 'cpu'], logSeverityLevel: 3, intraOpNumThreads: 1 } as const;
const model = new Uint8Array(readFileSync(join(folder, file)));
const rows = await fileRows(model, inputs, Number(side), [1], web, options);
console.log(JSON.stringify(rows.map((row) => Array.from(row))));
