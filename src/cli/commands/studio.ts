import { command } from '../command.ts';
import { wholeNumber } from '../arguments.ts';

export const studio = command({
  meta: { name: 'studio', description: 'Show runs, data and models as a page of this machine, and start runs there' },
  args: {
    dir: {
      type: 'positional',
      required: false,
      description: 'What is shown lies below it (default: the present folder)',
    },
    port: { type: 'string', valueHint: 'N', description: 'Port (default: 4747, or a free one where that is in use)' },
    open: { type: 'boolean', default: false, description: 'Open the page in the browser' },
    host: {
      type: 'string',
      valueHint: 'ADDRESS',
      description:
        'Listen on this address of the machine too: whoever reaches it and has the token may do all that you may here',
    },
  },
  notes: [
    'One address with a token is printed; it lasts until the studio ends. Nothing leaves the machine, and what other commands\nwrite below DIR appears by itself. Runs that it starts are the same commands in processes of their own: they go on when\nthe studio ends, and the next one finds them.',
    '--host sends pictures and results over the network unencrypted. To see a distant machine, rather leave it out and use\n`ssh -L 4747:localhost:4747 MACHINE`.',
  ],
  examples: ['understudy studio', 'understudy studio experiments --open', 'understudy studio --port 8080'],
  run: async ({ args }) => {
    const { startStudio, USUAL_PORT } = await import('../../studio/startStudio.ts');
    const { openInBrowser, untilInterrupted } = await import('../servers.ts');
    const { print, remark } = await import('../text.ts');
    const request = { dir: args.dir ?? '.', host: args.host };
    const given = args.port === undefined ? undefined : wholeNumber('port', args.port, 0);
    const started =
      given === undefined
        ? await startStudio({ ...request, port: USUAL_PORT }).catch(() => startStudio({ ...request, port: 0 }))
        : await startStudio({ ...request, port: given });
    print(started.address);
    if (args.host !== undefined)
      remark(
        `warning: listening on ${args.host}: whoever reaches it and has the token may do all that you may here, unencrypted`,
      );
    remark('Ctrl-C ends the studio; runs that it started go on.');
    if (args.open) openInBrowser(started.address);
    return untilInterrupted(started.close);
  },
});
