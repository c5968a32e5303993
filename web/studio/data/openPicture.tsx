import type { ComponentChildren } from 'preact';
import { Button, Card } from '../../ui/basics.tsx';
import { setParams } from '../address.ts';
import { Picture } from './pictureGrid.tsx';

interface OpenPictureProps {
  readonly source: string;
  /** What is offered below it. */
  readonly children?: ComponentChildren;
}

/** The picture that the address names (`at`), large. */
export const OpenPicture = ({ source, children }: OpenPictureProps) => (
  <Card
    title="Picture"
    aside={
      <Button kind="quiet" onClick={() => setParams({ at: null })}>
        Close
      </Button>
    }
  >
    <div class="large">
      <Picture source={source} alt="The chosen picture" />
    </div>
    {children}
  </Card>
);
