# SPDX-License-Identifier: BSD-2-Clause
"""A file server is stopped: who asks it gets an error at once, and answers when it is there again.

Limit: 120
"""
import os
import subprocess
import sys
import tempfile

import machine
from guest import finish, scenario

EXEC = [sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py'), '--timeout', '60']
PROC = r'''
read a b < /proc/uptime; echo "before ${b:+there}"
service stop procfs
cat /proc/stat || ls /proc || echo "both $?"
service start procfs
read a b < /proc/uptime; echo "after ${b:+there}"
'''
# It was asked before it was stopped, and would have answered later.
ASKED = r'''
service kill -STOP procfs; cat /proc/stat & p=$!
usleep 200000; service stop procfs; wait $p || echo "failed $?"
'''
DISK = r'''
mount -t ext2 /dev/vdb /mnt && echo kept > /mnt/kept && sync
service stop ext2_1
cat /mnt/none; echo more > /mnt/kept; sync
umount /mnt || service start ext2_1
umount /mnt; mount -t ext2 /dev/vdb /mnt && cat /mnt/kept
'''
# Its disk is given up: what is not in memory is an error, until there is a driver again.
GONE = r'''
mount -t ext2 /dev/vdb /mnt && head -c 3000000 /dev/urandom > /mnt/kept && sync
sum=$(md5sum < /mnt/kept); umount /mnt; mount -t ext2 /dev/vdb /mnt; ls /mnt > /dev/null
service degrade virtio_blk1; echo degraded
cat /mnt/kept > /dev/null || echo "read $?"
sync; echo synced
service start virtio_blk1
[ "$(md5sum < /mnt/kept)" = "$sum" ] && echo same
echo more > /mnt/more && sync && umount /mnt && mount -t ext2 /dev/vdb /mnt && cat /mnt/more
'''
# What it does then waits for the one that stands still, through others.
CHAIN = r'''
for s in pm sched; do service kill -STOP $s; ls / > /dev/null; sleep 4; done
service list | sed -n 's/ .* hung .*//p'
'''


def run(script, *options):
    return subprocess.run(EXEC + list(options) + ['--', 'sh', '-c', script], timeout=90, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)


with scenario('what is asked of a stopped file server is an error, and the shell goes on'):
    done = run(PROC)
    assert 'before there\nboth 1\nafter there\n' == done.stdout, done
    assert done.stderr.count('Input/output error') == 2, done
with scenario('what it had been asked before is one too'):
    done = run(ASKED)
    assert done.stdout == 'failed 1\n' and 'Input/output error' in done.stderr, done
with scenario('who waits for a service that hangs does not hang'):
    done = run(CHAIN)
    assert done.stdout == 'sched\npm\n', done
with scenario('the tree of a disk whose server was stopped is unmounted, and mounted afresh'):
    with tempfile.TemporaryDirectory(prefix='skink-stopped-') as folder:
        disk = os.path.join(folder, 'disk')
        subprocess.run(['mke2fs', '-q', '-t', 'ext2', disk, '6M'], check=True,
                       stdout=subprocess.DEVNULL)
        done = run(DISK, '--disk', disk)
        assert done.stdout == 'kept\n', done
with scenario('a disk driver is given up: an error, and all is there when it is started again'):
    with tempfile.TemporaryDirectory(prefix='skink-gone-') as folder:
        disk = os.path.join(folder, 'disk')
        subprocess.run(['mke2fs', '-q', '-t', 'ext2', disk, '16M'], check=True,
                       stdout=subprocess.DEVNULL)
        done = run(GONE, '--disk', disk)
        assert done.stdout == 'degraded\nread 1\nsynced\nsame\nmore\n', done
        assert subprocess.run(['e2fsck', '-fn', disk], capture_output=True).returncode == 0
finish()
