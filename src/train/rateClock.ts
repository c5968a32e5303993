import type { Clock } from '../host/clock.ts';
import type { Measured } from './updateParts.ts';

/** Images a second, smoothed over about twenty updates, and the shares of time spent waiting for data and in the teacher. */
export class RateClock {
  readonly #images: number;
  readonly #clock: Clock;
  #before: number;
  #seconds = 0;
  #waiting = 0;
  #teacher = 0;
  #weight = 0;

  constructor(images: number, clock: Clock) {
    this.#clock = clock;
    this.#before = clock.elapsed();
    this.#images = images;
  }

  tick({ waitSeconds, teacherSeconds }: Pick<Measured, 'waitSeconds' | 'teacherSeconds'>) {
    const now = this.#clock.elapsed();
    const keep = 0.95;
    this.#seconds = keep * this.#seconds + (now - this.#before) / 1000;
    this.#waiting = keep * this.#waiting + waitSeconds;
    this.#teacher = keep * this.#teacher + (teacherSeconds ?? 0);
    this.#weight = keep * this.#weight + 1;
    this.#before = now;
    return {
      imagesPerSec: (this.#images * this.#weight) / this.#seconds,
      dataWait: Math.min(1, this.#waiting / this.#seconds),
      teacherTime: Math.min(1, this.#teacher / this.#seconds),
    };
  }
}
