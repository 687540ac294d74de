/**
 * The engine's thread of a mount process that takes commands of other processes.
 * It must be started as a worker, by `apps/fuse`; `byre mount` and `byre try` say that it should.
 */
import { workerData } from 'node:worker_threads';
import { type EngineData, runEngine } from '../fuse/engine.ts';
import { runCommand } from './served.ts';

runEngine(runCommand);

// A process that is there for tries is asked for one as soon as it serves; what that needs is loaded while the kernel mounts.
if ((workerData as EngineData).setup.transient) {
  await Promise.all([import('./commands/try.ts'), import('./trial.ts')]);
}
