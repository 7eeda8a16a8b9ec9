# SPDX-License-Identifier: BSD-2-Clause
"""Sockets while vfs and the servers of the names' file systems are killed: no byte is lost or
doubled, who waits goes on waiting, nothing is left over.

Limit: 240
"""
import os
import re

from guest import Guest, finish, scenario, until

FLOW = '/usr/lib/skink/flow'
SECONDS = 200 if os.environ.get('SKINK_LONG') else 15


def counts(guest):
    out = guest.run('service dump vfs')[1]
    return [int(re.search(r'(\d+) ' + what, out)[1]) for what in ('open files', 'pipes', 'sockets')]


def counts_at_rest(guest):
    """When what init starts has begun: two in a row are the same."""
    latest = [None]

    def same():
        before, latest[0] = latest[0], counts(guest)
        guest.run('sleep 0.5')
        return latest[0] == before and before

    return until(same)


def flow(guest, kills):
    """Data flows while the services are killed in turn."""
    guest.run('dmesg -n 1; rm -f /tmp/out')
    guest.run('(%s %d > /tmp/out 2>&1; echo status $? >> /tmp/out) & true' % (FLOW, SECONDS))
    out = guest.run('n=0; while ! grep -q status /tmp/out; do for s in %s; do service kill $s; '
                    'n=$((n + 1)); usleep 100000; done; done; cat /tmp/out; echo kills $n'
                    % kills, SECONDS * 4 + 60)[1]
    found = dict(re.findall(r'^(\w+) (\d+)$', out, re.M))
    print('    ' + ' '.join('%s %s' % item for item in found.items()))
    assert found.get('status') == '0' and 'BAD' not in out, out
    for what in ('bytes', 'carried', 'packets', 'connections', 'files', 'kills'):
        assert int(found[what]) > 20, out


with Guest() as guest:
    guest.shell()
    guest.run('cd /; sync')
    before = counts_at_rest(guest)
    with scenario('data flows through sockets, right to the last byte'):
        guest.run('%s 4 > /tmp/out 2>&1; cat /tmp/out' % FLOW, 60)
        assert counts(guest) == before, (before, counts(guest))
    with scenario('a socket is not sent where it would hold itself for ever'):
        assert guest.run(FLOW + ' cycle') == (0, '')
        assert counts(guest) == before, (before, counts(guest))
    with scenario('data flows so while vfs is killed ten times a second'):
        flow(guest, 'vfs')
    with scenario('and while others die that vfs asks'):
        flow(guest, 'vfs vm pm ext2')
    with scenario('nothing is left over'):
        assert counts(guest) == before, (before, counts(guest))
    for place, server in (('/tmp', 'ext2'), ('/dev', 'devfs'), ('/mnt', 'tmpfs')):
        with scenario('a socket in %s outlives its file server and vfs' % place):
            if server == 'tmpfs':
                guest.run('mkdir -p /mnt; mount -t tmpfs none /mnt')
            path = place + '/name.socket'
            guest.run('%s name %s & sleep 1' % (FLOW, path))
            for name in (server, 'vfs', server):
                guest.run('service kill %s; sleep 0.5' % name)
                assert guest.run('ls -l %s' % path)[1].startswith('srwxr-xr-x'), name
                assert guest.run('%s ask %s' % (FLOW, path)) == (0, 'here\n'), name
            assert guest.run('kill $!; wait $!; rm %s; ls %s' % (path, path))[0] != 0
finish()
