/**
 * `byre ls`: the names in directories of a branch, in byte order.
 * On a terminal names are escaped and directories end in a slash; elsewhere names are bytes as they are, and nothing is added.
 */
import { type Attributes, getAttributes } from '../../../src/files/ops/attributes.ts';
import { type DirectoryEntry, readDirectory } from '../../../src/files/ops/directory.ts';
import { readLink } from '../../../src/files/ops/link.ts';
import type { Command } from '../command.ts';
import { showBytes, showMode, showTable, showTime } from '../format.ts';
import { painter } from '../paint.ts';
import { withPool } from '../pool.ts';
import { type Session, writeJson } from '../session.ts';
import { jsonAttributes, jsonName, shown, typeColour } from '../shown.ts';
import { parseTarget } from '../target.ts';
import { find, type Opened, openTarget, operate } from '../targets.ts';
import { bytesOfTyped } from '../typed.ts';

const STEP_ENTRIES = 256;
const STEPS_BETWEEN_TURNS = 64;
const SLASH = 0x2f;

interface Listed {
  /** From the directory that is listed. */
  readonly name: Uint8Array;
  readonly attributes: Attributes;
  readonly target: Uint8Array | undefined;
}

function joined(prefix: Uint8Array, name: Uint8Array): Uint8Array {
  if (prefix.length === 0) return name;
  const path = new Uint8Array(prefix.length + 1 + name.length);
  path.set(prefix);
  path[prefix.length] = SLASH;
  path.set(name, prefix.length + 1);
  return path;
}

function describe(at: Opened, name: Uint8Array, inode: number): Listed {
  return operate(at, () => {
    const attributes = getAttributes(at.view, inode);
    return { name, attributes, target: attributes.type === 'symlink' ? readLink(at.view, inode) : undefined };
  });
}

/** A directory that is being listed: the entries that were read last, and which of them is next. */
interface Open {
  readonly inode: number;
  readonly prefix: Uint8Array;
  entries: readonly DirectoryEntry[];
  next: number;
}

/** The entries of a directory, some at a time; `recursive`: what lies in one comes right after it. */
function* entriesOf(at: Opened, directory: number, recursive: boolean): Generator<Listed[]> {
  const read = (inode: number, after?: Uint8Array) =>
    operate(at, () => readDirectory(at.view, inode, after, STEP_ENTRIES));
  const open: Open[] = [{ inode: directory, prefix: new Uint8Array(0), entries: read(directory), next: 0 }];
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const step: Listed[] = [];
    let below: Open | undefined;
    while (last.next < last.entries.length && below === undefined) {
      const { name, inode, type } = last.entries[last.next++]!;
      const listed = describe(at, joined(last.prefix, name), inode);
      step.push(listed);
      if (recursive && type === 'directory') below = { inode, prefix: listed.name, entries: read(inode), next: 0 };
    }
    yield step;
    if (below !== undefined) open.push(below);
    else if (last.entries.length < STEP_ENTRIES) open.pop();
    else {
      last.entries = read(last.inode, last.entries.at(-1)!.name);
      last.next = 0;
    }
  }
}

/** How names are written, one by one or in a table. */
function writer(session: Session): (listed: readonly Listed[]) => void {
  const { long, null: zero } = session.values;
  const paint = painter(session);
  const onTerminal = session.columns !== undefined;
  const nice = ({ name, attributes }: Listed): string => {
    const slash = attributes.type === 'directory' ? '/' : '';
    return `${paint(shown(name), typeColour(attributes))}${slash}`;
  };
  if (long === true) {
    return (listed) => {
      const rows = listed.map((each) => {
        const { type, mode, links, uid, gid, size, device, modifyTime } = each.attributes;
        const isDevice = type === 'character' || type === 'block';
        const bytes = isDevice ? `${device}` : showBytes(size);
        const name = each.target === undefined ? nice(each) : `${nice(each)} -> ${shown(each.target)}`;
        return [showMode(type, mode), `${links}`, `${uid}`, `${gid}`, bytes, showTime(modifyTime), name];
      });
      session.write(showTable(rows, [1, 2, 3, 4]));
    };
  }
  if (onTerminal && zero !== true) return (listed) => session.write(listed.map((each) => `${nice(each)}\n`).join(''));
  const end = Uint8Array.of(zero === true ? 0 : 0x0a);
  return (listed) => session.write(Buffer.concat(listed.flatMap(({ name }) => [name, end])));
}

async function run(session: Session): Promise<void> {
  const { long, recursive, directory, null: zero } = session.values;
  const typed = session.positionals.length > 0 ? session.positionals : [':'];
  const targets = typed.map(parseTarget);
  await withPool(session, { mode: 'read', targets }, async (pool) => {
    const documents: unknown[] = [];
    const write = writer(session);
    let steps = 0;
    for (const [at, target] of targets.entries()) {
      const opened = await openTarget(pool, target);
      const { inode, type } = find(opened, long === true || directory === true ? 'slash' : 'always');
      const isListed = type === 'directory' && directory !== true;
      const own = bytesOfTyped(opened.path);
      const lists = isListed ? entriesOf(opened, inode, recursive === true) : [[describe(opened, own, inode)]];
      if (typed.length > 1 && isListed && !session.json && zero !== true) {
        session.write(`${at > 0 ? '\n' : ''}${opened.title}:\n`);
      }
      // A table is aligned as a whole.
      const whole = long === true || session.json ? [[...lists].flat()] : lists;
      for (const list of whole) {
        if (!session.json) write(list);
        else for (const each of list) documents.push(document(opened, isListed, each));
        if (++steps % STEPS_BETWEEN_TURNS === 0) await session.drained();
      }
    }
    if (session.json) writeJson(session, documents);
  });
}

function document({ name: branch, path }: Opened, isListed: boolean, { name, attributes, target }: Listed): object {
  return {
    branch,
    ...(isListed ? { directory: path } : {}),
    ...jsonName('name', name),
    ...jsonAttributes(attributes),
    ...(target === undefined ? {} : jsonName('target', target)),
  };
}

export const ls: Command = {
  name: 'ls',
  summary: 'list the files of a branch',
  usage: ['[TARGET...]'],
  details: `TARGET is main:/ if none is given. Names that begin with a dot are listed like all others. On a terminal what cannot
be shown is escaped and directories end in a slash; elsewhere names are written as they are.`,
  options: {
    long: {
      type: 'boolean',
      short: 'l',
      text: 'with mode, links, owner, group, size and time; links are not followed',
    },
    recursive: { type: 'boolean', short: 'R', text: 'with all that lies below' },
    directory: { type: 'boolean', short: 'd', text: 'directories themselves, not what is in them' },
    null: { type: 'boolean', short: 'z', text: 'names only, each ended by a zero byte' },
  },
  examples: [
    ['byre ls', 'lists the root of branch main'],
    ['byre ls -l try-1:/src', 'lists a directory of another branch, with attributes'],
    ['byre ls -Rz | grep -z TODO', 'finds names among all of a branch'],
  ],
  async run(session) {
    await run(session);
    return 0;
  },
};
