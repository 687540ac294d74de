/** What is planned for the namespace of a confined command: order, what is left alone, and names with blanks. */
import { describe, expect, test } from 'vitest';
import { confinedVariables, type NamespaceOptions, planNamespace } from './confine.ts';

const mount = (directory: string, options = 'rw,relatime', type = 'ext4') => ({
  directory,
  type,
  options,
  source: 'disk',
  device: '8:1',
});

const usual: NamespaceOptions = {
  mounts: [
    mount('/'),
    mount('/proc', 'rw', 'proc'),
    mount('/home', 'rw,nosuid,nodev,relatime'),
    mount('/cdrom', 'ro,nosuid'),
    mount('/home/me/work/data'),
    mount('/state/mount', 'rw', 'fuse.byre'),
    mount('/tmp', 'rw,noexec', 'tmpfs'),
    mount('/tmp/below'),
  ],
  directory: '/home/me/work',
  hidden: '/state/mount',
  own: '/state/work-1',
  confine: true,
  isRoot: false,
  writable: [],
  temporary: ['/tmp', '/var/tmp'],
};

const fork = '/proc/self/fd/9';
const own = '/proc/self/fd/8';

describe('the namespace', () => {
  test('has its new things first, then all else read-only with the flags it had, and hides the other branches', () => {
    const { lines, makes, root, temporary } = planNamespace(usual);
    expect(lines).toEqual([
      `${own}/tmp /tmp none rbind 0 0`,
      `${own}/var-tmp /var/tmp none rbind 0 0`,
      `${fork} /home/me/work none bind 0 0`,
      'byre /home none remount,bind,ro,nosuid,nodev,relatime 0 0',
      `${own}/empty /state/mount none bind,ro 0 0`,
    ]);
    expect(makes).toEqual([
      ['/state/work-1/tmp', 0o1777],
      ['/state/work-1/var-tmp', 0o1777],
      ['/state/work-1/empty', 0o555],
    ]);
    expect(root).toBe('remount,bind,ro,relatime');
    expect(temporary).toBe('/tmp');
  });

  test('keeps what lies around a directory that is among the temporary ones', () => {
    const { lines } = planNamespace({ ...usual, directory: '/tmp/below/a b', temporary: ['/tmp'] });
    expect(lines.slice(0, 4)).toEqual([
      `/tmp/below ${own}/tmp/below none rbind 0 0`,
      `${own}/tmp /tmp none rbind 0 0`,
      `${fork} /tmp/below/a\\040b none bind 0 0`,
      'byre /tmp/below none remount,bind,ro,relatime 0 0',
    ]);
  });

  test('does not make the fork itself read-only', () => {
    const { lines } = planNamespace({ ...usual, directory: '/tmp/below', temporary: ['/tmp'] });
    expect(lines.filter((line) => line.startsWith('byre '))).toEqual([
      'byre /home none remount,bind,ro,nosuid,nodev,relatime 0 0',
      'byre /home/me/work/data none remount,bind,ro,relatime 0 0',
    ]);
  });

  test('of a directory that holds the temporary one, and our own, leaves them to the fork', () => {
    const { lines, temporary } = planNamespace({
      ...usual,
      directory: '/state',
      hidden: '/state/mount',
      temporary: ['/state/tmp'],
    });
    expect(lines[0]).toBe(`${fork} /state none bind 0 0`);
    expect(lines.some((line) => line.includes('empty'))).toBe(false);
    expect(temporary).toBeUndefined();
    expect(confinedVariables(temporary, {})).toEqual({});
  });

  test('leaves what may be written as it is, and takes the kernel’s settings from root', () => {
    const { lines } = planNamespace({ ...usual, writable: ['/home'], isRoot: true });
    expect(lines[0]).toBe('/home /home none rbind 0 0');
    expect(lines.some((line) => line.startsWith('byre /home'))).toBe(false);
    expect(lines).toContain('/proc/sys /proc/sys none bind,ro 0 0');
  });

  test('shows what may be written among temporary files', () => {
    const { lines } = planNamespace({ ...usual, writable: ['/tmp/a/b', '/tmp/a/c'], temporary: ['/tmp'] });
    expect(lines.slice(0, 6)).toEqual([
      '/tmp/a/b /tmp/a/b none rbind 0 0',
      '/tmp/a/c /tmp/a/c none rbind 0 0',
      `/tmp/a ${own}/tmp/a none rbind 0 0`,
      `${own}/tmp /tmp none rbind 0 0`,
      `${fork} /home/me/work none bind 0 0`,
      'byre /tmp/a none remount,bind,ro,noexec 0 0',
    ]);
  });

  test('without being confined has the fork, and nothing else', () => {
    const { lines, root } = planNamespace({ ...usual, confine: false });
    expect(lines).toEqual([`${fork} /home/me/work none bind 0 0`, `${own}/empty /state/mount none bind,ro 0 0`]);
    expect(root).toBeUndefined();
  });
});

test('variables lead to the temporary directory, unless the user has set them', () => {
  expect(confinedVariables('/tmp', { TMPDIR: '/elsewhere', XDG_CACHE_HOME: '/mine' })).toEqual({
    TMPDIR: '/tmp',
    npm_config_cache: '/tmp/byre-cache/npm',
  });
});
