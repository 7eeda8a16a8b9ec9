# SPDX-License-Identifier: BSD-2-Clause
"""/proc says what Linux's says, in Linux's formats, of what there is.

Limit: 180
"""
import re

from guest import Guest, finish, scenario

with Guest() as guest:
    guest.shell()
    with scenario('every file of /proc can be read; what goes away meanwhile is not an I/O error'):
        guest.run('for i in 1 2 3; do (while [ ! -e /tmp/stop ]; do true | true; done) & done')
        for _ in range(5):
            guest.run('find /proc -type f 2>/dev/null | xargs cat 2>> /tmp/e > /tmp/o')
        guest.run('touch /tmp/stop; wait')
        errors = guest.run("sed 's/.*: //' /tmp/e | sort -u")[1].strip().split('\n')
        assert set(errors) <= {'', 'No such file or directory', 'No such process'}, errors
        assert guest.run('grep -c MemTotal /tmp/o') == (0, '1\n')
    with scenario('maps names files with device and inode, and marks the special regions'):
        dev, ino = guest.run("stat -L -c '%d %i' /bin/busybox")[1].split()
        out = guest.run('cat /proc/self/maps')[1]
        file = [line for line in out.split('\n') if line.endswith('/bin/busybox')]
        where = ' %02x:%02x %s ' % (int(dev) >> 8, int(dev) & 255, ino)
        assert len(file) >= 3 and all(where in line for line in file), out
        assert file[0].index('/bin/busybox') == 73, out
        assert re.search(r'^\w+-\w+ r-xp \w{8} fe:00 \d+ +/bin/busybox$', out, re.M), out
        for name in ('heap', 'stack', 'vvar', 'vdso'):
            assert out.count('[%s]' % name) == 1, out
        assert re.search(r'^\w+-\w+ r-xp 00000000 00:00 0 +\[vdso\]$', out, re.M), out
        starts = [int(line.split('-')[0], 16) for line in out.strip().split('\n')]
        assert starts == sorted(starts)
    with scenario('what has been removed is called deleted'):
        guest.run('cp /bin/busybox /tmp/sleep; /tmp/sleep 100 & sleep 0.5; rm /tmp/sleep')
        assert guest.run('readlink /proc/$!/exe') == (0, '/tmp/sleep (deleted)\n')
        assert ' /tmp/sleep (deleted)\n' in guest.run('cat /proc/$!/maps')[1]
        guest.run('kill $!; mkdir /tmp/d; cd /tmp/d; rmdir /tmp/d')
        assert guest.run('readlink /proc/$$/cwd; cd /') == (0, '/tmp/d (deleted)\n')
    with scenario('the links in fd tell file and access'):
        guest.run('exec 5> /tmp/gone 6< /etc/passwd 7<> /tmp/both; rm /tmp/gone')
        out = guest.run('ls -l /proc/$$/fd')[1]
        for mode, fd, target in (('l-wx------', 5, r'/tmp/gone \(deleted\)'),
                                 ('lr-x------', 6, '/etc/passwd'), ('lrwx------', 7, '/tmp/both')):
            assert re.search(r'^%s .* %d -> %s$' % (mode, fd, target), out, re.M), (fd, out)
        assert guest.run('cat /proc/$$/fd/6 | head -1')[1].startswith('root:')
    with scenario('another user sees no addresses and no environment'):
        status, out = guest.run("su -s /bin/sh nobody -c 'cat /proc/1/maps; cat /proc/1/environ'")
        assert status == 1 and out.count('Permission denied') == 2, out
        out = guest.run("su -s /bin/sh nobody -c 'head -1 /proc/self/maps'")[1]
        assert '/bin/busybox' in out, out
    with scenario('status has the ids, the memory and the signals of a process'):
        out = guest.run("su -s /bin/sh nobody -c 'cat /proc/self/status'")[1]
        fields = dict(line.split(':\t', 1) for line in out.strip().split('\n'))
        assert fields['Uid'] == fields['Gid'] == '\t'.join(['65534'] * 4), out
        assert fields['Name'] == 'cat' and fields['CapEff'] == '0' * 16, out
        assert 100 < int(fields['VmRSS'].split()[0]) <= int(fields['VmSize'].split()[0]), out
        assert 'CapEff:\t000001ffffffffff' in guest.run('cat /proc/self/status')[1]
    with scenario('what ps, top, free, uptime, mount and df show agrees with /proc'):
        total = re.search(r'MemTotal: +(\d+) kB', guest.run('cat /proc/meminfo')[1])[1]
        assert re.search(r'Mem: +%s ' % total, guest.run('free')[1])
        assert re.search(r'load average: \d+\.\d\d', guest.run('uptime')[1])
        assert re.search(r'^ +1 +0 root +S', guest.run('top -b -n1')[1], re.M)
        assert guest.run('mount')[1].count('\n') == guest.run('cat /proc/mounts')[1].count('\n')
        assert re.search(r'^nodev\ttmpfs$', guest.run('cat /proc/filesystems')[1], re.M)
        assert re.search(r'^\d\.\d\d \d\.\d\d \d\.\d\d \d+/\d+ \d+$',
                         guest.run('cat /proc/loadavg')[1].strip())
    with scenario('procfs dies while it is read, and the readers go on'):
        guest.run('rm -f /tmp/stop /tmp/e; (while [ ! -e /tmp/stop ]; do cat /proc/version > '
                  '/dev/null 2>> /tmp/e; done) & for i in 1 2 3; do service kill procfs; '
                  'sleep 1; done; touch /tmp/stop; wait')
        assert guest.run('cat /proc/version')[1].startswith('Linux version ')
finish()
