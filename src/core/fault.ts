/**
 * A fault: what an operation throws when it needs something that only the shell can do. It is not an Error.
 * Only core throws it and only a runner catches it; a runner serves it and runs the whole operation again.
 */

/**
 * - `load`: bring pages into memory. `nodes` lists [page, hash low, hash high, …], `data` lists [page, checksum, …].
 * - `flush`: write dirty data pages so that their frames can be used again.
 * - `commit`: commit the pool, which makes dirty nodes clean and frees held pages.
 * - `reckon`: find out by walking what is charged to `root`, which is about to exceed its quota.
 */
export class Fault {
  readonly kind: 'load' | 'flush' | 'commit' | 'reckon';
  readonly nodes: number[] = [];
  readonly data: number[] = [];
  /** The root to reckon. */
  readonly root: object | undefined;

  constructor(kind: Fault['kind'], root?: object) {
    this.kind = kind;
    this.root = root;
  }
}
