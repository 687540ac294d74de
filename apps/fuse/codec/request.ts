/**
 * A request of the kernel, read in place from the buffer that it was received into: header, sizes and names are checked here once,
 * so that the operations behind need not. Callers must not keep a name or data view beyond the request: the buffer is reused.
 */
import { errno } from './errno.ts';
import {
  batchForgetIn,
  NAME_BYTES_MAX,
  OPERATION_COUNT,
  operation,
  REQUEST_HEADER_BYTES,
  requestHeader,
  setxattrIn,
  TARGET_BYTES_MAX,
  writeIn,
} from './protocol.ts';

const TWO_32 = 0x1_0000_0000;
/** Of the upper words of numbers below 2^53. */
const HIGH_MAX = 0x1f_ffff;

/** What a byte string in a request may be: an entry's name, a link's target, an attribute's name, or anything (`free`). */
type NameKind = 'entry' | 'target' | 'attribute' | 'free';

interface Shape {
  /** Bytes of the fixed part; the names follow it. */
  readonly fixedBytes: number;
  readonly names: readonly NameKind[];
}

const shapes = new Array<Shape | undefined>(OPERATION_COUNT).fill(undefined);

function shape(code: number, fixedBytes: number, ...names: NameKind[]): void {
  shapes[code] = { fixedBytes, names };
}

shape(operation.lookup, 0, 'entry');
shape(operation.forget, 8);
shape(operation.getattr, 16);
shape(operation.setattr, 88);
shape(operation.readlink, 0);
shape(operation.symlink, 0, 'entry', 'target');
shape(operation.mknod, 16, 'entry');
shape(operation.mkdir, 8, 'entry');
shape(operation.unlink, 0, 'entry');
shape(operation.rmdir, 0, 'entry');
shape(operation.rename, 8, 'entry', 'entry');
shape(operation.link, 8, 'entry');
shape(operation.open, 8);
shape(operation.read, 40);
shape(operation.write, 40);
shape(operation.statfs, 0);
shape(operation.release, 24);
shape(operation.fsync, 16);
shape(operation.setxattr, 8, 'attribute');
shape(operation.getxattr, 8, 'attribute');
shape(operation.listxattr, 8);
shape(operation.removexattr, 0, 'attribute');
shape(operation.flush, 24);
shape(operation.init, 16);
shape(operation.opendir, 8);
shape(operation.readdir, 40);
shape(operation.releasedir, 24);
shape(operation.fsyncdir, 16);
shape(operation.access, 8);
shape(operation.create, 16, 'entry');
shape(operation.interrupt, 8);
shape(operation.destroy, 0);
shape(operation.notifyReply, 0);
shape(operation.batchForget, 8);
shape(operation.fallocate, 32);
shape(operation.readdirplus, 40);
shape(operation.rename2, 16, 'entry', 'entry');
shape(operation.lseek, 24);
shape(operation.copyFileRange, 56);
shape(operation.syncfs, 0);
shape(operation.tmpfile, 16, 'free');
shape(operation.statx, 24);
shape(operation.copyFileRange64, 56);

const SLASH = 0x2f;
const DOT = 0x2e;

export class Request {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  length = 0;
  operation = 0;
  uid = 0;
  gid = 0;
  pid = 0;
  /** The node's two words; `server/nodes.ts` says what is in them. */
  nodeLow = 0;
  nodeHigh = 0;
  /** Where the body ends, extensions excluded. */
  bodyTo = 0;
  /** Up to two names: from (inclusive) and to (exclusive, the NUL's place). */
  private firstFrom = 0;
  private firstTo = 0;
  private secondFrom = 0;
  private secondTo = 0;

  /** `bytes` is the receive buffer, large enough for the largest write. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Takes the first `received` bytes of the buffer as a request and checks its sizes and names.
   * Returns 0, or the errno to answer with; -1 when not even the header is there, so that there is nobody to answer.
   */
  accept(received: number): number {
    if (received < REQUEST_HEADER_BYTES || received > this.bytes.length) return -1;
    const view = this.view;
    this.length = received;
    this.operation = view.getUint32(requestHeader.operation, true);
    this.nodeLow = view.getUint32(requestHeader.node, true);
    this.nodeHigh = view.getUint32(requestHeader.node + 4, true);
    this.uid = view.getUint32(requestHeader.uid, true);
    this.gid = view.getUint32(requestHeader.gid, true);
    this.pid = view.getUint32(requestHeader.pid, true);
    this.bodyTo = received - view.getUint16(requestHeader.extension, true) * 8;
    if (view.getUint32(requestHeader.length, true) !== received) return errno.EINVAL;
    const shape = this.operation < OPERATION_COUNT ? shapes[this.operation] : undefined;
    if (shape === undefined) return errno.ENOSYS;
    const from = REQUEST_HEADER_BYTES + shape.fixedBytes;
    if (this.bodyTo < from) return errno.EINVAL;
    return shape.names.length === 0 ? this.checkPayload() : this.checkNames(shape.names, from);
  }

  private checkNames(names: readonly NameKind[], from: number): number {
    const firstTo = this.findEnd(from);
    if (firstTo < 0) return errno.EINVAL;
    this.firstFrom = from;
    this.firstTo = firstTo;
    this.secondFrom = this.secondTo = firstTo + 1;
    let failure = this.checkName(names[0]!, from, firstTo);
    if (failure === 0 && names.length > 1) {
      this.secondTo = this.findEnd(firstTo + 1);
      if (this.secondTo < 0) return errno.EINVAL;
      failure = this.checkName(names[1]!, firstTo + 1, this.secondTo);
    }
    return failure === 0 ? this.checkPayload() : failure;
  }

  /** The place of the next NUL, or -1. Names are short: a loop beats a call out of JavaScript. */
  private findEnd(from: number): number {
    const bytes = this.bytes;
    const to = this.bodyTo;
    for (let at = from; at < to; at++) if (bytes[at] === 0) return at;
    return -1;
  }

  private checkName(kind: NameKind, from: number, to: number): number {
    const length = to - from;
    if (kind === 'target') return length === 0 ? errno.ENOENT : length > TARGET_BYTES_MAX ? errno.ENAMETOOLONG : 0;
    if (length > NAME_BYTES_MAX) return kind === 'attribute' ? errno.ERANGE : errno.ENAMETOOLONG;
    if (kind === 'free') return 0;
    if (length === 0) return errno.EINVAL;
    if (kind === 'attribute') return 0;
    const bytes = this.bytes;
    for (let at = from; at < to; at++) if (bytes[at] === SLASH) return errno.EINVAL;
    const dots = bytes[from] === DOT && (length === 1 || (length === 2 && bytes[from + 1] === DOT));
    return dots ? errno.EINVAL : 0;
  }

  /** Holds the lengths that a body states against the bytes that are there. */
  private checkPayload(): number {
    const body = this.bodyTo - REQUEST_HEADER_BYTES;
    if (this.operation === operation.write) return this.u32(writeIn.size) > body - writeIn.data ? errno.EINVAL : 0;
    if (this.operation === operation.setxattr)
      return this.u32(setxattrIn.size) > this.bodyTo - this.firstTo - 1 ? errno.EINVAL : 0;
    if (this.operation === operation.batchForget) {
      return this.u32(batchForgetIn.count) * batchForgetIn.itemBytes > body - batchForgetIn.items ? errno.EINVAL : 0;
    }
    return 0;
  }

  u32(at: number): number {
    return this.view.getUint32(REQUEST_HEADER_BYTES + at, true);
  }

  i32(at: number): number {
    return this.view.getInt32(REQUEST_HEADER_BYTES + at, true);
  }

  /** An unsigned 64-bit field; what is above 2^53 - 1, where no file reaches, counts as that. */
  u64(at: number): number {
    const view = this.view;
    const low = view.getUint32(REQUEST_HEADER_BYTES + at, true);
    const high = view.getUint32(REQUEST_HEADER_BYTES + at + 4, true);
    if (high === 0) return low;
    return high > HIGH_MAX ? Number.MAX_SAFE_INTEGER : low + high * TWO_32;
  }

  /** A signed 64-bit field; rounded where it is beyond 2^53. */
  i64(at: number): number {
    const view = this.view;
    return (
      view.getUint32(REQUEST_HEADER_BYTES + at, true) + view.getInt32(REQUEST_HEADER_BYTES + at + 4, true) * TWO_32
    );
  }

  firstName(): Uint8Array {
    return this.bytes.subarray(this.firstFrom, this.firstTo);
  }

  secondName(): Uint8Array {
    return this.bytes.subarray(this.secondFrom, this.secondTo);
  }

  /** The value of SETXATTR, which follows its name. */
  attributeValue(): Uint8Array {
    const from = this.firstTo + 1;
    return this.bytes.subarray(from, from + this.u32(setxattrIn.size));
  }

  /** The data of WRITE. */
  writeData(): Uint8Array {
    const from = REQUEST_HEADER_BYTES + writeIn.data;
    return this.bytes.subarray(from, from + this.u32(writeIn.size));
  }
}
