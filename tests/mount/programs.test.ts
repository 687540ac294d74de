/** Programs that people use, run in a mounted fork; after each, the pool is checked. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { type MountedPool, mountedPool, needsMount, needsProgram, run, shell, withMount } from './mounted.ts';

const minutes = 60_000;

/** PostgreSQL's own directory of programs, which is often not on the path. */
function postgresPrograms(): string | undefined {
  const home = '/usr/lib/postgresql';
  if (!existsSync(home)) return undefined;
  return readdirSync(home)
    .map((version) => path.join(home, version, 'bin'))
    .find((directory) => existsSync(path.join(directory, 'initdb')) && existsSync(path.join(directory, 'pgbench')));
}

const needsGit = needsProgram('git');
const needsMake = needsProgram('make', 'cc');
const needsSqlite = needsProgram('sqlite3');
const needsRsync = needsProgram('rsync', 'tar', 'find');
const needsNpm = needsProgram('npm');
const needsPython = needsProgram('python3');

test('git: clone, commit, status, gc', { timeout: 2 * minutes, ...needsGit }, async () => {
  await withMount(async ({ directory }) => {
    const said = await shell(
      `
      git init -q origin && cd origin
      git config user.name n && git config user.email e@x && git config gc.auto 0
      for i in $(seq 1 60); do mkdir -p d$((i % 7)); echo $i > d$((i % 7))/f$i; git add . ; git commit -qm "commit $i"; done
      cd .. && git clone -q origin copy && cd copy
      git config user.name n && git config user.email e@x
      echo changed > d1/f1 && rm d2/f2 && git mv d3/f3 d3/moved
      git status --short
      git commit -qam all && git gc -q --aggressive && git fsck --strict && git status --short
      git log --oneline | wc -l
      `,
      { cwd: directory, seconds: 100 },
    );
    expect(said.split('\n').map((line) => line.trim())).toEqual([
      'M d1/f1',
      'D d2/f2',
      'R  d3/f3 -> d3/moved',
      '61',
      '',
    ]);
  });
});

test('make builds a C program', { timeout: minutes, ...needsMake }, async () => {
  await withMount(async ({ directory }) => {
    const said = await shell(
      `
      for i in 1 2 3 4 5 6 7 8; do echo "int f$i(void) { return $i; }" > f$i.c; done
      echo '#include <stdio.h>' > main.c
      for i in 1 2 3 4 5 6 7 8; do echo "int f$i(void);" >> main.c; done
      echo 'int main(void) { printf("%d\\n", f1()+f2()+f3()+f4()+f5()+f6()+f7()+f8()); return 0; }' >> main.c
      printf 'all: sum\\nsum: main.o f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o\\n\\tcc -o sum $^\\n' > Makefile
      make -s -j2 && ./sum && touch f3.c && make -n | grep -c f3.c && make -s && make -q && ./sum
      `,
      { cwd: directory, environment: { MAKEFLAGS: '' } },
    );
    expect(said).toBe('36\n1\n36\n');
  });
});

test.each(['wal', 'delete', 'truncate', 'persist'])(
  'sqlite3 with journal_mode=%s',
  { timeout: minutes, ...needsSqlite },
  async (mode) => {
    await withMount(async ({ directory }) => {
      const rows = Array.from({ length: 40 }, (_, index) => `insert into t values (${index});`).join('');
      const said = await shell(
        `
      sqlite3 t.db "pragma journal_mode=${mode}; create table t (a integer);"
      sqlite3 t.db "${rows}" & sqlite3 -cmd ".timeout 20000" t.db "${rows}" & wait
      sqlite3 t.db "begin; delete from t; rollback; select count(*) >= 40 from t; pragma integrity_check;"
      `,
        { cwd: directory },
      );
      expect(
        said
          .trim()
          .split('\n')
          .filter((line) => !/locked/.test(line)),
      ).toEqual([mode, '1', 'ok']);
    });
  },
);

test('tar, rsync and find agree about a tree', { timeout: 5 * minutes, ...needsRsync }, async () => {
  await withMount(async ({ directory }) => {
    const said = await shell(
      `
      tar -C /usr/include -cf - . | tar -xf - --one-top-level=first
      diff -r --no-dereference /usr/include first && echo same
      rsync -aHAX first/ second/ 2>/dev/null || rsync -aH first/ second/
      rsync -aHn --delete --checksum --itemize-changes first/ second/ | wc -l
      [ "$(find first | wc -l)" = "$(find second | wc -l)" ] && echo counted
      find second -type f -print0 | xargs -0 touch -d 2001-02-03
      [ "$(find second -type f -newermt 2001-02-04 | wc -l)" = 0 ] && echo touched
      rm -rf first second && find . | wc -l
      `,
      { cwd: directory, seconds: 280 },
    );
    expect(said).toBe('same\n0\ncounted\ntouched\n1\n');
  });
});

const registry = process.env.BYRE_OFFLINE !== '1' && needsNpm.skip !== true;
test('npm ci of a project', {
  timeout: 4 * minutes,
  ...(needsNpm.skip === true ? needsNpm : needs(registry, 'offline')),
}, async (context) => {
  const ping = await run('npm', ['ping', '--silent'], { seconds: 20 });
  if (ping.status !== 0) context.skip('no registry answers');
  await withMount(async ({ directory }) => {
    const said = await shell(
      `
      echo '{"name":"x","version":"1.0.0","private":true,"dependencies":{"express":"4.21.2","typescript":"5.6.3"}}' > package.json
      npm install --no-audit --no-fund --silent --package-lock-only
      npm ci --no-audit --no-fund --silent
      node node_modules/typescript/bin/tsc --version
      node -e 'require("express")(); console.log("express")'
      npm ls --silent >/dev/null && echo whole
      `,
      {
        cwd: directory,
        seconds: 200,
        environment: { npm_config_cache: path.join(directory, '.npm'), npm_config_fetch_retries: '5' },
      },
    );
    expect(said.replaceAll(/^npm warn.*\n/gm, '')).toBe('Version 5.6.3\nexpress\nwhole\n');
  });
});

const programs = postgresPrograms();
const needsPostgres =
  needsMount.skip === true ? needsMount : needs(programs !== undefined, 'needs PostgreSQL with pgbench');

test('PostgreSQL: initdb, pgbench, a crash and recovery', { timeout: 3 * minutes, ...needsPostgres }, async () => {
  await withMount(async ({ directory }) => {
    // It refuses to run as root, and its user must reach the mount.
    const script = `
      cd ${directory}/pg && B=${programs} && O="-c unix_socket_directories=$PWD -c listen_addresses= -p 5987"
      start() { $B/pg_ctl -D data -o "$O" -l log -w -t 60 start >/dev/null; }
      $B/initdb -D data -A trust >/dev/null && start
      $B/createdb -h $PWD -p 5987 b && $B/pgbench -h $PWD -p 5987 -i -s 1 -q b 2>/dev/null
      $B/pgbench -h $PWD -p 5987 -c 4 -j 2 -t 100 b 2>&1 | grep -E 'actually processed|failed'
      $B/psql -h $PWD -p 5987 -Atc 'create table kept as select generate_series(1, 1000) a' b
      $B/pg_ctl -D data -m immediate -w stop >/dev/null && start
      $B/psql -h $PWD -p 5987 -Atc 'select count(*) from kept' b
      $B/psql -h $PWD -p 5987 -Atc 'select sum(abalance) = (select sum(bbalance) from pgbench_branches) from pgbench_accounts' b
      $B/pg_ctl -D data -m fast -w stop >/dev/null`;
    await shell(`mkdir pg && chown postgres pg && chmod 711 .. `, { cwd: directory });
    const { status, output } = await run('su', ['postgres', '-s', '/bin/bash', '-c', `set -e; ${script}`], {
      seconds: 150,
      cwd: '/',
    });
    expect(output.split('\n').filter((line) => !/perl: warning|^\t|are supported|Falling back/.test(line))).toEqual([
      'number of transactions actually processed: 400/400',
      'number of failed transactions: 0 (0.000%)',
      'SELECT 1000',
      '1000',
      't',
      '',
    ]);
    expect(status).toBe(0);
  });
});

describe('what the system calls promise', { ...needsPython }, () => {
  let mount: MountedPool;
  beforeAll(async () => {
    if (needsPython.skip !== true) mount = await mountedPool();
  });
  afterAll(async () => {
    if (mount === undefined) return;
    try {
      await mount.end();
    } finally {
      await mount.close();
    }
  });

  const script = path.join(import.meta.dirname, 'calls.py');
  const cases = [...readFileSync(script, 'utf8').matchAll(/^def (\w+)\(\):/gm)].map((match) => match[1]!);
  test.each(cases.filter((name) => name.startsWith('test_')))('%s', { timeout: minutes }, async (name) => {
    const { status, output } = await run('python3', [script, name], { cwd: mount.directory, seconds: 50 });
    expect(output).toBe('');
    expect(status).toBe(0);
  });
});

test('two forks, two programs at once', { timeout: minutes, ...needsMount }, async () => {
  await withMount(
    async ({ directory }) => {
      const work = (name: string): string =>
        `cd ${directory}/${name} && for i in $(seq 1 150); do mkdir -p d$i && echo ${name} $i > d$i/f && mv d$i/f d$i/g && cat d$i/g; done | md5sum`;
      const [main, fork] = await Promise.all([shell(work('main')), shell(work('work'))]);
      expect(main).not.toBe(fork);
      const expected = (name: string): Promise<string> =>
        shell(`for i in $(seq 1 150); do echo ${name} $i; done | md5sum`);
      expect([main, fork]).toEqual([await expected('main'), await expected('work')]);
      expect(await shell(`stat -c %i ${directory}/main/d1 ${directory}/work/d1 | sort -u | wc -l`)).toBe('2\n');
    },
    { allBranches: true },
  );
});
