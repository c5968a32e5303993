export const imageExtensions = ['jpg', 'jpeg', 'png', 'webp', 'bmp', 'gif', 'tiff', 'tif', 'avif'] as const;

const pattern = new RegExp(`\\.(${imageExtensions.join('|')})$`, 'i');

/** Whether a file's name is that of an image. */
export function isImageName(name: string): boolean {
  return pattern.test(name);
}

/** Files that hold images, or say where they are. */
export const archiveExtensions = ['csv', 'tar', 'parquet'] as const;

const archivePattern = new RegExp(`\\.(${archiveExtensions.join('|')})$`, 'i');

export function isArchiveName(name: string): boolean {
  return archivePattern.test(name);
}
