import { UserError } from '../graph/errors.ts';
import { showShape } from '../graph/shape.ts';
import type { EncoderKind } from '../models/encoder.ts';
import type { Activation } from '../nn/feedForward.ts';

export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What a config.json says that shapes do not. */
export interface ModelHints {
  readonly imageSize?: number;
  readonly heads?: number;
  readonly normEpsilon?: number;
  readonly pool?: 'token' | 'mean';
  readonly kind?: EncoderKind;
  readonly activation?: Activation;
  readonly ropeTheta?: number;
}

/** Shapes of parameters under our names, from which an architecture is read. */
export class ShapeReader {
  readonly shapes: Shapes;
  readonly where: string;

  constructor(shapes: Shapes, where: string) {
    this.shapes = shapes;
    this.where = where;
  }

  has(name: string): boolean {
    return this.shapes.has(name);
  }

  /** The shape of a tensor that has to be there with so many axes. */
  get(name: string, rank: number): readonly number[] {
    const shape = this.shapes.get(name);
    if (shape?.length === rank) return shape;
    throw new UserError(
      `${this.where}: wanted ${name} with ${rank} axes, got ${shape ? showShape(shape) : 'none'}. The file does not hold a whole model of a kind that is known`,
    );
  }

  /** A square convolution over RGB pixels, [out,3,k,k]. */
  pixelKernel(name: string): { readonly out: number; readonly kernel: number } {
    const [out, channels, rows, columns] = this.get(name, 4) as [number, number, number, number];
    if (channels === 3 && rows === columns) return { out, kernel: rows };
    throw new UserError(
      `${this.where}: wanted ${name} to take RGB pixels by squares, [width,3,k,k], got ${showShape([out, channels, rows, columns])}`,
    );
  }

  /** How many different numbers stand in the first group of a pattern: layers, blocks, stages. */
  count(pattern: RegExp): number {
    const found = new Set<string>();
    for (const name of this.shapes.keys()) {
      const number = pattern.exec(name)?.[1];
      if (number !== undefined) found.add(number);
    }
    return found.size;
  }

  /** Rows of a head, or 0 where there is none: the file says how many classes there are. */
  classes(head: string): number {
    return this.has(`${head}.weight`) ? this.get(`${head}.weight`, 2)[0]! : 0;
  }
}
