/**
 * A real directory with one of everything that a file system can hold and the present user may make.
 * Tests must make their own in a directory of their own, and may do with it what they like.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { native } from '../../src/host/native.ts';

export const isRoot = process.getuid?.() === 0;

const bytes = (directory: string, name: string) =>
  Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);

/** Names that programs get wrong: each as bytes in latin1. */
export const hostileNames = [
  'new\nline',
  '-rf',
  '--help',
  ' leading and trailing ',
  'quote\'"`$(x)',
  'back\\slash',
  '\x1b[31mred',
  'not utf-8 \xff\xfe',
  '\xe4\xb8\xad\xe6\x96\x87',
  '*?[a]',
  '...',
  'a'.repeat(255),
];

/** Fills an existing, empty directory. */
export function makeSampleTree(root: string): void {
  const at = (name: string) => path.join(root, name);
  mkdirSync(at('src/deep/er'), { recursive: true });
  mkdirSync(at('empty'));
  mkdirSync(at('names'));
  writeFileSync(at('empty file'), '');
  writeFileSync(at('small.txt'), 'small\n');
  writeFileSync(at('src/a.ts'), 'export const a = 1;\n'.repeat(40));
  writeFileSync(at('src/deep/er/page'), Buffer.alloc(4096, 7));
  writeFileSync(at('src/inline limit'), Buffer.alloc(1984, 8));
  writeFileSync(at('src/medium'), Buffer.alloc(70_001, 9));
  writeFileSync(at('src/large'), Buffer.alloc(3 * 524_288 + 17, 3));
  const sparse = openSync(at('sparse'), 'w');
  writeSync(sparse, Buffer.alloc(4096, 1), 0, 4096, 65_536);
  writeSync(sparse, Buffer.alloc(10_000, 2), 0, 10_000, 2_000_000);
  ftruncateSync(sparse, 10_000_000);
  closeSync(sparse);
  for (const name of hostileNames) writeFileSync(bytes(at('names'), name), `named ${name.length}`);
  mkdirSync(bytes(at('names'), 'dir \xff\n'));
  writeFileSync(bytes(at('names'), 'dir \xff\n/inside'), 'inside');
  linkSync(at('small.txt'), at('src/linked'));
  linkSync(at('src/large'), at('large too'));
  symlinkSync('src/a.ts', at('link'));
  symlinkSync('/nowhere/at all', at('dangling'));
  symlinkSync('..', at('src/up'));
  symlinkSync(Buffer.from('caf\xe9', 'latin1'), at('link not utf-8'));
  writeFileSync(at('read only'), 'r');
  writeFileSync(at('program'), '#!/bin/sh\n');
  chmodSync(at('program'), 0o4755);
  chmodSync(at('empty'), 0o1777);
  mkdirSync(at('group'));
  writeFileSync(at('group/file'), 'g');
  chmodSync(at('group'), 0o2775);
  execFileSync('mkfifo', [at('fifo')]);
  special(root);
  chmodSync(at('read only'), 0o400);
  mkdirSync(at('closed'));
  writeFileSync(at('closed/file'), 'c');
  chmodSync(at('closed'), 0o500);
  times(root);
}

function special(root: string): void {
  const calls = native();
  if (calls === undefined) return;
  const at = (name: string) => path.join(root, name);
  calls.setXattr(at('small.txt'), 'user.byre.note', Buffer.from('a note'));
  calls.setXattr(at('src'), 'user.big', Buffer.alloc(3000, 5));
  calls.setXattr(at('read only'), 'user.on.read.only', Buffer.from([0, 255, 1]));
  calls.makeNode(at('socket'), 0o140700, 0);
  if (isRoot) calls.makeNode(at('null'), 0o020666, (1 << 8) | 3);
}

function times(root: string): void {
  const at = (name: string) => path.join(root, name);
  const calls = native();
  if (calls !== undefined) {
    calls.setTimes(at('small.txt'), 1_600_000_000_123_456_789n, 1_500_000_000_987_654_321n);
    calls.setTimes(at('link'), 1n, 1_234_567_890_000_000_001n);
    calls.setTimes(at('src/a.ts'), 0n, -1_000_000_001n);
  }
  utimesSync(at('empty file'), 1, 2);
  lutimesSync(at('dangling'), 1_000_000_000, 1_000_000_000.5);
  utimesSync(at('src'), 1_111_111_111, 1_111_111_111.25);
}
