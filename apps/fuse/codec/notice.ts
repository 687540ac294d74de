/**
 * Messages that the server sends unasked: «forget what you know of this node / name / everything», and the request to be woken.
 * Callers must not write the two invalidations from the thread that serves the mount: the kernel may hold a lock there until an
 * outstanding request is answered.
 */
import { writeI64 } from './attributes.ts';
import { notification, REPLY_HEADER_BYTES } from './protocol.ts';

function message(code: number, bodyBytes: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(REPLY_HEADER_BYTES + bodyBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setInt32(4, code, true);
  return { bytes, view };
}

/** Attributes, and the cached data from `offset` on (all of it at 0); with a negative offset the attributes alone. */
export function invalidateInode(nodeLow: number, nodeHigh: number, offset: number): Uint8Array {
  const { bytes, view } = message(notification.invalidateInode, 24);
  view.setUint32(16, nodeLow, true);
  view.setUint32(20, nodeHigh, true);
  writeI64(view, 24, offset);
  return bytes;
}

/** One name in one directory, present or known to be absent. */
export function invalidateEntry(parentLow: number, parentHigh: number, name: Uint8Array): Uint8Array {
  const { bytes, view } = message(notification.invalidateEntry, 16 + name.length + 1);
  view.setUint32(16, parentLow, true);
  view.setUint32(20, parentHigh, true);
  view.setUint32(24, name.length, true);
  bytes.set(name, 32);
  return bytes;
}

/** Every name of the mount is looked up anew (protocol 7.44 and later). Takes no lock: may be written from anywhere. */
export function increaseEpoch(): Uint8Array {
  return message(notification.increaseEpoch, 0).bytes;
}

/** Asks the kernel for no data of a regular file that it knows: it sends a NOTIFY_REPLY, which wakes whoever reads requests. */
export function wake(nodeLow: number, nodeHigh: number): Uint8Array {
  const { bytes, view } = message(notification.retrieve, 32);
  view.setUint32(24, nodeLow, true);
  view.setUint32(28, nodeHigh, true);
  return bytes;
}
