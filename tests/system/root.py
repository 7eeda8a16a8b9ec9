# SPDX-License-Identifier: BSD-2-Clause
"""Where the root file system is: on a disk that keeps it, in RAM, in memory; disks beside it.

Limit: 280
"""
import os
import subprocess
import sys
import tempfile
import time

import machine
from guest import Guest, finish, scenario

TOOL = os.path.join(machine.ROOT, 'tools')


def ok(guest, command, timeout=60):
    status, out = guest.run(command, timeout)
    assert status == 0, (command, status, out)
    return out


def tool(name, *arguments):
    return subprocess.run([sys.executable, os.path.join(TOOL, name + '.py')] + list(arguments),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def is_clean(disk):
    checked = subprocess.run(['e2fsck', '-fn', disk], capture_output=True, text=True)
    state = subprocess.run(['dumpe2fs', '-h', disk], capture_output=True, text=True).stdout
    assert checked.returncode == 0, checked.stdout
    return 'state:         clean' in state


def kept(folder):
    overlay, disk = os.path.join(folder, 'files'), os.path.join(folder, 'mine.img')
    os.makedirs(overlay + '/srv/data')
    with open(overlay + '/srv/data/note', 'w') as out:
        out.write('from the overlay\n')
    with scenario('image builds a disk with the files of an overlay'):
        done = tool('image', '--overlay', overlay, '--size', '40M', '-o', disk)
        assert done.returncode == 0, done
        assert os.path.getsize(disk) == 40 << 20 and is_clean(disk)
    with scenario('image refuses what makes no sense'):
        for wrong in (['--size', '7'], ['--overlay', '/nonesuch'], ['-o', '/nonesuch/x'], ['-x']):
            done = tool('image', *wrong)
            assert done.returncode == 2 and done.stderr, (wrong, done)
    with Guest(name='root-kept', root=disk) as guest:
        guest.shell()
        with scenario('it is the root of the next boot'):
            assert ok(guest, 'cat /srv/data/note') == 'from the overlay\n'
            assert '/dev/vda on / type ext2 (rw' in ok(guest, 'mount')
            device = ok(guest, "stat -c '%d' /").strip()
            assert int(device) == 254 << 8, device
            assert ' 254:0 / / ' in ok(guest, 'cat /proc/self/mountinfo')
            assert ok(guest, "stat -c '%d' /dev/vda").strip() != device
            ok(guest, 'seq 1 1000 > /root/numbers; mkdir /root/d; mv /root/numbers /root/d')
        with scenario('poweroff leaves it clean'):
            guest.send('poweroff\n')
            assert guest.wait(60) == 0
            assert is_clean(disk)
    with Guest(name='root-again', root=disk) as guest:
        guest.shell()
        with scenario('what was written is there at the boot after that, the log too'):
            assert ok(guest, 'tail -1 /root/d/numbers') == '1000\n'
            deadline = time.monotonic() + 20        # it is written when it gets quiet
            while ok(guest, 'cat /var/log/skink.log*').count('kernel: Skink') < 2:
                assert time.monotonic() < deadline, ok(guest, 'cat /var/log/skink.log*')
                time.sleep(0.5)


def in_memory(folder):
    overlay = os.path.join(folder, 'files')
    with scenario('--ram-root runs from a disk in memory, with an overlay'):
        done = tool('exec', '--ram-root', '--overlay', overlay, '--timeout', '100', '--',
                    'sh', '-c', 'cat /srv/data/note; mount; seq 9 > /x; service kill ramdisk; '
                    'cat /x')
        assert done.returncode == 0, done
        assert 'from the overlay' in done.stdout and '/dev/ram0 on / type ext2' in done.stdout
        assert done.stdout.endswith('8\n9\n'), done.stdout
    with scenario('--overlay alone adds files to a root that nobody keeps'):
        for _ in range(2):
            done = tool('exec', '--overlay', overlay, '--timeout', '60', '--', 'sh', '-c',
                        'cat /srv/data/note; echo changed > /srv/data/note')
            assert (done.returncode, done.stdout) == (0, 'from the overlay\n'), done
    with scenario('a root that is no file system is told, and the root is in memory then'):
        bad = os.path.join(folder, 'bad')
        with open(bad, 'wb') as out:
            out.write(b'x' * (1 << 20))
        with Guest(name='root-bad', root=bad) as guest:
            guest.expect(r'/dev/vda is not mounted \(error 22\); the root is in memory', 60)
            guest.shell()
            assert 'rootfs on / ' in ok(guest, 'mount')
    with scenario('options of the root that contradict each other are refused'):
        for wrong in (['--root', bad, '--ram-root'], ['--overlay', '/nonesuch'],
                      ['--root', '/nonesuch'], ['--iso', '--ram-root']):
            done = tool('exec', *wrong, '--', 'true')
            assert done.returncode == 2 and done.stderr, (wrong, done)


def more_disks(folder):
    disks = []
    for n in range(3):
        disks.append(os.path.join(folder, 'more%d' % n))
        subprocess.run(['mke2fs', '-q', '-t', 'ext2', disks[n], '6M'], check=True,
                       stdout=subprocess.DEVNULL)
    with scenario('three more disks are mounted beside the root, each with what is its own'):
        with Guest(name='root-more', disks=disks) as guest:
            guest.shell()
            assert 'gone' not in ok(guest, 'service list'), ok(guest, 'dmesg')
            ok(guest, 'mkdir /b /c /d')
            for n, letter in enumerate('bcd'):
                ok(guest, 'mount -t ext2 /dev/vd%s /%s; seq %d > /%s/f' % (letter, letter, 10 + n,
                                                                         letter))
            assert ok(guest, 'wc -l < /b/f; wc -l < /c/f; wc -l < /d/f') == '10\n11\n12\n'
            assert guest.run('mount -t ext2 /dev/vdb /mnt')[0] != 0
            assert guest.run('mount -t ext2 /dev/null /mnt')[0] != 0
            ok(guest, 'service kill ext2_1; cat /b/f /c/f > /dev/null; umount /b /c /d')
        for n in range(3):
            assert is_clean(disks[n])
            read = subprocess.run(['debugfs', '-R', 'cat /f', disks[n]], capture_output=True)
            assert len(read.stdout.split()) == 10 + n
    with Guest(name='root-ro', disks=disks[:1]) as guest:
        guest.shell()
        with scenario('what becomes read-only is clean on the disk, and refuses to be written'):
            ok(guest, 'mount -t ext2 /dev/vdb /mnt; exec 7> /mnt/open')
            status, out = guest.run('mount -o remount,ro /mnt')
            assert status != 0 and 'busy' in out, out
            ok(guest, 'exec 7>&-; mount -o remount,ro /mnt')
            assert 'Read-only' in guest.run('echo x > /mnt/x')[1]
            assert '/mnt type ext2 (ro' in ok(guest, 'mount')
            assert is_clean(disks[0])
            ok(guest, 'mount -o remount,rw /mnt; echo x > /mnt/x; sync')
            assert not is_clean(disks[0])
            ok(guest, 'umount /mnt')
    with scenario('a full disk says so at once, keeps what it took, and has room after a removal'):
        with Guest(name='root-full', disks=disks[:1]) as guest:
            guest.shell()
            ok(guest, 'mount -t ext2 /dev/vdb /mnt')
            status, out = guest.run('dd if=/dev/zero of=/mnt/big bs=64k', 60)
            assert status == 1 and 'No space left' in out, out
            ok(guest, 'sync; sha256sum /mnt/big; rm /mnt/big')
            ok(guest, 'dd if=/dev/zero of=/mnt/big bs=1M count=4; sync; umount /mnt')
        assert is_clean(disks[0])


with tempfile.TemporaryDirectory(prefix='skink-root-') as where:
    kept(where)
    in_memory(where)
    more_disks(where)
finish()
