import { useEffect, useState } from 'preact/hooks';
import { post } from './server.ts';

export interface Line {
  /** As a person would type it; '' while the request is none. */
  readonly line: string;
  readonly error: string;
}

/** The command line that a request is, asked of the server, which refuses what the command would; null is not whole yet. */
export function useLine(request: object | null): Line {
  const text = request === null ? '' : JSON.stringify(request);
  const [found, setFound] = useState<Line>({ line: '', error: '' });
  useEffect(() => {
    if (text === '') return setFound({ line: '', error: '' });
    let left = false;
    post<{ line: string }>('/jobs/line', JSON.parse(text)).then(
      ({ line }) => {
        if (!left) setFound({ line, error: '' });
      },
      (refused: Error) => {
        if (!left) setFound({ line: '', error: refused.message });
      },
    );
    return () => {
      left = true;
    };
  }, [text]);
  return found;
}
