/** How far a run had come at an evaluation, and what it had cost until then, all evaluations left out. */
export interface CoursePoint {
  readonly epoch: number;
  /** 0 to 1. */
  readonly top1: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

export interface Course {
  readonly curve: readonly CoursePoint[];
  /** The first evaluation at or above the target; null where none was. */
  readonly reached: CoursePoint | null;
}

/** The first point at or above the target. */
export const reachedIn = (curve: readonly CoursePoint[], target: number): CoursePoint | null =>
  curve.find(({ top1 }) => top1 >= target) ?? null;

/** Times a run from the start of its process: what lies between the last update and the end of an evaluation does not count. */
export class CourseClock {
  readonly #cpu: () => { readonly user: number; readonly system: number };
  readonly #wall: () => number;
  readonly #curve: CoursePoint[] = [];
  /** Processor and wall seconds at the last update, and those of evaluations before it. */
  #at = { cpu: 0, wall: 0 };
  #aside = { cpu: 0, wall: 0 };

  /** `cpu` in microseconds and `wall` in milliseconds since the process began. */
  constructor(cpu: () => { readonly user: number; readonly system: number }, wall: () => number) {
    this.#cpu = cpu;
    this.#wall = wall;
  }

  trained(): void {
    this.#at = this.#now();
  }

  evaluated(epoch: number, top1: number): void {
    const [now, { cpu, wall }] = [this.#now(), this.#aside];
    this.#curve.push({ epoch, top1, cpuSeconds: this.#at.cpu - cpu, wallSeconds: this.#at.wall - wall });
    this.#aside = { cpu: cpu + now.cpu - this.#at.cpu, wall: wall + now.wall - this.#at.wall };
    this.#at = now;
  }

  course(target: number): Course {
    return { curve: this.#curve, reached: reachedIn(this.#curve, target) };
  }

  #now() {
    const { user, system } = this.#cpu();
    return { cpu: (user + system) / 1e6, wall: this.#wall() / 1000 };
  }
}
