/**
 * What would be lost if a branch's present state had no name any more.
 * Callers must name all that goes at once: twins are two only until one of them goes.
 */
import type { Pool } from '../../src/pool/pool.ts';
import { showBytes } from './format.ts';
import { shown } from './shown.ts';

/**
 * A sentence that says so; undefined if the branch is empty or another one is the same, so that nothing would be lost. That others
 * hold all of its pages is not enough: they may hold them as old states, which nobody can see. `going` are the branches that lose
 * their names together with it, itself among them.
 */
export async function lossOf(pool: Pool, name: string, going: readonly string[] = [name]): Promise<string | undefined> {
  const { root } = await pool.branch(name);
  if (root.page === 0) return undefined;
  for (const other of await pool.branches()) {
    if (!going.includes(other.name) && (await pool.branch(other.name)).root.page === root.page) return undefined;
  }
  const [used] = await pool.usage(name);
  const own = used !== undefined && used.exclusiveBytes > 0 ? `: ${showBytes(used.exclusiveBytes)} are its alone` : '';
  const others = going.length > 1 ? 'no branch or snapshot that stays' : 'no other branch or snapshot';
  return `${others} is as ${shown(name)} is${own}`;
}
