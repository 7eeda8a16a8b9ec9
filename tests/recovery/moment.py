# SPDX-License-Identifier: BSD-2-Clause
"""pm dies at a moment that only a debugger hits: after vm has made an address space for a fork or
an execve, before pm has committed to it. The request is done again, and nothing is left behind.

Limit: 120
"""
import os
import re
import shutil
import subprocess

import machine
from guest import Guest, finish, scenario

SERVICE = os.path.join(machine.BUILD, 'services', '%s', '%s.elf')
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


def address(service, function):
    out = subprocess.run(['nm', SERVICE % (service, service)], capture_output=True, text=True,
                         check=True).stdout
    return int(re.search(r'^(\w+) T %s$' % function, out, re.M)[1], 16)


def dies_in(guest, service, slot, function, command):
    """A service jumps to address 0 where it begins this function; the command's output."""
    process = gdb(guest, 'hbreak *%#x if $cr3 == (unsigned long)procs[%d].space->root * 4096'
                  % (address(service, function), slot), 'continue', 'delete', 'set $rip = 0',
                  'detach')
    while 'breakpoint 1' not in process.stdout.readline():
        assert process.poll() is None, 'gdb has ended'
    status, out = guest.run(command, 60)
    process.communicate(timeout=30)
    return status, out


if shutil.which('gdb') is None:
    print('ok no gdb, no debugger')
    finish()
with Guest() as guest:
    guest.shell()
    guest.qmp('human-monitor-command', **{
        'command-line': 'gdbserver unix:%s/gdb,server=on,wait=off' % guest.workdir})
    before = spaces(guest)
    for function, moment in (('sys_proc_create', 'a fork'), ('limits_to_vm', 'an execve')):
        with scenario('pm dies in %s after vm has made the space: it is done again' % moment):
            for n in range(3):
                assert dies_in(guest, 'pm', 5, function, '/bin/busybox echo hello') == (
                    0, 'hello\n')
            out = guest.run('service status pm')[1]
            assert 'last defect: exception 14' in out, out
        with scenario('and no space is left behind'):
            assert spaces(guest) == before, (before, spaces(guest))
finish()
