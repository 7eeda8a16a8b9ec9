# SPDX-License-Identifier: BSD-2-Clause
"""Services die at moments that only a debugger hits.

pm: on the way of a fork, an execve or an exit through vm and kernel, before it has committed. vfs:
when pm has made a child or begun a program, and in the middle of a sendfile. The request is done
again, and nothing is left behind. rs: while it deals with the death of another. tty: in an ioctl,
and whenever it starts, until it starts afresh. The
disk's driver: while its device is at work.

Limit: 180
"""
import os
import re
import subprocess

import machine
from guest import Guest, finish, need, scenario

SERVICE = os.path.join(machine.BUILD, 'services', '%s', '%s.elf')
UNFINISHED = 3                  # lib/server.h
DEVICE_VA = 0x500000000000
COUNT = ('python print("live:", sum(1 for i in range(640) '
         'if int(gdb.parse_and_eval("spaces[%d].root" % i))))')


def gdb(guest, *commands):
    """gdb on the guest, which stands still until it is told to continue."""
    words = ['gdb', '-q', '-nx', '-batch', guest.machine.kernel]
    for line in ('set confirm off', 'target remote ' + guest.workdir + '/gdb') + commands:
        words += ['-ex', line]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def spaces(guest):
    """How many address spaces there are."""
    out = gdb(guest, COUNT, 'detach').communicate(timeout=30)[0]
    return int(re.search(r'live: (\d+)', out)[1])


def processes(guest):
    """Those that do not come and go with the question."""
    return guest.run('echo /proc/[0-9]*')[1]


def address(service, function):
    out = subprocess.run(['nm', SERVICE % (service, service)], capture_output=True, text=True,
                         check=True).stdout
    at, = re.findall(r'^(\w+) [Tt] %s$' % function, out, re.M)     # the only one of that name
    return int(at, 16)


def in_service(slot):
    return ' if $cr3 == (unsigned long)procs[%d].space->root * 4096' % slot


def started(guest, lines):
    """gdb, when it waits for the first of its breakpoints."""
    process = gdb(guest, *lines)
    while 'breakpoint 1' not in process.stdout.readline():
        assert process.poll() is None, 'gdb has ended'
    return process


def dies(guest, service, slot, function, times, after=False, skip=0):
    """A service jumps to address 0 where it begins this function, so often, or where it is back
    from it, but for the first `skip` times; gdb, which waits."""
    here = in_service(slot)
    lines = ['hbreak *%#x' % address(service, function) + here]
    lines += ['ignore 1 %d' % skip]
    if after:
        lines += ['continue', 'delete', 'hbreak **(unsigned long *)$rsp' + here]
    return started(guest, lines + ['continue', 'set $rip = 0'] * times + ['delete', 'detach'])


def rings():
    """The disk driver dies when its requests are in the queue and the device does not know, which
    then hears of them before the successor has begun: gdb writes into its register."""
    return ['add-symbol-file ' + SERVICE % ('virtio_blk', 'virtio_blk'),
            'hbreak *%#x' % address('virtio_blk', 'virtio_kick') + in_service(24), 'continue',
            'set $bell = (unsigned long)device.bell[0] - %#x' % DEVICE_VA, 'set $rip = 0',
            'delete', 'hbreak *%#x' % address('rs', 'image_write_args') + in_service(0),
            'continue', 'maintenance packet Qqemu.PhyMemMode:1',
            'set {unsigned short}$bell = 0', 'maintenance packet Qqemu.PhyMemMode:0',
            'echo rung\\n', 'delete', 'detach']


def forks(guest, act):
    """How many there are while it acts, with those that asking takes."""
    def now():
        return int(guest.run('grep processes /proc/stat')[1].split()[1])

    before = now()
    act()
    return now() - before


def dies_in(guest, service, slot, function, command, times=1, after=False, skip=0):
    """The command's output."""
    process = dies(guest, service, slot, function, times, after, skip)
    status, out = guest.run(command, 60)
    process.communicate(timeout=30)
    return status, out


def begins_afresh(guest, service, slot):
    """It dies, and as often when it looks at its state as is tried before that is given up. It is
    tty's: what was typed last may be lost."""
    process = dies(guest, service, slot, 'check', UNFINISHED)
    guest.send('service kill %s\n' % service)
    guest.expect('service kill .*\n')           # and not the prompt it was typed at
    process.communicate(timeout=60)
    guest.expect('# ', 60)


need('gdb')
with Guest() as guest:
    guest.shell()
    guest.qmp('human-monitor-command', **{
        'command-line': 'gdbserver unix:%s/gdb,server=on,wait=off' % guest.workdir})
    before = spaces(guest)
    for function, moment in (('sys_proc_create', 'a fork after vm has made the space'),
                             ('limits_to_vm', 'an execve after vm has made the space'),
                             ('vfork_release', 'an execve after vm has attached the process'),
                             ('vm_attach', 'a fork after the kernel has made the process'),
                             ('sched_tell', 'a fork after vm has attached the process'),
                             ('vm_detach', 'an exit, between kernel and vm')):
        with scenario('pm dies in %s: it is done again' % moment):
            for n in range(3):
                assert dies_in(guest, 'pm', 5, function, '/bin/busybox echo hello') == (
                    0, 'hello\n')
            out = guest.run('service status pm')[1]
            assert 'last defect: exception 14' in out, out
        with scenario('and no space is left behind'):
            assert spaces(guest) == before, (before, spaces(guest))
    for n in range(1, 3):
        with scenario('pm dies when %d of a group have a signal: it comes once to each' % n):
            assert dies_in(guest, 'pm', 5, 'signal_process', '/usr/lib/skink/posix a_signal_to_a',
                           skip=n) == (0, 'ok a signal to a group comes once to each\n')
            assert 'last defect: exception 14' in guest.run('service status pm')[1]
    for n in range(4):
        with scenario('vfs dies with a read that is answered, into a page to be copied (%d): its '
                      'next life writes there' % n):
            assert dies_in(guest, 'vfs', 6, 'populate', '/usr/lib/skink/posix a_read_into', skip=n
                           ) == (0, 'ok a read into copy on write separates\n')
            assert 'last defect: exception 14' in guest.run('service status vfs')[1]
    there = processes(guest)
    echo, system = '/bin/busybox echo hello', """awk 'BEGIN { system("true"); system("true") }'"""
    echos = forks(guest, lambda: guest.run(echo))
    systems = forks(guest, lambda: guest.run(system))
    for function, after in (('pm_fork', True), ('ipc_forward', False), ('ipc_forward', True)):
        with scenario('vfs dies at the %s of %s for a fork: there is one child'
                      % ('end' if after else 'beginning', function)):
            def act():
                assert dies_in(guest, 'vfs', 6, function, echo, after=after) == (0, 'hello\n')

            deaths = guest.service('pm').deaths
            assert forks(guest, act) == echos and guest.service('pm').deaths == deaths
            assert 'last defect: exception 14' in guest.run('service status vfs')[1]
            assert processes(guest) == there
            assert spaces(guest) == before, (before, spaces(guest))
    with scenario('it dies twice after pm has made the child: an error, and no child'):
        status, out = dies_in(guest, 'vfs', 6, 'pm_fork', "sh -c '/bin/busybox echo hello; exit 3'",
                              2, after=True, skip=1)
        assert (status, out) == (2, "sh: can't fork: Input/output error\n"), (status, out)
        assert systems == forks(guest, lambda: dies_in(guest, 'vfs', 6, 'pm_fork', system, 2,
                                                       after=True, skip=1))
        assert guest.run('/bin/busybox echo hello; sleep 2') == (0, 'hello\n')
        assert processes(guest) == there
        assert spaces(guest) == before, (before, spaces(guest))
    with scenario('it dies twice of an execve that has no way back: the program ends'):
        status, out = dies_in(guest, 'vfs', 6, 'elf_map', '/bin/busybox echo hello', times=2)
        assert status == 139 and 'hello' not in out, (status, out)
        assert guest.run('/bin/busybox echo hello; sleep 2') == (0, 'hello\n')
        assert processes(guest) == there
        assert spaces(guest) == before, (before, spaces(guest))
    with scenario('vfs dies in a fork that has copied the descriptors: the copy is given up'):
        tables = re.search(r'(\d+) open files, (\d+) descriptor tables',
                           guest.run('service dump vfs')[1])[0]
        assert dies_in(guest, 'vfs', 6, 'pm_fork', '/bin/busybox echo hello') == (0, 'hello\n')
        out = guest.run('service dump vfs')[1]
        assert tables in out, (tables, out)
    for function, after in (('process_gone', False), ('table_release', False),
                            ('process_gone', True)):
        with scenario('vfs dies at the %s of %s, when a program ends: its parent hears of it'
                      % ('end' if after else 'beginning', function)):
            assert dies_in(guest, 'vfs', 6, function, '/bin/busybox echo hello', after=after
                           ) == (0, 'hello\n')
            assert 'last defect: exception 14' in guest.run('service status vfs')[1]
            out = guest.run('sleep 1; service dump pm')[1]
            assert ' 0 jobs for vfs' in out, out
    with scenario('vfs dies when it has asked for a terminal: the file is taken once'):
        assert dies_in(guest, 'vfs', 6, 'char_open', ': < /dev/tty', after=True) == (0, '')
        out = guest.run('service dump vfs')[1]
        assert tables in out, (tables, out)
        assert 'last defect: exception 14' in guest.run('service status vfs')[1]
    with scenario('vfs dies when pm has begun a program: it is begun once, and vfs knows it'):
        guest.run('mkdir /tmp/x; cp /bin/busybox /tmp/x')
        assert dies_in(guest, 'vfs', 6, 'pm_exec_finish', '/tmp/x/busybox readlink /proc/self/exe',
                       after=True) == (0, '/tmp/x/busybox\n')
    with scenario('vfs dies in the third part of a sendfile: no part is written twice'):
        guest.run('dd if=/dev/urandom of=/tmp/from bs=4096 count=8')
        assert dies_in(guest, 'vfs', 6, 'inode_write', 'cat /tmp/from > /tmp/to',
                       skip=2) == (0, '')
        assert 'last defect: exception 14' in guest.run('service status vfs')[1]
        assert guest.run('cmp /tmp/from /tmp/to; rm /tmp/from /tmp/to') == (0, '')
    with scenario('vfs dies with what follows a close: the close is answered for, and done once'):
        assert dies_in(guest, 'vfs', 6, 'sockets_reap', '/usr/lib/skink/posix connections_that'
                       ) == (0, 'ok connections that were not accepted are reset\n')
    for victim, function, after in (
            ('toy', 'guard_defect', False), ('toy', 'service_recover', False),
            ('toy', 'service_recover', True), ('acpi', 'guard_defect', False),
            ('acpi', 'service_start', False), ('acpi', 'rights_set', True),
            ('acpi', 'service_start', True)):
        with scenario('rs dies at the %s of %s for %s, which has died: both run again'
                      % ('end' if after else 'beginning', function, victim)):
            assert dies_in(guest, 'rs', 0, function, 'service kill ' + victim, after=after)[0] == 0
            guest.run('sleep 1')
            assert 'last defect: exception 14' in guest.run('service status rs')[1]
            out = guest.run('service status ' + victim)[1]
            assert out.startswith(victim + ': running') and ' 0 heartbeats' in out, out
            if function != 'guard_defect' and not after:    # it knew why, and knows it still
                assert 'last defect: signal 9' in out, out
            assert guest.run('service kill %s; sleep 1' % victim)[0] == 0
            assert ': running' in guest.run('service status ' + victim)[1]
    # The first thing that tty tells pm is the shell's: that the test is in the foreground.
    with scenario('tty dies when pm knows of a controlling terminal: the session has it'):
        assert dies_in(guest, 'tty', 8, 'pm_set_tty', '/usr/lib/skink/posix a_pty_becomes',
                       after=True, skip=1) == (
                           0, 'ok a pty becomes the terminal of a session\n')
        assert 'last defect: exception 14' in guest.run('service status tty')[1]
    for test, said in (('a_pty_becomes', 'a pty becomes the terminal of a session'),
                       ('who_gave', 'who gave a terminal up has none')):
        with scenario('tty dies when pm knows that a terminal is given up: it is, and %s' % said):
            assert dies_in(guest, 'tty', 8, 'pm_set_tty', '/usr/lib/skink/posix ' + test,
                           after=True, skip=2) == (0, 'ok %s\n' % said)
            assert 'last defect: exception 14' in guest.run('service status tty')[1]
    with scenario('the disk driver dies, and its device goes on: what it does is what was asked'):
        guest.run('head -c 50000 /dev/urandom > /one; sync')
        process = started(guest, rings())
        assert guest.run('cp /one /two; sync; cmp /one /two; rm /one /two', 60) == (0, '')
        out = process.communicate(timeout=30)[0]
        assert 'rung' in out, out
        assert 'last defect: exception 14' in guest.run('service status virtio_blk')[1]
        guest.errors.seek(0)
        assert guest.errors.read() == b''       # what QEMU has to say of the device
    with scenario('tty dies of one request of a program again and again: it is an error then'):
        status, out = dies_in(guest, 'tty', 8, 'pty_open', 'head -c 1 /dev/ptmx', 4)
        assert status == 1 and 'Input/output error' in out, (status, out)
        assert ' 0 restarts, 7 recoveries' in guest.run('service status tty')[1]
        assert guest.run('dmesg | grep "tty: refuses"')[0] == 1
    with scenario('tty starts afresh: who waits at a pseudo-terminal hears that it is gone'):
        guest.run('/usr/lib/skink/ptywait > /tmp/waits & '
                  'while ! grep -q wait /tmp/waits; do usleep 50000; done')
        begins_afresh(guest, 'tty', 8)
        assert ' 1 restarts' in guest.run('service status tty')[1]
        out = guest.run('usleep 500000; sort /tmp/waits')[1]
        assert out == ('all wait\npoll: 2 hung up\nread line: -1 errno 5\n'
                       'read master: -1 errno 5\nselect: 1\nwrite: ended\n'), out
finish()
