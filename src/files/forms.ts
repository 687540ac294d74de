/**
 * From one body of a method its three forms: synchronous, promise and callback. This is the only place that knows the difference.
 * A form must be made per `Files`, bound to its context: users take methods from their object, as they do with `node:fs`.
 */
import { wrongType } from './arguments.ts';
import type { Context } from './context.ts';
import type { Descriptor } from './descriptor.ts';
import { fileHandle } from './handle.ts';
import type { Work } from './task.ts';

export type Body = (context: Context, ...args: unknown[]) => Work;

// biome-ignore lint/suspicious/noExplicitAny: what a method takes and gives is said in signatures.ts
export type AnyFunction = (...args: any[]) => any;

/** Methods whose promise gives an object where the other forms give its fields, the first alone or both. */
const fieldsOf: Readonly<Record<string, readonly [string, string]>> = {
  read: ['bytesRead', 'buffer'],
  readv: ['bytesRead', 'buffers'],
  write: ['bytesWritten', 'buffer'],
  writev: ['bytesWritten', 'buffers'],
};

/** How `util.promisify` finds the promise form of a method that calls back with more than one result. */
const promisified = Symbol.for('nodejs.util.promisify.custom');

function named<F extends AnyFunction>(name: string, form: F): F {
  return Object.defineProperty(form, 'name', { value: name });
}

export function syncForm(context: Context, name: string, body: Body): AnyFunction {
  const fields = fieldsOf[name];
  const run = (args: unknown[]) => context.performSync(body(context, ...args));
  let form: AnyFunction = (...args) => run(args);
  if (fields !== undefined) form = (...args) => (run(args) as Record<string, unknown>)[fields[0]];
  else if (name === 'open') form = (...args) => (run(args) as Descriptor).number;
  return named(`${name}Sync`, form);
}

export function promiseForm(context: Context, name: string, body: Body): AnyFunction {
  const form =
    name === 'open'
      ? async (...args: unknown[]) =>
          fileHandle(context, ((await context.perform(body(context, ...args))) as Descriptor).number)
      : async (...args: unknown[]) => context.perform(body(context, ...args));
  return named(name, form);
}

/** What a callback gets after its error. */
function resultsOf(name: string, result: unknown): unknown[] {
  if (name === 'open') return [(result as Descriptor).number];
  const fields = fieldsOf[name];
  if (fields !== undefined) return fields.map((field) => (result as Record<string, unknown>)[field]);
  return result === undefined ? [] : [result];
}

function isRefusedArgument(error: unknown): boolean {
  return String((error as { code?: unknown } | undefined)?.code).startsWith('ERR_');
}

/** Starts the work; arguments that cannot be are refused at once, and all else comes by the promise. */
function started(context: Context, body: Body, args: unknown[]): Promise<unknown> {
  try {
    return context.perform(body(context, ...args));
  } catch (error) {
    if (isRefusedArgument(error)) throw error;
    return Promise.reject(error);
  }
}

export function callbackForm(context: Context, name: string, body: Body): AnyFunction {
  const form = (...args: unknown[]): void => {
    const callback = args.pop();
    if (typeof callback !== 'function') throw wrongType('cb', 'of type function', callback);
    // Called outside of the promise: what a callback throws is not for us to catch.
    started(context, body, args).then(
      (result) => queueMicrotask(() => callback(null, ...resultsOf(name, result))),
      (error) => queueMicrotask(() => callback(error)),
    );
  };
  if (name in fieldsOf) {
    const promised = async (...args: unknown[]) => context.perform(body(context, ...args));
    Object.defineProperty(form, promisified, { value: promised });
  }
  return named(name, form);
}

/** `exists` alone calls back without an error. */
export function existsForm(context: Context, body: Body): AnyFunction {
  const promised = async (path: unknown) => context.perform(body(context, path));
  const form = (path: unknown, callback: unknown): void => {
    if (typeof callback !== 'function') throw wrongType('cb', 'of type function', callback);
    promised(path).then(
      (result) => queueMicrotask(() => callback(result)),
      () => queueMicrotask(() => callback(false)),
    );
  };
  Object.defineProperty(form, promisified, { value: promised });
  return named('exists', form);
}
