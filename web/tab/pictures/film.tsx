import { useEffect, useRef, useState } from 'preact/hooks';
import { Button, Notice } from '../../ui/basics.tsx';
import { useCamera } from '../cameraView.tsx';
import { count } from '../words.ts';

/** Milliseconds between two pictures; the hand or the thing has to move between them. */
const EVERY = 250;
/** Pictures are added in such heaps. */
const HEAP = 4;

interface FilmProps {
  readonly name: string;
  readonly onTaken: (files: readonly File[]) => Promise<void>;
  readonly onClose: () => void;
}

/** Films pictures of a class, four a second, until it is told to stop. */
export function Film({ name, onTaken, onClose }: FilmProps) {
  const { video, refused, camera } = useCamera();
  const [filming, setFilming] = useState(false);
  const [taken, setTaken] = useState(0);
  const heap = useRef<File[]>([]);
  const number = useRef(0);
  useEffect(() => {
    if (!filming || !camera) return;
    const hand = () => heap.current.length > 0 && void onTaken(heap.current.splice(0));
    const timer = setInterval(async () => {
      const own = ++number.current;
      heap.current.push((await camera.picture(`webcam ${own}.jpg`)) as File);
      setTaken(own);
      if (heap.current.length >= HEAP) hand();
    }, EVERY);
    return () => {
      clearInterval(timer);
      hand();
    };
  }, [filming, camera]);
  const close = () => {
    setFilming(false);
    onClose();
  };
  return (
    <div class="film">
      {refused ? (
        <Notice kind="bad">{refused}</Notice>
      ) : (
        <>
          <video ref={video} class="preview" muted playsInline aria-label="What the webcam sees" />
          <p class="small soft" role="status">
            {filming || taken > 0
              ? `${count(taken, 'picture')} taken. Move it a little: turn it, come nearer, change the light.`
              : `Hold what is “${name}” into the picture, and start.`}
          </p>
        </>
      )}
      <div class="row">
        {!refused && (
          <Button kind="primary" disabled={!camera} onClick={() => setFilming(!filming)} pressed={filming}>
            {filming ? 'Stop filming' : 'Start filming'}
          </Button>
        )}
        <Button onClick={close}>Close webcam</Button>
      </div>
    </div>
  );
}
