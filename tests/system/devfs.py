# SPDX-License-Identifier: BSD-2-Clause
"""/dev holds the devices that there are, and what programs make of it.

Limit: 180
"""
import os
import re
import tempfile

from guest import Guest, finish, scenario, until

ALWAYS = {
    'null': 'crw-rw-rw- root root 1,3', 'zero': 'crw-rw-rw- root root 1,5',
    'full': 'crw-rw-rw- root root 1,7', 'random': 'crw-rw-rw- root root 1,8',
    'urandom': 'crw-rw-rw- root root 1,9', 'tty': 'crw-rw-rw- root tty 5,0',
    'rtc': 'crw------- root root 10,135',
    'console': 'crw------- root root 5,1', 'ttyS0': 'crw--w---- root tty 4,64',
}


def listing(guest):
    """{name: mode, owner, group and numbers} of what ls -l shows of devices."""
    out = guest.run('ls -l /dev')[1]
    rows = re.findall(r'^([cb]\S+) +1 (\w+) +(\w+) +(\d+), +(\d+) \w+ +\d+ +[\d:]+ (\S+)$', out,
                      re.M)
    return {row[5]: '%s %s %s %s,%s' % row[:5] for row in rows}


def wait_for(guest, command, status):
    until(lambda: guest.run(command)[0] == status, 15, command)


with tempfile.TemporaryDirectory() as folder:
    disk = os.path.join(folder, 'disk')
    with open(disk, 'wb') as file:
        file.truncate(1 << 20)
    with Guest(disks=[disk], root=None) as guest:
        guest.shell()
        with scenario('the devices that always are have Linux\'s numbers, owners and modes'):
            found = listing(guest)
            assert {name: found.get(name) for name in ALWAYS} == ALWAYS, found
        with scenario('a disk is there because its driver is, and one that is not is not'):
            assert found['vda'] == 'brw-rw---- root disk 254,0' and 'vdb' not in found, found
            assert 'devtmpfs on /dev type devtmpfs' in guest.run('mount')[1]
        with scenario('the devices work'):
            out = guest.run('echo x > /dev/null; head -c 4 /dev/zero | od -An -tx1; '
                            'echo x > /dev/full; head -c 64 /dev/urandom | wc -c; '
                            'echo to the terminal > /dev/tty; tty < /dev/console')[1]
            assert '00 00 00 00' in out and 'No space left on device' in out, out
            assert '64\n' in out and 'to the terminal' in out and '/dev/console' in out, out
        with scenario('the clock is set, and the chip from it; rtc dies, and neither changes'):
            out = guest.run("date -s '2031-02-03 14:05:06' > /dev/null; hwclock -w; "
                            "date -s '2021-01-01 00:00:00' > /dev/null; hwclock; "
                            "date +%Y; service kill rtc; date +%Y; hwclock -s; date +%F-%H; "
                            "su -s /bin/sh nobody -c 'date -s 2000-01-01; hwclock'")[1]
            assert 'Mon Feb  3 14:05:' in out, out
            assert re.search(r'2021\n(rs: .*\n)*2021\n2031-02-03-14\n', out), out
            assert 'not permitted' in out and "hwclock: can't open" in out, out
        with scenario('the links lead to the descriptors'):
            out = guest.run('echo abc | cat /dev/stdin; echo ghi | { sleep 1; cat /dev/stdin; }; '
                            'echo def > /dev/stdout')[1]
            assert out == 'abc\nghi\ndef\n', out
        with scenario('programs make and remove nodes, folders and links, but keep no data there'):
            out = guest.run('cd /dev; mkdir d; mknod d/n c 1 3; ln -s d/n l; mkfifo p; '
                            'echo x > l; mv p d/q; ls -1F d; rm -r d l; ls d l; cd /')[1]
            assert out.startswith('n\nq|\n') and out.count('No such file') == 2, out
            status, out = guest.run('echo x > /dev/typo')
            assert status == 1 and 'Operation not permitted' in out, out
            assert guest.run('rmdir /dev/nosuch 2>/dev/null; ln /dev/null /dev/n2')[0] == 1
        with scenario('modes and owners are kept, and count'):
            guest.run('mknod /dev/mine c 1 5; chmod 600 /dev/mine; chown nobody /dev/mine')
            assert 'crw------- nobody' in listing(guest)['mine']
            as_nobody = "su -s /bin/sh nobody -c 'head -c 1 %s | wc -c'"
            assert guest.run(as_nobody % '/dev/mine')[1] == '1\n'
            out = guest.run('chown root /dev/mine; ' + as_nobody % '/dev/mine')[1]
            assert 'Permission denied' in out, out
            assert 'Permission denied' in guest.run(as_nobody % '/dev/vda')[1]
            assert guest.run("su -s /bin/sh nobody -c 'rm /dev/null'")[0] == 1
        with scenario('a node comes back when its driver does, and the rest outlives devfs'):
            assert guest.run('service stop ext2; service stop virtio_blk') == (0, '')
            wait_for(guest, 'test -b /dev/vda', 1)
            assert guest.run('service start virtio_blk; service start ext2')[0] == 0
            wait_for(guest, 'test -b /dev/vda', 0)
            assert guest.run('service kill devfs')[0] == 0
            found = listing(guest)
            assert 'crw------- root' in found['mine'] and 'vda' in found, found
finish()
