/**
 * Runs a command in a private mount namespace in which a fork lies over the real directory's path, by programs of util-linux.
 * Callers must be the process that the user started, and must take `failed` for what it is: the command has not begun, and may be run
 * in another way.
 */
import { chmodSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { removeOwn } from '../../src/host/remove.ts';
import { mayMount } from '../fuse/transport/attach.ts';
import { mountsOf } from '../fuse/transport/mount-table.ts';
import { namespaceOf } from '../fuse/transport/users.ts';
import { missingCommand, READY, runPrepared, TrialStatus } from './child.ts';
import { confinedVariables, type NamespacePlan, planNamespace } from './confine.ts';
import type { Job, JobEnded, Overlay } from './job.ts';
import { shown } from './shown.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A job with an overlay. */
type OverlayJob = Job & { readonly overlay: Overlay };

const TEMPORARY = ['/tmp', '/var/tmp', '/dev/shm'];

/**
 * Becomes the command. Descriptor 2 is ours until the last word, 3 the command's own standard error. What is said there about
 * mounts that could not be made read-only goes into the one line.
 */
const SCRIPT = `
own=$1 fork=$2 directory=$3 root=$4 line=$5 program=$6; shift 6
exec 8<"$own" 9<"$fork" || exit 125
failed=$(mount --all --no-canonicalize --fstab "$own/fstab" 2>&1
  [ -z "$root" ] || mount -o "$root" / 2>&1)
[ "$directory/." -ef /proc/self/fd/9 ] || { printf '%s\\n' "$failed" >&2; exit 125; }
cd "$directory" || exit 125
exec 8<&- 9<&-
command -v "$program" >/dev/null || { echo missing >&2; exit 127; }
[ -z "$line" ] || printf 'byre: %s\\n' "$line" >&3
[ -z "$failed" ] || printf 'byre: not all is in place: %s\\n' "$(echo "$failed" | tr '\\n' ' ')" >&3
printf '${READY.replace('\n', '\\n')}' >&2
exec "$@" 2>&3 3>&-`;

/** Rights that the command must not have: with them it could undo what keeps it. */
function withoutRights(): string[] {
  const lost = process.geteuid?.() === 0 ? 'sys_admin' : 'all';
  return ['setpriv', '--ambient-caps=-all', '--inh-caps=-all', `--bounding-set=-${lost}`, '--'];
}

function hasProgram(name: string, environment: Environment): boolean {
  return (environment.PATH ?? '/usr/bin:/bin').split(':').some((at) => existsSync(path.join(at, name)));
}

/** How to come to a namespace of one's own that begins as that of the mount's process. */
function entrance({ pid }: Overlay): string[] {
  const isElsewhere = namespaceOf(pid) !== namespaceOf('self');
  const isFree = mayMount();
  const enter = ['nsenter', '--target', String(pid), ...(isFree ? [] : ['--user', '--preserve-credentials'])];
  // A user's own namespace keeps the user's number, so that files are whose they were; the rights must be kept for it expressly.
  const own = ['unshare', ...(isFree ? [] : ['--user', '--map-current-user', '--keep-caps'])];
  return [...(isElsewhere ? [...enter, '--mount', '--root'] : []), ...own, '--mount', '--propagation', 'private'];
}

function lineOf({ overlay, directory }: OverlayJob, plan: NamespacePlan, canUndo: boolean): string {
  if (!overlay.confine || !overlay.says) return '';
  const where = plan.temporary === undefined ? '' : ` and a ${plan.temporary} of its own`;
  const undo = canUndo ? '; setpriv(1) is not installed, so root can undo this' : '';
  return `the command can write only to a fork of ${shown(directory)}${where}; network, processes, sockets and devices are not confined${undo} (-q: do not say this)`;
}

function makeNamespace({ overlay, directory }: OverlayJob): NamespacePlan {
  const { own, pid, mount, confine, writable } = overlay;
  const temporary = TEMPORARY.filter((at) => existsSync(at) && realpathSync(at) === at);
  const isPrivate = namespaceOf(pid) !== namespaceOf('self');
  const plan = planNamespace({
    mounts: mountsOf(pid),
    directory,
    hidden: isPrivate ? mount : undefined,
    own,
    confine,
    isRoot: mayMount(),
    writable: writable.map((each) => realpathSync(each)),
    temporary,
  });
  for (const [made, mode] of plan.makes) {
    mkdirSync(made, { recursive: true });
    chmodSync(made, mode);
  }
  writeFileSync(path.join(own, 'fstab'), plan.lines.map((each) => `${each}\n`).join(''));
  return plan;
}

export async function runOverlaid(job: OverlayJob, environment: Environment): Promise<JobEnded> {
  const { command, directory, overlay, outputToError } = job;
  const { own, fork, confine } = overlay;
  const hasSetpriv = hasProgram('setpriv', environment);
  const failure = (reason: string): JobEnded => ({ status: TrialStatus.failed, problem: undefined, failed: reason });
  if (!hasSetpriv && !mayMount()) return failure('setpriv(1) of util-linux is not installed');
  const plan = makeNamespace(job);
  const drops = hasSetpriv && (confine || !mayMount());
  const line = lineOf(job, plan, !drops);
  const script = ['sh', '-c', SCRIPT, 'byre', own, fork, directory, plan.root ?? '', line, command[0]!];
  const confined = confine ? confinedVariables(plan.temporary, environment) : {};
  const ended = await runPrepared([...entrance(overlay), ...script, ...(drops ? withoutRights() : []), ...command], {
    directory: undefined,
    environment: { ...environment, ...confined },
    outputToError,
  });
  for (const [made] of plan.makes) removeOwn(made);
  const { status, report, isStarted } = ended;
  // Who ends it before it has begun wants it ended, not tried in another way.
  if (isStarted || status > TrialStatus.notFound) return { status, problem: undefined, failed: undefined };
  if (report === 'missing\n') return { status, problem: missingCommand(command[0]!), failed: undefined };
  return failure((ended.failure?.message ?? report.trim()) || `the namespace could not be made (${status})`);
}
