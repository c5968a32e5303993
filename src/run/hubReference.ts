/** Progress of a download. */
export interface DownloadProgress {
  readonly file: string;
  /** Bytes that are there, those of an earlier attempt included. */
  readonly bytes: number;
  readonly total: number;
}

export type OnDownload = (progress: DownloadProgress) => void;

export async function downloadReference(_reference: string, _onDownload?: OnDownload): Promise<string | undefined> {
  return undefined;
}
