/**
 * Wakes the thread that blocks on a mount's descriptor: the kernel is asked for the content of a file that only this mount knows, the
 * bell, and answers with a request that means nothing else.
 * Callers must expect that a ring is lost at the end of the mount, and must set `Server.bell` to the same name.
 */
import { lstat, writeSync } from 'node:fs';
import path from 'node:path';
import { wake } from '../codec/notice.ts';
import { BELL_INODE, BELL_SLOT, nodeHighOf, nodeLowOf } from '../server/nodes.ts';

export class Bell {
  private readonly descriptor: number;
  private readonly path: string;
  private readonly message = wake(nodeLowOf(BELL_INODE), nodeHighOf(BELL_SLOT, BELL_INODE));

  /** `name` is looked up in the root of the mount and never listed there. */
  constructor(descriptor: number, directory: string, name: string) {
    this.descriptor = descriptor;
    this.path = path.join(directory, name);
  }

  /** Makes the bell known to the kernel; resolves when the mount has answered, or has ended. */
  hang(): Promise<void> {
    return new Promise((resolve) => lstat(this.path, () => resolve()));
  }

  ring(): void {
    try {
      writeSync(this.descriptor, this.message, 0, this.message.length);
    } catch (error) {
      // Under pressure the kernel may have forgotten the bell. To look it up again is a request as well.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') lstat(this.path, () => {});
    }
  }
}
