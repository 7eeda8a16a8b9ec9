# SPDX-License-Identifier: BSD-2-Clause
"""Services die while programs run; the programs go on.

Limit: 300
"""
import re
import subprocess
import time

import bootset
from guest import Guest, finish, scenario, until

LOADED = list(bootset.names('image/disk.list'))
SERVICES = [name for name in bootset.names('image/boot.list') if name != 'rs'] + LOADED
OFTEN = 10                      # deaths of each of these, while a session goes on
KINDS = ('a null store', 'an undefined instruction', 'a failed assertion', 'a hang')
TOY = '/usr/lib/skink/toyctl'


def repaired(guest, name, deaths=0):
    """Its status, when it has died more than so often and that is mended."""
    now = guest.service(name)
    return now.deaths > deaths and now.repaired_us is not None and now


def dies_often(guest, name):
    """A session with its own checks, beside a program that kills the service."""
    guest.run('dmesg -n 1; rm -f /tmp/killed')      # the console is the session's
    before = guest.service(name)
    guest.run('(for i in $(seq %d); do service kill %s; usleep 150000; done; '
              'echo > /tmp/killed) > /dev/null 2>&1 & true' % (OFTEN, name))
    rounds, deadline = 0, time.monotonic() + 60
    while guest.run('test -e /tmp/killed')[0] != 0:
        status, out = guest.run('cp /bin/busybox /tmp/b && cmp /tmp/b /bin/busybox && seq 200 | '
                                'sort -n | tail -1; ls -lR /etc | grep -c passwd', 60)
        assert (status, out) == (0, '200\n1\n'), (status, out)
        assert time.monotonic() < deadline, 'the killer does not end'
        rounds += 1
    after = until(lambda: repaired(guest, name))
    died = after.deaths - before.deaths
    assert died >= OFTEN // 2 and rounds > 0, (before, after, rounds)
    print('    %s: %d deaths, %d rounds of the session, last repair %s us'
          % (name, died, rounds, after[2]))


with Guest() as guest:
    guest.shell()
    for number, kind in enumerate(KINDS):
        with scenario('the toy keeps its sum when %s interrupts a put' % kind):
            before = guest.run(TOY + ' sum')[1]
            total = int(before.split()[1])
            status, out = guest.run('%s crash %d %d 10' % (TOY, number, 100 + number), 60)
            assert status == 0, (status, out)

            after = guest.run(TOY + ' sum')[1]
            assert int(after.split()[1]) == total + 10, (before, after)
            assert 'recoveries' in after
    with scenario('the log says where a service was when it died, and tools/where the functions'):
        log = guest.run('dmesg')[1]
        named = subprocess.run(['tools/where'], input=log, capture_output=True, text=True,
                               check=True).stdout
        for how in ('exception 14', 'exception 6', 'it ended itself', 'missed its heartbeats'):
            assert 'rs: toy: at 0x' in named[named.index(how):], how
        assert len(re.findall(r'^    0x\w+ die_by at toy.c:\d+', named, re.M)) == len(KINDS), named
    with scenario('a request that crashes the toy each time is refused, and changes nothing'):
        time.sleep(1)
        before = guest.run(TOY + ' sum')[1]
        status, out = guest.run(TOY + ' crash 1 200 5 always', 60)
        assert status == 1 and ('604' in out or '600' in out), (status, out)
    repairs = []
    for name in LOADED:
        assert guest.run('service start ' + name)[0] == 0
    for name in SERVICES:
        with scenario('a shell session goes on when %s is killed' % name):
            before = guest.service(name)
            status, out = guest.run('service kill %s' % name)
            assert status == 0, out
            status, out = guest.run('echo one > /tmp/k; cat /tmp/k; ls /proc | grep -c cpuinfo', 60)
            assert (status, out) == (0, 'one\n1\n'), (status, out)
            after = until(lambda: repaired(guest, name, before.deaths), said='it was not replaced')
            assert after.deaths == before.deaths + 1, (before, after)
            repairs.append('%s %s us' % (name, after.repaired_us))
    for name in ('uart', 'keyboard', 'pci', 'virtio_blk'):
        with scenario('a shell session goes on while %s is killed again and again' % name):
            dies_often(guest, name)
    with scenario('rs itself is recovered by rsguard'):
        guest.run('service kill rs')
        status, out = guest.run('service list; echo alive')
        assert 'alive' in out and ' running ' in out, out
        out = guest.run('service status rs')[1]
        assert 'last defect: signal 9' in out and re.search(r'repaired in [1-9]\d* us', out), out
        assert 'rs: rs: killed by signal 9' in guest.run('service log rs')[1]
    with scenario('a service that hangs is restarted at once if asked, and who asks is answered'):
        status, out = guest.run('service kill -STOP rtc; service restart rtc & '
                                'service restart rtc & wait; service status rtc', 20)
        assert status == 0 and 'running' in out and 'last defect: request' in out, out
        status, out = guest.run('service kill -STOP rtc; service kill -SEGV rtc; usleep 500000;'
                                ' service status rtc')
        assert status == 0 and 'running' in out and 'last defect: signal 11' in out, out
    with scenario('rs does not die or hang on request while rsguard cannot help'):
        for how in ('-STOP', '-KILL'):
            status, out = guest.run('service kill -STOP rsguard; service kill %s rs' % how)
            assert status == 1 and 'nobody would notice' in out, out
            deadline = time.monotonic() + 30
            while guest.run('service kill %s rs 2> /dev/null' % how)[0] != 0:
                assert time.monotonic() < deadline, 'rsguard did not come back'
                time.sleep(1)
        assert ' running ' in guest.run('service list', 30)[1]
    with scenario('names are known again when ds has begun afresh: tty finds its drivers'):
        assert guest.run('service restart ds') == (0, '')
        assert guest.run('service kill tty; echo there') == (0, 'there\n')
    with scenario('the log about a service has what rs did to it, and what it said itself'):
        guest.run('service kill -SEGV hello; service stop toy')
        out = guest.run('service log hello')[1]
        assert 'rs: hello: killed by signal 11\n' in out and '\nhello: hello, world\n' in out, out
        assert 'rs: toy: stopped on request' in guest.run('service log toy')[1]
        out = guest.run('service status toy')[1]
        assert 'toy: stopped' in out and ' up ' not in out, out
        assert guest.run('service start toy; service log nosuch')[0] == 1
    print('    repaired: ' + ', '.join(repairs))
with Guest(name='services-ram', ram_root=True) as guest:
    guest.shell()
    for name in bootset.names('image/ram.list'):
        with scenario('a shell session goes on while its root %s is killed again and again' % name):
            dies_often(guest, name)
finish()
