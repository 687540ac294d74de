/**
 * What a crash could leave of a recorded scenario. Between two flushes the device may do as it likes: carry out any of the
 * writes and resizes it was given, in any order, and leave off in the middle of any, at the borders of sectors.
 * Callers must judge an image by what was promised when its step was taken: `step` steps of the journal had ended.
 */
import { type Draft, draftOf, type Image, resizeDraft, writeDraft } from './image.ts';
import { type RandomNumbers, randomNumbers, scattered } from './random.ts';
import type { Journal, Step } from './recording-device.ts';

export const SECTOR_BYTES = 512;

export interface CrashOptions {
  /** The same seed gives the same images, whichever steps are looked at. */
  readonly seed: number;
  /** Images made by chance at each step at which anything is unflushed, beside the fixed worst cases. */
  readonly variantsPerStep: number;
  /** Only crashes at these steps, from `from` up to and without `to`. */
  readonly from?: number;
  readonly to?: number;
}

export interface CrashImage {
  /** How many steps of the journal had ended. */
  readonly step: number;
  /** What the device has made of the unflushed requests. */
  readonly description: string;
  readonly image: Image;
}

/** A request that may or may not have taken effect. */
interface Unflushed {
  readonly step: number;
  readonly request: Exclude<Step, { kind: 'flush' }>;
  /** A flush failed after it: no later flush can be relied on to make it durable. */
  isInLimbo: boolean;
}

/** What becomes of one request: all of it, nothing, or those sectors of a write of which the function says so. */
type Fate = 'done' | 'lost' | ((sector: number) => boolean);

/** Yields an image for every crash that is looked at. Images stay valid, and share what they can. */
export function* crashImages(journal: Journal, options: CrashOptions): Generator<CrashImage, void, undefined> {
  const { from = 0, to = journal.steps.length + 1 } = options;
  let durable: Image = journal.base;
  let unflushed: Unflushed[] = [];
  /** The durable image has not been yielded yet. */
  let isFresh = true;
  for (let step = 0; step <= journal.steps.length && step < to; step++) {
    if (step >= from) {
      if (isFresh) {
        yield { step, description: `${unflushed.length} unflushed: none done`, image: durable };
        isFresh = false;
      }
      yield* crashesAt(step, durable, unflushed, options, journal.steps[step]?.kind === 'flush');
    }
    const next = journal.steps[step];
    if (next === undefined) break;
    if (next.kind !== 'flush') {
      // A resize that failed has not been done: its caller can ask for the size.
      if (next.kind === 'write' || !next.failed) unflushed.push({ step, request: next, isInLimbo: next.failed });
    } else if (next.failed) {
      for (const each of unflushed) each.isInLimbo = each.request.kind === 'write';
    } else {
      durable = flushed(durable, unflushed, next.covers, options.seed);
      unflushed = unflushed.filter((each) => each.step >= next.covers);
      isFresh = true;
    }
  }
}

/** The durable image after a good flush. Chance decides about requests in limbo, once for all later images. */
function flushed(durable: Image, unflushed: readonly Unflushed[], covers: number, seed: number): Image {
  const draft = draftOf(durable);
  for (const { step, request, isInLimbo } of unflushed) {
    if (step >= covers) continue;
    const isDone = !isInLimbo || randomNumbers(seed, step).chance(0.5);
    if (isDone) carryOut(draft, request, 'done');
  }
  return draft;
}

function* crashesAt(
  step: number,
  durable: Image,
  unflushed: readonly Unflushed[],
  options: CrashOptions,
  isBeforeFlush: boolean,
): Generator<CrashImage, void, undefined> {
  const count = unflushed.length;
  if (count === 0) return;
  const seen = new Set<string>(['0'.repeat(count)]);
  const attempt = (label: string, fates: readonly Fate[]): CrashImage | undefined => {
    const key = signature(unflushed, fates);
    if (seen.has(key)) return undefined;
    seen.add(key);
    const draft = draftOf(durable);
    for (let index = 0; index < count; index++) carryOut(draft, unflushed[index].request, fates[index]);
    return { step, description: `${count} unflushed: ${label}`, image: draft };
  };
  const all = attempt('all done', Array(count).fill('done'));
  if (all !== undefined) yield all;
  const random = randomNumbers(options.seed, step);
  // Once per flush each single request is lost, and each is the only one done; of many, as many as chance would be given.
  if (isBeforeFlush && count > 1) {
    const most = Math.max(16, options.variantsPerStep);
    const chosen = count <= most ? unflushed.keys() : Array.from({ length: most }, () => random.below(count));
    for (const index of chosen) {
      const name = nameOf(unflushed[index]);
      const lost = attempt(`all but ${name} done`, fatesBut(count, index, 'done', 'lost'));
      if (lost !== undefined) yield lost;
      const only = attempt(`only ${name} done`, fatesBut(count, index, 'lost', 'done'));
      if (only !== undefined) yield only;
    }
  }
  for (let variant = 0; variant < options.variantsPerStep; variant++) {
    const { label, fates } = fatesByChance(unflushed, random);
    const image = attempt(label, fates);
    if (image !== undefined) yield image;
  }
}

function fatesBut(count: number, index: number, most: Fate, one: Fate): Fate[] {
  return Array.from({ length: count }, (_, each) => (each === index ? one : most));
}

function fatesByChance(unflushed: readonly Unflushed[], random: RandomNumbers): { label: string; fates: Fate[] } {
  const count = unflushed.length;
  const one = random.below(count);
  const name = nameOf(unflushed[one]);
  switch (random.below(6)) {
    case 0: {
      const likelihood = random.pick([0.1, 0.5, 0.9]);
      const fates = unflushed.map((): Fate => (random.chance(likelihood) ? 'done' : 'lost'));
      return { label: `some done, likelihood ${likelihood}`, fates };
    }
    case 1: {
      const fates = unflushed.map((): Fate => (random.chance(0.5) ? 'done' : 'lost'));
      fates[one] = torn(unflushed[one], random);
      return { label: `some done, ${name} torn`, fates };
    }
    case 2:
      return {
        label: `all but ${name} done, that torn`,
        fates: fatesBut(count, one, 'done', torn(unflushed[one], random)),
      };
    case 3: {
      const fates = unflushed.map((_, index): Fate => (index < one ? 'done' : 'lost'));
      fates[one] = torn(unflushed[one], random);
      return { label: `done in order up to ${name}, that torn`, fates };
    }
    case 4:
      return {
        label: `done only from ${name} on`,
        fates: unflushed.map((_, index): Fate => (index < one ? 'lost' : 'done')),
      };
    default: {
      const likelihood = random.pick([0.1, 0.5, 0.9, 0.98]);
      const fates = unflushed.map((each) => sectorsByChance(each, likelihood, random));
      return { label: `sectors done by chance, likelihood ${likelihood}`, fates };
    }
  }
}

function torn(each: Unflushed, random: RandomNumbers): Fate {
  const { request } = each;
  if (request.kind === 'resize') return random.chance(0.5) ? 'done' : 'lost';
  if (random.chance(0.5)) return sectorsByChance(each, 0.5, random);
  const first = Math.floor(request.offset / SECTOR_BYTES);
  const end = Math.ceil((request.offset + request.data.length) / SECTOR_BYTES);
  const cut = first + random.below(end - first + 1);
  return (sector) => sector < cut;
}

function sectorsByChance({ request }: Unflushed, likelihood: number, random: RandomNumbers): Fate {
  if (request.kind === 'resize') return random.chance(likelihood) ? 'done' : 'lost';
  const key = random.next();
  return (sector) => scattered(key, sector) < likelihood * 0x1_0000_0000;
}

function carryOut(draft: Draft, request: Unflushed['request'], fate: Fate): void {
  if (fate === 'lost') return;
  if (request.kind === 'resize') {
    resizeDraft(draft, request.bytes);
    return;
  }
  if (fate === 'done') {
    writeDraft(draft, request.offset, request.data);
    return;
  }
  for (const [from, to] of runsOfSectors(request, fate)) {
    writeDraft(draft, request.offset + from, request.data.subarray(from, to));
  }
}

/** The parts of a write's data that fate lets through, neighbours together. */
function runsOfSectors(
  request: { offset: number; data: Uint8Array },
  isDone: (sector: number) => boolean,
): [number, number][] {
  const runs: [number, number][] = [];
  for (let at = 0; at < request.data.length; ) {
    const sector = Math.floor((request.offset + at) / SECTOR_BYTES);
    const end = Math.min(request.data.length, (sector + 1) * SECTOR_BYTES - request.offset);
    if (isDone(sector)) {
      const last = runs.at(-1);
      if (last !== undefined && last[1] === at) last[1] = end;
      else runs.push([at, end]);
    }
    at = end;
  }
  return runs;
}

/** Equal for fates with equal effect, so that no image is yielded twice at one step. */
function signature(unflushed: readonly Unflushed[], fates: readonly Fate[]): string {
  let text = '';
  for (let index = 0; index < fates.length; index++) {
    const fate = fates[index];
    const { request } = unflushed[index];
    if (fate === 'done') text += '1';
    else if (fate === 'lost') text += '0';
    else if (request.kind === 'write') {
      const runs = runsOfSectors(request, fate);
      if (runs.length === 0) text += '0';
      else if (runs[0][0] === 0 && runs[0][1] === request.data.length) text += '1';
      else text += `[${runs.join(';')}]`;
    }
  }
  return text;
}

function nameOf({ step, request }: Unflushed): string {
  if (request.kind === 'resize') return `step ${step} (resize to ${request.bytes})`;
  return `step ${step} (write ${request.data.length} at ${request.offset})`;
}
