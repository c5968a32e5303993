export const imageExtensions = ['jpg', 'jpeg', 'png', 'webp', 'bmp', 'gif', 'tiff', 'tif', 'avif'] as const;

/** Rarer endings of the same formats: JPEG as Windows and old cameras write it, a bitmap, an animated PNG. */
const otherEndings = ['jfif', 'jfi', 'jif', 'jpe', 'pjpeg', 'pjp', 'dib', 'apng'] as const;

const pattern = new RegExp(`\\.(${[...imageExtensions, ...otherEndings].join('|')})$`, 'i');

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

/** Endings of pictures that are not read. */
const UNREAD = new Set(
  (
    'heic heif hif heics avifs ppm pgm pbm pnm pam pfm jp2 j2k jpf jpx jpm jpc jxl jxr wdp hdp svg svgz psd psb xcf tga icb vda ico icns cur exr hdr ' +
    'dds dcm dicom nii nrrd mha fits fit nef nrw cr2 cr3 crw arw srf sr2 dng orf rw2 raf pef srw x3f raw eps ps pcx sgi ras wbmp xbm xpm qoi flif bpg ' +
    'ecw sid mrsid ndpi svs mpo jng mng'
  ).split(' '),
);

/** Endings of files that lie beside pictures and are none, so that nobody looks into them. */
const NO_PICTURE = new Set(
  (
    'txt json jsonl xml csv tsv md rst html htm pdf doc docx xls xlsx yaml yml toml ini cfg conf log py ipynb m r js ts sh bat db sqlite lock ' +
    'zip gz tgz bz2 xz 7z rar tar parquet arrow tfrecord h5 hdf5 npy npz mat pkl pickle pt pth safetensors onnx bin lmdb mdb beton idx cls ' +
    'mp4 avi mov mkv webm mp3 wav url lnk license readme part crdownload tmp bak'
  ).split(' '),
);

/** What follows the last dot of a file's name, in lower case; nothing where there is none. */
export const endingOf = (name: string): string => (/\.([^.]*)$/.exec(name)?.[1] ?? '').toLowerCase();

/** Whether a file that is not read is a picture by its name: undefined where only its bytes can tell. */
export function isUnreadPicture(name: string): boolean | undefined {
  const ending = endingOf(name);
  if (UNREAD.has(ending)) return true;
  return NO_PICTURE.has(ending) || /^(readme|license|licence|copying|makefile)$/i.test(name) ? false : undefined;
}
