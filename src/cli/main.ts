#!/usr/bin/env node
import { STATUS } from './outcome.ts';
import { runProgram } from './program.ts';

// A reader that has seen enough (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(STATUS.done);
});

// Node leaves by itself once stdout is written out; process.exit would cut a long answer into a pipe short.
process.exitCode = await runProgram(process.argv.slice(2));
