/**
 * Conformance: createReadStream and createWriteStream, from a path and from a FileHandle.
 * Must not leave streams open: each case waits for `close`.
 */
import { once as eventOf } from 'node:events';
import type { ReadStream, WriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { expect } from 'vitest';
import { expectBytes, type GroupBody, pattern } from './suite.ts';

async function drained(stream: ReadStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

async function finished(stream: WriteStream, ...pieces: (string | Buffer)[]): Promise<void> {
  for (const piece of pieces) stream.write(piece);
  stream.end();
  if (!stream.closed) await eventOf(stream, 'close');
}

const readGroup: GroupBody = ({ once }) => {
  once('a read stream gives the whole file in pieces', async ({ fs, at }) => {
    const bytes = pattern(1_000_003);
    fs.writeFileSync(at('f'), bytes);
    const stream = fs.createReadStream(at('f'));
    expect(stream.path).toBe(at('f'));
    expectBytes(await drained(stream), bytes);
    expect(stream.bytesRead).toBe(bytes.length);
  });

  once('start, end and highWaterMark', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), '0123456789');
    const read = async (options: object) => (await drained(fs.createReadStream(at('f'), options))).toString();
    expect(await read({ start: 3 })).toBe('3456789');
    expect(await read({ start: 3, end: 5 })).toBe('345');
    expect(await read({ end: 0 })).toBe('0');
    expect(await read({ start: 20 })).toBe('');
    expect(await read({ start: 2, end: 100 })).toBe('23456789');
    const lengths: number[] = [];
    for await (const piece of fs.createReadStream(at('f'), { highWaterMark: 4 })) lengths.push(piece.length);
    expect(lengths).toEqual([4, 4, 2]);
    expect(() => fs.createReadStream(at('f'), { start: 5, end: 4 })).toThrow();
    expect(() => fs.createReadStream(at('f'), { start: -1 })).toThrow();
  });

  once('encodings join characters across pieces', async ({ fs, at }) => {
    const text = 'äöü世界🐄'.repeat(50);
    fs.writeFileSync(at('f'), text);
    let read = '';
    for await (const piece of fs.createReadStream(at('f'), { encoding: 'utf8', highWaterMark: 7 })) read += piece;
    expect(read).toBe(text);
    read = '';
    for await (const piece of fs.createReadStream(at('f'), 'utf8')) read += piece;
    expect(read).toBe(text);
  });

  once('events open, ready, end, close, in order', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), 'x');
    const events: string[] = [];
    const stream = fs.createReadStream(at('f'));
    for (const name of ['open', 'ready', 'data', 'end', 'close']) stream.on(name, () => events.push(name));
    await eventOf(stream, 'close');
    expect(events).toEqual(['open', 'ready', 'data', 'end', 'close']);
  });

  once('failures come as an error event', async ({ fs, at }) => {
    const stream = fs.createReadStream(at('no'));
    const [error] = await eventOf(stream, 'error');
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'open', path: at('no') });
    fs.mkdirSync(at('d'));
    const [other] = await eventOf(fs.createReadStream(at('d')).resume(), 'error');
    expect(other).toMatchObject({ code: 'EISDIR', syscall: 'read' });
  });

  once('destroy ends early, autoClose false leaves the descriptor', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), pattern(300_000));
    const early = fs.createReadStream(at('f'));
    await eventOf(early, 'data');
    early.destroy();
    await eventOf(early, 'close');
    const descriptor = fs.openSync(at('f'), 'r');
    const stream = fs.createReadStream('', { fd: descriptor, autoClose: false, end: 9 });
    expect((await drained(stream)).length).toBe(10);
    expect(fs.fstatSync(descriptor).size).toBe(300_000);
    fs.closeSync(descriptor);
  });
};

const writeGroup: GroupBody = ({ once }) => {
  once('a write stream writes text and bytes in order', async ({ fs, at }) => {
    const stream = fs.createWriteStream(at('f'));
    await finished(stream, 'one ', Buffer.from('two '), 'three');
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('one two three');
    expect(stream.bytesWritten).toBe(13);
    expect(stream.path).toBe(at('f'));
  });

  once('flags, start, mode and encoding', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), '0123456789');
    await finished(fs.createWriteStream(at('f'), { flags: 'r+', start: 3 }), 'ABC', 'D');
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('012ABCD789');
    await finished(fs.createWriteStream(at('f'), { flags: 'a' }), '!');
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('012ABCD789!');
    await finished(fs.createWriteStream(at('g'), { mode: 0o600, encoding: 'latin1' }), 'ÿ');
    expect([...fs.readFileSync(at('g'))]).toEqual([0xff]);
    expect(fs.statSync(at('g')).mode & 0o777).toBe(0o600);
    const [error] = await eventOf(fs.createWriteStream(at('g'), { flags: 'wx' }), 'error');
    expect(error).toMatchObject({ code: 'EEXIST', syscall: 'open', path: at('g') });
  });

  once('many small writes and back pressure', async ({ fs, at }) => {
    const stream = fs.createWriteStream(at('f'), { highWaterMark: 1000 });
    const pieces = Array.from({ length: 500 }, (_, i) => pattern(i % 97, i));
    for (const piece of pieces) if (!stream.write(piece)) await eventOf(stream, 'drain');
    await finished(stream);
    expectBytes(fs.readFileSync(at('f')), Buffer.concat(pieces));
  });

  once('pipelines through gzip and back', async ({ fs, at }) => {
    const bytes = pattern(700_000);
    fs.writeFileSync(at('f'), bytes);
    await pipeline(fs.createReadStream(at('f')), createGzip({ level: 1 }), fs.createWriteStream(at('f.gz')));
    await pipeline(fs.createReadStream(at('f.gz')), createGunzip(), fs.createWriteStream(at('g')));
    expectBytes(fs.readFileSync(at('g')), bytes);
  });

  once('a corked stream writes in one go; close takes a callback', async ({ fs, at }) => {
    const stream = fs.createWriteStream(at('f'));
    stream.cork();
    for (const piece of ['a', 'b', 'c']) stream.write(piece);
    stream.uncork();
    await new Promise<void>((resolve) => stream.close(() => resolve()));
    expect(fs.readFileSync(at('f'), 'utf8')).toBe('abc');
  });
};

const handleStreamGroup: GroupBody = ({ once }) => {
  once('streams of a FileHandle close it', async ({ fs, at }) => {
    const writer = await fs.promises.open(at('f'), 'w');
    await pipeline(Readable.from(['x', 'y']), writer.createWriteStream());
    expect(writer.fd).toBe(-1);
    const reader = await fs.promises.open(at('f'), 'r');
    expect((await drained(reader.createReadStream())).toString()).toBe('xy');
    expect(reader.fd).toBe(-1);
    const kept = await fs.promises.open(at('f'), 'r');
    expect((await drained(kept.createReadStream({ autoClose: false, start: 1 }))).toString()).toBe('y');
    expect((await kept.stat()).size).toBe(2);
    await kept.close();
  });

  once('readLines', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), 'one\ntwo\r\n\nlast');
    const file = await fs.promises.open(at('f'), 'r');
    const lines: string[] = [];
    for await (const line of file.readLines()) lines.push(line);
    expect(lines).toEqual(['one', 'two', '', 'last']);
    expect(file.fd).toBe(-1);
  });

  once('readableWebStream', async ({ fs, at }) => {
    const bytes = pattern(100_000);
    fs.writeFileSync(at('f'), bytes);
    const file = await fs.promises.open(at('f'), 'r');
    const pieces: Uint8Array[] = [];
    for await (const piece of file.readableWebStream({ type: 'bytes' } as object)) {
      pieces.push(new Uint8Array(piece as ArrayBuffer));
    }
    expectBytes(Buffer.concat(pieces), bytes);
    await file.close();
  });
};

export const streamsGroup: GroupBody = (group) => {
  readGroup(group);
  writeGroup(group);
  handleStreamGroup(group);
};
