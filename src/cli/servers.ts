import { spawn } from 'node:child_process';
import { STATUS } from './outcome.ts';

/** Waits for Ctrl-C or SIGTERM, closes, and gives the exit status. */
export function untilInterrupted(close: () => Promise<void>): Promise<number> {
  return new Promise((resolve) => {
    const end = () => void close().finally(() => resolve(STATUS.done));
    process.once('SIGINT', end).once('SIGTERM', end);
  });
}

/** Opens an address in the user's browser; where there is none, the printed address has to do. */
export function openInBrowser(address: string): void {
  const [program, ...args] =
    process.platform === 'darwin'
      ? ['open', address]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', address]
        : ['xdg-open', address];
  const child = spawn(program!, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
