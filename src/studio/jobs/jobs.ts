import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAlive, processOf } from '../../formats/disk/processNode.ts';
import { UserError } from '../../graph/errors.ts';
import { NotThere } from '../library/library.ts';
import { type Job, jobFolder, OUTPUT, readJobs, readStatus, writeJob } from './record.ts';

/** The compiled program, also for code that runs from src/. */
const MAIN = fileURLToPath(new URL('../../../dist/studio/jobs/runJobMain.js', import.meta.url));

/** Our choice: more than anybody means to start. */
const MOST_WAITING = 100;
const OUTPUT_BYTES = 64 * 1024;

/** Statuses of a command that was asked to stop (src/cli/outcome.ts). */
const STOPPED = [130, 143];

/**
 * Commands in processes of their own, one after the other. All that is known of them is in files: a studio that is started anew finds
 * what another one began, and two studios of one folder share one queue.
 */
export class Jobs {
  readonly #root: string;
  readonly #atOnce: number;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(root: string, atOnce = 1) {
    this.#root = root;
    this.#atOnce = atOnce;
  }

  /** Looks after the queue: what has ended is written down, what may begin begins. */
  async list(): Promise<readonly Job[]> {
    return this.#alone(async () => {
      const jobs = await Promise.all((await readJobs(this.#root)).map((job) => this.#settled(job)));
      let running = jobs.filter(({ state }) => state === 'running').length;
      return Promise.all(
        jobs.map(async (job) => {
          if (job.state !== 'queued' || running >= this.#atOnce) return job;
          running++;
          return this.#begin(job);
        }),
      );
    });
  }

  /** @param args after `understudy`; they have been checked. */
  async add(args: readonly string[]): Promise<Job> {
    const waiting = (await this.list()).filter(({ state }) => state === 'queued').length;
    if (waiting >= MOST_WAITING)
      throw new UserError(`the queue: wanted at most ${MOST_WAITING} waiting commands; stop some of them`);
    const created = Date.now();
    const id = `${created.toString(36)}-${randomBytes(4).toString('hex')}`;
    await mkdir(jobFolder(this.#root, id), { recursive: true });
    await writeJob(this.#root, { id, args: [...args], state: 'queued', created });
    return this.get(id);
  }

  async get(id: string): Promise<Job> {
    const job = (await this.list()).find((one) => one.id === id);
    if (!job) throw new NotThere(`job ${id}: nothing is there`);
    return job;
  }

  /** The end of what it has written. */
  async output(id: string): Promise<string> {
    const job = await this.get(id);
    const bytes = await readFile(join(jobFolder(this.#root, job.id), OUTPUT)).catch(() => Buffer.alloc(0));
    return bytes.subarray(-OUTPUT_BYTES).toString('utf8');
  }

  /** Asks a running command to save and end; asked twice, it ends at once. One that waits is taken out of the queue. */
  async stop(id: string): Promise<Job> {
    const job = await this.get(id);
    if (job.state === 'queued')
      await this.#alone(() => writeJob(this.#root, { ...job, state: 'stopped', ended: Date.now() }));
    if (job.state === 'running' && job.process && isAlive(job.process)) process.kill(job.process.pid, 'SIGINT');
    return this.get(id);
  }

  async #settled(job: Job): Promise<Job> {
    if (job.state !== 'running') return job;
    const status = await readStatus(this.#root, job.id);
    if (status === undefined && job.process && isAlive(job.process) !== false) return job;
    // It may have written its status between the two looks.
    const last = status ?? (await readStatus(this.#root, job.id));
    const state = last === 0 ? 'done' : last !== undefined && STOPPED.includes(last) ? 'stopped' : 'failed';
    const over: Job = { ...job, state, ended: Date.now(), ...(last === undefined ? {} : { status: last }) };
    await writeJob(this.#root, over);
    return over;
  }

  /** Starts it in a process group of its own, which the studio's end does not touch. */
  async #begin(job: Job): Promise<Job> {
    const folder = jobFolder(this.#root, job.id);
    // Whoever makes this file starts the job: another studio of this folder may be about to.
    const claimed = await writeFile(join(folder, 'claimed'), '', { flag: 'wx' }).then(
      () => true,
      () => false,
    );
    if (!claimed) return job;
    const output = await open(join(folder, OUTPUT), 'a');
    try {
      const child = spawn(process.execPath, [MAIN, folder, ...job.args], {
        cwd: this.#root,
        detached: true,
        stdio: ['ignore', output.fd, output.fd],
      });
      child.on('error', () => undefined);
      child.unref();
      await once(child, 'spawn');
      const begun: Job = { ...job, state: 'running', began: Date.now(), process: processOf(child.pid!) };
      await writeJob(this.#root, begun);
      return begun;
    } catch (error) {
      const failed: Job = { ...job, state: 'failed', ended: Date.now() };
      await output.write(`${(error as Error).message}\n`);
      await writeJob(this.#root, failed);
      return failed;
    } finally {
      await output.close();
    }
  }

  /** One look at the files after the other. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
