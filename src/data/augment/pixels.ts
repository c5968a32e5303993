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
