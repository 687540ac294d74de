/**
 * isomorphic-git, which takes an `fs`, is given a branch's files: a repository lives in a branch, is forked with it, and both
 * forks are committed to.
 */
import git from 'isomorphic-git';
import { describe, expect, test } from 'vitest';
import { type Files, filesOf } from '../../src/files/files.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';

const author = { name: 'Ada', email: 'ada@example.org', timestamp: 1_700_000_000, timezoneOffset: 0 };
const dir = '/repo';

function newPool(): Pool {
  return openOnSync(memoryDevice(), { commitEveryMs: 0, cacheBytes: 8 << 20 });
}

async function commitAll(fs: Files, message: string, contents: Record<string, string>): Promise<string> {
  for (const [filepath, text] of Object.entries(contents)) {
    await fs.promises.mkdir(`${dir}/${filepath}`.replace(/\/[^/]*$/, ''), { recursive: true });
    await fs.promises.writeFile(`${dir}/${filepath}`, text);
    await git.add({ fs, dir, filepath });
  }
  return git.commit({ fs, dir, message, author });
}

async function messages(fs: Files): Promise<string[]> {
  return (await git.log({ fs, dir })).map(({ commit }) => commit.message.trim());
}

describe('isomorphic-git', () => {
  test('init, add, commit, log, status, checkout, merge', async () => {
    await using pool = newPool();
    const fs = filesOf(pool.branchSync('main'));
    await git.init({ fs, dir, defaultBranch: 'main' });
    await commitAll(fs, 'first', { 'README.md': 'hello\n', 'src/a.txt': 'a\n', 'src/deep/b.txt': 'b\n' });
    expect(await git.statusMatrix({ fs, dir })).toEqual([
      ['README.md', 1, 1, 1],
      ['src/a.txt', 1, 1, 1],
      ['src/deep/b.txt', 1, 1, 1],
    ]);
    await git.branch({ fs, dir, ref: 'side', checkout: true });
    await commitAll(fs, 'on the side', { 'src/side.txt': 'side\n' });
    await git.checkout({ fs, dir, ref: 'main' });
    expect(fs.existsSync(`${dir}/src/side.txt`)).toBe(false);
    await commitAll(fs, 'on main', { 'README.md': 'hello again\n' });
    await git.merge({ fs, dir, ours: 'main', theirs: 'side', author });
    await git.checkout({ fs, dir, ref: 'main' });
    expect(fs.readFileSync(`${dir}/src/side.txt`, 'utf8')).toBe('side\n');
    expect(new Set(await messages(fs)).size).toBe(4);
    fs.writeFileSync(`${dir}/src/a.txt`, 'changed\n');
    expect(await git.status({ fs, dir, filepath: 'src/a.txt' })).toBe('*modified');
    fs.unlinkSync(`${dir}/README.md`);
    expect(await git.status({ fs, dir, filepath: 'README.md' })).toBe('*deleted');
    expect((await pool.check()).ok).toBe(true);
  });

  test('a repository forked with its branch goes two ways', async () => {
    await using pool = newPool();
    const fs = filesOf(pool.branchSync('main'));
    await git.init({ fs, dir, defaultBranch: 'main' });
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`src/${i}.txt`, `file ${i}\n`.repeat(200)]));
    const base = await commitAll(fs, 'base', files);
    const before = pool.space().usedBytes;
    const fork = filesOf(await pool.fork('main', 'fork'));
    expect(pool.space().usedBytes - before).toBeLessThan(64 * 1024);

    await commitAll(fs, 'in main', { 'src/1.txt': 'main\n' });
    await commitAll(fork, 'in the fork', { 'src/2.txt': 'fork\n', 'new.txt': 'new\n' });
    expect(await messages(fs)).toEqual(['in main', 'base']);
    expect(await messages(fork)).toEqual(['in the fork', 'base']);
    expect(fs.existsSync(`${dir}/new.txt`)).toBe(false);
    expect(fork.readFileSync(`${dir}/src/1.txt`, 'utf8')).toBe(files['src/1.txt']);
    // Stats and index still agree in the fork: nothing looks modified that is not.
    const unclean = (await git.statusMatrix({ fs: fork, dir })).filter(([, ...states]) => states.join() !== '1,1,1');
    expect(unclean).toEqual([]);
    await git.checkout({ fs: fork, dir, ref: base, force: true });
    expect(fork.existsSync(`${dir}/new.txt`)).toBe(false);
    expect((await pool.check()).ok).toBe(true);
  });
});
