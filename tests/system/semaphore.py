# SPDX-License-Identifier: BSD-2-Clause
"""The semaphore server, as docs/guide/server.md has it: loaded, used, killed while programs wait.

Limit: 300
"""
import re

from guest import Guest, finish, scenario

RESETS = ['-action', 'reboot=reset']
# Shell functions: wait until so many wait for m; a process that takes a unit and says so.
TOOLS = '''
waiting() { until semaphore list | grep -q "^$1 .* $2 waiting"; do usleep 20000; done; }
taker() { semaphore down m && echo $1 >> /tmp/order; }
'''
WRONG = {
    'unknown': 'Function not implemented', 'none': 'Function not implemented',
    "toy's": 'Function not implemented', 'no name': 'Invalid argument',
    'no end': 'Invalid argument', 'no such': 'Identifier removed', 'wait 2': 'Invalid argument',
    'up': 'Identifier removed', 'remove': 'Identifier removed',
    'list': 'No such file or directory',
}


def run(guest, command, status=0, text='', limit=30):
    got, out = guest.run(command + ' 2>&1', limit)
    assert got == status and re.search(text, out), (command, got, out)
    return out


def look_at_calls(guest):
    with scenario('without the service the calls say so; then it is loaded by its name'):
        run(guest, 'semaphore open m 1', 1, r'does not run \(service start semaphore\)')
        run(guest, 'service start semaphore && service list', text=r'semaphore +38 +8 running')
    with scenario('units are taken and given, by whoever knows the name'):
        run(guest, 'semaphore open m 2; semaphore down m; semaphore open m 7; semaphore list',
            text=r'^m +1 0 waiting\r?$')
        run(guest, 'semaphore try m; semaphore try m', 1, 'm: Resource temporarily unavailable')
        run(guest, 'semaphore up m; semaphore up m; semaphore list', text=r'^m +2 0 waiting')
        run(guest, "su -s /bin/sh nobody -c 'semaphore down m; semaphore down m'")
    with scenario('who has come first is first'):
        run(guest, ': > /tmp/order; for n in 1 2 3 4 5; do taker $n & waiting m $n; done; '
                   'for n in 1 2 3 4 5; do semaphore up m; '
                   'until [ $(wc -l < /tmp/order) = $n ]; do usleep 20000; done; done; wait; '
                   'cat /tmp/order', text=r'^1\r?\n2\r?\n3\r?\n4\r?\n5\r?\n')
    with scenario('a signal ends the wait; who dies while it waits is forgotten'):
        run(guest, ': > /tmp/order; taker 1 & waiting m 1; taker 2 & waiting m 2; taker 3 & '
                   'waiting m 3; kill -TERM $(pidof semaphore | tr " " "\\n" | sort -n | head -1); '
                   'waiting m 2; kill -KILL $(pidof semaphore | tr " " "\\n" | sort -n | head -1); '
                   'semaphore up m; wait; cat /tmp/order; semaphore list',
            text=r'(^|\n)3\r?\nm +0 0 waiting')
        run(guest, 'semaphore down m & waiting m 1; kill -KILL $(pidof semaphore); '
                   'semaphore up m; semaphore list', text=r'm +1 0 waiting')
    with scenario('a semaphore that is removed ends the waits'):
        run(guest, 'semaphore down m; semaphore down m & waiting m 1; semaphore remove m; wait; '
                   'semaphore list', text=r'm: Identifier removed\r?\n$')
    with scenario('wrong requests are refused'):
        out = run(guest, '/usr/lib/skink/semwrong')
        told = dict(line.split(': ', 1) for line in out.replace('\r', '').strip().split('\n'))
        assert told == WRONG, told
        run(guest, 'semaphore open aaaaaaaaaaaaaaaaaaaaaaaa', 1, 'Filename too long')
        run(guest, 'semaphore open m x', 2, 'not a number of units')
    with scenario('there are as many as there can be'):
        run(guest, 'for n in $(seq 32); do semaphore open s$n || echo failed; done; '
                   'semaphore open s33', 1, r'^semaphore: s33: No space left on device')
        run(guest, 'for n in $(seq 32); do semaphore remove s$n; done; semaphore list')


def look_at_deaths(guest):
    with scenario('it dies, and who waited goes on waiting, in the same order'):
        run(guest, ': > /tmp/order; semaphore open m; for n in 1 2 3; do taker $n & waiting m $n; '
                   'done; service kill -SEGV semaphore; service recover semaphore; '
                   'semaphore list', text=r'm +0 3 waiting')
        run(guest, 'service kill -STOP semaphore; for n in 1 2 3; do semaphore up m; '
                   'until [ $(wc -l < /tmp/order) = $n ]; do usleep 20000; done; done; wait; '
                   'cat /tmp/order', text=r'^1\r?\n2\r?\n3\r?\n')
        run(guest, 'service status semaphore', text='0 restarts, 3 recoveries')
    with scenario('it dies again and again, and no unit is lost or taken twice'):
        run(guest, 'semaphore up m; echo 0 > /tmp/count; '
                   '(while [ ! -e /tmp/over ]; do service kill -SEGV semaphore; usleep 30000; '
                   'done) & killer=$!; '
                   'for p in 1 2 3 4; do (for n in $(seq 12); do semaphore down m; '
                   'read c < /tmp/count; echo $((c + 1)) > /tmp/count; semaphore up m; done) & '
                   'pids="$pids $!"; done; wait $pids; > /tmp/over; wait; cat /tmp/count; '
                   'rm /tmp/over; semaphore list', text=r'(^|\n)48\r?\nm +1 0 waiting', limit=120)
    with scenario('after a fresh start there are none: an old id is nobody else\'s'):
        run(guest, 'semaphore down m; semaphore down m & waiting m 1; service restart semaphore; '
                   'wait; semaphore list', text='m: Identifier removed')
        run(guest, 'one=$(/usr/lib/skink/semwrong one); service restart semaphore; '
                   'two=$(/usr/lib/skink/semwrong two); test $one -gt 0 && test $one != $two; '
                   'semaphore remove two')


def look_at_names(guest):
    with scenario('who has started it finds it, though ds is not there'):
        run(guest, 'service stop semaphore; service kill -STOP ds; service start semaphore && '
                   'semaphore list')
        run(guest, 'service stop semaphore; service remove semaphore; service kill -STOP ds; '
                   'service start semaphore && semaphore list')
    with scenario('a ds that has begun afresh knows the services that run'):
        run(guest, 'semaphore open again 2; service refresh ds; semaphore list',
            text=r'^again +2 0 waiting')


def look_at_boot(guest):
    with scenario('what lies in services.d is loaded at a boot'):
        run(guest, 'ln -s ../services/semaphore.svc /etc/skink/services.d && sync')
        guest.send('reboot\n')
        guest.expect(r'kernel: Skink, \d+ KiB', 60)     # the next boot's first line
        guest.shell(60)
        run(guest, 'service status semaphore', text='semaphore: running')
        run(guest, 'semaphore open m 3; semaphore list', text=r'^m +3 0 waiting')


def main():
    with Guest(extra=RESETS, name='semaphore') as guest:
        guest.shell()
        guest.run(TOOLS.strip().replace('\n', '; ').replace('{;', '{'))
        look_at_calls(guest)
        look_at_deaths(guest)
        look_at_names(guest)
        look_at_boot(guest)
    finish()


main()
