import type { Question, Reply } from '../protocol.ts';
import { api } from './api.ts';

/** Two of these run beside the page: one keeps pictures and trains, the other tries models. */
const answer = (reply: Reply): void => postMessage(reply);

self.onmessage = async ({ data: { id, name, args } }: MessageEvent<Question>) => {
  const asked = api[name] as (...given: readonly unknown[]) => Promise<unknown>;
  try {
    answer({ id, value: await asked(...args) });
  } catch (error) {
    answer({ id, error: String((error as Error).message ?? error) });
  }
};
