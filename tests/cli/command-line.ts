/**
 * Command lines run in this process, with a world made for them: what they print and ask is there to be looked at.
 * Callers must use a directory of their own; nothing here touches the process's streams.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runLine, type World } from '../../apps/cli/dispatch.ts';
import { runJob } from '../../apps/cli/job.ts';
import { runCommand } from '../../apps/cli/served.ts';
import type { EngineCommand } from '../../apps/fuse/setup.ts';
import type { Pool } from '../../src/pool/pool.ts';

export interface Ran {
  readonly status: number;
  readonly output: string;
  /** What was printed, exactly. */
  readonly bytes: Buffer;
  readonly error: string;
  /** What was asked. */
  readonly questions: readonly string[];
}

export interface RunOptions {
  readonly directory: string;
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  /** Answers to questions, in turn; there is a terminal if it is given. */
  readonly answers?: readonly string[];
  /** Standard output is a terminal of that width. */
  readonly columns?: number;
  readonly signal?: AbortSignal;
}

const encoder = new TextEncoder();

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? encoder.encode(text) : text;
}

async function* pieces(input: string | Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  if (input !== undefined) yield bytesOf(input);
}

export async function run(args: readonly string[], options: RunOptions): Promise<Ran> {
  const { directory, input, environment = {}, answers, columns, signal } = options;
  const output: Uint8Array[] = [];
  let error = '';
  const left = [...(answers ?? [])];
  const questions: string[] = [];
  const world: World = {
    directory,
    environment,
    interactive: answers !== undefined,
    columns,
    input: pieces(input),
    signal: signal ?? new AbortController().signal,
    get isInterrupted() {
      return signal?.aborted === true;
    },
    given: undefined,
    handOver: async () => undefined,
    execute: (job) => runJob(job, environment),
    write: (bytes) => void output.push(bytesOf(bytes).slice()),
    drained: async () => {},
    say: (line) => {
      error += `${line}\n`;
    },
    progress: () => {},
    ask: async (question) => {
      questions.push(question);
      return left.shift();
    },
    path: (typed) => path.resolve(directory, typed),
  };
  const status = await runLine(args, () => world);
  const bytes = Buffer.concat(output);
  return { status, bytes, output: bytes.toString(), error, questions };
}

/** A command of another process, for the one that has `pool` open: without input or answers, what it says is dropped, unless given. */
export function asked(
  pool: Pool,
  poolPath: string,
  request: EngineCommand['request'],
  given: Partial<EngineCommand> = {},
): EngineCommand {
  return {
    request,
    pool,
    poolPath,
    mounts: [{ branch: undefined, directory: '/nowhere' }],
    input: pieces(undefined),
    signal: new AbortController().signal,
    output: () => {},
    error: () => {},
    call: () => Promise.reject(new Error('nobody answers')),
    ...given,
  };
}

/** A command line as another process would have it run by the one that has `pool` open. */
export async function ask(pool: Pool, poolPath: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const { directory, input, environment = {}, signal } = options;
  const output: Uint8Array[] = [];
  const error: Uint8Array[] = [];
  const request = { arguments: args, directory, environment };
  const status = await runCommand(
    asked(pool, poolPath, request, {
      input: pieces(input),
      ...(signal === undefined ? {} : { signal }),
      output: (bytes) => void output.push(bytes.slice()),
      error: (bytes) => void error.push(bytes.slice()),
    }),
  );
  const bytes = Buffer.concat(output);
  return { status, bytes, output: bytes.toString(), error: Buffer.concat(error).toString(), questions: [] };
}

/** Makes a directory for one test file, and says how to remove it. */
export function scratch(): { readonly directory: string; remove(): void } {
  const directory = mkdtempSync(path.join(tmpdir(), 'byre-cli-'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
