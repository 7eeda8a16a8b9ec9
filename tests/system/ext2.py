# SPDX-License-Identifier: BSD-2-Clause
"""A disk that mke2fs made is mounted, read and written, and e2fsck finds nothing to say.

Limit: 300

The disk's driver and the file server are killed under load as well.
"""
import hashlib
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tools'))

import machine
from guest import Guest, finish, scenario

KERNEL = os.path.join(machine.BUILD, 'kernel', 'skink.elf')
INITRD = os.path.join(machine.BUILD, 'boot.img')
KILLS = 6


def make_disk(folder, name, size, *options):
    """A disk with a small tree on it; (its path, {file: its sum})."""
    tree, path, sums = os.path.join(folder, name + '.tree'), os.path.join(folder, name), {}
    for part, content in (('hello', b'hello, disk\n'), ('sub/deep/numbers', numbers(150000)),
                          ('sub/busybox', open('/bin/busybox', 'rb').read())):
        file = os.path.join(tree, part)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, 'wb') as out:
            out.write(content)
        sums[part] = hashlib.sha256(content).hexdigest()
    os.chmod(os.path.join(tree, 'sub/busybox'), 0o755)
    os.symlink('sub/deep/numbers', os.path.join(tree, 'link'))
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', '-d', tree] + list(options) + [path, size],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path, sums


def numbers(count):
    return ''.join('%d\n' % n for n in range(1, count + 1)).encode()


def check_clean(disk):
    done = subprocess.run(['e2fsck', '-fn', disk], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def content_of(disk, path):
    """A file of an image, read without Skink."""
    done = subprocess.run(['debugfs', '-R', 'cat ' + path, disk], capture_output=True, check=True)
    return done.stdout


def ok(guest, command, timeout=60):
    status, out = guest.run(command, timeout)
    assert status == 0, (command, status, out)
    return out


def sum_in(guest, path):
    return ok(guest, 'sha256sum ' + path).split()[0]


def boot(disk, name):
    return Guest(name=name, disks=[disk] if disk else [], kernel=KERNEL, initrd=INITRD)


def reads_and_writes(folder, block):
    disk, sums = make_disk(folder, 'd%s' % block, '48M', '-b', block)
    with boot(disk, 'ext2-' + block) as guest:
        guest.shell()
        with scenario('a disk with blocks of %s is mounted and read' % block):
            ok(guest, 'mount -t ext2 /dev/vda /mnt')
            for part, sum_ in sums.items():
                assert sum_in(guest, '/mnt/' + part) == sum_, part
            assert sum_in(guest, '/mnt/link') == sums['sub/deep/numbers']
            assert '/dev/vda' in ok(guest, 'df /mnt'), 'df'
            ok(guest, '/mnt/sub/busybox true')
        with scenario('files are written, moved, cut and removed on blocks of %s' % block):
            ok(guest, 'cd /mnt; mkdir -p n/o; cp sub/busybox n/o/copy; mv n/o n/p')
            ok(guest, 'seq 1 90000 > n/seq; ln n/seq n/hard; ln -s p/copy n/soft')
            ok(guest, 'for i in $(seq 200); do echo $i > n/f$i; done; rm n/f1*; rm -r sub/deep')
            ok(guest, 'cp n/p/copy cut; truncate -s 12345 cut; chmod 700 cut; chown 12:34 cut')
            assert ok(guest, 'cat n/f99 n/f2') == '99\n2\n'
            ok(guest, '/usr/lib/skink/flow name n/socket & sleep 1; kill $!; chmod 751 n/socket')
        with scenario('sync makes it safe: the machine may lose power'):
            ok(guest, 'cd /; sync')
    with scenario('e2fsck and debugfs see what was written on blocks of %s' % block):
        check_clean(disk)
        with open('/bin/busybox', 'rb') as file:
            program = file.read()
        assert content_of(disk, '/n/p/copy') == program
        assert content_of(disk, '/cut') == program[:12345]
        assert content_of(disk, '/n/hard') == numbers(90000)
        assert content_of(disk, '/n/f99') == b'99\n'
    with boot(disk, 'ext2-again-' + block) as guest:
        guest.shell()
        with scenario('the next boot finds it, and unmounts it clean, blocks of %s' % block):
            ok(guest, 'mount -t ext2 /dev/vda /mnt')
            assert sum_in(guest, '/mnt/n/soft') == sums['sub/busybox']
            assert ok(guest, 'stat -c %a:%u:%g:%s /mnt/cut') == '700:12:34:12345\n'
            assert ok(guest, 'ls -l /mnt/n/socket').startswith('srwxr-x--x')
            assert guest.run('/usr/lib/skink/flow ask /mnt/n/socket')[0] == 1
            ok(guest, 'umount /mnt; mount -t ext2 /dev/vda /mnt; rm -r /mnt/n; umount /mnt')
        with scenario('umount waits for what a sync still writes, blocks of %s' % block):
            guest.run('(while [ ! -e /tmp/end ]; do sync; done) & true')
            assert ok(guest, 'for n in $(seq 20); do mount -t ext2 /dev/vda /mnt; echo > /mnt/n; '
                      'rm /mnt/n; umount /mnt || break; done; echo > /tmp/end; wait; echo $n'
                      ) == '20\n'
    with scenario('the disk is marked clean after umount, blocks of %s' % block):
        check_clean(disk)
        state = subprocess.run(['dumpe2fs', '-h', disk], capture_output=True, text=True).stdout
        assert 'Filesystem state:         clean' in state, state


def open_and_removed(folder):
    disk, _ = make_disk(folder, 'orphan', '8M')
    with scenario('a file that is removed while it is open keeps its bytes, then its blocks go'):
        with boot(disk, 'ext2-orphan') as guest:
            guest.shell()
            ok(guest, 'mount -t ext2 /dev/vda /mnt; df /mnt | tail -1')
            before = ok(guest, 'stat -f -c %f /mnt')
            ok(guest, 'cp /mnt/sub/busybox /mnt/gone; exec 5< /mnt/gone; rm /mnt/gone; sync')
            assert ok(guest, 'sha256sum <&5').split()[0] == hashlib.sha256(
                open('/bin/busybox', 'rb').read()).hexdigest()
            ok(guest, 'exec 5<&-; sync; sleep 1')
            assert ok(guest, 'stat -f -c %f /mnt') == before
            ok(guest, 'umount /mnt')
        check_clean(disk)


def servers_die(folder):
    disk, sums = make_disk(folder, 'kills', '64M')
    with scenario('ext2 and virtio_blk die %d times each while files are copied' % KILLS):
        with boot(disk, 'ext2-kills') as guest:
            guest.shell()
            ok(guest, 'mount -t ext2 /dev/vda /mnt')
            out = ok(guest, '(for i in $(seq 12); do cp /mnt/sub/busybox /mnt/c$i && '
                     'mkdir /mnt/d$i || echo BAD; done; sync; echo fin) & '
                     'for i in $(seq %d); do usleep 100000; service kill ext2; usleep 100000; '
                     'service kill virtio_blk; done; wait' % KILLS, 120)
            assert 'fin' in out and 'BAD' not in out, out
            found = ok(guest, 'sha256sum /mnt/c* | cut -c1-64 | sort | uniq -c').split()
            assert found == ['12', sums['sub/busybox']], found
            ok(guest, 'umount /mnt')
            print('    ' + ' '.join(ok(guest, 'service list | grep ext2').split()))
        check_clean(disk)
        for n in range(1, 13):
            got = hashlib.sha256(content_of(disk, '/c%d' % n)).hexdigest()
            assert got == sums['sub/busybox'], n


def refused(folder):
    disk, _ = make_disk(folder, 'extents', '8M', '-O', 'extents')
    with boot(disk, 'ext2-refused') as guest:
        guest.shell()
        with scenario('a feature that is not known refuses the mount, and says which'):
            assert guest.run('mount -t ext2 /dev/vda /mnt')[0] != 0
            assert '0x40' in ok(guest, 'dmesg'), 'a message'
    with boot(None, 'ext2-none') as guest:
        guest.shell()
        with scenario('without a disk the mount fails, and nothing restarts'):
            assert guest.run('mount -t ext2 /dev/vda /mnt')[0] != 0
            rows = ok(guest, 'service list').strip().split('\n')[1:]
            assert all(row.split()[4] == '0' for row in rows), rows


with tempfile.TemporaryDirectory(prefix='skink-ext2-') as where:
    for size in ('1024', '2048', '4096'):
        reads_and_writes(where, size)
    open_and_removed(where)
    servers_die(where)
    refused(where)
finish()
