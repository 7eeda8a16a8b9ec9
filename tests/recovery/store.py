# SPDX-License-Identifier: BSD-2-Clause
"""Everything that stores files dies at random moments while programs check all that they do.

Limit: 280

vfs, vm, ext2, virtio_blk and tmpfs die by KILL, SEGV and STOP, with little memory, on two disks and
in memory. SKINK_SEED and SKINK_ROUNDS in the environment: other moments, more of them.
"""
import os
import subprocess
import tempfile

from guest import Guest, finish, scenario, take_seed

SEED = take_seed()
ROUNDS = int(os.environ.get('SKINK_ROUNDS', '6'))
MEMORY = 112
SCRIPT = r'''
rounds=%d seed=%d
sum=$(sha256sum < /bin/busybox)
seq 1 60000 > /dev/shm/seq; want=$(sha256sum < /dev/shm/seq); rm /dev/shm/seq
names() {       # create, rename, link, unlink
	mkdir $1/n || echo BAD mkdir $1
	for i in $(seq 40); do echo $i > $1/n/f$i || echo BAD create $1 $i; done
	for i in $(seq 40); do mv $1/n/f$i $1/n/g$i || echo BAD mv $1 $i; done
	for i in $(seq 1 3 40); do ln $1/n/g$i $1/n/h$i || echo BAD ln $1 $i; done
	for i in $(seq 40); do
		[ "$(cat $1/n/g$i)" = $i ] || echo BAD content $1 $i
		rm $1/n/g$i || echo BAD rm $1 $i
	done
	[ "$(ls $1/n | wc -l)" = 14 ] || echo BAD list $1 "$(ls $1/n | wc -l)"
	rm -r $1/n || echo BAD rmdir $1
}
bytes() {       # appends in big pieces, holes, ends that move
	for i in 1 2 3; do seq $((i * 20000 - 19999)) $((i * 20000)); done |
		dd of=$1/a bs=49152 iflag=fullblock oflag=append conv=notrunc 2> /dev/null ||
		echo BAD append $1
	[ "$(sha256sum < $1/a)" = "$want" ] || { echo BAD bytes $1; cp $1/a $1/bad; }
	truncate -s 5000 $1/a; truncate -s 400000 $1/a
	[ "$(tail -c 395000 $1/a | tr -d '\0' | wc -c)" = 0 ] || echo BAD tail $1
	cat < $1/a > /dev/null
	exec 5< $1/a; rm $1/a
	[ "$(tail -c 400000 <&5 | wc -c)" = 400000 ] || echo BAD open $1
	exec 5<&-
}
work() {
	mkdir $1/t || echo BAD mkdir $1
	for r in $(seq $rounds); do
		names $1/t
		bytes $1/t
		cp /bin/busybox $1/t/b && sync || echo BAD cp $1 $r
		[ "$(sha256sum < $1/t/b)" = "$sum" ] || echo BAD sum $1 $r
		(cd $1/t && tar czf x.tgz b && rm b && tar xzf x.tgz) || echo BAD tar $1 $r
		cmp /bin/busybox $1/t/b || echo BAD cmp $1 $r
		rm $1/t/b $1/t/x.tgz || echo BAD rm $1 $r
		/usr/lib/skink/filemap $1/t/m 3 > /tmp/map.${1##*/} ||
			echo BAD map $1 $r "$(cat /tmp/map.${1##*/})"
		rm -f $1/t/m
	done
	ls -A $1/t
	rmdir $1/t || echo BAD rmdir $1
	echo done $1
}
RANDOM=$seed
n=0
while :; do
	for s in vfs ext2_1 vm virtio_blk vfs ext2 tmpfs; do
		usleep $((RANDOM * 4 + 20000))
		case $((RANDOM %% 12)) in 0) how=-STOP;; [1-5]) how=-SEGV;; *) how=-KILL;; esac
		service kill $how $s 2> /dev/null
		n=$((n + 1)); echo $n > /tmp/kills
	done
done &
killer=$!
pids=
for where in /var/tmp /mnt /dev/shm; do work $where & pids="$pids $!"; done
wait $pids
kill $killer
echo fin $(cat /tmp/kills)
'''


def ok(guest, command, timeout=60):
    status, out = guest.run(command, timeout)
    assert status == 0, (command, status, out)
    return out


def state(guest):
    """What must be as it was: free blocks, and what vfs has in use."""
    ok(guest, 'sync; sync')
    return ok(guest, 'stat -f -c "%f %d" /mnt /dev/shm; stat -f -c %d /')  # the log grows on /


with tempfile.TemporaryDirectory(prefix='skink-store-') as folder:
    disk = os.path.join(folder, 'disk')
    os.mkdir(folder + '/tree')
    with open(folder + '/tree/work', 'w') as file:
        file.write(SCRIPT % (ROUNDS, SEED))
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', '-b', '1024', '-d', folder + '/tree', disk,
                    '48M'], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with Guest(name='store', memory=MEMORY, disks=[disk]) as guest:
        guest.shell()
        ok(guest, 'killall -STOP crashd')       # or it keeps what is left of those that hang
        ok(guest, 'dmesg -n 1; mkdir -p /var/tmp; mount -t ext2 /dev/vdb /mnt')
        ok(guest, 'for f in kills map.tmp map.mnt map.shm; do echo ok > /tmp/$f; done; sync')
        before = state(guest)
        with scenario('names, bytes, archives and mappings stay right on disks and in memory'):
            out = ok(guest, 'sh /mnt/work', 250 + ROUNDS * 20)
            print('    ' + out.strip().split('\n')[-1])
            assert 'BAD' not in out and 'fin' in out, out
            for where in ('/var/tmp', '/mnt', '/dev/shm'):
                assert 'done %s\n' % where in out, out
        with scenario('nothing is left over: blocks and inodes are as free as before'):
            after = state(guest)
            assert after == before, (before, after)
        with scenario('the recovered servers had nothing to repair'):
            out = guest.run("dmesg | grep 'recovery:'")[1]
            assert out == '', out
        ok(guest, 'umount /mnt')
    with scenario('e2fsck finds nothing'):
        done = subprocess.run(['e2fsck', '-fn', disk], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
finish()
