/** The webcam, shared by filming and trying: one stream, as long as anybody looks. */

let stream: Promise<MediaStream> | undefined;
let users = 0;

const REMEDIES: Readonly<Record<string, string>> = {
  NotAllowedError:
    'The camera was refused. Allow it by the camera symbol beside the address, and try again; or add picture files.',
  NotFoundError: 'No camera was found. Connect one and try again, or add picture files.',
  NotReadableError: 'Another program has the camera. Close it there and try again, or add picture files.',
};

/** @throws Error with what to do where there is no camera. */
export async function takeCamera(): Promise<MediaStream> {
  if (!navigator.mediaDevices)
    throw new Error(
      'Browsers give the camera to pages over https or from localhost alone. Open the page there, or add picture files.',
    );
  users++;
  stream ??= navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  try {
    return await stream;
  } catch (error) {
    stream = undefined;
    users--;
    throw new Error(REMEDIES[(error as Error).name] ?? `The camera did not start: ${(error as Error).message}.`);
  }
}

export async function leaveCamera(): Promise<void> {
  if (--users > 0) return;
  const ending = stream;
  stream = undefined;
  for (const track of (await ending?.catch(() => undefined))?.getTracks() ?? []) track.stop();
}

/** Side of a filmed picture, px. */
const SIDE = 256;

/** The square in the middle of what the camera sees, as it is (a preview is mirrored, the picture is not). */
export function frameOf(video: HTMLVideoElement): Promise<ImageBitmap> {
  const side = Math.min(video.videoWidth, video.videoHeight);
  const [x, y] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
  return createImageBitmap(video, x, y, side, side, { resizeWidth: SIDE, resizeHeight: SIDE, resizeQuality: 'high' });
}

/** A frame as a file. */
export async function filmed(video: HTMLVideoElement, name: string): Promise<File> {
  const frame = await frameOf(video);
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  canvas.getContext('bitmaprenderer')!.transferFromImageBitmap(frame);
  return new File([await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 })], name, { type: 'image/jpeg' });
}
