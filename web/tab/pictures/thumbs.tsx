import { useEffect, useState } from 'preact/hooks';
import type { Picture, PictureClass } from '../protocol.ts';
import { attempt, busy, keeper } from '../state.ts';

/** How many more pictures of a class are shown each time. */
const MORE = 60;
/** Those that are shown at first: two rows; on a telephone one while a training goes on, which stands below them. */
const few = (): number => (matchMedia('(max-width: 44rem)').matches ? (busy.value ? 3 : 7) : 13);

/** The newest pictures of a class; each can be removed. */
export function Thumbs({ of: { id, name, pictures } }: { readonly of: PictureClass }) {
  const [more, setMore] = useState(0);
  const most = few() + more;
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
          act={() => setMore(more + MORE)}
        />
      )}
      {hidden === 0 && more > 0 && <Tile label={`Fewer pictures of ${name}`} text="Fewer" act={() => setMore(0)} />}
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
