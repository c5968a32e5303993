import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseHubReference } from '../src/formats/hub/reference.ts';
import { hubSettings } from '../src/formats/hub/settingsNode.ts';

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

describe('names and settings', () => {
  it.each([
    'hf:',
    'hf:a/b/c',
    'hf:../x',
    'hf:a/..',
    'hf:a--b/c',
    'hf:a/b@../../x',
    'hf:a/b@',
    'hf:a b/c',
    `hf:${'a'.repeat(200)}`,
  ])('refuses %s', (text) => expect(() => parseHubReference(text)).toThrow(/^hf:.*: wanted (hf:org\/name|a branch)/));

  it('takes names with and without organisation and revision', () => {
    expect(parseHubReference('hf:timm/vit_tiny_patch16_224.augreg_in21k@v1.0')).toEqual({
      name: 'timm/vit_tiny_patch16_224.augreg_in21k',
      revision: 'v1.0',
    });
    expect(parseHubReference('hf:gpt2')).toEqual({ name: 'gpt2', revision: 'main' });
  });

  it("reads huggingface_hub's environment and token file", async () => {
    const home = mkdtempSync(join(tmpdir(), 'understudy-home-'));
    made.push(home);
    expect(hubSettings({}, home)).toMatchObject({
      endpoint: 'https://huggingface.co',
      cacheDir: join(home, '.cache/huggingface/hub'),
      token: undefined,
      offline: false,
    });
    await mkdir(join(home, 'hf'));
    writeFileSync(join(home, 'hf/token'), 'hf_fromFile\n');
    const own = { HF_HOME: join(home, 'hf') };
    expect(hubSettings(own, home)).toMatchObject({ cacheDir: join(home, 'hf/hub'), token: 'hf_fromFile' });
    expect(
      hubSettings({ ...own, HF_TOKEN: 'hf_fromEnv', HF_HUB_CACHE: '/c', HF_HUB_OFFLINE: '1' }, home),
    ).toMatchObject({
      token: 'hf_fromEnv',
      cacheDir: '/c',
      offline: true,
    });
    expect(hubSettings({ ...own, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }, home).token).toBeUndefined();
    expect(() => hubSettings({ HF_TOKEN: 'secret' }, home)).toThrow(/HF_TOKEN: wanted an access token/);
    expect(() => hubSettings({ HF_TOKEN: 'secret' }, home)).not.toThrow(/secret/);
    expect(() => hubSettings({ HF_ENDPOINT: 'nowhere' }, home)).toThrow(/HF_ENDPOINT: wanted an http/);
  });
});
