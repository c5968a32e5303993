import { Notice } from '../ui/basics.tsx';
import { ThemeSwitch } from '../ui/themeSwitch.tsx';
import { PicturesColumn } from './pictures/picturesColumn.tsx';
import { StartOver } from './startOver.tsx';
import { fault, phase, project, threads } from './state.ts';
import { TrainColumn } from './train/trainColumn.tsx';
import { TryColumn } from './try/tryColumn.tsx';

export const App = () => (
  <>
    <a class="skip" href="#pictures">
      To the pictures
    </a>
    <header class="topbar">
      <div class="brand">
        <img src="./icon.svg" alt="" width="28" height="28" />
        <div>
          <h1>Understudy</h1>
          <p class="soft small">Train an image model in this tab</p>
        </div>
      </div>
      <p class="promise small">
        <Lock />
        Pictures and model stay on this machine
      </p>
      <div class="row">
        {project.value && <StartOver />}
        <ThemeSwitch />
      </div>
    </header>
    <main>
      <Body />
    </main>
    <footer class="foot small soft">
      <Footing />
    </footer>
  </>
);

function Body() {
  if (phase.value === 'waiting')
    return (
      <div class="alone">
        <Notice kind="warn" title="This page is open in another tab">
          Your pictures can be in one tab at a time. Close the other one, and this one goes on by itself.
        </Notice>
      </div>
    );
  if (phase.value === 'broken')
    return (
      <div class="alone">
        <Notice kind="bad" title="The page could not start">
          {fault.value?.message}
        </Notice>
      </div>
    );
  if (!project.value) return <p class="alone soft">Looking for your pictures…</p>;
  return (
    <div class="columns">
      <PicturesColumn />
      <TrainColumn />
      <TryColumn />
    </div>
  );
}

const Lock = () => (
  <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
    <path
      d="M4.5 7V5a3.5 3.5 0 0 1 7 0v2M3.5 7h9v6.5h-9z"
      fill="none"
      stroke="currentColor"
      stroke-width="1.4"
      stroke-linejoin="round"
    />
  </svg>
);

function Footing() {
  if (phase.value !== 'ready') return null;
  const one = threads.value === 1;
  return (
    <>
      Trains on {one ? 'one thread' : `${threads.value} threads`} of this machine
      {one && !globalThis.crossOriginIsolated && ', since the host of this page does not isolate it from other pages'}.
      Works without a network. What you add is kept in this browser, for this address, until you start over.
    </>
  );
}
