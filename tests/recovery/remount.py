# SPDX-License-Identifier: BSD-2-Clause
"""File servers begin afresh while programs use their trees, which are mounted again. Limit: 240

In this test's boot archive ext2 and tmpfs find nothing that they could repair: each death of theirs
is a fresh start. The host looks at the disk at the end.
"""
import os
import random
import re
import subprocess
import tempfile

import machine
from bootset import BootSet
from guest import Guest, finish, scenario, take_seed

LOST = bytes.fromhex('b8eaffffffc3')            # mov $-EINVAL, %eax; ret
DEATHS = 14
LOAD = r'''
mkdir -p /root/w
say() { echo "$*" >> /root/bad; }
trees() {
	n=0
	while [ ! -e /root/stop ]; do
		rm -rf /root/w/e
		if cp -r /etc /root/w/e; then diff -r /etc /root/w/e || say diff
		else say cp; fi
		n=$((n + 1)); echo $n > /root/trees
	done
}
files() {
	n=0
	while [ ! -e /root/stop ]; do
		(cd /root/w && cp /bin/busybox b && ln b l && mv b c && cmp l /bin/busybox &&
			tar czf t.tgz c && rm l c && tar xzf t.tgz && cmp c /bin/busybox &&
			rm c t.tgz) || say files $?
		n=$((n + 1)); echo $n > /root/files
	done
}
records() {
	n=0
	while [ ! -e /root/stop ]; do
		echo $n | dd of=/root/records bs=8 seek=$n conv=notrunc,sync,fsync \
			2> /root/dd || say dd "$(cat /root/dd)"
		n=$((n + 1)); echo $n > /root/acknowledged
	done
}
waiter() {
	cd /root/w && mkdir -p in/side && cd in/side
	echo kept > f
	exec 3< f 4>> f
	rm f
	n=0
	while [ ! -e /root/stop ]; do
		echo $n >&4 || say append
		[ "$(pwd)" = /root/w/in/side ] || say pwd
		n=$((n + 1))
		usleep 100000
	done
	[ "$(wc -l <&3)" = $((n + 1)) ] || say lines
}
trees & files & records & waiter & wait
'''


def dump(guest, of, what):
    return int(re.search(r'(\d+) ' + what, guest.run('service dump ' + of)[1])[1])


def counts(guest):
    guest.run('sync; sleep 1')
    return [dump(guest, 'vfs', what) for what in
            ('open files', 'descriptor tables', 'pipes', 'sockets', 'grants in use')]


def memory(guest):
    """KiB that are free, or of the page cache."""
    found = dict(re.findall(r'(\w+): +(\d+)', guest.run('cat /proc/meminfo')[1]))
    return int(found['MemFree']) + int(found['Cached'])


def image(boot):
    boot.patch('ext2', 'check', LOST)
    boot.patch('tmpfs', 'tree_check', LOST)
    return boot.write('boot.img')


def under_load(guest, rnd):
    guest.run('dmesg -n 1')
    before, room = counts(guest), memory(guest)
    with scenario('ext2 begins afresh again and again under the root of programs at work'):
        guest.run('sh /load > /root/out 2>&1 & true')
        for _ in range(DEATHS):
            also = rnd.choice(('', '', '; service kill vfs', '; service kill virtio_blk',
                               '; usleep 20000; service kill vfs'))
            guest.run('usleep %d; service kill ext2%s' % (rnd.randrange(200000, 1200000), also))
        restarts, recoveries = guest.service('ext2')[:2]
        assert restarts == recoveries == DEATHS, (restarts, recoveries)
        done = guest.run('cd /root; cat trees files acknowledged; cd /')[1].split()
        print('    rounds of trees, of files, records:', *done, flush=True)
        guest.run('touch /root/stop; wait', 60)
    with scenario('none of them noticed, and each of them got on'):
        out = guest.run('cat /root/bad /root/out')[1]
        assert 'No such file' in out and out.count('\n') == 1, out
        assert all(int(n) > 0 for n in done), done
    with scenario('nothing is left behind'):
        guest.run('rm -rf /root/w; cat /root/acknowledged')
        assert counts(guest) == before, (counts(guest), before)
        assert memory(guest) > room - 2048, (room, memory(guest))


def check_disk(disk):
    with scenario('e2fsck finds nothing'):
        done = subprocess.run(['e2fsck', '-fn', disk], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def in_memory(guest):
    """/dev/shm is tmpfs's."""
    guest.run('dmesg -n 1; mkdir -p /dev/shm/d; echo old > /dev/shm/d/f; exec 5<> /dev/shm/d/f; '
              'cd /dev/shm/d')
    before = counts(guest)
    with scenario('tmpfs begins afresh: its tree is there again, and empty'):
        guest.run('service kill tmpfs')
        assert guest.run('ls /dev/shm | wc -l')[1] == '0\n'
        assert guest.run('echo new > /dev/shm/f; cat /dev/shm/f')[1] == 'new\n'
    with scenario('what was open there is gone'):
        out = guest.run('cat <&5; echo more >&5; ls; echo x > y')[1]
        assert re.findall('read error|write error|ls: .:|create y', out) == [
            'read error', 'write error', 'ls: .:', 'create y'], out
        assert guest.run('test -e y')[0] != 0
        assert guest.run('cd /dev/shm && pwd -P && cat f')[1] == '/dev/shm\nnew\n'
    with scenario('and again; a directory that is the root of a tree stays where it is'):
        for _ in range(3):
            guest.run('mkdir -p a/b; echo x > a/b/c; service kill tmpfs')
            assert guest.run('ls -a; echo y > z; cat /dev/shm/z')[1].split() == ['.', '..', 'y']
        assert guest.service('tmpfs').restarts == 4
        guest.run('exec 5<&-; cd /; rm -r /dev/shm/*')
        after = counts(guest)
        assert after == [before[0] - 1] + before[1:], (before, after)


def root_in_memory(initrd):
    with Guest(initrd=initrd, root=None) as guest:
        guest.shell()
        guest.run('dmesg -n 1; echo changed > /etc/passwd; echo new > /etc/new; cd /etc')
        guest.run('sleep 99 & true')
        before = guest.run('ls /bin | sha256sum')[1]
        with scenario('the root is in memory: it is as it was at the beginning, programs go on'):
            guest.run('service kill tmpfs')
            assert guest.run('ls /bin | sha256sum')[1] == before
            out = guest.run('ls new; cat passwd')[1]
            assert 'No such file' in out and 'root:' in out and 'changed' not in out, out
            assert 'sleep 99' in guest.run('ps; kill $!')[1]
            assert guest.run('mount; ls /proc/1 /dev/tty > /dev/null')[0] == 0
            assert guest.run('echo x > y; cat /etc/y')[1] == 'x\n'


def main():
    rnd = random.Random(take_seed())
    with tempfile.TemporaryDirectory(prefix='skink-remount-') as folder:
        with open(os.path.join(folder, 'load'), 'w') as file:
            file.write(LOAD)
        disk = machine.make_root(os.path.join(folder, 'root.img'), [folder])
        with BootSet() as boot:
            initrd = image(boot)
            with Guest(initrd=initrd, root=disk) as guest:
                guest.shell()
                under_load(guest, rnd)
                in_memory(guest)
                guest.send('poweroff\n')
                guest.wait(60)
            check_disk(disk)
            root_in_memory(initrd)


main()
finish()
