import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { leaveCamera, takeCamera } from './camera.ts';

interface CameraView {
  readonly video: RefObject<HTMLVideoElement | null>;
  readonly ready: boolean;
  /** Why there is no camera, and what to do. */
  readonly refused: string | null;
}

/** The webcam in a video element, as long as the component is there. */
export function useCamera(): CameraView {
  const video = useRef<HTMLVideoElement | null>(null);
  const [ready, setReady] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    const taken = takeCamera().then(
      async (stream) => {
        if (gone || !video.current) return true;
        video.current.srcObject = stream;
        await video.current.play();
        setReady(true);
        return true;
      },
      (error: Error) => {
        setRefused(error.message);
        return false;
      },
    );
    return () => {
      gone = true;
      void taken.then((had) => (had ? leaveCamera() : undefined));
    };
  }, []);
  return { video, ready, refused };
}
