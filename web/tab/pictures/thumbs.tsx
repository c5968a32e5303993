import { useEffect, useState } from 'preact/hooks';
import type { Picture, PictureClass } from '../protocol.ts';
import { attempt, busy, keeper } from '../state.ts';

/** Pictures of a class that are shown at first, and how many more each time. */
const FEW = 13;
const MORE = 60;

/** The newest pictures of a class; each can be removed. */
export function Thumbs({ of: { id, name, pictures } }: { readonly of: PictureClass }) {
  const [most, setMost] = useState(FEW);
  const shown = pictures.slice(-(pictures.length <= most + 1 ? most + 1 : most)).reverse();
  const urls = useUrls(shown.map((picture) => picture.id));
  const hidden = pictures.length - shown.length;
  return (
    <ul class="thumbs" aria-label={`Pictures of ${name}`}>
      {shown.map((picture) => (
        <Thumb key={picture.id} picture={picture} url={urls[picture.id]} classId={id} />
      ))}
      {hidden > 0 && (
        <Tile
          label={`+${hidden} pictures of ${name}: show more`}
          text={`+${hidden}`}
          act={() => setMost(most + MORE)}
        />
      )}
      {hidden === 0 && most > FEW && <Tile label={`Fewer pictures of ${name}`} text="Fewer" act={() => setMost(FEW)} />}
    </ul>
  );
}

const Tile = ({ label, text, act }: { readonly label: string; readonly text: string; readonly act: () => void }) => (
  <li class="thumb">
    <button type="button" class="tile" aria-label={label} onClick={act}>
      {text}
    </button>
  </li>
);

function Thumb({
  picture,
  url,
  classId,
}: {
  readonly picture: Picture;
  readonly url: string | undefined;
  readonly classId: string;
}) {
  const remove = () => void attempt('pictures', () => keeper.ask('removePicture', classId, picture.id));
  return (
    <li class="thumb">
      {url ? <img src={url} alt={picture.name} loading="lazy" decoding="async" /> : <span class="blank" />}
      {!busy.value && (
        <button type="button" aria-label={`Remove ${picture.name}`} title="Remove" onClick={remove}>
          <span aria-hidden="true">✕</span>
        </button>
      )}
    </li>
  );
}

/** Addresses of kept pictures, as long as they are shown. */
function useUrls(ids: readonly string[]): Readonly<Record<string, string>> {
  const [urls, setUrls] = useState<Readonly<Record<string, string>>>({});
  const key = ids.join();
  // `key` stands for the ids.
  useEffect(() => {
    let gone = false;
    const wanted = ids.filter((id) => !urls[id]);
    for (const [id, url] of Object.entries(urls)) if (!ids.includes(id)) URL.revokeObjectURL(url);
    void keeper.ask('filesOf', wanted).then((files) => {
      if (gone) return;
      const kept = Object.entries(urls).filter(([id]) => ids.includes(id));
      const made = Object.entries(files).map(([id, file]) => [id, URL.createObjectURL(file)]);
      setUrls(Object.fromEntries([...kept, ...made]));
    });
    return () => {
      gone = true;
    };
  }, [key]);
  return urls;
}
