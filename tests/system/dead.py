# SPDX-License-Identifier: BSD-2-Clause
"""A disk that refuses every write: errors for who uses it, and everything else goes on.

Limit: 200
"""
import subprocess
import tempfile

from guest import Guest, finish, scenario


def make(path, size):
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', path, size], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ok(guest, command, timeout=60):
    status, out = guest.run(command, timeout)
    assert status == 0, (command, status, out)
    return out


with tempfile.TemporaryDirectory(prefix='skink-dead-') as folder:
    full, dead = folder + '/full', folder + '/dead'
    make(full, '16M')
    make(dead, '300M')
    drive = ('driver=blkdebug,node-name=dead,image.driver=file,image.filename=%s,'
             'inject-error.0.event=none,inject-error.0.iotype=write,inject-error.0.errno=5' % dead)
    with Guest(memory=256, disks=[full],
               extra=['-blockdev', drive, '-device',
                      'virtio-blk-pci,drive=dead,disable-legacy=on,werror=report']) as guest:
        guest.shell()
        ok(guest, 'dmesg -n 1; mkdir /mnt/full /mnt/dead')
        ok(guest, 'mount -t ext2 /dev/vdb /mnt/full && mount -t ext2 /dev/vdc /mnt/dead')
        with scenario('more than memory holds is written to a dead disk, and the writer ends'):
            ok(guest, 'timeout 60 dd if=/dev/zero of=/mnt/dead/file bs=64k count=3200 2> /dev/null'
               '; [ $? -lt 124 ]', 80)
        with scenario('fsync there is an error'):
            assert guest.run('dd if=/dev/zero of=/mnt/dead/other bs=64k count=1 conv=fsync')[0] != 0
        with scenario('another disk gets full meanwhile: that is what its writer is told'):
            out = guest.run('dd if=/dev/zero of=/mnt/full/file bs=64k')[1]
            assert 'No space left' in out, out
            ok(guest, 'rm /mnt/full/file && sync && echo fits > /mnt/full/file')
            assert ok(guest, 'cat /mnt/full/file') == 'fits\n'
        with scenario('it is unmounted with an error, the others without'):
            assert guest.run('umount /mnt/dead')[0] != 0
            ok(guest, 'umount /mnt/full')
            assert ok(guest, 'mount | grep -c /mnt || true') == '0\n'
        with scenario('programs have memory, and the root disk works'):
            ok(guest, 'cat /bin/busybox /bin/busybox > /root/two && rm /root/two && sync')
            out = ok(guest, 'service list').strip().split('\n')[1:]
            # An error of a disk is asked for twice (docs/notes/0026).
            assert all(row[3:5] == ['running', '0'] and (row[5] == '0' or row[6] == 'doubt')
                       for row in map(str.split, out)), out
    with scenario('e2fsck finds nothing wrong on the full disk'):
        done = subprocess.run(['e2fsck', '-fn', full], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
finish()
