# SPDX-License-Identifier: BSD-2-Clause
"""tty and vfs are killed again and again while programs work on pseudo-terminals.

Limit: 200

tests/programs/ptyload checks each byte: none is lost, none comes twice, nobody hangs.
SKINK_LONG=1 in the environment: ten minutes of it.
"""
import os
import re

from guest import Guest, finish, scenario

SECONDS = 600 if os.environ.get('SKINK_LONG') else 30
# A few in a row, and then time for what was interrupted.
KILLER = ('{ while [ ! -e /tmp/stop ]; do for i in 1 2 3 4; do service kill %s; '
          'echo >> /tmp/kills; usleep $((7000 * i + 20000)); done; usleep 1400000; done; } '
          '> /dev/null 2>&1 & true')


def dies(guest, name, least):
    guest.run('rm -f /tmp/stop /tmp/kills; dmesg -n 1')
    guest.run(KILLER % name)
    status, out = guest.run('/usr/lib/skink/ptyload %d' % SECONDS, SECONDS + 60)
    guest.run('touch /tmp/stop; sleep 2')
    kills = int(guest.run('wc -l < /tmp/kills')[1])
    done = re.findall(r'^(\d+) (numbers|lines|sessions)$', out, re.M)
    print('    %s: %d kills; %s' % (name, kills, ', '.join(' '.join(one) for one in done)))
    assert status == 0 and len(done) == 4, (status, out, guest.run('service status ' + name)[1])
    assert all(int(n) > 5 for n, _ in done), out
    assert kills >= least, kills
    assert guest.run('ls /dev/pts') == (0, 'ptmx\n')
    now = guest.service(name)
    assert now.restarts == 0 and now.recoveries >= least, now


with Guest() as guest:
    guest.shell()
    with scenario('tty dies while ptys are at work, and nothing is lost or doubled'):
        dies(guest, 'tty', SECONDS // 2)
    with scenario('vfs dies while ptys are at work, and nothing is lost or doubled'):
        dies(guest, 'vfs', SECONDS // 2)
finish()
