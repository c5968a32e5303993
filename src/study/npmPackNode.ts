import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '../graph/errors.ts';

const run = promisify(execFile);

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
