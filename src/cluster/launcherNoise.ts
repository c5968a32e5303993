/** What ends a job from within (see watchNode.ts). */
export const ENDED_HERE = 'The job is ended here';

/** Between two such lines Open MPI says something of itself. */
const RULE = /^-{60,}$/;
/** MPICH's launcher says it between these. */
const HYDRA = /^=+$|^=\s/;
const LOST = /process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+) \(([^)]*)\)/;
const LOST_HYDRA = /PID \d+ RUNNING AT (\S+)/;
/** What is of no use beside the error of the rank itself. */
const IDLE = [
  /MPI_ABORT was invoked/,
  /Primary job\s+terminated normally/,
  /exited with non-zero status|non-zero exit code/,
  /more process(es)? ha(s|ve) sent help message/,
  /Set MCA parameter "orte_base_help_aggregate"/,
  /mpirun: Forwarding signal/,
  /ORTE_ERROR_LOG: (Data unpack would read past end of buffer|Out of resource)/,
  /MPI communication peer process has unexpectedly disconnected/,
  /You may or may not see output from other processes/,
];

/** Takes a launcher's own words out of what the ranks write: what they say that matters is said in one line. */
export class Noise {
  /** The rank that was lost, in words. */
  lost: string | undefined;
  /** Whether a rank has ended the job. */
  ending = false;
  readonly #tell: (line: string) => void;
  #rest = '';
  #block: string[] | undefined;

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
  }

  end(): void {
    if (this.#rest !== '') this.#line(this.#rest);
    this.#rest = '';
    if (this.#block) this.#close(this.#block);
  }

  #line(line: string): void {
    if (line.includes(ENDED_HERE)) this.ending = true;
    if (RULE.test(line)) {
      if (this.#block) this.#close(this.#block);
      else this.#block = [];
      return;
    }
    if (this.#block) this.#block.push(line);
    else if (HYDRA.test(line)) this.#find(line);
    else if (!IDLE.some((idle) => idle.test(line))) this.#tell(line);
  }

  #close(block: readonly string[]): void {
    this.#block = undefined;
    const text = block.join('\n');
    this.#find(text.replaceAll('\n', ' '));
    if (LOST.test(text.replaceAll('\n', ' ')) || IDLE.some((idle) => idle.test(text))) return;
    for (const line of block) if (line.trim() !== '') this.#tell(line);
  }

  #find(text: string): void {
    const [, rank, host, signal, name] = LOST.exec(text) ?? [];
    if (rank !== undefined) this.lost = `rank ${rank} on ${host} was ended by signal ${signal} (${name})`;
    const [, where] = LOST_HYDRA.exec(text) ?? [];
    if (where !== undefined) this.lost = `a rank on ${where} was lost`;
  }
}
