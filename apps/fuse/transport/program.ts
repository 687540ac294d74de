/**
 * Runs a system program to its end without blocking: the thread that waits may be the one that serves the mount.
 * Callers must not put what users wrote into `args` without a `--` before it.
 */
import { spawn } from 'node:child_process';

export interface ProgramEnd {
  /** 0: it went well. -1: it could not be started, or was killed. */
  readonly status: number;
  /** What it complained of, or why it did not start. */
  readonly complaint: string;
}

/** Runs `program`; `descriptor`, if given, is its descriptor 3. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly descriptor?: number; readonly environment?: Record<string, string> } = {},
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe', ...(options.descriptor === undefined ? [] : [options.descriptor])],
      env: { ...process.env, LC_ALL: 'C', ...options.environment },
    });
    let complaint = '';
    child.stderr?.on('data', (chunk: Uint8Array) => {
      complaint += new TextDecoder().decode(chunk);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ status: -1, complaint: error.code === 'ENOENT' ? `${program} is not installed` : error.message });
    });
    child.once('close', (status) => resolve({ status: status ?? -1, complaint: complaint.trim() }));
  });
}
