# SPDX-License-Identifier: BSD-2-Clause
"""Services die while programs run; the programs go on.

Limit: 300
"""
import re
import time

from guest import Guest, finish, scenario

STATEFUL = ('log', 'ds', 'vm', 'pm', 'vfs', 'tty', 'tmpfs', 'devfs', 'sched', 'toy',
            'screen', 'keyboard')
STATELESS = ('uart', 'procfs', 'rsguard', 'acpi', 'is', 'hello')
KINDS = ('a null store', 'an undefined instruction', 'a failed assertion', 'a hang')
TOY = '/usr/lib/skink/toyctl'


def defects(guest, name):
    """(restarts, recoveries, how long the last repair took) of a service, by its own account."""
    out = guest.run('service status %s' % name)[1]
    found = re.search(r'(\d+) restarts, (\d+) recoveries', out)
    repaired = re.search(r'repaired in (\d+) us', out)
    return int(found[1]), int(found[2]), repaired and repaired[1]


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
    with scenario('a request that crashes the toy each time is refused, and changes nothing'):
        time.sleep(1)
        before = guest.run(TOY + ' sum')[1]
        status, out = guest.run(TOY + ' crash 1 200 5 always', 60)
        assert status == 1 and ('604' in out or '600' in out), (status, out)
    repairs = []
    for name in STATEFUL + STATELESS:
        with scenario('a shell session goes on when %s is killed' % name):
            before = defects(guest, name)
            status, out = guest.run('service kill %s' % name)
            assert status == 0, out
            status, out = guest.run('echo one > /tmp/k; cat /tmp/k; ls /proc | grep -c cpuinfo', 60)
            assert (status, out) == (0, 'one\n1\n'), (status, out)
            deadline = time.monotonic() + 20
            while defects(guest, name)[:2] == before[:2] or not defects(guest, name)[2]:
                assert time.monotonic() < deadline, 'it was not replaced'
            after = defects(guest, name)
            assert sum(after[:2]) == sum(before[:2]) + 1, (before, after)
            repairs.append('%s %s us' % (name, after[2]))
    with scenario('rs itself is recovered by rsguard'):
        guest.run('service kill rs')
        status, out = guest.run('service list; echo alive')
        assert 'alive' in out and ' running ' in out, out
    print('    repaired: ' + ', '.join(repairs))
finish()
