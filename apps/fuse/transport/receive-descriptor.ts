/**
 * Mounting as an ordinary user: `fusermount3`, which is set-uid root, mounts and passes the descriptor over a socket. Node cannot
 * receive descriptors, so `koffi` calls the C library; it is an optional dependency and loaded only here.
 * Callers must close the descriptor that they get.
 */
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ByreError } from '../../../src/errors.ts';
import { runProgram } from './program.ts';

/** The little of koffi that is used. */
interface Koffi {
  struct(name: string, members: Record<string, unknown>): unknown;
  pointer(type: unknown): unknown;
  load(library: string | null): { func(declaration: string): (...args: unknown[]) => number };
}

interface Calls {
  socketpair(pair: Int32Array): number;
  recvmsg(socket: number, data: Uint8Array, control: Uint8Array): number;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

let calls: Calls | undefined;

function loadCalls(): Calls {
  if (calls !== undefined) return calls;
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const piece = koffi.struct('byre_iovec', { base: 'void *', length: 'size_t' });
  koffi.struct('byre_msghdr', {
    name: 'void *',
    nameLength: 'uint32_t',
    pieces: koffi.pointer(piece),
    pieceCount: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  });
  const library = koffi.load(null);
  const socketpair = library.func('int socketpair(int, int, int, _Out_ int *)');
  const recvmsg = library.func('long recvmsg(int, _Inout_ byre_msghdr *, int)');
  calls = {
    socketpair: (pair) => socketpair(AF_UNIX, SOCK_STREAM, 0, pair),
    recvmsg(socket, data, control) {
      const pieces = [{ base: data, length: data.length }];
      const message = {
        name: null,
        nameLength: 0,
        pieces,
        pieceCount: 1,
        control,
        controlLength: control.length,
        flags: 0,
      };
      return recvmsg(socket, message, MSG_DONTWAIT);
    },
  };
  return calls;
}

/** Whether koffi is there and works. */
export function canReceiveDescriptors(): boolean {
  try {
    loadCalls();
    return true;
  } catch {
    return false;
  }
}

/** Takes one descriptor from a socket: the control message is length u64, level i32, type i32, descriptor i32. */
function receive(socket: number): number {
  const data = new Uint8Array(1);
  const control = new Uint8Array(24);
  const received = loadCalls().recvmsg(socket, data, control);
  const view = new DataView(control.buffer);
  const isDescriptor = view.getInt32(8, true) === SOL_SOCKET && view.getInt32(12, true) === SCM_RIGHTS;
  if (received < 0 || !isDescriptor) throw new ByreError('EIO', 'fusermount3 passed no descriptor');
  return view.getInt32(16, true);
}

/** Mounts through fusermount3 with the given options and returns the descriptor of the mount. */
export async function mountByHelper(directory: string, options: string): Promise<number> {
  const pair = new Int32Array(2);
  if (loadCalls().socketpair(pair) !== 0) throw new ByreError('EMFILE', 'no pair of sockets could be made');
  try {
    const { status, complaint } = await runProgram('fusermount3', ['-o', options, '--', directory], {
      descriptor: pair[0]!,
      environment: { _FUSE_COMMFD: '3' },
    });
    if (status !== 0) throw new ByreError('EPERM', complaint || 'fusermount3 failed');
    return receive(pair[1]!);
  } finally {
    closeSync(pair[0]!);
    closeSync(pair[1]!);
  }
}
