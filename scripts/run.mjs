/**
 * Child processes for the scripts beside this file, and where the checkout is.
 * Callers must not pass a command line: the program and its arguments are separate, and no shell sees them.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's top directory. */
export const root = path.resolve(fileURLToPath(import.meta.url), '..', '..');

/** The compiler's program, to be run by Node. */
export const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');

/**
 * Runs a program to its end and returns its exit code; a signal's number counts from 128, as in a shell. It resolves, and never
 * rejects, also when the program cannot be started (127).
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options] the default is to run in the checkout, with this process's stdio
 * @returns {Promise<number>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', ...options });
    child.once('error', (error) => {
      process.stderr.write(`${program}: ${error.message}\n`);
      resolve(127);
    });
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : 15)));
  });
}

/** npm's program is a shell script, or a batch file on Windows, which only a shell can start. */
export const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
