import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Camera, openCamera } from 'understudy/browser';

interface CameraView {
  readonly video: RefObject<HTMLVideoElement | null>;
  /** The webcam, once it is open. */
  readonly camera: Camera | null;
  /** Why there is no camera, and what to do. */
  readonly refused: string | null;
}

/** The webcam in a video element, as long as the component is there. */
export function useCamera(): CameraView {
  const video = useRef<HTMLVideoElement | null>(null);
  const [camera, setCamera] = useState<Camera | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    const opened = openCamera({ video: video.current! }).then(
      (found) => {
        if (!gone) setCamera(found);
        return found;
      },
      (error: Error) => {
        if (!gone) setRefused(`${error.message}, or add picture files.`);
        return undefined;
      },
    );
    return () => {
      gone = true;
      void opened.then((found) => found?.close());
    };
  }, []);
  return { video, camera, refused };
}
