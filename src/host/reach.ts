/**
 * Paths below one real directory, reached step by step through real directories: never through a symbolic link, wherever somebody
 * may have put one.
 * Callers must close it, and must not keep a path that it gave beyond the next call.
 */
import type { ByteString } from './names.ts';
import { Place } from './place.ts';
import { type HostStat, isMissing, statHost } from './stat.ts';

/** The directory of a path, and its last step. */
export function splitPath(path: ByteString): { readonly directory: ByteString; readonly name: ByteString } {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? { directory: '', name: path } : { directory: path.slice(0, slash), name: path.slice(slash + 1) };
}

export class Reach {
  readonly #top: Place;
  #held: Place;

  constructor(root: ByteString) {
    this.#top = Place.top(root, 0);
    this.#held = this.#top;
  }

  /** Opens the way to the directory of `path`. Throws the host's error if a step is missing or is no directory. */
  to(path: ByteString): ByteString {
    if (path === '') return this.#top.hostPath;
    const { directory, name } = splitPath(path);
    return this.#open(directory).accessTo(name);
  }

  /** Two paths of a directory: as its parent has it, and one that goes through itself. */
  directory(path: ByteString): { readonly outside: ByteString; readonly inside: ByteString } {
    const place = this.#open(path);
    return { inside: place.accessTo('.'), outside: place.outside() };
  }

  /** Undefined if nothing is there, or if the way there is gone. */
  stat(path: ByteString): HostStat | undefined {
    try {
      return statHost(this.to(path));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (isMissing(error) || code === 'ELOOP') return undefined;
      throw error;
    }
  }

  close(): void {
    this.#held.closeAll();
    this.#held = this.#top;
  }

  #open(directory: ByteString): Place {
    if (this.#held.path !== directory || directory === '') {
      this.#held.closeAll();
      let place = this.#top;
      if (directory !== '') for (const step of directory.split('/')) place = place.below(step, 0);
      this.#held = place;
    }
    // Closing what another open left, and opening anew, makes each use begin at the root.
    this.#held.access();
    return this.#held;
  }
}
