/**
 * The compiled worker beside a module: threads cannot run TypeScript, so the sources use the build.
 * @param from import.meta.url of the module
 */
export function workerUrl(from: string, name: string): URL {
  const { href } = new URL(`./${name}.js`, from);
  const at = href.lastIndexOf('/src/');
  return new URL(from.endsWith('.ts') ? `${href.slice(0, at)}/dist/${href.slice(at + '/src/'.length)}` : href);
}
