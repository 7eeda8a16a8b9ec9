# SPDX-License-Identifier: BSD-2-Clause
"""The machine is switched off, reset and halted by busybox's commands; nothing written is lost.

Limit: 240
"""
import os
import subprocess
import tempfile
import time

from guest import Guest, finish, scenario

BEGINS = r'kernel: Skink, \d+ KiB'      # a boot's first line
RESETS = ['-action', 'reboot=reset']    # or QEMU would end at a reset as it does at power-off


def disk(folder):
    path = os.path.join(folder, 'disk')
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', path, '8M'], check=True,
                   stdout=subprocess.DEVNULL)
    return path


def content(image, name):
    assert subprocess.run(['e2fsck', '-fn', image], capture_output=True).returncode == 0
    return subprocess.run(['debugfs', '-R', 'cat ' + name, image], capture_output=True).stdout


with tempfile.TemporaryDirectory() as folder:
    with scenario('poweroff stops programs, unmounts the disk and switches the machine off'):
        image = disk(folder)
        with Guest(disks=[image], extra=RESETS) as guest:
            guest.shell()
            guest.run('mount -t ext2 /dev/vdb /mnt; seq 1 50000 > /mnt/numbers')
            guest.send('poweroff\n')
            guest.expect('system is going down', 30)
            assert guest.wait(30) == 0
        assert content(image, 'numbers').split() == [b'%d' % n for n in range(1, 50001)]
    with scenario('poweroff -f loses nothing either'):
        image = disk(folder)
        with Guest(disks=[image], extra=RESETS) as guest:
            guest.shell()
            guest.run('mount -t ext2 /dev/vdb /mnt; seq 1 50000 > /mnt/numbers')
            guest.send('poweroff -nf\n')
            assert guest.wait(60) == 0
        assert content(image, 'numbers').split() == [b'%d' % n for n in range(1, 50001)]
    with scenario('reboot starts the machine again, as often as it is asked'):
        with Guest(extra=RESETS) as guest:
            guest.shell()
            guest.send('reboot\n')
            guest.expect(BEGINS, 60)
            guest.shell()
            guest.send('reboot -f\n')
            guest.expect(BEGINS, 60)
            guest.shell()
            assert guest.run('echo again') == (0, 'again\n')
    with scenario('halt leaves the machine on, and no program runs'):
        with Guest(extra=RESETS) as guest:
            guest.shell()
            guest.send('while true; do echo busy; sleep 1; done & sleep 1; halt\n')
            guest.expect('system halted', 30)
            time.sleep(1)
            guest.receive(0.1)
            guest.buffer = b''
            guest.send('echo still here\n')
            time.sleep(2)
            guest.receive(0.1)
            assert guest.alive() and b'busy' not in guest.buffer, guest.buffer
    with scenario('without firmware tables the chip set is known'):
        with Guest(extra=RESETS + ['-machine', 'acpi=off']) as guest:
            guest.shell()
            assert 'reset by port' not in guest.run('service log acpi')[1]
            guest.send('poweroff -f\n')
            assert guest.wait(30) == 0
    with scenario('only root may, and not by accident'):
        with Guest(extra=RESETS) as guest:
            guest.shell()
            status, out = guest.run("su -s /bin/sh nobody -c 'reboot -f; poweroff -f; halt -f'")
            assert status != 0 and out.count('Operation not permitted') == 3, out
    with scenario('process 1 is not ended by a signal, and what it waits for reaches it'):
        with Guest(extra=RESETS) as guest:
            guest.shell()
            guest.run('for s in KILL STOP SEGV ALRM PIPE HUP; do kill -$s 1; done; sleep 1')
            assert 'S    init' in guest.run('ps')[1] or ' init' in guest.run('ps')[1]
            guest.send('kill -USR2 1\n')
            guest.expect('system is going down', 30)
            assert guest.wait(30) == 0
finish()
