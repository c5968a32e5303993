import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { UserError } from '../../graph/errors.ts';
import { tarOf } from './parquetRowsNode.ts';

export type UnpackMessage =
  | { readonly kind: 'rows'; readonly rows: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly reason: string };

const { file, shard } = workerData as { readonly file: string; readonly shard: string };
const port = parentPort as MessagePort;
const tell = (message: UnpackMessage) => port.postMessage(message);

try {
  await writeFileAtomic(
    shard,
    tarOf(file, (rows) => tell({ kind: 'rows', rows })),
  );
  tell({ kind: 'done' });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  tell({ kind: 'refused', reason: error.message });
}
