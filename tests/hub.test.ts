import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { UserError } from '../src/graph/errors.ts';
import { fetchHubModel } from '../src/formats/hub/modelNode.ts';
import { parseHubReference } from '../src/formats/hub/reference.ts';
import type { HubSettings } from '../src/formats/hub/settingsNode.ts';
import { type HubServer, hubServer } from './hubServer.ts';

const NAME = 'some-org/tiny.vit';
const WEIGHTS = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251));
const FILES = {
  'config.json': Buffer.from('{"model_type":"vit"}'),
  'preprocessor_config.json': Buffer.from('{"size":16}'),
  'README.md': Buffer.from('not wanted'),
  'pytorch_model.bin': Buffer.from('not wanted'),
  'model.safetensors': WEIGHTS,
};

const open: HubServer[] = [];
const made: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

async function setUp(files: Readonly<Record<string, Buffer>> = FILES) {
  const server = await hubServer(NAME, files);
  open.push(server);
  const cacheDir = mkdtempSync(join(tmpdir(), 'understudy-hub-'));
  made.push(cacheDir);
  const settings: HubSettings = {
    endpoint: server.url,
    cacheDir,
    token: undefined,
    offline: false,
    timeout: 3000,
    attempts: 3,
  };
  const repo = join(cacheDir, 'models--some-org--tiny.vit');
  const fetchModel = (
    reference = `hf:${NAME}`,
    changed: Partial<HubSettings> = {},
    onProgress?: Parameters<typeof fetchHubModel>[2],
  ) => fetchHubModel(parseHubReference(reference), { ...settings, ...changed }, onProgress);
  return { server, settings, repo, fetchModel };
}

const bytesAsked = (server: HubServer): HubServer['asked'] =>
  server.asked.filter(({ path }) => path.startsWith('/cdn/'));

describe('a model of the Hub', () => {
  it('comes with its config and weights alone, into the layout of huggingface_hub', async () => {
    const { server, repo, fetchModel } = await setUp();
    const told: string[] = [];
    const { folder, notes } = await fetchModel(undefined, {}, ({ file, bytes, total }) =>
      told.push(`${file} ${bytes}/${total}`),
    );
    expect(notes).toEqual([]);
    expect(folder).toBe(join(repo, 'snapshots', server.commit));
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors', 'preprocessor_config.json']);
    expect(readFileSync(join(folder, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(lstatSync(join(folder, 'model.safetensors')).isSymbolicLink()).toBe(true);
    expect(readlinkSync(join(folder, 'model.safetensors'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(readFileSync(join(repo, 'refs/main'), 'utf8')).toBe(server.commit);
    expect(readdirSync(join(repo, 'blobs')).every((name) => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(name))).toBe(true);
    expect(told.at(-1)).toBe('model.safetensors 300000/300000');
  });

  it('is not downloaded twice, and without network or offline the copy serves', async () => {
    const { server, fetchModel } = await setUp();
    const { folder } = await fetchModel();
    const before = bytesAsked(server).length;
    expect((await fetchModel()).folder).toBe(folder);
    expect(bytesAsked(server)).toHaveLength(before);
    const requests = server.asked.length;
    expect((await fetchModel(undefined, { offline: true })).folder).toBe(folder);
    expect((await fetchModel(`hf:${NAME}@${server.commit}`)).folder).toBe(folder);
    expect(server.asked).toHaveLength(requests);
    const silent = await fetchModel(undefined, { endpoint: 'http://127.0.0.1:9' });
    expect(silent.folder).toBe(folder);
    expect(silent.notes.join()).toContain('cannot be reached: the copy in the cache is used');
  });

  it('says so without network and without a copy', async () => {
    const { fetchModel } = await setUp();
    await expect(fetchModel(undefined, { endpoint: 'http://127.0.0.1:9' })).rejects.toThrow(
      /^hf:some-org\/tiny.vit: wanted to reach http:\/\/127.0.0.1:9, got .*, and the cache has no whole copy/,
    );
    await expect(fetchModel(undefined, { offline: true })).rejects.toThrow(/HF_HUB_OFFLINE forbids the network/);
  });

  it('goes on by a range where the connection broke', async () => {
    const { server, fetchModel } = await setUp();
    server.faults = { cutAfter: { 'model.safetensors': 100_000 } };
    const { folder } = await fetchModel();
    expect(readFileSync(join(folder, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    const ranges = bytesAsked(server).map(({ range }) => range);
    expect(ranges).toContain('bytes=100000-299999');
  });

  it('goes on where an earlier process stopped', async () => {
    const { server, repo, fetchModel } = await setUp();
    server.faults = { cutAfter: { 'model.safetensors': 70_000 } };
    await expect(fetchModel(undefined, { attempts: 1 })).rejects.toThrow(/closed|terminated|reach/);
    const [part] = readdirSync(join(repo, 'blobs')).filter((name) => name.endsWith('.incomplete'));
    expect(readFileSync(join(repo, 'blobs', part!)).equals(WEIGHTS.subarray(0, 70_000))).toBe(true);
    await expect(fetchModel(undefined, { offline: true })).rejects.toThrow(/got none or a part/);
    server.faults = {};
    const { folder } = await fetchModel();
    expect(readFileSync(join(folder, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(bytesAsked(server).at(-1)!.range).toBe('bytes=70000-299999');
  });

  it('begins anew where the server ignores ranges', async () => {
    const { server, fetchModel } = await setUp();
    server.faults = { cutAfter: { 'model.safetensors': 70_000 }, ignoreRange: true };
    const { folder } = await fetchModel();
    expect(readFileSync(join(folder, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  });

  it('refuses bytes with another checksum, small files too, and keeps nothing of them', async () => {
    const { server, repo, fetchModel } = await setUp();
    const wrong = Buffer.from(WEIGHTS);
    wrong[123_456]! ^= 1;
    server.faults = { replaced: { 'model.safetensors': wrong } };
    await expect(fetchModel()).rejects.toThrow(
      /^model.safetensors: wanted the checksum [0-9a-f]{12}\.\.\., got [0-9a-f]{12}/,
    );
    expect(readdirSync(join(repo, 'blobs')).filter((name) => name.length > 40)).toEqual([]);
    server.faults = { replaced: { 'config.json': Buffer.from('{"model_type":"viT"}') } };
    rmSync(repo, { recursive: true });
    await expect(fetchModel()).rejects.toThrow(/^config.json: wanted the checksum/);
    server.faults = {};
    expect(existsSync(join((await fetchModel()).folder, 'model.safetensors'))).toBe(true);
  });

  it('gives a silent server up', async () => {
    const { server, fetchModel } = await setUp();
    server.faults = { silent: 'model.safetensors' };
    await expect(fetchModel(undefined, { timeout: 200, attempts: 2 })).rejects.toThrow(/got no answer in 0.2 s/);
  });

  it('takes a page in place of the Hub for what it is, and then a copy serves', async () => {
    const { server, fetchModel } = await setUp();
    for (const [page, got] of [
      [{ type: 'text/html; charset=utf-8', text: '<html>Sign in</html>' }, 'a web page'],
      [{ type: 'application/json', text: '<html>Sign in</html>' }, 'no JSON ("<html>Sign in</html>")'],
      [{ type: 'application/json', text: '' }, 'nothing'],
      [{ type: 'application/json', text: '[7]' }, 'another answer'],
    ] as const) {
      server.faults = { page };
      await expect(fetchModel()).rejects.toThrow(UserError);
      await expect(fetchModel()).rejects.toThrow(got);
      await expect(fetchModel()).rejects.toThrow('Check HF_ENDPOINT');
    }
    server.faults = {};
    const { folder } = await fetchModel();
    server.faults = { page: { type: 'text/html', text: '<html>Sign in</html>' } };
    expect(await fetchModel()).toMatchObject({
      folder,
      notes: [expect.stringContaining('the copy in the cache is used')],
    });
  });

  it('ends answers that never end, by time and by size', async () => {
    const { server, fetchModel } = await setUp();
    server.faults = { unending: 'drip' };
    const began = performance.now();
    await expect(fetchModel(undefined, { timeout: 150 })).rejects.toThrow(/^hf:.*wanted to reach/);
    expect(performance.now() - began).toBeLessThan(3000);
    server.faults = { unending: 'flood' };
    await expect(fetchModel(undefined, { timeout: 20_000 })).rejects.toThrow('got more than 64 MB');
  });

  it('of a mirror that ignores ranges is refused in words', async () => {
    const { server, fetchModel } = await setUp();
    server.faults = { noRanges: true };
    const refused = fetchModel(undefined, { attempts: 1 });
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(
      'got what its client cannot read (Expected size information). Check HF_ENDPOINT',
    );
  });

  it('of which the copy was damaged is downloaded again; without network that is an error, and no use', async () => {
    const { server, fetchModel } = await setUp();
    const { folder } = await fetchModel();
    const weights = join(folder, 'model.safetensors');
    expect((await fetchModel(undefined, { offline: true })).folder).toBe(folder);
    const damage = (at: number) => {
      const bytes = readFileSync(weights);
      bytes[at]! ^= 4;
      writeFileSync(weights, bytes);
    };
    damage(200_000);
    await fetchModel();
    expect(readFileSync(weights).equals(WEIGHTS)).toBe(true);
    damage(7);
    const offline = () => fetchModel(`hf:${NAME}@${server.commit}`, { offline: true });
    await expect(offline()).rejects.toThrow(/got one whose model\.safetensors had another checksum/);
    await expect(offline()).rejects.toThrow(/got none or a part/);
    await fetchModel();
    expect((await offline()).folder).toBe(folder);
  });

  it('has revisions: tags, branches with slashes, commits', async () => {
    const { server, repo, fetchModel } = await setUp();
    const { folder } = await fetchModel(`hf:${NAME}@refs/pr/2`);
    expect(folder).toBe(join(repo, 'snapshots', server.commit));
    expect(readFileSync(join(repo, 'refs/refs/pr/2'), 'utf8')).toBe(server.commit);
    await expect(fetchModel(`hf:${NAME}@v9`)).rejects.toThrow(/wanted the revision v9, got none of that name/);
  });

  it('comes in shards, which an index names', async () => {
    const shards = {
      'model-00001-of-00002.safetensors': Buffer.from('one'),
      'model-00002-of-00002.safetensors': Buffer.from('two'),
    };
    const map = Object.fromEntries(Object.keys(shards).map((file, i) => [`w${i}`, file]));
    const index = Buffer.from(JSON.stringify({ weight_map: map }));
    const { fetchModel } = await setUp({
      ...shards,
      'model.safetensors.index.json': index,
      'other.safetensors': Buffer.from('x'),
    });
    const { folder } = await fetchModel();
    expect(readdirSync(folder).sort()).toEqual([...Object.keys(shards), 'model.safetensors.index.json']);
    expect((await fetchModel(undefined, { offline: true })).folder).toBe(folder);
  });

  it('never leaves the cache, whatever an index names', async () => {
    const index = Buffer.from(JSON.stringify({ weight_map: { w: '../../../../escaped.safetensors' } }));
    const { fetchModel } = await setUp({
      'model.safetensors.index.json': index,
      '../../../../escaped.safetensors': Buffer.from('x'),
    });
    await expect(fetchModel()).rejects.toThrow(
      /weight_map: wanted names of .safetensors files beside it, got "\.\.\/\.\.\//,
    );
  });

  it('is refused with a remedy: gated, no such model, no such file, no safetensors, a server in trouble', async () => {
    const { server, fetchModel } = await setUp();
    server.faults = { token: 'hf_right' };
    await expect(fetchModel()).rejects.toThrow(
      /it is gated and no token is set. Accept its conditions at .*, then set HF_TOKEN/,
    );
    await expect(fetchModel(undefined, { token: 'hf_wrong' })).rejects.toThrow(/the token that is set is not enough/);
    expect(existsSync((await fetchModel(undefined, { token: 'hf_right' })).folder)).toBe(true);
    server.faults = {};
    await expect(fetchModel('hf:other/model')).rejects.toThrow(
      /hf:other\/model: wanted a model, got status 404 .*or it is private and no token/,
    );
    server.faults = { refuse: { status: 401 } };
    await expect(fetchModel('hf:other/model')).rejects.toThrow(/got status 401/);
    server.faults = { refuse: { status: 503 } };
    await expect(fetchModel('hf:other/model')).rejects.toThrow(/got status 503.* Try again later/);
    const gone = await setUp();
    gone.server.faults = { gone: 'model.safetensors' };
    await expect(gone.fetchModel()).rejects.toThrow(/wanted the file model.safetensors, got none of that name/);
    const { 'model.safetensors': _, ...pickled } = FILES;
    await expect((await setUp(pickled)).fetchModel()).rejects.toThrow(
      /got pytorch_model.bin. Download .* convert it to safetensors/,
    );
  });
});
