import { wholeNumber } from '../arguments.ts';
import { UserError } from '../../graph/errors.ts';
import { command } from '../command.ts';

export const page = command({
  meta: { name: 'page', description: 'Serve a page that trains a model in the browser, from pictures or a webcam' },
  args: {
    dir: {
      type: 'positional',
      required: false,
      description: 'Folder of class folders: its pictures are offered to the page',
    },
    port: { type: 'string', valueHint: 'N', description: 'Port (default: 4848)' },
    open: { type: 'boolean', default: false, description: 'Open the page in the browser' },
    out: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Write the page into this new or empty folder instead, for any web host',
    },
  },
  notes: [
    'Pictures and model stay in the browser: it keeps them for this address, so that the page goes on where it was when it is\nopened again at the same port. Only browsers of this machine reach it.',
    'Pictures of DIR are read by the page alone, with the token of the printed address, and copied into the browser when you say so.',
    'The folder that --out writes is whole: no other files and no network are needed. Browsers want https for it (or localhost).',
  ],
  examples: ['understudy page --open', 'understudy page photos --open', 'understudy page --out public/train'],
  run: async ({ args }) => {
    const { PAGE_PORT, startPage, writePage } = await import('../../studio/startPage.ts');
    const { print, remark, shellWord } = await import('../text.ts');
    if (args.out !== undefined && args.dir !== undefined)
      throw new UserError('--out: writes the page alone; leave the folder of pictures out, or --out');
    if (args.out !== undefined) {
      await writePage(args.out);
      print(`${shellWord(args.out)}: serve it over https, from any path`);
      return;
    }
    const { openInBrowser, untilInterrupted } = await import('../servers.ts');
    const started = await startPage({
      dir: args.dir,
      port: args.port === undefined ? PAGE_PORT : wholeNumber('port', args.port, 0),
    });
    print(started.address);
    remark('Ctrl-C ends it; what the page keeps stays in the browser.');
    if (args.open) openInBrowser(started.address);
    return untilInterrupted(started.close);
  },
});
