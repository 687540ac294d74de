/**
 * The engine's thread of a mount process that takes no commands.
 * It must be started as a worker by `process.ts`; a program with commands has a module like it.
 */
import { runEngine } from './engine.ts';

runEngine();
