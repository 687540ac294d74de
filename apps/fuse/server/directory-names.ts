/**
 * What the numbers (cookies) mean by which the protocol continues listings: each stands for a name that was handed out, after which
 * the listing goes on. A name keeps its cookie while the kernel knows the directory, whoever lists it how often; only where names
 * come and go without end are those of long ago dropped.
 * Callers must keep one per directory: the kernel mixes what it was told in one listing with what it asks in another.
 */

/** Cookie 0 is the beginning, 1 follows `.`, 2 follows `..`; the names' come after these. */
export const FIRST_COOKIE = 3;

/** A generation's cookies lie above all of earlier ones. */
const GENERATION_COOKIES = 0x1_0000_0000;
/** So many names are kept in any case. */
const KEPT_NAMES = 10_000;

function keyOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1');
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

export class DirectoryNames {
  private names: Uint8Array[] = [];
  private previous: Uint8Array[] = [];
  private generation = 0;
  /** Made only when a listing strays from the order of the first one. */
  private places: Map<string, number> | undefined;
  /** Names handed out since a listing last began. */
  private handedOut = 0;

  /** A listing begins. If most of what is kept was not in the last one, it becomes the past: what is older yet is dropped. */
  begin(): void {
    const isMostlyGone = this.names.length > KEPT_NAMES && this.names.length > 2 * this.handedOut;
    this.handedOut = 0;
    if (!isMostlyGone) return;
    this.previous = this.names;
    this.names = [];
    this.places = undefined;
    this.generation++;
  }

  /** The name after which a cookie continues; undefined if it was never given, or too long ago. */
  after(cookie: number): Uint8Array | undefined {
    if (cookie < FIRST_COOKIE) return undefined;
    const generation = Math.floor(cookie / GENERATION_COOKIES);
    const place = (cookie % GENERATION_COOKIES) - FIRST_COOKIE;
    if (generation === this.generation) return this.names[place];
    return generation === this.generation - 1 ? this.previous[place] : undefined;
  }

  /** The cookie that continues after `name`, which has just followed the entry of cookie `before`. Keeps the name. */
  cookieOf(name: Uint8Array, before: number): number {
    this.handedOut++;
    const isHere = before < FIRST_COOKIE || Math.floor(before / GENERATION_COOKIES) === this.generation;
    const next = before < FIRST_COOKIE ? 0 : (before % GENERATION_COOKIES) - FIRST_COOKIE + 1;
    if (isHere) {
      const expected = this.names[next];
      if (expected !== undefined && isSame(expected, name)) return this.cookieAt(next);
      if (this.places === undefined && next === this.names.length) return this.add(name);
    }
    this.places ??= new Map(this.names.map((each, place) => [keyOf(each), place]));
    const place = this.places.get(keyOf(name));
    return place === undefined ? this.add(name) : this.cookieAt(place);
  }

  private cookieAt(place: number): number {
    return this.generation * GENERATION_COOKIES + place + FIRST_COOKIE;
  }

  private add(name: Uint8Array): number {
    this.places?.set(keyOf(name), this.names.length);
    this.names.push(name);
    return this.cookieAt(this.names.length - 1);
  }
}
