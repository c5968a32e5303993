/**
 * Loaded before a program (`node --require`): calls of node:fs fail as FAULT in the environment says, in every thread.
 *
 * FAULT is JSON: {below, op, path, nth, code, once, log}. Of the calls `op` whose path, from `below` on, matches the pattern
 * `path`, the nth (from 1 on) of a thread fails with `code`, and each later one too unless `once`. With `log` alone the calls are
 * written to that file, a line each. It is read at each call, so that one process can serve many tests.
 */
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const { constants } = require('node:os');
const { relative, resolve } = require('node:path');
const { getSystemErrorMap } = require('node:util');

const appendFile = fs.appendFileSync;
const paths = new Map();
let [told, fault, pattern, count] = [undefined, undefined, undefined, 0];

function current() {
  const text = process.env.FAULT;
  if (text === told) return fault;
  [told, count] = [text, 0];
  fault = text && JSON.parse(text);
  pattern = fault?.path && new RegExp(fault.path);
  return fault;
}

/** The error that this call must give, or undefined. */
function failure(op, where) {
  const wanted = current();
  const path = typeof where === 'number' ? paths.get(where) : where;
  if (!wanted || path === undefined) return undefined;
  const full = resolve(path instanceof URL ? path.pathname : String(path));
  const below = relative(wanted.below, full);
  if (below.startsWith('..')) return undefined;
  if (wanted.log) appendFile(wanted.log, `${op} ${below}\n`);
  if (op !== wanted.op || !pattern.test(below) || ++count < wanted.nth || (wanted.once && count > wanted.nth))
    return undefined;
  const errno = -constants.errno[wanted.code];
  // As Node tells what it has no name for.
  const [code, reason] = getSystemErrorMap().get(errno) ?? Array(2).fill(`Unknown system error ${errno}`);
  return Object.assign(new Error(`${code}: ${reason}, ${op} '${full}'`), { errno, code, syscall: op, path: full });
}

/** `open` for reading and for writing are two: another error is likely of each. */
const openOp = (flags = 'r') => (/^(r|rs)$/.test(flags) || flags === 0 ? 'open' : 'create');

const opOf = (name, args) => (name.startsWith('open') && !name.startsWith('opendir') ? openOp(args[1]) : OPS[name]);

const OPS = {
  ...{
    open: 'open',
    read: 'read',
    readv: 'read',
    readFile: 'read',
    write: 'write',
    writev: 'write',
    writeFile: 'write',
  },
  ...{ appendFile: 'write', fsync: 'fsync', fdatasync: 'fsync', ftruncate: 'truncate', truncate: 'truncate' },
  ...{
    mkdir: 'mkdir',
    mkdtemp: 'mkdir',
    rename: 'rename',
    link: 'link',
    symlink: 'link',
    unlink: 'unlink',
    rm: 'unlink',
  },
  ...{ rmdir: 'unlink', readdir: 'readdir', opendir: 'readdir', stat: 'stat', lstat: 'stat', statfs: 'stat' },
  ...{ copyFile: 'write', cp: 'write', utimes: 'utimes' },
};

function remember(fd, path) {
  if (typeof fd === 'number') paths.set(fd, path);
  return fd;
}

for (const name of Object.keys(OPS)) {
  const [plain, sync, promised] = [fs[name], fs[`${name}Sync`], fs.promises[name]];
  if (plain) {
    fs[name] = (...args) => {
      const error = failure(opOf(name, args), args[0]);
      const done = args.at(-1);
      if (error) return void process.nextTick(done, error);
      if (name !== 'open') return plain(...args);
      return plain(...args.slice(0, -1), (failed, fd) => done(failed, failed ? fd : remember(fd, args[0])));
    };
    // read and write have names for what they give.
    for (const key of Object.getOwnPropertySymbols(plain))
      Object.defineProperty(fs[name], key, Object.getOwnPropertyDescriptor(plain, key));
  }
  if (sync)
    fs[`${name}Sync`] = (...args) => {
      const error = failure(opOf(name, args), args[0]);
      if (error) throw error;
      return name === 'open' ? remember(sync(...args), args[0]) : sync(...args);
    };
  if (promised)
    fs.promises[name] = async (...args) => {
      const error = failure(opOf(name, args), args[0]);
      if (error) throw error;
      return name === 'open' ? watched(await promised(...args), args[0]) : promised(...args);
    };
}

/** A FileHandle whose own calls fail too. */
function watched(handle, path) {
  const own = { sync: 'fsync', datasync: 'fsync', writeFile: 'write', write: 'write', read: 'read', readFile: 'read' };
  for (const [name, op] of Object.entries({ ...own, appendFile: 'write', truncate: 'truncate', stat: 'stat' })) {
    const before = handle[name].bind(handle);
    handle[name] = async (...args) => {
      const error = failure(op, path);
      if (error) throw error;
      return before(...args);
    };
  }
  return handle;
}

syncBuiltinESMExports();
