import { runProgram } from '../../dist/cli/program.js';

/**
 * Runs one command line after the other in a process that has loaded the program once. Plain JavaScript, so that Node runs it as it stands.
 */
process.on('message', async ({ cwd, args, env }) => {
  const written = { stdout: '', stderr: '' };
  const streams = Object.keys(written);
  const before = streams.map((name) => process[name].write);
  for (const name of streams)
    process[name].write = (chunk, ...rest) => {
      written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      rest.find((given) => typeof given === 'function')?.();
      return true;
    };
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  const status = await runProgram(args);
  streams.forEach((name, i) => {
    process[name].write = before[i];
  });
  process.send({ status, signal: null, ...written });
});
process.on('disconnect', () => process.exit());
