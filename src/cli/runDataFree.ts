import { type DataFreeOptions, distillDataFree } from '../run/synthesis/dataFree.ts';
import type { RunEvent } from '../train/events.ts';
import { consoleLogger } from '../train/loggers/consoleNode.ts';
import { STATUS, whileRunning } from './outcome.ts';
import { modelEvents } from './modelEvents.ts';
import { summary, watchInterrupts } from './runTraining.ts';
import { synthesisProgress } from './synthesisProgress.ts';
import { print, printJson, remark } from './text.ts';

/** Synthesis and distillation in one, with the progress of both on stderr; gives the exit status. */
export async function runDataFree(options: DataFreeOptions, json: boolean): Promise<number> {
  const logger = consoleLogger();
  const note = (message: string) => logger.on({ type: 'note', message, time: Date.now() });
  const interrupts = watchInterrupts(note);
  const tell = synthesisProgress();
  try {
    const result = await whileRunning((start) =>
      distillDataFree({
        ...options,
        onModel: modelEvents(),
        signal: interrupts.signal,
        onSynthesisEvent: (event) => {
          if (event.type === 'start') start();
          tell(event);
        },
        onEvent: (event: RunEvent) => {
          if (event.type !== 'runEnd') logger.on(event);
        },
      }),
    );
    await logger.close();
    if (json) printJson(result);
    else if (result.reason === 'done')
      print(
        `${summary(result)}\n\nNo real image was used in training: the validation figures are on ${result.validatedOn}.\nThe images: ${result.images.out}`,
      );
    if (result.reason === 'done') return STATUS.done;
    remark('Interrupted. The same command goes on.');
    return interrupts.status();
  } finally {
    await logger.close();
    interrupts.stop();
  }
}
