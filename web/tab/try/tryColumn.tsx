import { useEffect, useRef, useState } from 'preact/hooks';
import { Button, Notice } from '../../ui/basics.tsx';
import { useCamera } from '../cameraView.tsx';
import { Column } from '../column.tsx';
import { Picker } from '../picker.tsx';
import type { Training } from '../protocol.ts';
import { attempt, training } from '../state.ts';
import { Answers } from './answers.tsx';
import { ask, clear } from './asking.ts';
import { Download } from './download.tsx';
import { AnswerSketch } from './sketch.tsx';

export const TryColumn = () => (
  <Column id="try" number={3} title="Try" hint="Show it something, and take it away">
    {training.value?.usable ? <Trying of={training.value} /> : <NothingYet />}
  </Column>
);

const NothingYet = () => (
  <div class="empty tall">
    <AnswerSketch />
    <h3>Your model answers here</h3>
    <p>
      Soon after a training has begun you can show its model your webcam or a picture. It answers beside its teacher,
      and you can download it.
    </p>
  </div>
);

function Trying({ of: model }: { readonly of: Training }) {
  const [picture, setPicture] = useState<string | null>(null);
  const [camera, setCamera] = useState(false);
  const [over, setOver] = useState(false);
  const show = (file: File | undefined) =>
    file &&
    void attempt('try', async () => {
      const bitmap = await createImageBitmap(file).catch(() => {
        throw new Error(`“${file.name}” cannot be read as a picture. Choose a JPEG, PNG, WebP, GIF, BMP or AVIF file.`);
      });
      setCamera(false);
      setPicture(URL.createObjectURL(file));
      await ask(model, bitmap);
    });
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    show(event.dataTransfer?.files[0]);
  };
  return (
    <>
      <div class="card">
        {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way; the buttons below are another */}
        <div
          class={`stage ${over ? 'over' : ''} ${camera || picture ? '' : 'blank'}`}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          {camera ? (
            <Live of={model} />
          ) : picture ? (
            <img src={picture} alt="What the model is asked about" />
          ) : (
            <p class="soft">Drop a picture here</p>
          )}
        </div>
        <div class="row">
          <Button
            pressed={camera}
            onClick={() => {
              setCamera(!camera);
              clear();
            }}
          >
            {camera ? 'Webcam off' : 'Webcam on'}
          </Button>
          <Picker accept="image/*" label="Choose a picture to try" onPick={([file]) => show(file)}>
            Choose a picture
          </Picker>
        </div>
        <Answers of={model} />
      </div>
      <Download of={model} />
    </>
  );
}

/** Asks about what the webcam sees, as often as the answers come. */
function Live({ of: model }: { readonly of: Training }) {
  const { video, camera, refused } = useCamera();
  const latest = useRef(model);
  latest.current = model;
  useEffect(() => {
    if (!camera) return;
    let over = false;
    const look = async () => {
      while (!over) {
        await attempt('try', async () => ask(latest.current, (await camera.frame()) as ImageBitmap));
        // A hidden tab paints nothing, and is asked nothing.
        await new Promise((resolve) => requestAnimationFrame(resolve));
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    };
    void look();
    return () => {
      over = true;
    };
  }, [camera]);
  if (refused) return <Notice kind="bad">{refused}</Notice>;
  return <video ref={video} class="preview" muted playsInline aria-label="What the webcam sees" />;
}
