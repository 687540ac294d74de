/**
 * The engine's thread of a mount process that takes commands of other processes.
 * It must be started as a worker, by `apps/fuse`; `byre mount` says that it should.
 */
import { runEngine } from '../fuse/engine.ts';
import { runCommand } from './served.ts';

runEngine(runCommand);
