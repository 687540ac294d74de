/** What the public entry puts together: merges in which every face has its part. */
import { expect, test } from 'vitest';
import { isFileConflict, memoryDevice, openPool } from './index.ts';

const lines = (changed: Record<number, string>) =>
  Array.from({ length: 20 }, (_, n) => `${changed[n] ?? `line ${n}`}\n`).join('');

test('texts that both branches changed in different places are merged line by line', async () => {
  await using pool = await openPool(memoryDevice());
  const main = await pool.branch('main');
  await main.files.promises.writeFile('/a.txt', lines({}));
  await main.table('t').put('k', 1);
  const fork = await pool.fork('main', 'fork');
  await main.files.promises.writeFile('/a.txt', lines({ 2: 'ours' }));
  await fork.files.promises.writeFile('/a.txt', lines({ 17: 'theirs' }));
  await fork.files.promises.rename('/a.txt', '/b.txt');
  await fork.table('t').put('l', 2);
  expect(await pool.merge({ from: 'fork', into: 'main' })).toMatchObject({ merged: true, conflicts: [] });
  expect(await main.files.promises.readdir('/')).toEqual(['b.txt']);
  expect(await main.files.promises.readFile('/b.txt', 'utf8')).toBe(lines({ 2: 'ours', 17: 'theirs' }));
  expect(await main.table('t').get('l')).toBe(2);
  expect((await pool.check()).problems).toEqual([]);
});

test('a conflict leaves the branch as it was, says where it is, and can be decided', async () => {
  await using pool = await openPool(memoryDevice());
  const main = await pool.branch('main');
  await main.files.promises.writeFile('/a.txt', lines({}));
  const fork = await pool.fork('main', 'fork');
  await main.files.promises.writeFile('/a.txt', lines({ 2: 'ours' }));
  await fork.files.promises.writeFile('/a.txt', lines({ 2: 'theirs' }));
  const report = await pool.merge({ from: 'fork', into: 'main' });
  expect(report.merged).toBe(false);
  expect(report.conflicts.map((conflict) => isFileConflict(conflict) && conflict.file.kind)).toEqual(['content']);
  expect(await main.files.promises.readFile('/a.txt', 'utf8')).toBe(lines({ 2: 'ours' }));
  expect((await pool.merge({ from: 'fork', into: 'main', files: 'theirs' })).merged).toBe(true);
  expect(await main.files.promises.readFile('/a.txt', 'utf8')).toBe(lines({ 2: 'theirs' }));
  expect((await pool.check()).problems).toEqual([]);
});

test('scrub names the path to what is damaged, in every branch that has it', async () => {
  const device = memoryDevice();
  const pool = await openPool(device);
  const main = await pool.branch('main');
  const bytes = new Uint8Array(20_000).map((_, at) => at % 251);
  await main.files.promises.mkdir('/some/where', { recursive: true });
  await main.files.promises.writeFile('/some/where/large', bytes);
  await pool.fork('main', 'fork');
  await main.files.promises.unlink('/some/where/large');
  await pool.commit();
  expect((await pool.scrub()).problems).toEqual([]);
  const target = new Uint8Array(device.bytes);
  await device.perform({ kind: 'read', offset: 0, target });
  const at = Buffer.from(target).indexOf(bytes.subarray(4096, 8192));
  await device.perform({ kind: 'write', offset: at, pieces: [Uint8Array.of(0xff)] });
  expect((await pool.check()).problems).toEqual([]);
  const damage = { kind: 'damaged', page: Math.floor(at / 4096), branch: 'fork', path: '/some/where/large' };
  expect((await pool.scrub()).problems).toMatchObject([damage]);
  expect(pool.scrubSync().problems).toMatchObject([damage]);
  expect(() => pool.branchSync('fork').files.readFileSync('/some/where/large')).toThrow(/damaged/);
  await pool.close();
});
