# SPDX-License-Identifier: BSD-2-Clause
"""The log: dmesg reads and clears it, the console shows what it should, a file keeps it.

Limit: 240
"""
import os
import re
import subprocess
import tempfile
import time

from guest import Guest, finish, scenario, until

LOGD = '/usr/sbin/logd'
LAST = 'tail -n 4 /var/log/skink.log'


def wait_for(guest, command, pattern, seconds=15):
    def matched():
        out = guest.run(command)[1]
        return re.search(pattern, out, re.M) and out

    return until(matched, seconds, lambda: (command, pattern, guest.run(command)[1]))


def flooded(guest, tag, last, count):
    """Each line of a flood is in the files, and once."""
    wait_for(guest, LAST, '%s: %d$' % (tag, last))
    out = guest.run("cat /var/log/skink.log* | sed -n 's/.* %s: //p' | sort | uniq -c | "
                    "awk '{ n += $1; l++ } END { print n, l }'" % tag)[1]
    assert out == '%d %d\n' % (count, count), out


with tempfile.TemporaryDirectory() as folder:
    image = os.path.join(folder, 'disk')
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', image, '8M'], check=True,
                   stdout=subprocess.DEVNULL)
    with Guest(disks=[image]) as guest:
        guest.shell()
        with scenario('dmesg tells of the boot, with times that never go back'):
            status, out = guest.run('dmesg')
            assert status == 0 and 'rs: kernel: Skink' in out and 'hello: hello, world' in out
            times = [float(t) for t in re.findall(r'^\[ *(\d+\.\d+)\] ', out, re.M)]
            assert len(times) == len(out.strip().split('\n')) and times == sorted(times), out
        with scenario('a buffer that is too small gets the latest lines'):
            last = out.strip().split('\n')[-1]
            status, out = guest.run('dmesg -s 200')
            assert status == 0 and out.strip().split('\n')[-1] == last, out
        with scenario('dmesg -c shows and clears, -r shows levels'):
            assert guest.run('dmesg -c > /dev/null; dmesg')[1] == ''
            guest.run('service kill toy; sleep 1')
            out = guest.run('dmesg -r')[1]
            assert re.search(r'^<4>\[ *\d+\.\d+\] rs: toy: killed by signal 9', out, re.M), out
        with scenario('at the shell, the console shows of the log what is an error only'):
            out = guest.run('service kill toy; service restart hello; sleep 1; echo done')[1]
            assert out == 'done\n', out
            assert re.search(r'^<6>\[.*\] rs: hello: on request', guest.run('dmesg -r')[1], re.M)
        with scenario('dmesg -n decides what the console shows'):
            guest.run('dmesg -n 1')
            guest.run('service kill toy; sleep 1')
            assert b'rs: toy' not in guest.console.split(b'dmesg -n 1')[-1]
            assert 'rs: toy' in guest.run('dmesg | tail -2')[1]
            guest.run('dmesg -n 7')
            guest.send('service kill toy\n')
            guest.expect('rs: toy: killed by signal 9', 10)
            assert guest.run('dmesg -n 9')[0] != 0
        with scenario('who is not root reads and changes nothing'):
            status, out = guest.run("su -s /bin/sh nobody -c 'dmesg | wc -l; dmesg -c'")
            assert status == 1 and 'Operation not permitted' in out, out
            assert int(out.split()[0]) > 0
        with scenario('the log goes to /var/log/skink.log, dated'):
            out = wait_for(guest, 'cat /var/log/skink.log', 'rs: toy: killed by signal 9')
            lines = out.strip().split('\n')
            first = next(line for line in lines if ' rs: ' in line)     # init may have been faster
            assert 'rs: kernel: Skink' in first, out
            stamp = re.compile(r'20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} \w+: ')
            assert all(stamp.match(line) for line in lines), out
            assert lines[0][:10] == guest.run('date -u +%F')[1].strip()
        with scenario('when who writes the file is killed, no line is lost and none is twice'):
            guest.run('killall -9 logd; service kill toy; service kill hello; sleep 2')
            out = wait_for(guest, 'cat /var/log/skink.log', 'rs: hello: killed by signal 9')
            assert len(re.findall('toy: killed by', out)) == \
                len(re.findall('toy: killed by', guest.run('service log rs')[1])), out
        with scenario('what programs log by syslog(3) is in the file, one line each'):
            guest.run("logger some words; logger -t tag -p daemon.err \"$(printf 'a\\tb')\"")
            out = wait_for(guest, 'cat /var/log/skink.log', 'tag: a')
            assert re.search(stamp.pattern + 'some words$', out, re.M), out
            assert re.search(stamp.pattern + r'a\^Ib$', out, re.M), out
            assert all(stamp.match(line) for line in out.strip().split('\n')), out
            assert 'some words' not in guest.run('dmesg')[1], 'dmesg'
            out = guest.run('ls -l /dev/log')[1]
            assert out.startswith('srw-rw-rw-'), out
        with scenario('a user logs, too, and no line of a flood is lost or doubled'):
            guest.run("su -s /bin/sh nobody -c 'seq 10001 13000 | logger -t flood'", 60)
            flooded(guest, 'flood', 13000, 3000)
        with scenario('nor when vfs and devfs are killed meanwhile'):
            guest.run('dmesg -n 1; seq 20001 23000 | logger -t storm & while kill -0 $! 2> '
                      '/dev/null; do service kill vfs; service kill devfs; usleep 100000; done',
                      60)
            flooded(guest, 'storm', 23000, 3000)
            guest.run('dmesg -n 7')
        with scenario('when who holds /dev/log is killed, init has it held again'):
            guest.run('killall -9 logd; sleep 0.5')
            wait_for(guest, 'cat /proc/net/unix', '/dev/log$')
            guest.run('logger again')
            wait_for(guest, LAST, 'root: again$')
        with scenario("busybox's syslogd takes /dev/log over"):
            guest.run('(syslogd -n -O /tmp/messages & echo $! > /tmp/syslogd.pid); sleep 1; '
                      'logger to busybox')
            wait_for(guest, 'cat /tmp/messages', 'root: to busybox$')
            guest.run('kill $(cat /tmp/syslogd.pid); killall logd; sleep 0.5')
            wait_for(guest, 'cat /proc/net/unix', '/dev/log$')
            guest.run('logger and back')
            wait_for(guest, LAST, 'root: and back$')
        with scenario('a long file is put aside, and only so many are kept'):
            guest.run('killall -STOP logd; mkdir /tmp/l; (%s /tmp/l/log 600 & echo $! > '
                      '/tmp/l.pid); sleep 1' % LOGD)
            for _ in range(12):
                guest.run('/usr/lib/skink/iskey 12')
            out = wait_for(guest, 'ls -l /tmp/l', r'log\.3$')
            sizes = [int(line.split()[4]) for line in out.strip().split('\n')[1:]]
            assert len(sizes) == 4 and max(sizes) <= 600, out
            assert 'log.4' not in out
            assert guest.run('kill $(cat /tmp/l.pid); killall -CONT logd') == (0, '')
        with scenario('the file survives the end of the machine if it is on a disk'):
            guest.run('mount -t ext2 /dev/vdb /var/log; killall logd; sleep 2')
            guest.run('service kill toy')
            wait_for(guest, 'cat /var/log/skink.log', 'rs: toy: killed by signal 9')
            time.sleep(4)               # it brings the file to the disk when it gets quiet
    with scenario('and the host reads it there, though the machine was stopped hard'):
        out = subprocess.run(['debugfs', '-R', 'cat skink.log', image], capture_output=True,
                             text=True).stdout
        assert 'rs: toy: killed by signal 9' in out, out
with Guest(extra=['-action', 'reboot=reset']) as guest:
    with scenario('the log in /var/log goes on after a reboot, and tells of both lives'):
        guest.shell()
        assert ' / ext2 ' in guest.run('cat /proc/mounts')[1]
        guest.run('service kill toy')
        wait_for(guest, 'cat /var/log/skink.log', 'rs: toy: killed by signal 9')
        guest.send('reboot\n')
        guest.expect(r'kernel: Skink, \d+ KiB', 60)      # the next boot's first line
        guest.shell()
        wait_for(guest, 'grep -c kernel:.Skink /var/log/skink.log', '^2$')
        assert guest.run('grep -c "rs: toy: killed by signal 9" /var/log/skink.log')[1] == '1\n'
finish()
