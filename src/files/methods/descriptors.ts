/**
 * Operations on what a descriptor stands for.
 * Methods must go through here to their inode: a descriptor may be closed, or its inode gone by a rollback, at any step.
 */
import { isByreError } from '../../errors.ts';
import { wrongType } from '../arguments.ts';
import type { Context } from '../context.ts';
import { type Descriptor, descriptorNumber } from '../descriptor.ts';
import { calling, errno } from '../explain.ts';

/** `action` on an open descriptor, its failures told as those of `syscall`. EBADF if it is not open, ESTALE if its file is gone. */
export function withDescriptor<T>(
  context: Context,
  number: number,
  syscall: string,
  action: (descriptor: Descriptor) => T,
): () => T {
  return calling({ syscall }, () => {
    const descriptor = context.descriptors.get(number);
    try {
      return action(descriptor);
    } catch (error) {
      if (isByreError(error) && error.code === 'ENOENT') throw errno('ESTALE');
      throw error;
    }
  });
}

/** What stands for an open file where a path may stand too: a number, or a FileHandle. Undefined if it is neither. */
export function numberOf(context: Context, file: unknown): number | undefined {
  if (typeof file === 'number') return descriptorNumber(file);
  if (typeof file !== 'object' || file === null || !('fd' in file) || typeof file.fd !== 'number') return undefined;
  if (!context.handles.has(file)) throw wrongType('file', 'a FileHandle of these files', file);
  return file.fd;
}

/** {@link withDescriptor}, of what a caller gave for a descriptor. */
export function onDescriptor<T>(
  context: Context,
  fd: unknown,
  syscall: string,
  action: (descriptor: Descriptor) => T,
): () => T {
  return withDescriptor(context, descriptorNumber(fd), syscall, action);
}
