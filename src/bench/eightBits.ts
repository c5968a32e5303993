import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { plainVit } from '../formats/plainVit.ts';
import { openSample, readSample } from '../run/datasets/sampleImages.ts';
import { type Agreement, compareRows, type Rows } from '../run/exporting/agreement.ts';
import { exportable } from '../run/exporting/exportModel.ts';
import { onnxFile } from '../run/exporting/files.ts';
import { joined } from '../run/exporting/runInputs.ts';
import { loadModelReference } from '../run/models/reference.ts';
import { emulator, NOT_EMULATED } from './emulatorNode.ts';

export interface EightBits {
  readonly model: string;
  readonly part: string;
  /** q8 on a processor against float32 on this one. */
  readonly rows: readonly (Agreement & { readonly processor: string })[];
  /** Why no processor was emulated, where none was. */
  readonly notEmulated?: string;
}

/** How the q8 file of a model decides on real images beside its float32 file: here, in WebAssembly, and on an emulated processor. */
export async function benchEightBits(ref: string, data: string, images: number): Promise<EightBits> {
  const model = exportable(await loadModelReference(ref));
  const source = await openSample(model, model.path, data);
  const sample = await readSample(model, source, images);
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  try {
    const saved = plainVit(model);
    for (const dtype of ['fp32', 'q8'] as const) writeFileSync(join(folder, `${dtype}.onnx`), onnxFile(saved, dtype));
    const side = model.preprocessing.imageSize;
    writeFileSync(join(folder, 'inputs.bin'), new Uint8Array(joined(sample.inputs).buffer));
    const run = async (file: string, runtime: string, through: readonly string[] = []): Promise<Rows> => {
      const script = join(import.meta.dirname, 'eightBitsWorker.js');
      const [command, ...args] = [...through, process.execPath, script, folder, `${file}.onnx`, String(side), runtime];
      const { stdout } = await promisify(execFile)(command!, args, { maxBuffer: 2 ** 30 });
      return (JSON.parse(stdout) as number[][]).map((row) => Float32Array.from(row));
    };
    const float = await run('fp32', 'cpu');
    const row = (processor: string, found: Rows) => ({ processor, ...compareRows(float, found, sample.labels) });
    const own = cpus()[0]?.model.trim() ?? process.arch;
    const rows = [row(own, await run('q8', 'cpu')), row('WebAssembly', await run('q8', 'wasm'))];
    const emulated = emulator();
    if (emulated) rows.push(row(emulated.name, await run('q8', 'cpu', emulated.command)));
    return { model: model.path, part: sample.part, rows, ...(emulated ? {} : { notEmulated: NOT_EMULATED }) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
