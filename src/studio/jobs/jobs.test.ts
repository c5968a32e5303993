import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { thisProcess } from '../../formats/disk/processNode.ts';
import { UserError } from '../../graph/errors.ts';
import { argumentsOf, commandLine, startedCommands } from './commandLine.ts';
import { Jobs } from './jobs.ts';
import { jobFolder, writeJob } from './record.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'jobs-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const over = (jobs: Jobs, id: string) =>
  expect.poll(async () => (await jobs.get(id)).state, { timeout: 60_000, interval: 200 });

it('runs commands one after the other; another studio of the folder, or the next one, finds them and how they ended', async () => {
  const jobs = new Jobs(root);
  const first = await jobs.add(['list', 'methods']);
  const second = await jobs.add(['list', 'nothing']);
  expect([first.state, second.state]).toEqual(['running', 'queued']);
  const next = new Jobs(root);
  expect((await next.get(first.id)).state).not.toBe('queued');
  await over(next, first.id).toBe('done');
  await over(next, second.id).toBe('failed');
  expect(await next.output(second.id)).toContain('nothing');
  expect((await next.get(second.id)).status).toBe(2);
  expect(await jobs.output(first.id)).toContain('dearkd');
});

it('a command that is killed has failed, and one that waits can be taken out', async () => {
  const jobs = new Jobs(root);
  // A process that is gone and has written no status; and one that is there, this very one.
  const gone = { ...thisProcess(), pid: 2 ** 22 - 1 };
  await writeJob(root, { id: 'gone', args: ['list', 'models'], state: 'running', created: 1, process: gone });
  expect((await jobs.get('gone')).state).toBe('failed');
  await writeJob(root, { id: 'mine', args: ['list', 'models'], state: 'running', created: 2, process: thisProcess() });
  const waiting = await jobs.add(['list', 'models']);
  expect(waiting.state).toBe('queued');
  expect((await jobs.stop(waiting.id)).state).toBe('stopped');
  await expect(readFile(join(jobFolder(root, waiting.id), 'output.log'))).rejects.toThrow();
});

it('a form for each command that can be started is its own definition', async () => {
  const commands = await startedCommands();
  for (const { name, description, args } of commands) {
    expect([name, description.length > 10]).toEqual([name, true]);
    for (const { name: arg, description } of args)
      expect([name, arg, description.length > 4]).toEqual([name, arg, true]);
    expect(args.map(({ name }) => name)).not.toContain('set');
  }
  const named = Object.fromEntries(commands.map((command) => [command.name, command]));
  expect(Object.keys(named)).toEqual(
    expect.arrayContaining([
      'train',
      'distill',
      'study',
      'advise',
      'synthesize',
      'eval',
      'export',
      'inspect',
      'report',
    ]),
  );
  expect([named.train!.settings, named.synthesize!.settings, named.study!.settings]).toEqual([
    'run',
    'synthesis',
    null,
  ]);
  expect(named.synthesize!.args.find(({ name }) => name === 'images')).toMatchObject({
    kind: 'text',
    required: true,
    hint: 'N',
  });
  expect(named.distill!.args.find(({ name }) => name === 'data-free')).toMatchObject({ kind: 'boolean' });
  expect([named.report!.variadic, named.report!.args[0]!.kind]).toEqual([true, 'positional']);
});

it('takes what the command line takes, and nothing else', async () => {
  const args = await argumentsOf({
    command: 'train',
    flags: { data: "it's photos", resume: true },
    set: ['optim.lr=1e-3'],
  });
  expect(args).toEqual(['train', "--data=it's photos", '--resume', '--set=optim.lr=1e-3']);
  expect(commandLine(args)).toBe("understudy train --data 'it'\\''s photos' --resume --set optim.lr=1e-3");
  for (const wrong of [
    { command: 'studio' },
    { command: 'train', flags: { nonsense: 'x' } },
    { command: 'train', flags: { 'data --out': 'x' } },
    { command: 'report', positionals: ['--json'] },
    { command: 'train', flags: { data: 'a\0b' } },
    { command: 'train', more: 1 },
    null,
  ])
    await expect(argumentsOf(wrong)).rejects.toThrow(UserError);
});
