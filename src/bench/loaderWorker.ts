import type { Loader } from '../data/loading/loader.ts';
import { createLoader } from '../data/loading/loaderNode.ts';
import { openDataset } from '../data/openDatasetNode.ts';
import { photoTransform } from '../data/augment/pipeline.ts';

/**
 * Times the loader in a process of its own. Arguments: folder, batch, worker threads, batches, and what to load: `train` or `eval`, from
 * `jpeg` or `cache`. Prints one JSON object.
 */
const [dir = '', batchText = '16', workersText = '2', batchesText = '16', part = 'train', source = 'jpeg'] =
  process.argv.slice(2);
const [batch, workers, batches] = [Number(batchText), Number(workersText), Number(batchesText)];
const { train: list } = await openDataset(dir, { valFraction: 0, seed: 0 });
const loader = createLoader({
  ...{ list, transform: photoTransform(224), batch, workers, seed: 0, train: part === 'train' },
  cacheMB: source === 'cache' ? 2047 : 0,
});
const perEpoch = Math.floor(list.paths.length / batch);
// Threads start, code is compiled, and the cache is filled, before the clock runs.
const warmUp = source === 'cache' ? perEpoch + 2 : 4;
const { seconds, cpuSeconds } = await time(loader, warmUp, batches);
await loader.close();
console.log(JSON.stringify({ images: batches * batch, seconds, cpuSeconds }));

async function time(from: Loader, before: number, count: number): Promise<{ seconds: number; cpuSeconds: number }> {
  let [done, started, cpu] = [0, 0, process.cpuUsage()];
  // Evaluation ends after the epoch; it is then done again.
  for (;;)
    for await (const { release } of from.batches()) {
      release();
      if (++done === before) [started, cpu] = [performance.now(), process.cpuUsage()];
      if (done < before + count) continue;
      const { user, system } = process.cpuUsage(cpu);
      return { seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
    }
}
