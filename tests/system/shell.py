# SPDX-License-Identifier: BSD-2-Clause
"""Debian's busybox on the console, as a person would use it.

Limit: 240
"""
import hashlib
import random
import time

from guest import Guest, finish, scenario

PROMPT = r'# (\x1b\[6n)?'


def check(guest, command, expected, status=0):
    got = guest.run(command)
    assert got == (status, expected), 'expected %r, got %r' % ((status, expected), got)


with Guest() as guest:
    with scenario('the boot ends at a greeting and a shell prompt'):
        guest.expect(r'Welcome to Skink', 60)
        guest.shell()
        check(guest, 'echo $HOME $USER; pwd', '/root root\n/\n')
    with scenario('a user who logs in has a home, a name and no rights of root'):
        check(guest, 'echo joe:x:1000:1000:Joe:/home/joe:/bin/sh >> /etc/passwd; '
              'mkdir /home/joe; chown joe /home/joe', '')
        guest.send('login -f joe\n')
        guest.expect(r'~ \$ ')
        check(guest, 'echo $HOME; pwd; touch /x 2> /dev/null || echo no',
              '/home/joe\n/home/joe\nno\n')
        guest.send('exit\n')
        guest.expect(PROMPT)
        check(guest, "su -l joe -c 'echo $HOME'", '/home/joe\n')
    with scenario('variables, arithmetic and here-documents work'):
        check(guest, 'x=6; echo $((x * 7))', '42\n')
        guest.send('cat << END\none\ntwo\nEND\n')
        guest.expect(r'one\r\ntwo\r\n')
    with scenario('pipelines carry data through several programs'):
        check(guest, 'seq 1 100 | grep 7 | sort -rn | head -3', '97\n87\n79\n')
        check(guest, 'echo hello | tr a-z A-Z | sed s/L/x/g', 'HExxO\n')
    with scenario('files are written, listed, copied, moved and removed'):
        check(guest, 'cd /tmp; echo data > a; cp a b; mv b c; cat c; ls -1', 'data\na\nc\n')
        check(guest, 'mkdir -p d/e; ln -s ../a d/l; cat d/l; rm -r d a c; ls; cd /', 'data\n')
    with scenario('find, xargs, tar and gzip agree on a tree'):
        check(guest, 'mkdir -p /tmp/t/u; for i in 1 2 3; do echo $i > /tmp/t/u/f$i; done; '
              'cd /tmp; tar czf t.tgz t; rm -r t; tar xzf t.tgz; '
              'find t -type f | sort | xargs cat; rm -r t t.tgz; cd /', '1\n2\n3\n')
    with scenario('sha256sum of a program is what the host says'):
        status, out = guest.run('sha256sum < /bin/busybox')
        with open('/bin/busybox', 'rb') as file:
            assert out.split()[0] == hashlib.sha256(file.read()).hexdigest(), out
    with scenario('^C ends the foreground program and not the shell'):
        guest.send('sleep 100\n')
        guest.expect(r'sleep 100')
        time.sleep(1)                   # a person waits until it runs
        guest.send('\x03')
        check(guest, 'echo $?', '130\n')
    with scenario('^Z stops a job, fg and bg continue it'):
        guest.send('sleep 3\n')
        time.sleep(1)
        guest.send('\x1a')
        guest.expect(r'Stopped')
        guest.send('bg\n')
        guest.expect(r'sleep 3')
        status, out = guest.run('wait; echo waited')
        assert 'waited' in out, out
    with scenario('background jobs run while the shell goes on'):
        status, out = guest.run('(sleep 1; echo later) & echo now; wait')
        assert out.index('now') < out.index('later'), out
    with scenario('ps, top, free, uptime, df and mount show the system'):
        status, out = guest.run('ps')
        assert 'init' in out and '-sh' in out or '/bin/sh' in out, out
        for command in ('top -b -n1', 'free', 'uptime', 'df', 'mount'):
            status, out = guest.run(command)
            assert status == 0 and out.strip(), (command, status, out)
    with scenario('a line is edited in canonical mode'):
        guest.send('cat\n')
        time.sleep(1)
        guest.send('abx\x7fc\n')
        guest.expect(r'\nabc\r\n')
        guest.send('\x04')
        check(guest, 'echo back', 'back\n')
    with scenario('input that finds no room in any buffer waits at the sender'):
        data = random.Random(1).randbytes(30000)
        guest.send("stty raw -echo; echo re''ady; sleep 5; head -c 30000 | md5sum; stty sane\n")
        guest.expect(r'ready\n')
        guest.send(data)
        assert guest.unread() > 0
        time.sleep(4)
        assert guest.unread() > 0, 'buffers were not full'
        guest.expect(hashlib.md5(data).hexdigest(), 60)
        check(guest, 'echo back', 'back\n')
    with scenario('tty dies while everybody waits for input: what is typed then is heard'):
        check(guest, 'dmesg -n 7; (sleep 1; service kill tty) > /dev/null 2>&1 & true', '')
        guest.expect('rs: tty: killed by signal 9')
        time.sleep(0.5)                 # it is back, and nobody has asked it for anything
        check(guest, 'echo heard', 'heard\n')
        assert ' 1 recoveries' in guest.run('service status tty')[1]
    with scenario('vi edits a file'):
        guest.send('vi /tmp/v\n')
        guest.expect(r'/tmp/v')
        guest.send('ihello vi\x1b')
        time.sleep(1)                   # or what follows would belong to the escape sequence
        guest.send(':wq\n')
        guest.expect(PROMPT)
        check(guest, 'cat /tmp/v', 'hello vi\n')
    with scenario('a second procfs is mounted, used, and unmounted when nobody is in it'):
        check(guest, 'mkdir /tmp/p; mount -t proc none /tmp/p; find /tmp/p > /tmp/f; '
              'cd /tmp/p/self; umount /tmp/p 2> /dev/null; echo $?; cd /; umount /tmp/p; echo $?; '
              'ls /tmp/p; rm -r /tmp/p /tmp/f', '1\n0\n')
    with scenario('service list shows every service running'):
        status, out = guest.run('service list')
        rows = out.strip().split('\n')[1:]
        assert status == 0 and len(rows) >= 10 and all(' running ' in row for row in rows), out
        assert len({row.index(' running ') for row in rows}) == 1, out
    with scenario('service says what is wrong with what was asked'):
        for wrong, text in (('nosuch', 'nosuch: no such command'),
                            ('status', 'status: of which service?'),
                            ('stop a b', 'stop: too many arguments'), ('', 'usage:')):
            status, out = guest.run('service ' + wrong)
            assert status == 2 and text in out.split('\n')[0], (wrong, out)
        assert guest.run('service --help')[0] == 0
        for wrong, text in (('status nosuch', 'no such service'), ('start vfs', 'already running'),
                            ('stop vfs', 'cannot be stopped'), ('restart vfs', 'would forget'),
                            ('restart rs', 'would forget'), ('kill -FOO toy', 'no such signal')):
            status, out = guest.run('service ' + wrong)
            assert status != 0 and text in out.split('\n')[0], (wrong, out)
    with scenario('service kill rs ends rs once, and succeeds'):
        status, out = guest.run('dmesg -n 1; service kill rs')
        assert (status, out) == (0, ''), out
        assert ' 1 recoveries' in guest.run('service status rs')[1]
finish()
