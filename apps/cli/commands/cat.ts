/**
 * `byre cat`: the bytes of files of a branch, as they are.
 * It reads in steps, and never holds a whole file but for JSON.
 */
import { ByreError } from '../../../src/errors.ts';
import { getAttributes } from '../../../src/files/ops/attributes.ts';
import { read } from '../../../src/files/ops/content.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { usage, writeJson } from '../session.ts';
import { jsonName, jsonText } from '../shown.ts';
import { parseTarget } from '../target.ts';
import { find, type Opened, openTarget, operate } from '../targets.ts';

const STEP_BYTES = 512 * 1024;

/** The file's bytes in pieces. Throws EISDIR, EINVAL for what has none. */
export function* piecesOf(at: Opened): Generator<Uint8Array> {
  const { inode, type } = find(at, 'always');
  if (type === 'directory') throw new ByreError('EISDIR', `${at.title} is a directory: 'byre ls' lists it`);
  if (type !== 'file') throw new ByreError('EINVAL', `${at.title} is a ${type}, and has no bytes`);
  const { size } = operate(at, () => getAttributes(at.view, inode));
  for (let offset = 0; offset < size; ) {
    const from = offset;
    const target = new Uint8Array(Math.min(STEP_BYTES, size - from));
    const length = operate(at, () => read(at.view, inode, from, target));
    if (length === 0) return;
    yield target.subarray(0, length);
    offset += length;
  }
}

export const cat: Command = {
  name: 'cat',
  summary: 'write the bytes of files to standard output',
  usage: ['TARGET...'],
  examples: [
    ['byre cat main:/README.md', 'shows a file'],
    ['byre cat try-1:/data.bin > data.bin', 'copies one out of a branch'],
  ],
  async run(session) {
    if (session.positionals.length === 0) throw usage('TARGET is missing');
    const targets = session.positionals.map(parseTarget);
    await withPool(session, { mode: 'read', targets }, async (pool) => {
      const documents: unknown[] = [];
      for (const target of targets) {
        const at = await openTarget(pool, target);
        if (session.json) {
          const bytes = Buffer.concat([...piecesOf(at)]);
          documents.push({
            branch: at.name,
            ...jsonName('path', at.path),
            size: bytes.length,
            ...jsonText('content', bytes),
          });
          continue;
        }
        for (const piece of piecesOf(at)) {
          session.write(piece);
          await session.drained();
        }
      }
      if (session.json) writeJson(session, documents);
    });
    return 0;
  },
};
