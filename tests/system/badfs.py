# SPDX-License-Identifier: BSD-2-Clause
"""Disks whose ext2 is damaged: an error or a refused mount, and everything else goes on.

Limit: 200

SKINK_SEED and SKINK_IMAGES in the environment: other damage, more of it. A disk that hurts stays in
build/logs/badfs.img.
"""
import os
import random
import shutil
import struct
import subprocess
import tempfile

import machine
from guest import Guest, GuestError, finish, scenario, take_seed

SEED = take_seed()
IMAGES = int(os.environ.get('SKINK_IMAGES', '30'))
SIZE = 2 << 20
SCRIPT = r'''
mount -t ext2 /dev/vdb /mnt 2> /dev/null || { echo refused; exit; }
cd /mnt
find . -maxdepth 6 > /tmp/found 2> /dev/null
head -n 200 /tmp/found | while read -r f; do
    ls -ld "$f"; [ -f "$f" ] && head -c 70000 "$f"
done > /dev/null 2>&1
stat -f . > /dev/null
(echo new > new; cat new; echo more >> hello; cp /bin/hostname copy; ln new hard; ln -s new soft
mkdir made made/below; mv made/below moved; mv copy made; truncate -s 5 new
truncate -s 100000 hello; truncate -s 1000 sub/numbers; echo x >> sub/numbers; sync
rm -f new hard; rm -rf made sub/deep; rm -f hello; sync) > /dev/null 2>&1
cd /
umount /mnt 2> /dev/null || umount -f /mnt || echo STUCK
echo done
'''


def ok(guest, command, timeout=60):
    status, out = guest.run(command, timeout)
    assert status == 0, (command, status, out)
    return out


def base(folder, block):
    """A small tree: files of all lengths of maps, directories, links, a hole."""
    tree, path = folder + '/tree%d' % block, folder + '/base%d' % block
    os.makedirs(tree + '/sub/deep/er')
    for name, size in (('hello', 20), ('sub/numbers', 30000), ('sub/deep/big', 300000)):
        with open(tree + '/' + name, 'wb') as file:
            file.write(random.Random(size).randbytes(size))
    for n in range(60):
        open(tree + '/sub/deep/er/%d%s' % (n, 'x' * n), 'w').close()
    os.symlink('sub/numbers', tree + '/short')
    os.symlink('x' * 100, tree + '/long')
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', '-b', str(block), '-d', tree, path,
                    '%dk' % (SIZE >> 10)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    with open(path, 'rb') as file:
        return file.read()


def places(image, block):
    """(offset, length) of what is worth damaging: superblock, groups, bitmaps, inodes, maps,
    directories."""
    first = 1 if block == 1024 else 0
    groups = (first + 1) * block
    inodes = struct.unpack_from('<I', image, 1024 + 40)[0]
    size = struct.unpack_from('<H', image, 1024 + 88)[0]
    bitmap, bits, table = struct.unpack_from('<III', image, groups)
    found = [(1024, 104), (groups, 20), (bitmap * block, 64), (bits * block, 32)]
    for ino in [2] + list(range(11, min(inodes, 90))):
        at = table * block + (ino - 1) * size
        mode, = struct.unpack_from('<H', image, at)
        found += [(at, 100)] * 2
        blocks = struct.unpack_from('<15I', image, at + 40)
        if mode >> 12 == 4:
            found += [(blocks[0] * block, 200)] * 8
        for n in blocks[12:14]:
            if mode >> 12 == 8 and n:
                found.append((n * block, 64))
    return found


CIRCLES = {
    'a directory that is in itself': ('link sub sub/self', 'sub/self/self'),
    'a directory below itself': ('link sub sub/deep/up', 'sub/deep/up/deep'),
    'the root in the root': ('link / root', 'root/root/sub'),
    'the root below': ('link / sub/deep/root', 'sub/deep/root/sub/deep/root'),
}


def circle(folder, image, command):
    """The image, changed by a command of debugfs."""
    path = folder + '/circle'
    with open(path, 'wb') as file:
        file.write(image)
    subprocess.run(['debugfs', '-w', '-R', command, path], check=True, capture_output=True)
    with open(path, 'rb') as file:
        return file.read()


def damage(image, block, seed):
    pick, image = random.Random(seed), bytearray(image)
    where = places(image, block)
    for _ in range(pick.choice((1, 1, 2, 4, 10, 30))):
        at, length = pick.choice(where)
        at += pick.randrange(length)
        if pick.random() < 0.4:
            image[at] ^= 1 << pick.randrange(8)
        elif pick.random() < 0.5:
            image[at] = pick.randrange(256)
        else:
            value = pick.choice((0, 1, 2, 11, 12, 13, pick.randrange(2048), 0xffffffff,
                                 0x7fffffff, 1 << 31))
            struct.pack_into('<I', image, at & ~3, value)
    struct.pack_into('<H', image, 1024 + 56, 0xef53)
    return bytes(image)


def put(path, content):
    with open(path, 'r+b') as file:
        file.write(content)


def healthy(guest):
    """The root disk, memory and vfs are as ever."""
    out = ok(guest, 'echo a > /tmp/a; cat /tmp/a; echo b > /dev/shm/b; cat /dev/shm/b')
    assert out == 'a\nb\n', out
    assert ok(guest, 'mount | grep -c /mnt || true') == '0\n'


def one(guest, disk, image, what):
    put(disk, image)
    try:
        out = ok(guest, 'sh /work', 40)
        assert 'STUCK' not in out, out
        healthy(guest)
        return out
    except (AssertionError, GuestError):
        shutil.copyfile(disk, os.path.join(machine.BUILD, 'logs', 'badfs.img'))
        with open(os.path.join(machine.BUILD, 'logs', 'badfs.img'), 'wb') as file:
            file.write(image)
        print('    the image: ' + what)
        raise


def restarts(guest):
    """{service: how often it was started again}"""
    rows = ok(guest, 'service list').strip().split('\n')[1:]
    return {row.split()[0]: row.split()[4] for row in rows}


with tempfile.TemporaryDirectory(prefix='skink-badfs-') as folder:
    disk = folder + '/disk'
    images = {block: base(folder, block) for block in (1024, 4096)}
    with open(disk, 'wb') as file:
        file.write(images[1024])
    os.mkdir(folder + '/over')
    with open(folder + '/over/work', 'w') as file:
        file.write(SCRIPT)
    with Guest(name='badfs', disks=[disk], overlays=[folder + '/over']) as guest:
        guest.shell()
        ok(guest, 'dmesg -n 1')
        with scenario('the disk as it was made: the script finds nothing wrong'):
            assert one(guest, disk, images[1024], 'whole') == 'done\n'
        for what, (command, path) in CIRCLES.items():
            with scenario(what + ' is an error, and nothing of it is left after umount'):
                put(disk, circle(folder, images[1024], command))
                ok(guest, 'mount -t ext2 /dev/vdb /mnt')
                assert 'Input/output error' in ok(guest, 'ls /mnt/%s 2>&1 || true' % path)
                guest.run('mv /mnt/sub/deep /mnt/sub/moved; rm -rf /mnt/sub')
                ok(guest, 'umount /mnt')
                put(disk, images[4096])
                ok(guest, 'mount -t ext2 /dev/vdb /mnt')
                assert ok(guest, 'ls /mnt/sub/deep') == 'big  er\n'
                ok(guest, 'umount /mnt')
        before = restarts(guest)
        with scenario('%d damaged disks: errors, or refused' % IMAGES):
            refused = 0
            for n in range(IMAGES):
                block = 1024 if n % 3 else 4096
                out = one(guest, disk, damage(images[block], block, SEED * 100000 + n),
                          'seed %d, number %d' % (SEED, n))
                refused += 'refused' in out
            print('    %d refused' % refused)
        with scenario('nobody but the file server of that disk has died'):
            after = restarts(guest)
            changed = {s for s in after if after[s] != before.get(s)}
            assert changed <= {'ext2_1'}, {s: (before.get(s), after[s]) for s in changed}
finish()
