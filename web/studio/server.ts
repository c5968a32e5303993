/** What the server answered with another status than 200, in its own words. */
export class Refused extends Error {
  override name = 'Refused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> =>
  asked<T>(path, signal === undefined ? {} : { signal });

export const post = <T>(path: string, body: unknown = {}, signal?: AbortSignal): Promise<T> =>
  asked<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });

async function asked<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(`/api${path}`, init).catch((error: unknown) => {
    if ((error as Error).name === 'AbortError') throw error;
    throw new Refused(
      0,
      'The studio does not answer. Was it ended? Start it again with `understudy studio`; runs go on without it.',
    );
  });
  if (response.ok) return (await response.json()) as T;
  if (response.status === 401)
    throw new Refused(401, 'The studio was started anew. Open the address that it printed, with its new token.');
  const { error } = (await response.json().catch(() => ({}))) as { error?: string };
  throw new Refused(response.status, error ?? `The studio answered ${response.status}.`);
}
