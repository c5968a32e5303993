import { useState } from 'preact/hooks';
import type { StoreView } from '../../../src/studio/answers.ts';
import { Button, Card, Command, Figures, Notice } from '../../ui/basics.tsx';
import { bytes } from '../../tab/words.ts';
import { lists } from '../live.ts';
import { post } from '../server.ts';
import { Top } from '../shell.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';
import { ago } from '../words.ts';

/** What is kept for later runs, and emptying it. */
export function StoresView() {
  const answer = useAnswer<{ stores: readonly StoreView[] }>('/stores', { live: true });
  return (
    <>
      <Top title="Stores and caches" above={[['Models', '/models']]} />
      <Answered answer={answer} waiting="Measuring…">
        {({ stores }) => (
          <div class="two">
            {stores.map((store) => (
              <Store key={store.id} of={store} />
            ))}
          </div>
        )}
      </Answered>
    </>
  );
}

function Store({ of: { id, name, what, line, dir, bytes: size, files, lastUse } }: { readonly of: StoreView }) {
  const [sure, setSure] = useState(false);
  const [said, setSaid] = useState<readonly ['good' | 'bad', string] | null>(null);
  const clean = () => {
    setSure(false);
    post<{ deleted: number }>(`/stores/${id}/clean`, { confirm: id }).then(
      ({ deleted }) => {
        setSaid(['good', `${bytes(deleted)} deleted.`]);
        lists.value++;
      },
      (error: Error) => setSaid(['bad', error.message]),
    );
  };
  return (
    <Card title={name}>
      <p class="soft">{what} What is deleted is made again when a run needs it.</p>
      <Figures
        of={[
          ['Size', size === 0 ? 'empty' : bytes(size)],
          ['Files', String(files)],
          ['Last used', lastUse === null ? 'never' : ago(lastUse)],
        ]}
      />
      <p class="soft small break">{dir}</p>
      <div class="row">
        {sure ? (
          <>
            <Button kind="danger" onClick={clean}>
              Delete {bytes(size)} now
            </Button>
            <Button onClick={() => setSure(false)}>Keep it</Button>
          </>
        ) : (
          <Button onClick={() => setSure(true)} disabled={size === 0}>
            {size === 0 ? 'Nothing to delete' : 'Empty it…'}
          </Button>
        )}
      </div>
      {said && <Notice kind={said[0]}>{said[1]}</Notice>}
      <Command line={line} />
    </Card>
  );
}
