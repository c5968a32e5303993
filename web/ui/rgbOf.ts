/** RGB bytes of a picture, which is used up; what shows through is white, as in training. */
export function rgbOf(picture: ImageBitmap): { data: Uint8Array; width: number; height: number } {
  const { width, height } = picture;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0);
  picture.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  return { data: Uint8Array.from(rgba.filter((_, i) => i % 4 < 3)), width, height };
}
