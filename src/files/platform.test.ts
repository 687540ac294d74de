/** The face without Buffer and without node's modules, as in a browser. */
import { afterEach, describe, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe('without Buffer', () => {
  test('bytes are plain, UTF-8 works, other encodings say what they need', async () => {
    vi.stubGlobal('Buffer', undefined);
    vi.resetModules();
    const platform = await import('./platform.ts');
    expect(platform.allocate(3).constructor).toBe(Uint8Array);
    expect(platform.presented(new Uint8Array([1])).constructor).toBe(Uint8Array);
    expect(platform.decodeText(platform.encodeText('ä🐄', 'utf8'), 'utf8')).toBe('ä🐄');
    expect(() => platform.decodeText(new Uint8Array(1), 'hex')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
    expect(() => platform.encodeText('00', 'hex')).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  test('a missing module is told with what wanted it', async () => {
    vi.stubGlobal('process', {});
    vi.resetModules();
    const platform = await import('./platform.ts');
    expect(() => platform.builtinModule('node:stream', 'createReadStream')).toThrow(
      'createReadStream needs node:stream',
    );
    expect(platform.presentUser()).toEqual({ uid: 0, gid: 0 });
  });
});

describe('text', () => {
  test('short and long names decode alike', async () => {
    const platform = await import('./platform.ts');
    for (const text of ['', 'a', 'ascii name', 'ümläut', 'x'.repeat(100), '\ufeffbom', '\0']) {
      expect(platform.decodeUtf8(new TextEncoder().encode(text))).toBe(text);
    }
    expect(platform.decodeUtf8(new Uint8Array([0x61, 0xff]))).toBe('a\ufffd');
  });

  test('encodings are found by any spelling', async () => {
    const platform = await import('./platform.ts');
    expect(['UTF-8', 'Utf8', 'BINARY', 'ucs-2', 'nope'].map(platform.encodingNamed)).toEqual([
      ...['utf8', 'utf8', 'latin1', 'utf16le', undefined],
    ]);
  });
});
