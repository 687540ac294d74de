/**
 * Operations on what a descriptor stands for.
 * Methods must go through here to their inode: a descriptor may be closed, or its inode gone by a rollback, at any step.
 */
import { isByreError } from '../../errors.ts';
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

/** {@link withDescriptor}, of what a caller gave for a descriptor. */
export function onDescriptor<T>(
  context: Context,
  fd: unknown,
  syscall: string,
  action: (descriptor: Descriptor) => T,
): () => T {
  return withDescriptor(context, descriptorNumber(fd), syscall, action);
}
