# SPDX-License-Identifier: BSD-2-Clause
"""The page cache: files bigger than it, mapped files, trees in memory, too little memory.

Limit: 240
"""
import re

from guest import Guest, finish, scenario

MAP = '/usr/lib/skink/filemap'
LOAD = '''(while [ ! -e /tmp/end ]; do for s in vfs vm ext2 virtio_blk; do usleep 120000; \
service kill $s; done; done > /dev/null 2>&1; echo killer done) & true'''


def ok(guest, command, timeout=100):
    status, out = guest.run(command, timeout)
    assert status == 0, (command, status, out)
    return out


with Guest(name='cache', memory=112) as guest:
    guest.shell()
    guest.run('dmesg -n 1')
    with scenario('stores, reads and writes of a file that does not fit agree, on the disk'):
        assert ok(guest, MAP + ' /tmp/f 72') == 'ok\n'
    with scenario('a file without a name gives its blocks back when nobody maps it any more'):
        assert int(ok(guest, 'df / | tail -1').split()[2]) < 20000
    with scenario('the same in memory'):
        used = ok(guest, 'df /dev/shm | tail -1').split()[2]    # recoverd's tree is there, too
        assert ok(guest, MAP + ' /dev/shm/f 12') == 'ok\n'
        assert ok(guest, 'df /dev/shm | tail -1').split()[2] == used
    with scenario('the same while vfs, vm, ext2 and the disk driver are killed in turn'):
        ok(guest, 'rm -f /tmp/end; ' + LOAD)
        assert ok(guest, MAP + ' /tmp/f 24', 200) == 'ok\n'
        assert ok(guest, MAP + ' /dev/shm/f 4', 100) == 'ok\n'
        guest.send('> /tmp/end\n')
        guest.expect('killer done', 30)
    with scenario('a tree in memory takes half of it and no more, and gives it back'):
        before = ok(guest, 'df /dev/shm | tail -1').split()[3]
        status, out = guest.run('dd if=/dev/zero of=/dev/shm/all bs=64k', 100)
        assert status == 1 and 'No space left' in out, out
        assert ok(guest, 'cp /bin/busybox /tmp/b; cmp /tmp/b /bin/busybox; echo fine') == 'fine\n'
        ok(guest, 'rm /dev/shm/all')
        assert ok(guest, 'df /dev/shm | tail -1').split()[3] == before
    with scenario('a file is written back though thousands that are clean were used before it'):
        ok(guest, 'cd /dev/shm; touch $(seq 5000); cd /; echo far > /tmp/far; sleep 11')
        up = re.search(r'up (\d+)', ok(guest, 'service status vfs'))
        assert int(up[1]) >= 11, 'vfs died of it'
        ok(guest, 'cd /dev/shm; rm $(seq 5000); cd /')
    with scenario('each mount of a tree in memory is a tree of its own, and ends with it'):
        ok(guest, 'mkdir /m1 /m2; mount -t tmpfs a /m1; mount -t tmpfs b /m2')
        ok(guest, 'mkdir -p /m1/d/e; seq 1000 > /m1/d/e/f; cp -r /m1/d /m2; rm -r /m1/d')
        assert ok(guest, 'ls /m1; wc -l < /m2/d/e/f') == '1000\n'
        ok(guest, 'umount /m1 /m2; mount -t tmpfs c /m2')
        assert ok(guest, 'ls -A /m2; umount /m2') == ''
    with scenario('pages of a file that all fall into one chain of the index are found'):
        ok(guest, 'cd /dev/shm; n=0; while [ $n -lt 100 ]; do echo page$n | dd of=f bs=4096 '
           'seek=$((n*4194304)) conv=notrunc 2> /dev/null || break; n=$((n+1)); done')
        assert ok(guest, 'n=0; while [ $n -lt 100 ]; do dd if=f bs=4096 count=1 '
                  'skip=$((n*4194304)) 2> /dev/null | head -n 1 | grep -qx page$n || echo lost; '
                  'n=$((n+1)); done; rm f; cd /') == ''
    with scenario('no file is so long that its pages have the numbers of others'):
        ok(guest, 'cd /dev/shm; echo a > f')
        status, out = guest.run('echo b | dd of=f bs=4096 seek=4294967296 conv=notrunc')
        assert status == 1 and 'too large' in out, out
        assert guest.run('truncate -s 17592186048512 f')[0] == 1
        assert ok(guest, 'stat -c %s f') == '2\n'
    with scenario('a file whose server refuses that it grows keeps its length'):
        assert guest.run('echo a > /tmp/f; truncate -s 9000000000000 /tmp/f')[0] == 1
        assert ok(guest, 'stat -c %s /tmp/f; rm /tmp/f') == '2\n'
        assert ok(guest, 'head -c 2 f; rm f; cd /') == 'a\n'
    with scenario('who wants more memory than there is ends; the cache gives way to who fits'):
        ok(guest, 'cat /bin/* > /dev/null 2>&1; cp /bin/busybox /tmp/c')
        status, out = guest.run('awk \'BEGIN { s = "x"; while (1) s = s s }\'', 100)
        assert status != 0, out
        out = ok(guest, 'awk \'BEGIN { s = "x"; while (length(s) < 8000000) s = s s; '
                 'print length(s) }\'')
        assert int(out) >= 8000000
        assert ok(guest, 'cmp /tmp/c /bin/busybox; echo fine') == 'fine\n'
finish()
