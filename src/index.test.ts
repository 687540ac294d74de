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
