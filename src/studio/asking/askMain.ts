import { once } from 'node:events';
import { MachineError, UserError } from '../../graph/errors.ts';
import type { Question, Reply, Said } from './question.ts';

type Answering = (args: readonly string[], say: (said: Said) => void) => Promise<Reply>;

const ANSWERS: Readonly<Record<Question, () => Promise<Answering>>> = {
  list: async () => (await import('../data/listImages.ts')).listImages,
  inspect: async () => (await import('../models/questions.ts')).inspected,
  learned: async () => (await import('../models/questions.ts')).learned,
  attention: async () => (await import('../models/questions.ts')).attention,
  snippets: async () => (await import('../models/questions.ts')).snippets,
  augmented: async () => (await import('../data/augmented.ts')).augmented,
};

const say = (said: Said): void => void process.stderr.write(`${JSON.stringify(said)}\n`);

/** Answers one question on its output: a line of JSON, then bytes. */
async function main([question, ...args]: readonly string[]): Promise<void> {
  const answer = await ANSWERS[question as Question]();
  const { head, body = [] } = await answer(args, say);
  const out = process.stdout;
  out.write(`${JSON.stringify(head)}\n`);
  for (const bytes of body) if (!out.write(bytes)) await once(out, 'drain');
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof UserError || error instanceof MachineError)) throw error;
  say({ error: error.message });
  process.exitCode = 1;
});
