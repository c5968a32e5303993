import { advise } from '../advise/adviseNode.ts';
import type { AdviceEvent, AdviseOptions } from '../advise/requestNode.ts';
import { adviceText } from '../advise/adviceText.ts';
import { UserError } from '../graph/errors.ts';
import type { RunSettings } from '../run/training/runSettings.ts';
import type { RunEvent } from '../train/events.ts';
import { consoleLogger } from '../train/loggers/consoleNode.ts';
import { formatDuration } from '../train/loggers/progressLine.ts';
import { listingEvents } from './listingEvents.ts';
import { modelEvents } from './modelEvents.ts';
import { STATUS, whileRunning } from './outcome.ts';
import { watchInterrupts } from './runTraining.ts';
import { percent, print, printJson, remark, shellWord, table } from './text.ts';

/** Of a run that is one of many, its bar is enough; the rest is in its train.log. */
const SHOWN = new Set(['step', 'warning']);

/** What is typed, as text. */
interface Typed {
  readonly data: string;
  readonly teacher: string;
  readonly student: string;
  readonly budget: string;
  readonly methods: string | undefined;
  readonly gain: string;
  readonly out: string | undefined;
  readonly settings: RunSettings;
}

/** Runs an advice with its progress on stderr and its answer on stdout; gives the exit status. */
export async function adviseCommand(typed: Typed, json: boolean): Promise<number> {
  let logger = consoleLogger();
  const interrupts = watchInterrupts(remark);
  try {
    const result = await whileRunning((start) =>
      advise({
        ...optionsOf(typed),
        signal: interrupts.signal,
        onModel: modelEvents(),
        onListing: listingEvents(),
        onEvent: (event: RunEvent) => {
          if (SHOWN.has(event.type)) logger.on(event);
        },
        onAdviceEvent: (event) => {
          if (event.type === 'trial' || event.type === 'phase') start();
          // A bar belongs to one run.
          void logger.close();
          logger = consoleLogger();
          remark(eventText(event, typed.budget));
        },
      }),
    );
    if (result.reason === 'interrupted') {
      remark(`Interrupted; what is done is in ${shellWord(result.out)}. The same command goes on.`);
      return interrupts.status();
    }
    if (json) printJson(result.advice);
    else print(`${adviceText(result.advice)}\n\n${result.out}/index.html, advice.json, advice.txt`);
    return STATUS.done;
  } finally {
    await logger.close();
    interrupts.stop();
  }
}

function optionsOf({ methods, gain, out, ...rest }: Typed): AdviseOptions {
  const points = Number(gain);
  if (gain.trim() === '' || !(points > 0 && points < 100))
    throw new UserError(`--gain: wanted points above 0 and below 100, got "${gain}"`);
  return {
    ...rest,
    gain: points,
    ...(methods === undefined ? {} : { methods: methods.split(',').map((name) => name.trim()) }),
    ...(out === undefined ? {} : { out }),
  };
}

function eventText(event: AdviceEvent, budget: string): string {
  switch (event.type) {
    case 'phase':
      return `\n${event.message}`;
    case 'trial':
      return `${event.key}; this part needs about ${formatDuration(event.etaSeconds)} more; ${formatDuration(event.spentSeconds)} of ${budget} used`;
    case 'made': {
      const { key, made } = event;
      if (made.state === 'done') return `${key}: ${percent(made.score)} after ${formatDuration(made.seconds)}`;
      return made.state === 'failed' ? `${key} failed: ${made.error}` : `${key}: interrupted`;
    }
    case 'methods': {
      const { applies, refused } = event;
      const rows = refused.map(({ name, why }) => [`  ${name}`, why]);
      const not = refused.length > 0 ? `\nThese do not apply:\n${table(rows)}` : '';
      return `Methods that apply: ${applies.join(', ')}, beside training alone.${not}\nMeasuring what each costs.`;
    }
  }
}
