# SPDX-License-Identifier: BSD-2-Clause
"""Nice values, fairness between programs that compute, load averages; sched may die. And how late a
program wakes beside others that want everything, in instructions, so that the host does not matter.

Limit: 300
"""
import re
import time

from guest import Guest, finish, scenario

NICER = '/usr/lib/skink/nicer'
# What the others do, how many they are; by how many ms of instructions a program may wake late.
STORMS = (('compute', 8, 500), ('call', 2, 500), ('chain', 2, 500), ('commands', 2, 500),
          ('again', 1, 500), ('bomb', 1, 1500))
# How many of the urgent have the usual priority, or a higher one.
USUAL = "service dump priorities | awk '$2 == \"fair\" && $5 <= 8' | wc -l"
HOG = "%ssh -c 'while :; do :; done' & echo pid $!; true"


def priorities(guest):
    """{name: (nice, base, now, quantum, raised)}, of several with a name the last."""
    rows = guest.run('service dump priorities')[1].strip().split('\n')[1:]
    return {row.split()[1]: tuple(map(int, row.split()[2:])) for row in rows}


def start_hog(guest, prefix=''):
    return re.search(r'pid (\d+)', guest.run(HOG % prefix)[1])[1]


def used(guest, pid):
    """CPU time of a process, in ticks of 10 ms."""
    return sum(map(int, guest.run('cat /proc/%s/stat' % pid)[1].split()[13:15]))


with Guest() as guest:
    guest.shell()
    with scenario('services and programs are known, with the priorities of manifest and nice'):
        table = priorities(guest)
        assert table['vfs'][:2] == (0, 3) and table['rs'][1] == 1 and table['init'][:2] == (0, 8)
    with scenario('a nice value is inherited, also by exec, and read back'):
        assert guest.run(NICER) == (0, '0\n')
        assert guest.run('%s 7 %s' % (NICER, NICER)) == (0, '7\n')
        assert guest.run('%s 7 sh -c "%s 5 %s"' % (NICER, NICER, NICER)) == (0, '12\n')
        guest.run(NICER + ' 15 sleep 100 & sleep 0.5')
        assert priorities(guest)['sleep'][:2] == (15, 11)
    with scenario('setpriority changes one process, a group or a user, within the limits'):
        assert guest.run(NICER + ' process $! 18')[0] == 0
        assert priorities(guest)['sleep'][:2] == (18, 12)
        assert guest.run(NICER + ' group $! -30')[0] == 0
        assert priorities(guest)['sleep'][:2] == (-20, 6)
        assert guest.run(NICER + ' process $!') == (0, '-20\n')
        guest.run("su -s /bin/sh nobody -c 'exec sleep 99' & sleep 0.5; %s user 65534 4" % NICER)
        assert re.search(r'nobody +4 ', guest.run('ps -o user,nice,comm')[1])
        assert guest.run(NICER + ' user 65534') == (0, '4\n')
    with scenario('who is not root may only become nicer, and only himself'):
        status, out = guest.run("su -s /bin/sh nobody -c 'N=%s; $N 5 $N; $N -5 $N; "
                                "$N process 1 2' 2>&1" % NICER)
        assert out.startswith('5\n') and status == 1, out
        assert out.count('Operation not permitted') == 2, out
        assert 'No such process' in guest.run(NICER + ' process 31999 1 2>&1')[1]
    with scenario('load averages are 0 on an idle machine'):
        assert guest.run('cat /proc/loadavg')[1].startswith('0.0')
    with scenario('a program that computes sinks, and is raised again'):
        guest.run('killall sleep')
        plain = start_hog(guest)
        time.sleep(6)
        raised = [row for row in priorities(guest).values() if row[1] == 8 and row[4] > 0]
        assert raised, priorities(guest)
    with scenario('a nice one beside it gets less, and still something'):
        nice = start_hog(guest, NICER + ' 19 ')
        before = [used(guest, pid) for pid in (plain, nice)]
        time.sleep(10)
        share = [used(guest, pid) - old for pid, old in zip((plain, nice), before)]
        assert share[1] >= 10 and share[0] > 2 * share[1], share
    with scenario('and the shell answers at once all the while'):
        begun = time.monotonic()
        assert guest.run('echo here') == (0, 'here\n')
        assert time.monotonic() - begun < 3
    with scenario('the load averages have risen, the first most'):
        one, five, fifteen = map(float, guest.run('cat /proc/loadavg')[1].split()[:3])
        assert one > five > fifteen > 0, (one, five, fifteen)
        assert re.search(r'load average: 0\.[1-9]|load average: [1-9]', guest.run('uptime')[1])
        guest.run('kill %s %s; wait' % (plain, nice))
    with scenario('sched dies, and knows everybody afterwards'):
        before = priorities(guest)
        assert guest.run('service kill sched')[0] == 0
        assert guest.run('%s 3 %s' % (NICER, NICER)) == (0, '3\n')
        assert set(before) == set(priorities(guest)), (before, priorities(guest))
        assert ' 1 recoveries in place' in guest.run('service status sched')[1]
    with scenario('a crowd of nice ones is as low as it goes, also after a death of sched'):
        guest.send("setsid sh -c 'for i in $(seq 80); do %s 19 /usr/lib/skink/fair compute & done; "
                   "wait' &\n" % NICER)
        deadline = time.monotonic() + 30
        while guest.run("service dump priorities | grep -c 'fair *19 *15 '")[1] != '80\n':
            assert time.monotonic() < deadline, guest.run('service dump priorities')
            time.sleep(1)
        assert guest.run('service kill sched')[0] == 0
        assert ' 0 restarts, 2 recoveries in place' in guest.run('service status sched')[1]
        guest.run('killall -9 fair; wait')
with Guest(icount='on') as guest:
    guest.shell()
    for kind, count, limit in STORMS:
        with scenario('beside %s, %d at first, a program wakes in time' % (kind, count)):
            status, out = guest.run('/usr/lib/skink/fair %s %d' % (kind, count), 120)
            naps, late = map(int, re.match(r'(\d+) naps, the worst (\d+) ms', out).groups())
            print('  %d naps, %d ms' % (naps, late))
            assert status == 0 and naps > 60 and late < limit, out
    with scenario('beside twelve urgent ones that compute, a usual one wakes in time'):
        for n in range(12):
            assert guest.run('%s -20 /usr/lib/skink/fair compute & true' % NICER, 60)[0] == 0
        # Each has begun above the usual priority; from then on they take turns with that. That is
        # 8 s of the guest's time, which instructions make here: 47 s of an idle host's.
        assert guest.run('until [ $(%s) -le 1 ]; do usleep 100000; done' % USUAL, 200)[0] == 0
        status, out = guest.run('/usr/lib/skink/fair compute 1', 120)
        naps, late = map(int, re.match(r'(\d+) naps, the worst (\d+) ms', out).groups())
        print('  %d naps, %d ms' % (naps, late))
        assert status == 0 and naps > 60 and late < 700, out
finish()
