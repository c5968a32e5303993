import type { ComponentChildren } from 'preact';
import { Button, Card } from '../../ui/basics.tsx';
import { setParams } from '../address.ts';
import { useAnswer } from '../useAnswer.ts';
import { Picture } from './pictureGrid.tsx';

interface OpenPictureProps<R> {
  /** `/runs/ID/pictures/I` or `/data/ID/pictures/I` of the server. */
  readonly at: string;
  /** What is known of it, by name. */
  readonly facts: (row: R) => readonly (readonly [name: string, value: string])[];
  /** What is offered below it. */
  readonly children?: ComponentChildren;
}

/** The picture that the address names (`at`), large, with what is known of it. */
export function OpenPicture<R>({ at, facts, children }: OpenPictureProps<R>) {
  const row = useAnswer<R>(`${at}/row`).value;
  return (
    <Card
      title="Picture"
      aside={
        <Button kind="quiet" onClick={() => setParams({ at: null })}>
          Close
        </Button>
      }
    >
      <div class="large">
        <Picture source={`/api${at}?side=640`} alt="The chosen picture" />
      </div>
      {row && (
        <dl class="facts">
          {facts(row).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {children}
    </Card>
  );
}
