# SPDX-License-Identifier: BSD-2-Clause
"""Services whose state cannot be repaired say so, and begin afresh at once. Limit: 300

In this test's boot archive their check() finds nothing that it could repair.
"""
import os
import re
import time

import machine
from bootset import BootSet
from guest import Guest, finish, scenario, until

HLT = b'\xf4'
CHECKS = {'log': 'check', 'ds': 'check', 'sched': 'check', 'pci': 'check', 'vm': 'vm_check',
          'vfs': 'check', 'pm': 'check'}
UNFINISHED = 3                  # lib/server.h
LOSSES = 5
FIRST_US = 100000               # servers/rs/guard.c


def image(boot):
    boot.lose_states(CHECKS)
    boot.patch('sched', 'do_sched_load', HLT)
    boot.patch('devfs', 'check', HLT)
    return boot.write('boot.img')


def status(guest, name):
    """Its status, when it runs again: restarts, recoveries and what is said."""
    def running():
        now = guest.service(name)
        return 'running' in now.text and (now.restarts, now.recoveries, now.text)

    return until(running)


def memory(guest):
    """KiB that are free, or of the page cache."""
    found = dict(re.findall(r'(\w+): +(\d+)', guest.run('cat /proc/meminfo')[1]))
    return int(found['MemFree']) + int(found['Cached'])


def counts(guest):
    """What must be the same when all programs have begun anew."""
    guest.run('sync; sleep 5')                  # all that init starts has begun
    found = [int(re.search(r'(\d+) ' + what, guest.run('service dump ' + of)[1])[1])
             for of, what in (('vfs', 'open files'), ('vfs', 'descriptor tables'),
                              ('vfs', 'pipes'), ('vfs', 'sockets'), ('vfs', 'grants in use'),
                              ('pm', 'processes with'), ('pm', 'jobs for vfs'))]
    return found + guest.run('ls /dev/pts; mount | sort')[1].split('\n')


def lose_programs(guest, name='vm', verb='kill'):
    """The service dies; the next shell. What was said meanwhile."""
    before = os.path.getsize(guest.log)
    guest.send('service %s %s\n' % (verb, name))
    guest.shell()
    guest.run('dmesg -n 1')                     # the console is ours
    with open(guest.log, 'rb') as log:
        return log.read()[before:].decode(errors='replace')


def work(guest, tag):
    """A command that uses most of the system; what it shows."""
    return guest.run('t=%s; cp /bin/busybox /root/$t && sync && '
                     'cmp /bin/busybox /root/$t; rm /root/$t; '
                     'seq 1000 | sort -n | tail -1; echo $t > /dev/shm/$t; cat /dev/shm/*; '
                     'rm /dev/shm/*; service list | grep -c running; ls /proc/self/fd' % tag)[1]


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
    with scenario('what a fresh log is told comes into its file'):
        guest.run('service kill -SEGV toy')
        until(lambda: guest.run('tail -n 40 /var/log/skink.log | grep "toy: .*signal 11"')[0] == 0,
              20)
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
    for name in ('vfs', 'pm'):
        guest.run('rm -f /root/b; hostname skink')
        was, shown, room = counts(guest), work(guest, 'a'), memory(guest)
        with scenario('%s cannot: programs end, init and a shell come again' % name):
            guest.run('sleep 1000 & sleep 1000 < /dev/ptmx & (while :; do :; done) & '
                      'echo new > /root/disk; mkfifo /root/f; cat /root/f & sync')
            guest.run('exec 3> /root/gone; rm /root/gone; echo open >&3')
            lose_programs(guest, name)
            out = status(guest, name)[2]
            assert '1 restarts, 1 recoveries' in out and 'exit 135' in out, out
            out = guest.run('ps')[1]
            assert re.search(r'^ +1 root +init', out, re.M) and 'sleep' not in out, out
            assert guest.run('cat /root/disk; rm /root/f')[1] == 'new\n'
        with scenario('%s: all goes as before, nothing is left of what was' % name):
            out = work(guest, 'b')
            assert out == shown.replace('a\n', 'b\n'), (out, shown)
            assert counts(guest) == was, (counts(guest), was)
        with scenario('%s: a second and a third time, while programs are at work' % name):
            for restarts in (2, 3):
                guest.run('(while :; do cp -r /etc /root/e; rm -r /root/e; done) 2> /dev/null & '
                          '(while :; do ls -lR / | sort | wc; done) > /dev/null 2>&1 & sleep 0.5')
                lose_programs(guest, name)
                assert status(guest, name)[0] == restarts
                assert guest.run('rm -rf /root/e; sync; cat /root/disk')[1] == 'new\n'
            out = work(guest, 'c')
            assert out == shown.replace('a\n', 'c\n'), (out, shown)
            assert counts(guest) == was, (counts(guest), was)
            assert memory(guest) > room - 2048, (room, memory(guest))
    for name in ('pm', 'vfs', 'vm'):
        with scenario('%s on request: the command says what follows; restart is refused' % name):
            restarts = status(guest, name)[0]
            code, out = guest.run('service restart ' + name)
            assert code == 1 and 'service refresh ' + name in out, out
            said = lose_programs(guest, name, 'refresh')
            assert 'all programs end' in said, said
            assert status(guest, name)[0] == restarts + 1
            assert guest.run('sync; cat /root/disk')[1] == 'new\n'
    with scenario('tmpfs on request: the shell goes on; so it does with the root; rs is refused'):
        restarts = status(guest, 'tmpfs')[0]
        code, out = guest.run('service refresh tmpfs')
        assert code == 0 and 'lose' in out and status(guest, 'tmpfs')[0] == restarts + 1, out
        assert guest.run('service refresh ext2') == (0, '') and status(guest, 'ext2')[0] == 1
        assert guest.run('service refresh rs')[0] == 1
        assert guest.run('cat /root/disk')[1] == 'new\n'
    with scenario('and it ends as it should'):
        guest.send('poweroff\n')
        guest.wait(60)
finish()
