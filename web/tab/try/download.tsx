import { useState } from 'preact/hooks';
import { Button } from '../../ui/basics.tsx';
import type { Training } from '../protocol.ts';
import { attempt, trier } from '../state.ts';
import { bytes } from '../words.ts';

/** The model as a zip. */
export function Download({ of: { name, state } }: { readonly of: Training }) {
  const [working, setWorking] = useState(false);
  const [saved, setSaved] = useState<number | null>(null);
  const download = async () => {
    setWorking(true);
    await attempt('try', async () => {
      const zip = await trier().ask('zipOf', name);
      save(zip, `${name.replaceAll(' ', '-')}.zip`);
      setSaved(zip.size);
    });
    setWorking(false);
  };
  return (
    <div class="card">
      <h3>Take it away</h3>
      <p class="small soft">
        A zip with the model as ONNX and safetensors and a page that says how to use it: in Node, in browsers, in any
        ONNX runtime.
      </p>
      <div class="big">
        <Button kind={state === 'done' ? 'primary' : 'plain'} disabled={working} onClick={() => void download()}>
          {working ? 'Packing…' : state === 'done' ? 'Download model' : 'Download model as it is now'}
        </Button>
      </div>
      {saved !== null && (
        <p class="small soft" role="status">
          Saved, {bytes(saved)}. Unpack it; <code>npx understudy verify FOLDER --data PICTURES</code> checks it.
        </p>
      )}
    </div>
  );
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
