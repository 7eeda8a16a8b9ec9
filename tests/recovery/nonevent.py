# SPDX-License-Identifier: BSD-2-Clause
"""`service kill NAME`, typed at the console while top, a compile and a copy are running, is nothing
that these notice; the log says what happened.

Limit: 300
Packages: gcc libc6-dev make tcc
"""
import machine
import uses
from compiling import Compiling
from guest import Guest, finish, scenario, until

WORK = 'sh /srv/work gcc > /tmp/made && cmp /tmp/made /srv/made'
COPY = ('dd if=/bin/busybox of=/tmp/b bs=64k 2> /dev/null; cp /tmp/b /root/c && '
        'cmp /root/c /bin/busybox')


def started(guest):
    """top, the compile and the copy run in the background, until there is /tmp/stop."""
    guest.run('top -b -d 1 > /tmp/top 2>&1 & '
              'goes() { while [ ! -e /tmp/stop ]; do sh -c "$2" && echo >> /tmp/$1 || '
              'echo BAD >> /tmp/$1; done 2> /tmp/$1.err; }; '
              "goes compiled '%s' & compile=$!; goes copied '%s' & copy=$!" % (WORK, COPY))


def killed(guest, name):
    """What the console shows of it, and what the log says."""
    before = guest.service(name).deaths
    code, shown = guest.run('service kill ' + name)
    assert (code, shown) == (0, ''), (code, shown)
    assert guest.run('echo here') == (0, 'here\n')

    def back():
        now = guest.service(name)
        return now.deaths > before and now.repaired_us is not None and now

    now = until(back, said=lambda: guest.service(name).text)
    assert now.deaths == before + 1 and 'last defect: signal 9' in now.text, now
    log = guest.run('dmesg')[1]
    assert 'rs: %s: killed by signal 9' % name in log, log[-2000:]
    return now.repaired_us


def main(guest):
    names = [s.name for s in uses.services() if not s.loaded]
    repaired, done = [], []
    guest.shell()
    started(guest)
    for name in names:
        with scenario('`service kill %s`, typed, is a non-event that the log describes' % name):
            repaired.append('%s %s us' % (name, killed(guest, name)))
    with scenario('top, the compile and the copy have noticed nothing'):
        guest.run('touch /tmp/stop; wait $compile $copy', 120)
        assert guest.run('cat /tmp/*.err') == (0, ''), guest.run('cat /tmp/*.err /tmp/made')
        for name in ('compiled', 'copied'):
            times = guest.run('sort /tmp/%s | uniq -c' % name)[1].split()
            assert len(times) == 1, (name, times)
            done.append('%s %s times' % (name, times[0]))
        top = guest.run('killall top; grep -c "^Mem:" /tmp/top')[1]
        assert int(top) > 5, top
        assert guest.run("grep -ciE 'error|cannot|can.t' /tmp/top")[1] == '0\n'
    with scenario('and all services run'):
        out = guest.run('service list')[1]
        assert out.count(' running ') == len(names), out
        print('    %s; repaired: %s' % (', '.join(done), ', '.join(repaired)))


with Compiling(machine.wanted(__doc__)) as work:
    with open(work.folder + '/srv/made', 'w') as made:
        made.write(work.here('gcc'))
    with Guest(overlays=[work.folder]) as console:
        main(console)
finish()
