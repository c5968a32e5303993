import { useState } from 'preact/hooks';
import { AUGMENT_PRESETS } from '../../../src/config/augmentPresets.ts';
import { Card, Command } from '../../ui/basics.tsx';
import { SelectField } from '../../ui/fields.tsx';
import { param, setParams } from '../address.ts';
import { Waiting } from '../waiting.tsx';
import { Picture } from './pictureGrid.tsx';

const PRESETS = Object.keys(AUGMENT_PRESETS).map((name) => [name, name] as const);

/** What training sees of some pictures: the loader's own batches, in five epochs and mixed. */
export function Augmented({ id, path }: { readonly id: string; readonly path: string }) {
  const preset = PRESETS.find(([name]) => name === param('preset'))?.[0] ?? 'light';
  const [loaded, setLoaded] = useState('');
  return (
    <Card title="What training sees">
      <div style={{ maxWidth: '24rem' }}>
        <SelectField
          label="Preset"
          value={preset}
          options={PRESETS}
          onChange={(value) => setParams({ preset: value })}
          help={`${AUGMENT_PRESETS[preset as keyof typeof AUGMENT_PRESETS].source}. Rows: evaluation, five epochs, then mixed batches; what is erased is noise.`}
        />
      </div>
      {loaded !== preset && <Waiting what="Asking the loader for its first batches…" />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section class="sheet-of-pictures" tabIndex={0} aria-label="Sheet" onLoadCapture={() => setLoaded(preset)}>
        <Picture
          key={preset}
          source={`/api/data/${id}/augmented?preset=${preset}`}
          alt={`Some pictures of this data set as the preset ${preset} changes them`}
        />
      </section>
      <Command line={`understudy inspect --data ${path} --augment ${preset}`} />
    </Card>
  );
}
