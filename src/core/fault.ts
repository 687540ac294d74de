/**
 * A fault: what an operation throws when it needs something that only the shell can do. It is not an Error.
 * Only core throws it and only a runner catches it; a runner serves it and runs the whole operation again.
 */

/**
 * - `load`: bring pages into memory. `nodes` lists [page, hash low, hash high, …], `data` lists [page, checksum, …].
 * - `flush`: write dirty data pages so that their frames can be used again.
 * - `commit`: commit the pool, which makes dirty nodes clean and frees held pages.
 */
export class Fault {
  readonly kind: 'load' | 'flush' | 'commit';
  readonly nodes: number[] = [];
  readonly data: number[] = [];

  constructor(kind: 'load' | 'flush' | 'commit') {
    this.kind = kind;
  }
}
