import type { ShardPart } from '../formats/disk/shardMarkNode.ts';
import { fillStore, type FillEvent } from '../run/training/fillStoreNode.ts';
import type { RunSettings } from '../run/training/runSettings.ts';
import { formatDuration } from '../train/loggers/progressLine.ts';
import { listingEvents } from './listingEvents.ts';
import { modelEvents } from './modelEvents.ts';
import { STATUS, whileRunning } from './outcome.ts';
import { watchInterrupts } from './runTraining.ts';
import { print, printJson, remark, table } from './text.ts';

/** Fills the store of teacher outputs with its progress on stderr; gives the exit status. */
export async function runFill(input: RunSettings, shard: ShardPart | undefined, json: boolean): Promise<number> {
  const interrupts = watchInterrupts(remark);
  try {
    const result = await whileRunning((start) =>
      fillStore(input, {
        signal: interrupts.signal,
        ...(shard && { shard }),
        onModel: modelEvents(),
        onListing: listingEvents(),
        onEvent: (event) => {
          if (event.type === 'start') start();
          remark(eventText(event));
        },
      }),
    );
    const { dir, images, views, stored, seconds, reason } = result;
    if (json) printJson(result);
    else
      print(
        table([
          ['folder', dir],
          ['images', `${images} x ${views} views`],
          ['stored', `${(100 * stored).toFixed(1)} %`],
          ['time', formatDuration(seconds)],
        ]),
      );
    if (reason === 'done') return STATUS.done;
    remark('Interrupted; what is stored stays. The same command goes on.');
    return interrupts.status();
  } finally {
    interrupts.stop();
  }
}

function eventText(event: FillEvent): string {
  if (event.type === 'note' || event.type === 'warning') return event.message;
  const { stage, units, left } = event;
  if (event.type === 'start') return `${stage}: ${units - left} of ${units} parts of the images are stored already`;
  return `${stage}: ${units - left}/${units}  ${Math.round(event.imagesPerSec)} img/s  ETA ${formatDuration(event.etaSeconds)}`;
}
