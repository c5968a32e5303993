import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';

const processSchema = z.strictObject({
  pid: z.int().min(1),
  host: z.string(),
  started: z.string(),
  namespace: z.string(),
});

const jobSchema = z.strictObject({
  id: z.string().regex(/^[\w-]{1,40}$/),
  /** After `understudy`. */
  args: z.array(z.string()).min(1),
  state: z.enum(['queued', 'running', 'done', 'failed', 'stopped']),
  /** Milliseconds since 1970. */
  created: z.number(),
  began: z.number().optional(),
  ended: z.number().optional(),
  process: processSchema.optional(),
  status: z.int().optional(),
});

/** A command that the studio was asked to run: waiting, running or over. It is a file, so that it outlives the studio. */
export type Job = z.output<typeof jobSchema>;

export const OUTPUT = 'output.log';
const RECORD = 'job.json';
/** Written by the process of the job itself at its end. */
export const STATUS_FILE = 'status';

export const jobFolder = (root: string, id: string): string => join(root, '.understudy', 'jobs', id);

export async function writeJob(root: string, job: Job): Promise<void> {
  await writeFileAtomic(join(jobFolder(root, job.id), RECORD), `${JSON.stringify(job, null, 2)}\n`);
}

/** All jobs of the folder, the oldest first; a file that is none is passed over. */
export async function readJobs(root: string): Promise<Job[]> {
  const ids = await readdir(jobFolder(root, '')).catch(() => []);
  const jobs = await Promise.all(ids.map((id) => readJob(join(jobFolder(root, id), RECORD))));
  return jobs.filter((job) => job !== undefined).sort((a, b) => a.created - b.created);
}

async function readJob(path: string): Promise<Job | undefined> {
  try {
    return jobSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** The exit status that the job's own process wrote; undefined where it was killed before. */
export async function readStatus(root: string, id: string): Promise<number | undefined> {
  const text = await readFile(join(jobFolder(root, id), STATUS_FILE), 'utf8').catch(() => '');
  return /^\d{1,3}\n$/.test(text) ? Number(text) : undefined;
}
