/** An image of RGB bytes, `data[(y * width + x) * 3 + channel]`. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A rectangle of whole pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A copy of the pixels inside `box`, which must lie within the image. */
export function cropPixels(image: Pixels, box: Box): Pixels {
  const row = box.width * 3;
  const data = new Uint8Array(row * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * image.width + box.left) * 3;
    data.set(image.data.subarray(from, from + row), y * row);
  }
  return { data, width: box.width, height: box.height };
}

/** An image of the size of `on`, of one colour, with `image` at its place in it. */
export function pastePixels(image: Pixels, on: Box, colour: readonly number[]): Pixels {
  const data = new Uint8Array(3 * on.width * on.height);
  for (let at = 0; at < data.length; at++) data[at] = colour[at % 3]!;
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(3 * image.width * y, 3 * image.width * (y + 1));
    data.set(row, 3 * ((on.top + y) * on.width + on.left));
  }
  return { data, width: on.width, height: on.height };
}
