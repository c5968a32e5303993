import { UserError } from '../../graph/errors.ts';
import type { AppendFile } from '../files.ts';
import type { FileHandle, SyncHandle } from './handles.ts';

/**
 * A file that grows through a synchronous handle, which dedicated workers have. What is appended while the handle is being opened
 * waits for it; failures of the opening are told by the next call.
 */
export function appendFileWeb(open: () => Promise<FileHandle>, flags: 'a' | 'ax', path: string): AppendFile {
  const waiting: Uint8Array[] = [];
  let handle: SyncHandle | undefined;
  let failed: unknown;
  const opened = openedBy(open, flags, path).then(
    (found) => {
      handle = found;
      for (const bytes of waiting.splice(0)) write(found, bytes, path);
    },
    (error: unknown) => {
      failed = error;
    },
  );
  const settled = async () => {
    await opened;
    if (failed) throw failed;
  };
  return {
    append: (content) => {
      if (failed) throw failed;
      const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content.slice();
      if (handle) write(handle, bytes, path);
      else waiting.push(bytes);
    },
    sync: async () => {
      await settled();
      handle!.flush();
    },
    close: async () => {
      await settled();
      handle!.close();
    },
  };
}

async function openedBy(open: () => Promise<FileHandle>, flags: 'a' | 'ax', path: string): Promise<SyncHandle> {
  const file = await open();
  if (!file.createSyncAccessHandle)
    throw new UserError(`${path}: wanted a dedicated worker, where a browser can append to files; train in one`);
  const handle = await file.createSyncAccessHandle();
  if (flags === 'a' || handle.getSize() === 0) return handle;
  handle.close();
  throw new UserError(`${path}: wanted a new file, got one that is there`);
}

/** A failed one leaves nothing of itself behind. */
function write(handle: SyncHandle, bytes: Uint8Array, path: string): void {
  const at = handle.getSize();
  try {
    for (let done = 0; done < bytes.length; ) done += handle.write(bytes.subarray(done), { at: at + done });
  } catch (error) {
    handle.truncate(at);
    throw new UserError(`${path}: wanted room to write into, got: ${(error as Error).message}`, { cause: error });
  }
}
