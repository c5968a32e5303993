import { useState } from 'preact/hooks';
import { Button, Notice, Progress } from '../../ui/basics.tsx';
import { Column } from '../column.tsx';
import { missing } from '../missing.ts';
import { Picker } from '../picker.tsx';
import { adding, attempt, busy, GIVEN, given, keeper, project } from '../state.ts';
import { count } from '../words.ts';
import { addByFolder, leftOut } from './adding.ts';
import { ClassCard } from './classCard.tsx';
import { ofDrop, ofPicked } from './dropped.ts';
import { TrainingSketch } from './sketch.tsx';

export function PicturesColumn() {
  const { classes } = project.value!;
  const [over, setOver] = useState(false);
  const pictures = classes.reduce((sum, one) => sum + one.pictures.length, 0);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const files = ofDrop(event.dataTransfer!);
    void attempt('pictures', async () => addByFolder(await files));
  };
  return (
    <Column
      id="pictures"
      number={1}
      title="Pictures"
      hint={
        pictures
          ? `${count(pictures, 'picture')} in ${count(classes.length, 'class', 'classes')}`
          : 'Of the things to tell apart'
      }
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way; the buttons inside are another */}
      <div
        class={`drop ${over ? 'over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <Adding />
        {!busy.value && <Offered />}
        {classes.length === 0 ? <NoPictures /> : <Classes />}
      </div>
    </Column>
  );
}

const addClass = () => void attempt('pictures', () => keeper.ask('addClass', ''));
const pickFolder = (files: readonly File[]) => void attempt('pictures', () => addByFolder(ofPicked(files)));

const NoPictures = () => (
  <div class="empty tall">
    <TrainingSketch />
    <h3>Drop folders of pictures here</h3>
    <p>
      One folder for each thing to tell apart, such as <code>cats</code> and <code>dogs</code>. Or make the classes
      yourself, and film with your webcam.
    </p>
    <div class="row">
      <Picker kind="primary" folder label="Choose a folder of pictures" onPick={pickFolder}>
        Choose a folder
      </Picker>
      <Button onClick={addClass}>Add a class</Button>
    </div>
    <p class="small">About 10 to 50 pictures in each class are a good start.</p>
  </div>
);

function Classes() {
  const { classes } = project.value!;
  const wanted = missing(classes);
  return (
    <>
      {busy.value && <p class="small soft">Pictures stay as they are until this training is over.</p>}
      <div class="classes">
        {classes.map((one, i) => (
          <ClassCard key={one.id} of={one} index={i} />
        ))}
      </div>
      {wanted && <Notice>{wanted}</Notice>}
      {!busy.value && (
        <div class="row">
          <Button onClick={addClass}>Add a class</Button>
          <Picker kind="quiet" folder label="Add a folder of pictures" onPick={pickFolder}>
            Add a folder
          </Picker>
        </div>
      )}
    </>
  );
}

/** Pictures of a folder that `understudy page` was started with. */
function Offered() {
  const offer = given.value;
  if (!offer) return null;
  const classes = Object.entries(offer.classes);
  const known = project.value!.classes.map(({ name }) => name);
  if (classes.every(([name]) => known.includes(name))) return null;
  const pictures = classes.reduce((sum, [, ids]) => sum + ids.length, 0);
  const take = () =>
    void attempt('pictures', async () => {
      given.value = null;
      const { refused } = await keeper.ask('takeGiven', GIVEN);
      adding.value = null;
      if (refused.length > 0) throw new Error(leftOut(refused, pictures));
    });
  return (
    <div class="card">
      <p>
        The folder <strong class="break">{offer.name}</strong> has {count(pictures, 'picture')} in{' '}
        {count(classes.length, 'class', 'classes')}.
      </p>
      <div class="row">
        <Button kind="primary" onClick={take}>
          Take these pictures
        </Button>
        <Button
          kind="quiet"
          onClick={() => {
            given.value = null;
          }}
        >
          Not now
        </Button>
      </div>
    </div>
  );
}

/** Fewer are there before their message would be read. */
const MANY = 20;

function Adding() {
  if (!adding.value || adding.value.of < MANY) return null;
  const { done, of } = adding.value;
  return (
    <div class="stack tight" role="status">
      <span class="small soft">
        Adding pictures: {done} of {of}
      </span>
      <Progress done={done} of={of} label="Adding pictures" />
    </div>
  );
}
