# SPDX-License-Identifier: BSD-2-Clause
"""Services whose state cannot be repaired say so, and begin afresh at once. Limit: 120

In this test's boot archive their check() finds nothing that it could repair.
"""
import re
import time

import machine
from bootset import BootSet
from guest import Guest, finish, scenario

LOST = bytes.fromhex('b8eaffffffc3')            # mov $-EINVAL, %eax; ret
HLT = b'\xf4'
CHECKS = {'log': 'check', 'ds': 'check', 'sched': 'check', 'pci': 'check', 'vm': 'vm_check'}
UNFINISHED = 3                  # lib/server.h
LOSSES = 5
FIRST_US = 100000               # servers/rs/guard.c


def image(boot):
    for name, function in CHECKS.items():
        boot.patch(name, function, LOST)
    boot.patch('sched', 'do_sched_load', HLT)
    boot.patch('devfs', 'check', HLT)
    return boot.write('boot.img')


def status(guest, name):
    """(restarts, recoveries, all that is said), when it runs again."""
    while True:
        out = guest.run('service status ' + name)[1]
        if 'running' in out:
            return (*map(int, re.search(r'(\d+) restarts, (\d+) recoveries', out).groups()), out)


def memory(guest):
    """KiB that are free, or of the page cache."""
    found = dict(re.findall(r'(\w+): +(\d+)', guest.run('cat /proc/meminfo')[1]))
    return int(found['MemFree']) + int(found['Cached'])


def lose_programs(guest):
    """vm dies; the next shell."""
    guest.send('service kill vm\n')
    guest.shell()


with BootSet() as boot, Guest(initrd=image(boot), root=machine.ROOT_IMAGE,
                              root_option=',snapshot=on') as guest:
    guest.shell()
    for name in ('log', 'ds', 'sched', 'pci'):
        with scenario('%s cannot repair its state: one fresh start, at once' % name):
            begun = time.monotonic()
            guest.run('service kill ' + name)
            restarts, recoveries, out = status(guest, name)
            assert (restarts, recoveries) == (1, 1) and 'last defect: exit 135' in out, out
            assert time.monotonic() - begun < 10, time.monotonic() - begun
    with scenario('devfs dies of it each time that it looks: one fresh start, soon'):
        guest.run('service kill devfs')
        restarts, recoveries, out = status(guest, 'devfs')
        assert restarts == 1 and recoveries == UNFINISHED + 1, out
    with scenario('who loses it again and again is waited for longer each time'):
        took = []
        for _ in range(LOSSES):
            guest.run('cat /proc/loadavg')      # sched dies of it
            took.append(int(re.search(r'repaired in (\d+)', status(guest, 'sched')[2])[1]))
        assert all(us >= FIRST_US << n for n, us in enumerate(took)), took
    with scenario('and the system works'):
        assert guest.run('ls /proc > /dev/null && dmesg | grep -q . && service list')[0] == 0
    guest.run('sleep 3')                        # all that init starts has begun
    before = memory(guest)
    with scenario('vm cannot: programs end, init and a shell come again'):
        guest.run('sleep 1000 & echo old > /tmp/memory; echo old > /root/disk')
        lose_programs(guest)
        restarts, recoveries, out = status(guest, 'vm')
        assert (restarts, recoveries) == (1, 1) and 'last defect: exit 135' in out, out
        status_, out = guest.run('ps')
        assert re.search(r'^ +1 root +init', out, re.M) and 'sleep 1000' not in out, out
    with scenario('files stay, drivers find what is lent to them'):
        assert guest.run('cat /tmp/memory /root/disk')[1] == 'old\nold\n'
        guest.run('service kill virtio_blk; service kill uart')
        assert guest.run('cp /bin/busybox /root/b && sync && cmp /bin/busybox /root/b')[0] == 0
    with scenario('also while programs are at work; and no memory is lost'):
        for _ in range(3):
            guest.run('rm -f /root/b; (while :; do cat /proc/*/stat; find /etc | sort; done) '
                      '> /dev/null 2>&1 & sleep 0.3')
            lose_programs(guest)
            assert status(guest, 'vm')[0] > restarts
        guest.run('sleep 3')
        assert memory(guest) > before - 2048, (before, memory(guest))
    with scenario('and it ends as it should'):
        guest.send('poweroff\n')
        guest.wait(60)
finish()
