import { expect, test } from 'vitest';
import { shardOf } from './shard.ts';

test.each([
  ['2/8', {}, { index: 1, of: 8 }],
  ['1/1', {}, { index: 0, of: 1 }],
  // sbatch --array=0-3, --array=5-11:2 and GNU parallel; Slurm counts its tasks, Kubernetes and parallel do not.
  [
    'auto',
    { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_MIN: '0', SLURM_ARRAY_TASK_COUNT: '4', SLURM_ARRAY_TASK_STEP: '1' },
    { index: 3, of: 4 },
  ],
  [
    'auto',
    { SLURM_ARRAY_TASK_ID: '9', SLURM_ARRAY_TASK_MIN: '5', SLURM_ARRAY_TASK_COUNT: '4', SLURM_ARRAY_TASK_STEP: '2' },
    { index: 2, of: 4 },
  ],
  ['auto', { JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '3' }, { index: 0, of: 3 }],
  ['auto/3', { JOB_COMPLETION_INDEX: '2' }, { index: 2, of: 3 }],
  ['auto/5', { PARALLEL_SEQ: '5', PARALLEL_JOBSLOT: '2' }, { index: 4, of: 5 }],
  [undefined, { SLURM_ARRAY_TASK_ID: '3' }, undefined],
])('--shard %s, %o', (text, environment, part) => {
  expect(shardOf(text, environment)).toEqual(part);
});

test.each([
  ['0/8', {}, 'wanted a part from 1 to N, got 0 of 8'],
  ['9/8', {}, 'wanted a part from 1 to N, got 9 of 8'],
  ['1/0', {}, 'got 1 of 0'],
  ['2', {}, 'wanted I/N such as 2/8, or auto, got "2"'],
  ['a/b', {}, 'wanted I/N'],
  ['auto', {}, 'got none of their variables'],
  ['auto', { PARALLEL_SEQ: '5' }, 'give it: --shard auto/N'],
  ['auto', { JOB_COMPLETION_INDEX: '1' }, 'give it: --shard auto/N'],
  ['auto', { SLURM_ARRAY_TASK_ID: 'x' }, 'wanted a whole number in SLURM_ARRAY_TASK_ID, got "x"'],
  [
    'auto',
    { SLURM_ARRAY_TASK_ID: '4', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_STEP: '2', SLURM_ARRAY_TASK_COUNT: '4' },
    'wanted a regular job array',
  ],
])('--shard %s, %o: refused', (text, environment, message) => {
  expect(() => shardOf(text, environment)).toThrow(message);
});
