/** Merging and comparing texts line by line: against known cases, against laws, and against the machine's own `diff` and `patch`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { needs } from '../../tests/needs.ts';
import { mergeText, unifiedDiff } from './text.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (result: Uint8Array | undefined) => (result === undefined ? undefined : new TextDecoder().decode(result));
const merge = (base: string, ours: string, theirs: string, favour?: 'ours' | 'theirs') =>
  text(mergeText(bytes(base), bytes(ours), bytes(theirs), favour));

/** Few different lines, some of them awkward, with and without an end. */
const line = fc.constantFrom('a\n', 'b\n', 'c\n', '\n', '__proto__\n', 'é\r\n', 'constructor\n');
const texts = fc
  .tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom('', 'end'))
  .map(([lines, end]) => lines.join('') + end);

describe('mergeText', () => {
  test('takes changes of both sides', () => {
    const base = '1\n2\n3\n4\n5\n6\n7\n';
    expect(merge(base, '1\nours\n3\n4\n5\n6\n7\n', '1\n2\n3\n4\n5\n6\n7\ntheirs\n')).toBe(
      '1\nours\n3\n4\n5\n6\n7\ntheirs\n',
    );
    expect(merge(base, '0\n1\n2\n3\n4\n5\n6\n7\n', '1\n2\n3\n4\n5\n7\n')).toBe('0\n1\n2\n3\n4\n5\n7\n');
    expect(merge(base, '1\nsame\n3\n4\n5\n6\n7\n', '1\nsame\n3\n4\n5\n6\n8\n')).toBe('1\nsame\n3\n4\n5\n6\n8\n');
  });

  test('leaves what both changed to the caller, or takes the favoured lines there alone', () => {
    const base = '1\n2\n3\n4\n5\n';
    const [ours, theirs] = ['1\nours\n3\n4\n5\nend\n', '0\n1\ntheirs\n3\n4\n5\n'];
    expect(merge(base, ours, theirs)).toBeUndefined();
    expect(merge(base, ours, theirs, 'ours')).toBe('0\n1\nours\n3\n4\n5\nend\n');
    expect(merge(base, ours, theirs, 'theirs')).toBe('0\n1\ntheirs\n3\n4\n5\nend\n');
  });

  test('keeps bytes that are no UTF-8, and knows what is no text', () => {
    const base = Uint8Array.of(0xff, 0x0a, 0x80, 0x0a, 0x9f, 0x0a);
    const ours = Uint8Array.of(0xfe, 0x0a, 0x80, 0x0a, 0x9f, 0x0a);
    const theirs = Uint8Array.of(0xff, 0x0a, 0x80, 0x0a, 0x81);
    expect(mergeText(base, ours, theirs)).toEqual(Uint8Array.of(0xfe, 0x0a, 0x80, 0x0a, 0x81));
    expect(mergeText(base, ours, Uint8Array.of(0))).toBeUndefined();
    expect(mergeText(Uint8Array.of(0), ours, theirs, 'ours')).toBeUndefined();
  });

  test('keeps its laws', () => {
    fc.assert(
      fc.property(texts, texts, texts, (base, ours, theirs) => {
        expect(merge(base, ours, base)).toBe(ours);
        expect(merge(base, base, theirs)).toBe(theirs);
        expect(merge(base, ours, ours)).toBe(ours);
        const merged = merge(base, ours, theirs);
        expect(merge(base, theirs, ours)).toBe(merged);
        if (merged !== undefined) expect(merge(base, ours, theirs, 'theirs')).toBe(merged);
        else expect(merge(base, ours, theirs, 'ours')).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });

  test('gives up on what would take long', () => {
    const many = (count: number, of: (at: number) => string) =>
      Array.from({ length: count }, (_, at) => of(at)).join('');
    const same = many(30_000, () => '\n');
    expect(merge(`x\n${same}x\n`, `y\n${same}x\n`, `x\n${same}y\n`)).toBeUndefined();
    const long = many(60_000, (at) => `${at}\n`);
    const changed = long.replace('30000\n', 'ours\n');
    expect(merge(long, changed, long.replace('30010\n', 'theirs\n'))).toBe(changed.replace('30010\n', 'theirs\n'));
  });
});

describe('unifiedDiff', () => {
  test('writes hunks with their context', () => {
    const old = '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n';
    const now = old.replace('5\n6\n', 'five\n6\n').replace('18\n', '18');
    expect(text(unifiedDiff(bytes(old), bytes(now)))).toBe(
      '@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n' +
        '@@ -15,4 +15,4 @@\n 15\n 16\n 17\n-18\n+18\n\\ No newline at end of file\n',
    );
    expect(text(unifiedDiff(bytes(old), bytes(old)))).toBe('');
    expect(text(unifiedDiff(bytes(''), bytes('a\n')))).toBe('@@ -0,0 +1 @@\n+a\n');
    expect(text(unifiedDiff(bytes('a\nb\n'), bytes('')))).toBe('@@ -1,2 +0,0 @@\n-a\n-b\n');
    expect(unifiedDiff(Uint8Array.of(0), bytes('a'))).toBeUndefined();
  });

  const hasPatch = spawnSync('patch', ['--version']).status === 0;
  test('is a patch that makes the new from the old', needs(hasPatch, 'needs the program patch'), () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'byre-text-'));
    try {
      fc.assert(
        fc.property(texts, texts, (old, now) => {
          const difference = unifiedDiff(bytes(old), bytes(now))!;
          if (old === now) {
            expect(difference.length).toBe(0);
            return;
          }
          const file = path.join(directory, 'file');
          writeFileSync(file, old);
          const input = Buffer.concat([Buffer.from('--- file\n+++ file\n'), difference]);
          const options = { input, cwd: directory, encoding: 'latin1' } as const;
          const run = spawnSync('patch', ['--quiet', '--output=-', '--binary', '--reject-file=-', 'file'], options);
          expect(run.stdout).toBe(Buffer.from(now).toString('latin1'));
        }),
        { numRuns: 60 },
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
