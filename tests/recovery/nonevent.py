# SPDX-License-Identifier: BSD-2-Clause
"""`service kill NAME`, typed at the console while top, a long computation and a copy are running,
is nothing that these notice; the log says what happened.

Limit: 240
"""
import re
import subprocess
import tempfile
import time

import uses
from guest import Guest, finish, scenario

# As long as no compiler is in the image: a script that computes, sorts, packs and sums.
WORK = r'''
awk 'BEGIN { for (i = 2; i < LIMIT; i++) { p = 1; for (j = 2; j * j <= i; j++) if (i % j == 0) {
 p = 0; break } if (p) { n++; s += i } } print n, s }' > $1/primes
seq 1 20000 | sort -r | awk '{ print $1 * 7 }' | gzip > $1/g
gunzip < $1/g | sha256sum > $1/sum
'''
LIMIT = 40000
COPY = ('dd if=/bin/busybox of=/tmp/b bs=64k 2> /dev/null; cp /tmp/b /root/c && '
        'cmp /root/c /bin/busybox')


def expected():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['/bin/busybox', 'sh', '-c', WORK.replace('LIMIT', str(LIMIT)), 'sh',
                        folder], check=True)
        found = ''
        for name in ('primes', 'sum'):
            with open(folder + '/' + name) as file:
                found += file.read()
        return found


def status(guest, name):
    out = guest.run('service status ' + name)[1]
    found = re.search(r'(\d+) restarts, (\d+) recoveries', out)
    return sum(map(int, found.groups())), out


def started(guest):
    """top, the computation and the copy run in the background, until there is /tmp/stop."""
    guest.run("cat > /tmp/work << 'EOT'\n%s\nEOT\ntrue" % WORK.replace('LIMIT', str(LIMIT)).strip())
    guest.run('mkdir /tmp/w; top -b -d 1 > /tmp/top 2>&1 & '
              '(while [ ! -e /tmp/stop ]; do sh /tmp/work /tmp/w && cat /tmp/w/primes /tmp/w/sum '
              '>> /tmp/worked || echo failed >> /tmp/worked; done) 2> /tmp/worked.err & '
              '(while [ ! -e /tmp/stop ]; do %s && echo >> /tmp/copied || echo BAD >> /tmp/copied; '
              'done) 2> /tmp/copied.err & true' % COPY)


def killed(guest, name):
    """What the console shows of it, and what the log says."""
    before = status(guest, name)[0]
    code, shown = guest.run('service kill ' + name)
    assert (code, shown) == (0, ''), (code, shown)
    assert guest.run('echo here') == (0, 'here\n')
    deadline = time.monotonic() + 20
    while True:
        now, out = status(guest, name)
        if now > before and 'repaired in' in out:
            break
        assert time.monotonic() < deadline, out
    assert now == before + 1 and 'last defect: signal 9' in out, out
    log = guest.run('dmesg')[1]
    # Of rs itself rsguard does it, by a CPU exception.
    how = 'killed by signal 9' if name != 'rs' else 'CPU exception'
    assert 'rs: %s: %s' % (name, how) in log, log[-2000:]
    return re.search(r'repaired in (\d+) us', out)[1]


def main(guest):
    names = [s.name for s in uses.services() if not s.loaded]
    wanted, repaired = expected(), []
    guest.shell()
    started(guest)
    for name in names:
        with scenario('`service kill %s`, typed, is a non-event that the log describes' % name):
            repaired.append('%s %s us' % (name, killed(guest, name)))
    with scenario('top, the computation and the copy have noticed nothing'):
        guest.run('touch /tmp/stop')
        guest.run('while ps | grep -qE "[s]h /tmp/work|[d]d if=|[c]p /tmp/b|[c]mp "; do sleep 1; '
                  'done', 90)
        assert guest.run('cat /tmp/*.err') == (0, '')
        worked = guest.run('cat /tmp/worked')[1]
        assert worked and worked == wanted * (worked.count('\n') // 2), worked
        copied = guest.run('sort /tmp/copied | uniq -c')[1].split()
        assert len(copied) == 1 and int(copied[0]) > 1, copied
        top = guest.run('killall top; grep -c "^Mem:" /tmp/top')[1]
        assert int(top) > 5, top
        assert guest.run("grep -ciE 'error|cannot|can.t' /tmp/top")[1] == '0\n'
    with scenario('and all services run'):
        out = guest.run('service list')[1]
        assert out.count(' running ') == len(names), out
        print('    repaired: ' + ', '.join(repaired))


with Guest() as console:
    main(console)
finish()
