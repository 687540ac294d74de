/**
 * Turns on the expensive invariants of `verify` for every test; vitest loads it before each test file.
 * Tests must not import it, nor turn the invariants off.
 */
import { setVerifying } from '../src/errors.ts';

setVerifying(true);
