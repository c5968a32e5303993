import type { OnDownload } from '../../formats/hub/downloadNode.ts';
import { fetchHubModel, type HubModel } from '../../formats/hub/modelNode.ts';
import { isHubReference, parseHubReference } from '../../formats/hub/reference.ts';
import { hubSettings } from '../../formats/hub/settingsNode.ts';

export type { DownloadProgress, OnDownload } from '../../formats/hub/downloadNode.ts';

/** Brings `hf:org/name[@revision]` to this disk; undefined for a reference of another kind. */
export async function downloadReference(reference: string, onDownload?: OnDownload): Promise<HubModel | undefined> {
  if (!isHubReference(reference)) return undefined;
  return fetchHubModel(parseHubReference(reference), hubSettings(), onDownload);
}
