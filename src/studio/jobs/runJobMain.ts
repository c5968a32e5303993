import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../cli/program.ts';
import { STATUS_FILE } from './record.ts';

/**
 * A process of its own that runs a command as `understudy` would, and says at its end how it went: the studio that started it may be gone
 * by then. Arguments: the job's folder, then the command's.
 */
const [folder, ...args] = process.argv.slice(2);
process.on('exit', (status) => writeFileSync(join(folder!, STATUS_FILE), `${status}\n`));
process.exitCode = await runProgram(args);
