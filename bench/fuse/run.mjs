/**
 * Measures a mounted branch beside the host's file system, a C libfuse passthrough and fuse-overlayfs: same run, interleaved, medians and
 * ratios. Usage: node bench/fuse/run.mjs [--rounds N] [--scale X] [--only WHAT,…] [--peers NAME,…] [--best] [--cpu]
 * It needs root, /dev/fuse and cc; a peer that is not installed is left out and named. Callers must not compare figures of different runs.
 */
// @ts-nocheck: its records of figures are loose; it is run by hand, and the other benchmarks are checked.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const here = import.meta.dirname;
const root = path.resolve(here, '../..');
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string' },
    peers: { type: 'string' },
    // The best round of each instead of the median: on a machine that is busy otherwise.
    best: { type: 'boolean' },
    // By processor time of the server and of the measuring program together, which a busy machine distorts less than time.
    cpu: { type: 'boolean' },
  },
});
const scale = Number(values.scale);
const home = mkdtempSync(path.join(tmpdir(), 'byre-bench-fuse-'));
/** What must be done at the end, last first. */
const endings = [() => rmSync(home, { recursive: true, force: true })];

function make(name) {
  const directory = path.join(home, name);
  mkdirSync(directory, { recursive: true });
  return directory;
}

function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

function unmount(directory) {
  spawnSync('umount', ['-l', directory], { stdio: 'ignore' });
}

/** The process that serves each directory; the host's has none. */
const servers = new Map();

/** Processor time that a process has had, in seconds. */
function cpuSeconds(pid) {
  if (pid === undefined) return 0;
  const threads = readdirSync(`/proc/${pid}/task`);
  const had = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return had.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
}

/** Starts a FUSE server in the foreground and waits until it has mounted. */
async function serve(program, args, directory) {
  const child = spawn(program, args, { stdio: 'ignore' });
  servers.set(directory, child.pid);
  endings.push(() => unmount(directory));
  for (let waited = 0; waited < 200; waited++) {
    if (spawnSync('mountpoint', ['-q', directory]).status === 0) return directory;
    if (child.exitCode !== null) break;
    await sleep(25);
  }
  throw new Error(`${program} did not mount`);
}

function buildPassthrough() {
  const source = [
    '/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c',
    '/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c.gz',
  ].find(existsSync);
  if (source === undefined || !has('pkg-config')) return undefined;
  const target = path.join(home, 'passthrough_ll');
  const unpacked = path.join(home, 'passthrough_ll.c');
  execFileSync('sh', ['-c', `case ${source} in *.gz) gzip -dc ${source};; *) cat ${source};; esac > ${unpacked}`]);
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' }).trim().split(/\s+/);
  const headers = path.dirname(source);
  const built = spawnSync('cc', ['-O2', '-o', target, unpacked, `-I${headers}`, ...flags], { encoding: 'utf8' });
  if (built.status !== 0) console.error(built.stderr);
  return built.status === 0 ? target : undefined;
}

const peers = {
  host: async () => make('host'),
  byre: async () => {
    const built = path.join(home, 'built');
    const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
    const args = [
      compiler,
      '-p',
      path.join(root, 'tsconfig.build.json'),
      '--outDir',
      built,
      '--noCheck',
      '--declaration',
      'false',
    ];
    spawnSync(process.execPath, args);
    writeFileSync(path.join(built, 'package.json'), '{ "type": "module" }');
    spawnSync('ln', ['-s', path.join(root, 'node_modules'), path.join(built, 'node_modules')]);
    const { openPoolSync } = await import(path.join(built, 'src/pool/open-pool.js'));
    const { startMountProcess } = await import(path.join(built, 'apps/fuse/mount.js'));
    const poolPath = path.join(home, 'pool.byre');
    const pool = openPoolSync(poolPath);
    pool.forkSync('main', 'work');
    pool.closeSync();
    const directory = make('byre');
    const mounted = await startMountProcess({ poolPath, directory, branch: 'work' });
    servers.set(directory, mounted.pid);
    endings.push(() => mounted.unmount());
    return directory;
  },
  libfuse: async () => {
    const program = buildPassthrough();
    if (program === undefined) return undefined;
    const directory = make('libfuse');
    await serve(program, ['-f', '-s', '-o', `source=${make('libfuse-below')},cache=auto`, directory], directory);
    return directory;
  },
  overlay: async () => {
    if (!has('fuse-overlayfs')) return undefined;
    const directory = make('overlay');
    const layers = `lowerdir=${make('lower')},upperdir=${make('upper')},workdir=${make('work')}`;
    await serve('fuse-overlayfs', ['-f', '-o', layers, directory], directory);
    return directory;
  },
};

/** Runs a shell script in a directory and returns how many seconds it took. */
function secondsOf(directory, script) {
  const begin = process.hrtime.bigint();
  const run = spawnSync('sh', ['-ec', script], { cwd: directory, encoding: 'utf8', timeout: 300_000 });
  if (run.status !== 0) throw new Error(run.stderr.trim() || String(run.signal));
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

const repository = `
  mkdir repository && cd repository && git init -q && git config user.name n && git config user.email e
  for d in $(seq 60); do mkdir d$d; for f in $(seq 50); do echo $d $f > d$d/f$f; done; done
  git add . && git commit -qm all`;
const project =
  '{"name":"x","version":"1.0.0","private":true,"dependencies":{"express":"4.21.2","typescript":"5.6.3"}}';

/** Programs that people use: how often a second they run through. */
const programs = {
  'git-status': (directory) => {
    if (!existsSync(path.join(directory, 'repository'))) secondsOf(directory, repository);
    return 1 / secondsOf(path.join(directory, 'repository'), 'git status --porcelain');
  },
  'npm-ci': (directory) => {
    const npm = `npm --silent --no-audit --no-fund --prefer-offline --cache ${path.join(home, 'npm-cache')}`;
    const place = path.join(directory, 'project');
    if (!existsSync(place)) {
      secondsOf(
        directory,
        `mkdir project && cd project && echo '${project}' > package.json && ${npm} install && rm -r node_modules`,
      );
    }
    const seconds = secondsOf(place, `${npm} ci`);
    rmSync(path.join(place, 'node_modules'), { recursive: true, force: true });
    return 1 / seconds;
  },
};

/** Each with how often, or how many MiB, and its unit. */
const measurements = {
  stat: [100_000, '/s'],
  create: [5000, '/s'],
  write: [192, ' MiB/s'],
  read: [192, ' MiB/s'],
  'random-read': [20_000, '/s'],
  'random-write': [10_000, '/s'],
  copy: [1024, ' MiB/s'],
  'git-status': [1, ' runs/s'],
  'npm-ci': [1, ' runs/s'],
};

function typical(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const place = values.best === true ? sorted.length - 1 : Math.floor(sorted.length / 2);
  return sorted[place] ?? Number.NaN;
}

async function startPeers() {
  const wanted = values.peers?.split(',') ?? Object.keys(peers);
  const started = {};
  for (const name of wanted) {
    const directory = await peers[name]();
    if (directory === undefined) console.log(`${name}: not installed, left out`);
    else started[name] = directory;
  }
  return started;
}

function measure(program, directory, what, count) {
  if (what in programs) return programs[what](directory);
  const scaled = Math.max(1, Math.round(count * scale));
  const before = cpuSeconds(servers.get(directory));
  const run = spawnSync(program, [directory, what, String(scaled)], { encoding: 'utf8', timeout: 300_000 });
  if (run.status !== 0) throw new Error(run.stderr.trim() || String(run.signal));
  const [rate, ownSeconds] = run.stdout.split(' ').map(Number);
  return values.cpu === true ? scaled / (ownSeconds + cpuSeconds(servers.get(directory)) - before) : rate;
}

/**
 * Rounds of every measurement on every peer in turn, so that what else the machine does falls on all alike. A first round, in which
 * files are made and programs warm up, does not count.
 */
function measureAll(started, program) {
  const only = values.only?.split(',') ?? Object.keys(measurements);
  const results = {};
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const what of only) {
      const [count] = measurements[what];
      for (const [name, directory] of Object.entries(started)) {
        results[what] ??= {};
        results[what][name] ??= [];
        try {
          const rate = measure(program, directory, what, count);
          if (round > 0) results[what][name].push(rate);
        } catch (error) {
          console.error(`${name} ${what}: ${error.message}`);
        }
      }
    }
  }
  return results;
}

function print(results) {
  for (const [what, byName] of Object.entries(results)) {
    const unit = measurements[what][1];
    const own = typical(byName.byre ?? []);
    const parts = Object.entries(byName).map(([name, list]) => {
      const rate = typical(list);
      const ratio = name === 'byre' || Number.isNaN(own) ? '' : ` (byre ${(own / rate).toFixed(2)}x)`;
      const shown = rate < 100 ? rate.toFixed(2) : Math.round(rate).toLocaleString('en');
      return `${name} ${shown}${unit}${ratio}`;
    });
    console.log(`${what.padEnd(13)} ${parts.join('   ')}`);
  }
  const { copy, read } = results;
  if (copy?.byre && read?.byre) {
    console.log(
      `copying a file in the mount is ${(typical(copy.byre) / typical(read.byre)).toFixed(0)}x as fast as reading it`,
    );
  }
}

try {
  const program = path.join(home, 'measure');
  execFileSync('cc', ['-O2', '-o', program, path.join(here, 'measure.c')]);
  const started = await startPeers();
  const load = loadavg()[0].toFixed(1);
  console.log(
    `${cpus().length} cores, load ${load}, Node ${process.version}, ${values.rounds} rounds, ${values.best === true ? 'the best' : 'medians'}${values.cpu === true ? ', by processor time' : ''}`,
  );
  print(measureAll(started, program));
} finally {
  for (const end of endings.reverse()) {
    try {
      await end();
    } catch (error) {
      console.error(error.message);
    }
  }
}
