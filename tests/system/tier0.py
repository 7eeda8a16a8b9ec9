# SPDX-License-Identifier: BSD-2-Clause
"""Tier 0 of Linux programs: static ones of glibc and musl, position-independent or not.

tests/programs/posix is built here with the host's compilers in each of these ways, and runs from a
disk. The paths are those that the shell and the tools of busybox look up.

Limit: 400
"""
import glob
import os
import subprocess
import sys
import tempfile

import machine
from guest import finish, scenario

SOURCES = sorted(glob.glob(os.path.join(machine.ROOT, 'tests', 'programs', 'posix', '*.c')))
WAYS = {
    'glibc-static': ['gcc', '-static'],
    'glibc-static-pie': ['gcc', '-static-pie', '-fPIE'],
    'musl-static': ['musl-gcc', '-static'],
}
PATHS = '''/proc /proc/1 /proc/cpuinfo /proc/loadavg /proc/meminfo /proc/mounts /proc/stat /proc/sys
/proc/1/cmdline /proc/1/exe /proc/1/mounts /proc/1/stat /proc/self/exe /proc/self/fd/0
/proc/sys/kernel /proc/sys/kernel/ostype /dev /dev/fd/0 /dev/null /dev/pts /dev/shm /dev/tty
/dev/zero /sys'''.split()
RUN = r'''
mkdir -p /mnt && mount -t ext2 /dev/vdb /mnt || exit 99
for way in %s; do
    echo "@@$way"
    /mnt/posix-$way 2>&1
    echo "status $?"
done
echo @@paths
for p in %s; do [ -e $p ] || [ -L $p ] || echo missing $p; done
umount /mnt
''' % (' '.join(WAYS), ' '.join(PATHS))


def build(folder):
    for way, command in WAYS.items():
        subprocess.run(command + ['-O2', '-std=gnu17', '-pthread', '-w', '-s',
                                  '-fno-delete-null-pointer-checks', '-o',
                                  os.path.join(folder, 'posix-' + way)] + SOURCES, check=True)


with tempfile.TemporaryDirectory(prefix='skink-tier0-') as folder:
    tree, disk = os.path.join(folder, 'tree'), os.path.join(folder, 'disk')
    os.mkdir(tree)
    build(tree)
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', '-d', tree, disk, '16M'], check=True)
    done = subprocess.run([sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py'),
                           '--timeout', '350', '--disk', disk, '--', 'sh', '-c', RUN],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=390)
sys.stderr.write(done.stderr)
parts = dict(part.partition('\n')[::2] for part in done.stdout.split('@@')[1:])
for way in WAYS:
    with scenario('a program made with %s runs as on Linux' % way):
        assert way in parts, done.stdout[-1000:]
        lines = parts[way].strip().split('\n')
        bad = [line for line in lines if not line.startswith('ok ')]
        assert bad == ['status 0'] and len(lines) > 70, '\n'.join(bad)
with scenario('the paths that tools look up are there'):
    assert parts.get('paths') == '', parts.get('paths')
finish()
