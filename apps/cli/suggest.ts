/**
 * What someone may have meant who typed a word that is none.
 * Only for messages: nothing may be run because it was near.
 */

/** Insertions, removals, replacements and swaps of neighbours that make one word of the other. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** The nearest of some words, if any is near; a beginning counts as near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: { word: string; far: number } | undefined;
  for (const each of words) {
    const far = each.startsWith(word) && word.length > 1 ? 1 : distance(word, each);
    if (far <= Math.max(1, Math.floor(word.length / 3)) && (best === undefined || far < best.far))
      best = { word: each, far };
  }
  return best?.word;
}

export function didYouMean(word: string, words: readonly string[]): string {
  const found = nearest(word, words);
  return found === undefined ? '' : `: did you mean ${found}?`;
}
