/** The types that users see: what each form of a method takes and gives. `tsc` is what tests them; here they are only run past. */
import type * as fs from 'node:fs';
import { promisify } from 'node:util';
import { describe, expectTypeOf, test } from 'vitest';
import type { Files, FilesPromises } from './files.ts';
import type { FileHandle } from './handle.ts';
import type { BigIntStats, Dirent, Stats } from './stats.ts';

declare const files: Files;

describe('types', () => {
  test('overloads hold in the synchronous and the promise form', () => {
    const use = async () => {
      expectTypeOf(files.readFileSync('/f')).toEqualTypeOf<Buffer<ArrayBuffer>>();
      expectTypeOf(files.readFileSync('/f', 'utf8')).toEqualTypeOf<string>();
      expectTypeOf(files.readFileSync('/f', { encoding: 'hex', flag: 'a+' })).toEqualTypeOf<string>();
      expectTypeOf(await files.promises.readFile('/f', { encoding: 'utf8' })).toEqualTypeOf<string>();
      expectTypeOf(await files.promises.readFile('/f')).toEqualTypeOf<Buffer<ArrayBuffer>>();
      expectTypeOf(files.statSync('/f')).toEqualTypeOf<Stats>();
      expectTypeOf(files.statSync('/f', { bigint: true })).toEqualTypeOf<BigIntStats>();
      expectTypeOf(files.statSync('/f', { throwIfNoEntry: false })).toEqualTypeOf<Stats | undefined>();
      expectTypeOf(files.readdirSync('/', { withFileTypes: true })).toEqualTypeOf<Dirent[]>();
      expectTypeOf(files.readdirSync('/', { recursive: true })).toEqualTypeOf<string[]>();
      expectTypeOf(files.readdirSync('/', 'buffer')).toEqualTypeOf<Buffer<ArrayBuffer>[]>();
      expectTypeOf(files.openSync('/f', 'r')).toEqualTypeOf<number>();
      expectTypeOf(await files.promises.open('/f', 'r')).toEqualTypeOf<FileHandle>();
      expectTypeOf(files.readSync(1, new Uint8Array(1))).toEqualTypeOf<number>();
      expectTypeOf(files.mkdirSync('/d', { recursive: true })).toEqualTypeOf<string | undefined>();
    };
    expectTypeOf(use).toBeFunction();
  });

  test('callbacks get what their form gives, and options may be left out before them', () => {
    const use = () => {
      files.stat('/f', (error, stats) => {
        expectTypeOf(error?.code).toEqualTypeOf<string | undefined>();
        expectTypeOf(stats).toEqualTypeOf<Stats>();
      });
      files.readFile('/f', 'utf8', (_, text) => expectTypeOf(text).toEqualTypeOf<string>());
      files.writeFile('/f', 'x', { flag: 'a' }, (error) => void error?.syscall);
      files.open('/f', (_, fd) => expectTypeOf(fd).toEqualTypeOf<number>());
      files.read(1, new Uint8Array(1), 0, 1, null, (_, count, buffer) => {
        expectTypeOf(count).toEqualTypeOf<number>();
        expectTypeOf(buffer).toEqualTypeOf<ArrayBufferView>();
      });
      files.realpath.native('/f', (_, path) => expectTypeOf(path).toEqualTypeOf<string>());
      // @ts-expect-error the callback is missing
      files.unlink('/f');
      // @ts-expect-error a mode is no path
      files.statSync(7n);
    };
    expectTypeOf(use).toBeFunction();
  });

  test('nearly all of them can stand where those of node:fs are asked for', () => {
    // What makes objects of node's own classes, and what has overloads for them; `constants` of other systems.
    type Classes = 'Dir' | 'Dirent' | 'Stats' | 'createReadStream' | 'createWriteStream';
    type Others = 'constants' | 'promises' | 'close' | 'readv' | 'writev' | 'watch' | 'watchFile' | 'unwatchFile';
    type Named = Exclude<keyof Files & keyof typeof fs, Classes | Others>;
    type NamedPromises = Exclude<
      keyof FilesPromises & keyof typeof fs.promises,
      'constants' | 'open' | 'readlink' | 'watch'
    >;
    const use = () => {
      const own: Pick<typeof fs, Named> = files;
      const promises: Pick<typeof fs.promises, NamedPromises> = files.promises;
      return [own, promises];
    };
    expectTypeOf(use).toBeFunction();
    expectTypeOf<'readFile' | 'readFileSync' | 'stat' | 'mkdirSync'>().toExtend<Named>();
    expectTypeOf<'readFile' | 'writeFile' | 'mkdir' | 'stat'>().toExtend<NamedPromises>();
  });

  test('util.promisify knows the overloads', () => {
    const use = async () => {
      expectTypeOf(await promisify(files.readFile)('/f', 'utf8')).toEqualTypeOf<string>();
      expectTypeOf(await promisify(files.stat)('/f', { bigint: true })).toEqualTypeOf<BigIntStats>();
      expectTypeOf(await promisify(files.open)('/f')).toEqualTypeOf<number>();
    };
    expectTypeOf(use).toBeFunction();
  });

  test('handles have their own', () => {
    const use = async (handle: FileHandle) => {
      expectTypeOf((await handle.read(new Uint8Array(4))).bytesRead).toEqualTypeOf<number>();
      expectTypeOf(await handle.readFile('utf8')).toEqualTypeOf<string>();
      expectTypeOf((await handle.stat({ bigint: true })).size).toEqualTypeOf<bigint>();
      expectTypeOf(await handle.copyRange(0, handle, 0, 1)).toEqualTypeOf<number>();
      for await (const line of handle.readLines()) expectTypeOf(line).toEqualTypeOf<string>();
    };
    expectTypeOf(use).toBeFunction();
  });
});
