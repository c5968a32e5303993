export const imageExtensions = ['jpg', 'jpeg', 'png', 'webp', 'bmp', 'gif', 'tiff', 'tif', 'avif'] as const;

const pattern = new RegExp(`\\.(${imageExtensions.join('|')})$`, 'i');

/** Whether a file's name is that of an image. */
export function isImageName(name: string): boolean {
  return pattern.test(name);
}
