# SPDX-License-Identifier: BSD-2-Clause
"""Pseudo-terminals: a shell, an editor and job control on one, and what becomes of them all.

Limit: 200

tests/programs/script.c runs a command on a pseudo-terminal. What the two ends of one do, call by
call, is tests/programs/posix/pty.c.
"""
import re

from guest import Guest, finish, scenario

SCRIPT = '/usr/lib/skink/script '
# Jobs; what they show is not the echo of their names.
SLEEPER = "sh -c 'echo g\"\"o; exec sleep 100'\n"
READER = "sh -c 'echo g\"\"o; read x; echo g\"\"ot $x'\n"


def type_and_expect(guest, text, pattern, timeout=20):
    guest.send(text)
    return guest.expect(pattern, timeout)


with Guest() as guest:
    guest.shell()
    with scenario('/dev/pts and /sys are mounted, and empty'):
        mounts = guest.run('mount')[1]
        assert 'devpts on /dev/pts type devpts (rw' in mounts, mounts
        assert 'sysfs on /sys type sysfs (rw' in mounts, mounts
        out = guest.run('ls -l /dev/pts /dev/ptmx')[1]
        assert re.search(r'^crw-rw-rw- +1 root +tty +5, +2 .* /dev/ptmx$', out, re.M), out
        assert re.search(r'^c--------- +1 root +root +5, +2 .* ptmx$', out, re.M), out
        out = re.sub(' +[A-Z][a-z]{2} +[0-9]+ [0-9:]+ ', ' ', guest.run('ls -lR /sys')[1])
        assert out == ('/sys:\ntotal 0\ndrwxr-xr-x    3 root     root             0 fs\n\n'
                       '/sys/fs:\ntotal 0\ndrwxr-xr-x    2 root     root             0 cgroup\n\n'
                       '/sys/fs/cgroup:\ntotal 0\n'), out
        assert guest.run('df /sys /dev/pts')[0] == 0
        out = guest.run('stat -f /sys /dev/pts | grep -o Type.*')[1]
        assert out == 'Type: sysfs\nType: devpts\n', out
        status, out = guest.run('mkdir /sys/x; echo x > /sys/y; rm -r /sys/fs; mkdir /dev/pts/x')
        assert out.count('not permitted') == 3 and 'Permission denied' in out, out
        assert guest.run('mkdir /tmp/s; mount -t sysfs none /tmp/s; ls /tmp/s; umount /tmp/s') == \
            (0, 'fs\n')
    with scenario('a program on a pseudo-terminal has it by name, ps shows it, it goes with it'):
        status, out = guest.run(SCRIPT + "sh -c 'tty; ls -l /dev/pts/0; ps -o tty,args; exit 3'")
        out = out.replace('\r', '')
        assert status == 3 and out.startswith('/dev/pts/0\n'), (status, out)
        assert re.search(r'^crw--w---- +1 root +tty +136, +0 .* /dev/pts/0$', out, re.M), out
        assert re.search(r'^136,0 .*ps -o', out, re.M), out
        assert guest.run('ls /dev/pts') == (0, 'ptmx\n')
    with scenario('what goes in is the input of a program there, to its end'):
        status, out = guest.run("echo hello | " + SCRIPT + "sh -c 'stty -echo; cat; echo end'")
        assert status == 0 and 'hello\r\nend\r\n' in out, out
    with scenario('a shell on a pseudo-terminal: prompt, editing, ^C, ^Z, fg'):
        guest.send('stty rows 31 cols 91; ' + SCRIPT + 'sh -i; echo o""ver\n')
        guest.expect(r'# ')
        type_and_expect(guest, 'stty size; tty\n', r'31 91\r+\n/dev/pts/0\r+\n')
        type_and_expect(guest, 'echo abx\177c\n', r'\nabc\r+\n')
        type_and_expect(guest, SLEEPER, r'\ngo\r')
        type_and_expect(guest, '\003', r'\^C')
        type_and_expect(guest, 'echo status $?\n', r'status 130\r')
        type_and_expect(guest, READER, r'\ngo\r')
        type_and_expect(guest, '\032', r'Stopped')
        type_and_expect(guest, 'jobs\n', r'Stopped +sh -c')
        type_and_expect(guest, 'fg\n', r'\nsh -c .*\r')
        type_and_expect(guest, 'something\n', r'\ngot something\r')
        type_and_expect(guest, 'sleep 1 & jobs\n', r'Running +sleep 1')
        type_and_expect(guest, 'wait; jobs; echo no""ne\n', r'\nnone\r')
        type_and_expect(guest, 'cat /proc/self/stat\n', r'\(cat\) R|\(cat\) S \d+ (\d+) \d+ 34816 ')
    with scenario('another one on it'):
        guest.send(SCRIPT + 'sh -i; echo w""as $?\n')
        type_and_expect(guest, 'tty; ls /dev/pts\n', r'/dev/pts/1\r+\n')
        guest.expect(r'0 +1 +ptmx')
        type_and_expect(guest, 'exit 5\n', r'\nwas 5\r')
    with scenario('vi and top on a pseudo-terminal'):
        guest.send('rm -f /tmp/v; vi /tmp/v\n')
        guest.expect(r'~')
        # It waits whether that was all of the escape sequence.
        type_and_expect(guest, 'ihello from vi\033', r'- /tmp/v \[Modified\]')
        type_and_expect(guest, ':wq\n', r'# ')
        type_and_expect(guest, 'cat /tmp/v; echo there\n', r'\nhello from vi\r+\nthere')
        type_and_expect(guest, 'top\n', r'Mem:')
        type_and_expect(guest, 'q', r'# ')
        type_and_expect(guest, 'exit\n', r'\nover\r')
        assert guest.run('ls /dev/pts; cat /tmp/v') == (0, 'ptmx\nhello from vi\n')
    with scenario('who holds the master dies: the shell and what runs on it are hung up'):
        guest.run('mkfifo /tmp/typed; ' + SCRIPT + 'sh -c \'trap "echo hup > /tmp/hup; exit" HUP; '
                  'echo > /tmp/up; while :; do sleep 0.1; done\' < /tmp/typed > /dev/null & '
                  'exec 7> /tmp/typed; '
                  'while [ ! -e /tmp/up ]; do usleep 50000; done; kill -9 $!; exec 7>&-', 60)
        guest.run('for i in $(seq 50); do test -e /tmp/hup && break; usleep 100000; done')
        assert guest.run('cat /tmp/hup; ls /dev/pts') == (0, 'hup\nptmx\n')
    with scenario('ten at once, each with its own'):
        status, out = guest.run('for i in 0 1 2 3 4 5 6 7 8 9; do (' + SCRIPT +
                                "sh -c 'sleep 1; tty; echo me' | tr -d '\\r' | tr '\\n' ' '; "
                                'echo) < /dev/null & done; wait', 30)
        assert sorted(re.findall(r'/dev/pts/(\d) ', out)) == list('0123456789'), out
        assert out.count('me ') == 10, out      # they may have come into each other's lines
    with scenario('a user who takes all of them leaves some to root, and all when he has gone'):
        status, out = guest.run(
            'su -s /bin/sh nobody -c "/usr/lib/skink/ptyall" > /tmp/all & '
            'while [ ! -s /tmp/all ]; do usleep 50000; done; cat /tmp/all; '
            "%s tty; wait; ls /dev/pts" % SCRIPT, 30)
        assert out == '27 then 28\n/dev/pts/27\nptmx\n', out
    with scenario('devpts and sysfs outlive their servers'):
        guest.run('dmesg -n 1')
        out = guest.run('service kill tty; ls /dev/pts; service kill procfs; ls /sys/fs')
        assert out == (0, 'ptmx\ncgroup\n'), out
    with scenario('no service has crashed but those that were killed'):
        rows = [line.split() for line in guest.run('service list')[1].strip().split('\n')[1:]]
        assert all(row[3] == 'running' for row in rows), rows
        assert not [row for row in rows if row[4:6] != ['0', '0']
                    and row[0] not in ('tty', 'procfs')], rows
finish()
