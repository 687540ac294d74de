"""What system calls promise, tried in the working directory. Usage: calls.py NAME, a function below; silent if all is well.

Callers must run it in a directory of a mount that they can write, on Linux.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
PAGE = 4096


def fails(number, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except OSError as error:
        assert error.errno == number, (errno.errorcode.get(error.errno), errno.errorcode[number])
        return
    raise AssertionError('should fail with ' + errno.errorcode[number])


def put(name, content=b'x'):
    with open(name, 'wb') as file:
        file.write(content)


def get(name):
    with open(name, 'rb') as file:
        return file.read()


def renameat2(old, new, flags):
    if libc.renameat2(AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def fallocate(fd, mode, offset, length):
    if libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def test_unlinked_file_lives_while_open():
    fd = os.open('open', os.O_RDWR | os.O_CREAT)
    os.write(fd, b'still here')
    os.unlink('open')
    assert os.fstat(fd).st_nlink == 0
    assert os.pread(fd, 100, 0) == b'still here'
    os.pwrite(fd, b'X' * 100000, 5)
    os.ftruncate(fd, 7)
    assert os.pread(fd, 100, 0) == b'stillXX'
    fails(errno.ENOENT, os.stat, 'open')
    os.close(fd)


def test_unlinked_file_that_was_replaced():
    put('victim', b'old')
    fd = os.open('victim', os.O_RDONLY)
    put('winner', b'new')
    os.rename('winner', 'victim')
    assert os.pread(fd, 10, 0) == b'old'
    assert get('victim') == b'new'
    os.close(fd)


def test_removed_directory_stays_while_it_is_someones():
    os.mkdir('gone')
    fd = os.open('gone', os.O_RDONLY)
    os.rmdir('gone')
    assert os.listdir(fd) == []
    fails(errno.ENOENT, os.open, 'new', os.O_CREAT | os.O_WRONLY, dir_fd=fd)
    os.close(fd)


def test_append_by_many():
    put('log', b'')
    script = "import os\nfd = os.open('log', os.O_WRONLY | os.O_APPEND)\nfor i in range(200): os.write(fd, b'%08d\\n' % i)"
    children = [subprocess.Popen([sys.executable, '-c', script]) for _ in range(4)]
    assert all(child.wait() == 0 for child in children)
    lines = get('log').split(b'\n')
    assert len(lines) == 801 and all(len(line) == 8 for line in lines[:-1])


def test_o_direct():
    memory = mmap.mmap(-1, 16 * PAGE)
    memory.write(b'd' * 16 * PAGE)
    fd = os.open('direct', os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    assert os.pwritev(fd, [memory], PAGE) == 16 * PAGE
    os.close(fd)
    assert get('direct') == bytes(PAGE) + b'd' * 16 * PAGE
    with open('direct', 'r+b') as file:
        file.seek(PAGE)
        file.write(b'e' * 10)
    fd = os.open('direct', os.O_RDWR | os.O_DIRECT)
    assert os.preadv(fd, [memory], PAGE) == 16 * PAGE
    assert memory[:11] == b'e' * 10 + b'd'
    os.close(fd)


def test_o_tmpfile():
    fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, b'unnamed')
    assert libc.linkat(AT_FDCWD, b'/proc/self/fd/%d' % fd, AT_FDCWD, b'named', 0x400) == 0, ctypes.get_errno()
    os.close(fd)
    assert get('named') == b'unnamed'
    before = sorted(os.listdir('.'))
    fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, b'lost' * 1000)
    os.close(fd)
    assert sorted(os.listdir('.')) == before


def test_rename_flags():
    put('one', b'1')
    put('two', b'2')
    fails(errno.EEXIST, renameat2, 'one', 'two', 1)
    renameat2('one', 'two', 2)
    assert (get('one'), get('two')) == (b'2', b'1')
    os.mkdir('dir')
    put('dir/inside', b'in')
    renameat2('dir', 'one', 2)
    assert get('one/inside') == b'in' and get('dir') == b'2'
    fails(errno.EINVAL, renameat2, 'one', 'one/below', 0)
    fails(errno.ENOENT, renameat2, 'one', 'absent', 2)
    renameat2('two', 'three', 1)
    assert get('three') == b'1'


def test_fallocate():
    fd = os.open('room', os.O_RDWR | os.O_CREAT)
    fallocate(fd, 0, 0, 1 << 20)
    assert os.fstat(fd).st_size == 1 << 20
    fallocate(fd, 1, 0, 1 << 21)
    assert os.fstat(fd).st_size == 1 << 20
    os.pwrite(fd, b'x' * (1 << 20), 0)
    os.fsync(fd)
    full = os.fstat(fd).st_blocks
    fallocate(fd, 3, PAGE, 100 * PAGE)
    os.fsync(fd)
    assert os.fstat(fd).st_blocks <= full - 100 * 8
    assert os.pread(fd, 3 * PAGE, 0) == b'x' * PAGE + bytes(2 * PAGE)
    fallocate(fd, 16, 200 * PAGE + 5, 10)
    assert os.pread(fd, 20, 200 * PAGE) == b'x' * 5 + bytes(10) + b'x' * 5
    fails(errno.EOPNOTSUPP, fallocate, fd, 8, 0, PAGE)
    fails(errno.EOPNOTSUPP, fallocate, fd, 32, 0, PAGE)
    os.close(fd)


def test_holes():
    fd = os.open('sparse', os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b'a' * PAGE, 0)
    os.pwrite(fd, b'b' * PAGE, 10 << 20)
    os.ftruncate(fd, 40 << 20)
    assert os.lseek(fd, 0, os.SEEK_HOLE) == PAGE
    assert os.lseek(fd, PAGE, os.SEEK_DATA) == 10 << 20
    assert os.lseek(fd, 10 << 20, os.SEEK_HOLE) == (10 << 20) + PAGE
    fails(errno.ENXIO, os.lseek, fd, 11 << 20, os.SEEK_DATA)
    fails(errno.ENXIO, os.lseek, fd, 41 << 20, os.SEEK_HOLE)
    assert os.lseek(fd, 11 << 20, os.SEEK_HOLE) == 11 << 20
    os.close(fd)
    assert os.stat('sparse').st_blocks <= 16


def test_copy_file_range_shares_pages():
    size = 32 << 20
    piece = os.urandom(1 << 20)
    put('source', piece * 32)
    source = os.open('source', os.O_RDONLY)
    os.fsync(source)
    free = os.statvfs('.').f_bfree
    target = os.open('target', os.O_WRONLY | os.O_CREAT)
    left = size
    while left > 0:
        done = os.copy_file_range(source, target, left)
        assert done > 0
        left -= done
    os.fsync(target)
    assert os.stat('target').st_size == size
    assert get('target') == piece * 32
    taken = (free - os.statvfs('.').f_bfree) * PAGE
    assert taken < size // 4, taken
    assert os.copy_file_range(source, target, 10, offset_src=5, offset_dst=PAGE + 1) == 10
    assert os.pread(os.open('target', os.O_RDONLY), 10, PAGE + 1) == piece[5:15]
    assert os.pread(source, 10, PAGE + 1) == piece[PAGE + 1:PAGE + 11]


def test_shared_mapping_is_coherent():
    put('mapped', b'a' * 3 * PAGE)
    fd = os.open('mapped', os.O_RDWR)
    memory = mmap.mmap(fd, 3 * PAGE)
    memory[PAGE:PAGE + 5] = b'HELLO'
    assert os.pread(fd, 5, PAGE) == b'HELLO'
    os.pwrite(fd, b'WORLD', 2 * PAGE)
    assert memory[2 * PAGE:2 * PAGE + 5] == b'WORLD'
    memory.flush()
    memory.close()
    os.close(fd)
    assert subprocess.run(['cat', 'mapped'], capture_output=True).stdout[PAGE:PAGE + 5] == b'HELLO'


def test_private_mapping_changes_nothing():
    put('private', b'a' * PAGE)
    fd = os.open('private', os.O_RDWR)
    memory = mmap.mmap(fd, PAGE, flags=mmap.MAP_PRIVATE)
    memory[:3] = b'ZZZ'
    assert os.pread(fd, 3, 0) == b'aaa'


def test_locks():
    put('lock')
    one = os.open('lock', os.O_RDWR)
    two = os.open('lock', os.O_RDWR)
    fcntl.flock(one, fcntl.LOCK_EX)
    fails(errno.EAGAIN, fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(one, fcntl.LOCK_UN)
    fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.lockf(one, fcntl.LOCK_EX, 10, 5)
    script = "import fcntl, os\nfd = os.open('lock', os.O_RDWR)\nfcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, %d)"
    assert subprocess.run([sys.executable, '-c', script % 15], stderr=subprocess.DEVNULL).returncode == 0
    assert subprocess.run([sys.executable, '-c', script % 14], stderr=subprocess.DEVNULL).returncode != 0


def test_xattrs():
    put('with')
    os.setxattr('with', 'user.a', b'1')
    os.setxattr('with', 'user.b', b'')
    os.setxattr('with', 'trusted.c', os.urandom(60000))
    assert sorted(os.listxattr('with')) == ['trusted.c', 'user.a', 'user.b']
    assert os.getxattr('with', 'user.b') == b''
    fails(errno.EEXIST, os.setxattr, 'with', 'user.a', b'2', os.XATTR_CREATE)
    fails(errno.ENODATA, os.setxattr, 'with', 'user.z', b'2', os.XATTR_REPLACE)
    fails(errno.ENODATA, os.getxattr, 'with', 'user.z')
    os.removexattr('with', 'user.a')
    fails(errno.ENODATA, os.removexattr, 'with', 'user.a')
    fails(errno.EOPNOTSUPP, os.setxattr, 'with', 'system.posix_acl_access', b'\x02\x00\x00\x00')


def test_names():
    put('n' * 255)
    fails(errno.ENAMETOOLONG, put, 'n' * 256)
    name = bytes(range(1, 47)) + bytes(range(48, 256))
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    assert name in os.listdir(b'.')
    os.unlink(name)


def test_times_with_nanoseconds():
    put('timed')
    for moment in (-1_500_000_001, 0, 1_700_000_000_123_456_789, 7_000_000_000_999_999_999):
        os.utime('timed', ns=(moment, moment + 1))
        stat = os.stat('timed')
        assert (stat.st_atime_ns, stat.st_mtime_ns) == (moment, moment + 1), moment


def test_writing_takes_set_id_bits():
    put('setid')
    os.chmod('setid', 0o6777)
    subprocess.run(['setpriv', '--reuid', '65534', '--clear-groups', 'sh', '-c', 'echo >> setid'], check=True)
    assert os.stat('setid').st_mode & 0o7777 == 0o777
    os.chmod('setid', 0o6755)
    os.chown('setid', 5, 6)
    assert os.stat('setid').st_mode & 0o7777 == 0o755


def test_directory_of_many_is_listed_whole_while_it_changes():
    os.mkdir('many')
    for index in range(2000):
        put('many/stay%05d' % index)
    seen = []
    with os.scandir('many') as entries:
        for count, entry in enumerate(entries):
            seen.append(entry.name)
            if count % 10 == 0:
                put('many/come%05d' % count)
            if count % 15 == 0 and count > 0:
                os.path.exists('many/come%05d' % (count - 10)) and os.unlink('many/come%05d' % (count - 10))
    stays = [name for name in seen if name.startswith('stay')]
    assert stays == ['stay%05d' % index for index in range(2000)]
    for name in os.listdir('many'):
        os.unlink('many/' + name)
    os.rmdir('many')


def test_big_file():
    fd = os.open('huge', os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b'end', 1 << 45)
    assert os.fstat(fd).st_size == (1 << 45) + 3
    assert os.pread(fd, 10, 1 << 45) == b'end'
    fails(errno.EFBIG, os.ftruncate, fd, 1 << 60)
    os.ftruncate(fd, 5)
    assert os.fstat(fd).st_size == 5
    os.close(fd)


def test_sync_calls():
    fd = os.open('synced', os.O_WRONLY | os.O_CREAT | os.O_SYNC)
    os.write(fd, b'at once')
    os.fdatasync(fd)
    directory = os.open('.', os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
    os.close(fd)


def test_special_files():
    os.mkfifo('fifo')
    os.mknod('null', 0o20644, os.makedev(1, 3))
    os.mknod('wide', 0o60600, os.makedev(259, 70000))
    assert os.stat('wide').st_rdev == os.makedev(259, 70000)
    fails(errno.EACCES, os.open, 'null', os.O_WRONLY)
    import socket
    listener = socket.socket(socket.AF_UNIX)
    listener.bind('socket')
    listener.listen(1)
    client = socket.socket(socket.AF_UNIX)
    client.connect('socket')


def test_random_operations_agree_with_memory():
    import random
    seed = int(os.environ.get('SEED') or random.randrange(1 << 30))
    try:
        random_operations(random.Random(seed))
    except BaseException:
        print('SEED=%d' % seed, flush=True)
        raise


def random_operations(chance):
    """One file against a bytearray, across several 512 KiB chunks."""
    limit = 3 << 20
    model = bytearray()
    fd = os.open('random', os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def span(largest):
        at = chance.randrange(limit) if chance.random() < 0.7 else chance.randrange(limit // PAGE) * PAGE
        length = chance.choice([1, 100, PAGE, 5 * PAGE, 1 << 16, largest])
        return at, min(length, limit - at)

    def grow(size):
        if size > len(model):
            model.extend(bytes(size - len(model)))

    def write():
        at, length = span(1 << 20)
        data = chance.randbytes(length)
        assert os.pwrite(fd, data, at) == length
        grow(at + length)
        model[at:at + length] = data

    def read():
        at, length = span(1 << 20)
        assert os.pread(fd, length, at) == model[at:at + length], (at, length)

    def truncate():
        size = chance.randrange(limit)
        os.ftruncate(fd, size)
        del model[size:]
        grow(size)

    def punch():
        at, length = span(1 << 20)
        fallocate(fd, 3, at, length)
        to = min(at + length, len(model))
        if to > at:
            model[at:to] = bytes(to - at)

    def zero():
        at, length = span(1 << 20)
        fallocate(fd, 16, at, length)
        grow(at + length)
        model[at:at + length] = bytes(length)

    def extend():
        at, length = span(1 << 18)
        fallocate(fd, 0, at, length)
        grow(at + length)

    def copy():
        at, length = span(1 << 20)
        to, _ = span(1 << 20)
        length = min(length, limit - to)
        if abs(at - to) < length or length == 0:
            return
        done = os.copy_file_range(fd, fd, length, offset_src=at, offset_dst=to)
        expected = model[at:at + done]
        assert len(expected) == done
        if done > 0:
            grow(to + done)
            model[to:to + done] = expected

    def map_write():
        if len(model) == 0:
            return
        memory = mmap.mmap(fd, len(model))
        at = chance.randrange(len(model))
        data = chance.randbytes(min(chance.choice([1, 100, 3 * PAGE]), len(model) - at))
        memory[at:at + len(data)] = data
        model[at:at + len(data)] = data
        if chance.random() < 0.5:
            memory.flush()
        memory.close()

    def forget():
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def whole():
        assert os.fstat(fd).st_size == len(model)
        assert os.pread(fd, limit + 1, 0) == model

    steps = [write] * 6 + [read] * 6 + [truncate, punch, zero, extend, copy, copy, map_write, map_write, forget, whole]
    for _ in range(1500):
        chance.choice(steps)()
    whole()
    os.close(fd)


os.umask(0o022)
globals()[sys.argv[1]]()
