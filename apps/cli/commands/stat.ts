/**
 * `byre stat`: everything that a branch knows of a file.
 * A symbolic link at the end is not followed unless that is asked for.
 */
import { type Attributes, getAttributes } from '../../../src/files/ops/attributes.ts';
import { pathsOf } from '../../../src/files/ops/directory.ts';
import { readLink } from '../../../src/files/ops/link.ts';
import { listXattrs } from '../../../src/files/ops/xattrs.ts';
import type { Command } from '../command.ts';
import { showMode, showTable, showTime } from '../format.ts';
import { withPool } from '../pool.ts';
import { type Session, usage, writeJson } from '../session.ts';
import { joinNames, jsonAttributes, jsonName, shown } from '../shown.ts';
import { parseTarget } from '../target.ts';
import { find, type Opened, openTarget, operate } from '../targets.ts';

const PAGE_BYTES = 4096;
/** More names of one inode are counted, not listed. */
const SHOWN_PATHS = 20;

interface Known {
  readonly attributes: Attributes;
  readonly paths: readonly Uint8Array[];
  readonly target: Uint8Array | undefined;
  readonly xattrs: readonly Uint8Array[];
}

function know(at: Opened, follow: boolean): Known {
  const { inode } = find(at, follow ? 'always' : 'slash');
  return operate(at, () => {
    const attributes = getAttributes(at.view, inode);
    return {
      attributes,
      paths: pathsOf(at.view, inode).map(joinNames),
      target: attributes.type === 'symlink' ? readLink(at.view, inode) : undefined,
      xattrs: listXattrs(at.view, inode),
    };
  });
}

function document(at: Opened, { attributes, paths, target, xattrs }: Known): object {
  const { accessTime, changeTime, birthTime, device, links, pages } = attributes;
  const time = ({ seconds, nanoseconds }: Attributes['accessTime']): string =>
    `${BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)}`;
  return {
    branch: at.name,
    ...jsonName('path', at.path),
    ...jsonAttributes(attributes),
    changeTimeNs: time(changeTime),
    accessTimeNs: time(accessTime),
    birthTimeNs: time(birthTime),
    links,
    device,
    pages,
    paths: paths.map((path) => jsonName('path', path)),
    xattrs: xattrs.map((name) => jsonName('name', name)),
    ...(target === undefined ? {} : jsonName('target', target)),
  };
}

function write(session: Session, at: Opened, { attributes, paths, target, xattrs }: Known): void {
  const { type, inode, mode, uid, gid, links, size, pages, device } = attributes;
  const names = paths.slice(0, SHOWN_PATHS).map(shown);
  if (paths.length > SHOWN_PATHS) names.push(`and ${paths.length - SHOWN_PATHS} more`);
  const rows = [
    ['type', target === undefined ? type : `${type} -> ${shown(target)}`],
    ['inode', `${inode}`],
    ['mode', `${showMode(type, mode)} (${mode.toString(8).padStart(4, '0')})`],
    ['owner', `${uid}:${gid}`],
    ['size', `${size} bytes, in ${pages} pages (${pages * PAGE_BYTES} bytes)`],
    ['links', names.length > 1 ? `${links}: ${names.join(' ')}` : `${links}`],
    ...(device > 0 ? [['device', `${device}`]] : []),
    ...(xattrs.length > 0 ? [['xattrs', xattrs.map(shown).join(' ')]] : []),
    ['modified', showTime(attributes.modifyTime, true)],
    ['changed', showTime(attributes.changeTime, true)],
    ['accessed', showTime(attributes.accessTime, true)],
    ['born', showTime(attributes.birthTime, true)],
  ];
  session.write(`${at.title}\n${showTable(rows.map(([name, value]) => [`  ${name}`, value!]))}`);
}

export const stat: Command = {
  name: 'stat',
  summary: 'show all attributes of files',
  usage: ['TARGET...'],
  options: { follow: { type: 'boolean', short: 'L', text: 'follow a symbolic link at the end' } },
  examples: [['byre stat main:/bin/run', 'shows type, inode, mode, owner, size, times, links and extended attributes']],
  async run(session) {
    if (session.positionals.length === 0) throw usage('TARGET is missing');
    const targets = session.positionals.map(parseTarget);
    await withPool(session, { mode: 'read', targets }, async (pool) => {
      const documents: unknown[] = [];
      for (const target of targets) {
        const at = await openTarget(pool, target);
        const known = know(at, session.values.follow === true);
        if (session.json) documents.push(document(at, known));
        else write(session, at, known);
      }
      if (session.json) writeJson(session, documents);
    });
    return 0;
  },
};
