import { expect, it } from 'vitest';
import { parseConfig } from '../config/parse.ts';
import { runSchema } from '../config/schema.ts';
import { defaultOf } from '../run/plan/defaultsTable.ts';
import { ARMS, configOf, FASHION } from './accuracy.ts';

it('each way is a valid run of the same student, images and rate, which is that of the defaults', () => {
  for (const arm of Object.keys(ARMS) as (keyof typeof ARMS)[]) {
    const { student, optim, train, augment } = parseConfig(runSchema, configOf(FASHION, arm, 3), 'bench');
    expect(student).toMatchObject({ name: 'vit_pico_patch4', imageSize: 28, settings: { patchSize: 7 } });
    expect([train.seed, train.threads, augment.flip]).toEqual([3, 1, 0.5]);
    const facts = {
      images: 15_000,
      classes: 10,
      shorterSide: 28,
      epochs: 1,
      lr: 0,
      newHead: false,
      integerLabels: false,
    };
    const known = {
      ...facts,
      student: 'vit_pico_patch4',
      width: 64,
      optimiser: 'muon',
      method: 'supervised',
      started: false,
      imageSize: 28,
    } as const;
    expect(optim.lr).toBe(defaultOf('optim.lr', { ...known, batch: train.batch as number }).value);
  }
});
