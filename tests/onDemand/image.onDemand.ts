import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeDataset } from '../endToEnd/commandLine.ts';

/**
 * deploy/Dockerfile, built and run without a container engine: by buildah, in a chroot, as root. Debian: buildah, debootstrap,
 * openssh-client. What it begins from is made here: a minimal Debian with this Node, under the name of the base. BASE=DIR takes a
 * Debian that is there already (debootstrap --variant=minbase --include=ca-certificates bookworm DIR).
 */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'image-'));
const at = (...path: string[]) => join(dir, ...path);
const NODE_USER = 1000;
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const STORE = ['--root', at('store'), '--runroot', at('runroot'), '--storage-driver', 'vfs'];
const buildah = (...args: readonly string[]): string =>
  execFileSync('buildah', [...STORE, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

const there = (program: string) => spawnSync(program, ['--version']).error === undefined;

/** A Debian with Node, npm and the user `node`, as the official image of Node has them. */
function makeBase(name: string): void {
  const root = process.env.BASE ?? at('root');
  if (process.env.BASE === undefined)
    execFileSync('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', root]);
  const npm = execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim();
  mkdirSync(join(root, 'usr/local/lib/node_modules'), { recursive: true });
  copyFileSync(process.execPath, join(root, 'usr/local/bin/node'));
  const own = join(root, 'usr/local/lib/node_modules/npm');
  rmSync(own, { recursive: true, force: true });
  cpSync(join(npm, 'npm'), own, { recursive: true, verbatimSymlinks: true });
  for (const program of ['npm', 'npx']) {
    rmSync(join(root, 'usr/local/bin', program), { force: true });
    symlinkSync(`../lib/node_modules/npm/bin/${program}-cli.js`, join(root, 'usr/local/bin', program));
  }
  if (spawnSync('chroot', [root, 'id', 'node']).status !== 0)
    execFileSync('chroot', [root, 'useradd', '--create-home', '--uid', String(NODE_USER), 'node']);
  if (existsSync(CERTIFICATES)) copyFileSync(CERTIFICATES, join(root, CERTIFICATES));
  const container = buildah('from', 'scratch');
  buildah('add', '--quiet', container, root, '/');
  buildah('config', '--env', `PATH=${PATH}`, '--env', `NODE_EXTRA_CA_CERTS=${CERTIFICATES}`, container);
  buildah('commit', '--quiet', container, name);
  buildah('rm', container);
}

describe.skipIf(process.getuid?.() !== 0 || !there('buildah'))('the image of deploy/Dockerfile', () => {
  let container = '';
  const work = at('work');
  /** In the image, as its user, in a folder that is mounted at its working folder. */
  const run = (command: readonly string[], ...flags: readonly string[]) =>
    spawnSync(
      'buildah',
      [...STORE, 'run', '--isolation', 'chroot', '--volume', `${work}:/work`, ...flags, container, '--', ...command],
      { encoding: 'utf8' },
    );

  beforeAll(async () => {
    makeBase('docker.io/library/node:22-bookworm-slim');
    mkdirSync(at('context'));
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', at('context')], { cwd: ROOT });
    const how = ['--isolation', 'chroot', '--network', 'host', '--pull-never'];
    buildah('build', ...how, '--file', join(ROOT, 'deploy/Dockerfile'), '--tag', 'understudy', at('context'));
    container = buildah('from', '--pull-never', 'localhost/understudy');
    mkdirSync(work);
    await writeDataset(join(work, 'data'));
    chownSync(work, NODE_USER, NODE_USER);
  }, 3_600_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('starts the command as a user that is not root', () => {
    const format =
      '{{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}} {{.OCIv1.Config.User}} {{.OCIv1.Config.WorkingDir}}';
    expect(buildah('inspect', '--format', format, container)).toBe('[understudy] [--help] node /work');
    expect(run(['id', '-un']).stdout).toBe('node\n');
    expect(run(['understudy', '--help']).stdout).toContain('distill');
  });

  it('trains on two ranks, to the weights of one process', () => {
    const train = ['train', '--data', 'data', '--model', 'vit_pico_patch4', '--epochs', '2', '--batch', '4'];
    const tiny = ['--set', 'student.settings={"depth":1,"width":16,"heads":1}', '--set', 'train.accumulate=2'];
    const command = [...train, ...tiny, '--set', 'train.threads=1'];
    const alone = run(['understudy', ...command, '--out', 'alone']);
    expect(alone.status, alone.stderr).toBe(0);
    const two = run(['understudy', 'launch', '--ranks', '2', '--', ...command, '--out', 'two']);
    expect(two.status, two.stderr).toBe(0);
    expect(two.stderr).toContain('2 ranks on ');
    const weights = (out: string) => `${out}/checkpoints/last/model.safetensors`;
    expect(run(['cmp', weights('alone'), weights('two')]).status).toBe(0);
  });

  it('is a worker of the MPI operator: its sshd runs as its user, and its ssh finds it', () => {
    mkdirSync(at('ssh'));
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-N', '', '-f', at('ssh/id_rsa')]);
    copyFileSync(at('ssh/id_rsa.pub'), at('ssh/authorized_keys'));
    for (const name of ['', 'id_rsa', 'id_rsa.pub', 'authorized_keys'])
      chownSync(at('ssh', name), NODE_USER, NODE_USER);
    const worker = '/usr/sbin/sshd -De -f /srv/understudy/.sshd_config & pid=$!';
    const asked = 'for i in $(seq 100); do ssh localhost understudy --version && break; sleep 0.1; done';
    const found = run(['sh', '-c', `${worker}; ${asked}; kill $pid`], '--volume', `${at('ssh')}:/srv/understudy/.ssh`);
    expect(found.stdout, found.stderr).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
