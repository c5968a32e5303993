import { UserError } from '../graph/errors.ts';
import type { Bitmap } from './images/decodeWeb.ts';

/** What is used of a page's video element. */
export interface VideoElement {
  srcObject: object | null;
  readonly videoWidth: number;
  readonly videoHeight: number;
  play(): Promise<void>;
}

export interface CameraOptions {
  /** Side of its frames, px. Default: 256. */
  readonly side?: number;
  /** A video element of the page that shows what it sees. Default: nothing shows it. */
  readonly video?: VideoElement;
}

/** A webcam. Frames are the square in the middle of what it sees, as it is: where a preview is mirrored, they are not. */
export interface Camera {
  /** A frame, to ask a model about. It may be sent to a worker. */
  frame(): Promise<Bitmap>;
  /** A frame as a JPEG file, to learn from. */
  picture(name?: string): Promise<Blob & { readonly name: string }>;
  /** Ends it. The device is given back when nobody uses it. */
  close(): Promise<void>;
}

interface Track {
  stop(): void;
}

interface Stream {
  getTracks(): Track[];
}

/** The parts of a page that are used. */
interface Page {
  readonly navigator: {
    readonly mediaDevices?: {
      getUserMedia(wanted: { readonly video: { readonly width: number; readonly height: number } }): Promise<Stream>;
    };
  };
  readonly document: { createElement(kind: 'video'): VideoElement & { muted: boolean; playsInline: boolean } };
  createImageBitmap(video: VideoElement, ...cut: readonly [...number[], object]): Promise<Bitmap>;
  readonly OffscreenCanvas: new (
    width: number,
    height: number,
  ) => {
    getContext(kind: 'bitmaprenderer'): { transferFromImageBitmap(bitmap: Bitmap): void };
    convertToBlob(options: { readonly type: string; readonly quality: number }): Promise<Blob>;
  };
  readonly File: new (parts: readonly Blob[], name: string, options: object) => Blob & { readonly name: string };
}

/** One stream for all who look: some browsers end the first where a page asks for a second. */
let shared: Promise<Stream> | undefined;
let users = 0;

const REMEDIES: Readonly<Record<string, string>> = {
  NotAllowedError: 'The camera was refused. Allow it by the camera symbol beside the address, and try again',
  NotFoundError: 'No camera was found. Connect one and try again',
  NotReadableError: 'Another program has the camera. Close it there and try again',
};

const page = () => globalThis as unknown as Page;

/**
 * Opens the webcam, in a page: workers have none.
 * @throws UserError with what to do where there is none, or none is given.
 */
export async function openCamera({ side = 256, video }: CameraOptions = {}): Promise<Camera> {
  const stream = await taken();
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    if (video?.srcObject === stream) video.srcObject = null;
    await given();
  };
  try {
    const seen = video ?? Object.assign(page().document.createElement('video'), { muted: true, playsInline: true });
    seen.srcObject = stream;
    await seen.play();
    const frame = async (): Promise<Bitmap> => {
      if (!open) throw new UserError('camera: wanted an open one, got one that was closed');
      return squareOf(seen, side);
    };
    const picture = async (name = 'frame.jpg') => fileOf(await frame(), side, name);
    return { frame, picture, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function taken(): Promise<Stream> {
  const { mediaDevices } = page().navigator;
  if (!mediaDevices)
    throw new UserError('Browsers give the camera to pages over https or from localhost alone. Open the page there');
  users++;
  shared ??= mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  try {
    return await shared;
  } catch (error) {
    shared = undefined;
    users--;
    const { name, message } = error as Error;
    throw new UserError(REMEDIES[name] ?? `The camera did not start: ${message}`, { cause: error });
  }
}

async function given(): Promise<void> {
  if (--users > 0) return;
  const ending = shared;
  shared = undefined;
  for (const track of (await ending)?.getTracks() ?? []) track.stop();
}

function squareOf(video: VideoElement, side: number): Promise<Bitmap> {
  const { videoWidth: width, videoHeight: height } = video;
  const whole = Math.min(width, height);
  const at = [(width - whole) / 2, (height - whole) / 2] as const;
  const small = { resizeWidth: side, resizeHeight: side, resizeQuality: 'high' };
  return page().createImageBitmap(video, ...at, whole, whole, small);
}

async function fileOf(frame: Bitmap, side: number, name: string) {
  const { OffscreenCanvas, File } = page();
  const canvas = new OffscreenCanvas(side, side);
  canvas.getContext('bitmaprenderer').transferFromImageBitmap(frame);
  return new File([await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 })], name, { type: 'image/jpeg' });
}
