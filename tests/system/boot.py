# SPDX-License-Identifier: BSD-2-Clause
"""The system boots, and its first program says hello; what a panic of the kernel says."""
import os
import re

import machine
from guest import Guest, GuestError, finish, scenario

SYMBOLS = os.path.join(machine.BUILD, 'kernel', 'skink.sym')


def symbols():
    with open(SYMBOLS) as lines:
        return sorted((int(line.split()[0], 16), line.split()[2]) for line in lines)


def stop_in(guest, function):
    """Stop the machine when the kernel is in this function."""
    names = symbols()
    first = next(a for a, name in names if name == function)
    end = next(a for a, _ in names if a > first)
    for _ in range(2000):
        guest.qmp('stop')
        registers = guest.qmp('human-monitor-command', **{'command-line': 'info registers'})
        if first < int(re.search(r'RIP=(\w+)', registers)[1], 16) < end:
            return
        guest.qmp('cont')
    raise AssertionError('never in %s' % function)


def place(guest):
    """The next line of a backtrace, ADDRESS NAME+OFFSET, as the symbol file has it: NAME."""
    found = guest.expect(r'\n  ([0-9a-f]{16}) (\w+)\+([0-9a-f]{16})\r')
    name = found[2].decode()
    assert (int(found[1], 16) - int(found[3], 16), name) in symbols(), found[0]
    return name


def goes_on(guest, never):
    """The machine runs for a while, and its console does not say that."""
    try:
        guest.expect(never, timeout=2)
    except GuestError:
        assert guest.alive(), 'QEMU has ended with status %s' % guest.status
    else:
        raise AssertionError('the console says %s' % never)


with Guest() as guest:
    with scenario('the boot reaches the first program, whose write is routed to the console'):
        guest.expect(r'^hello: hello, world\r?$', timeout=60)
    with scenario('the machine goes on running afterwards'):
        goes_on(guest, r'(?i)panic')
    with scenario('a panic says why, where and who called, by name, and stops the machine'):
        guest.shell()
        guest.send('dd if=/dev/zero of=/dev/null bs=1M\n')
        stop_in(guest, 'copy_procs')
        guest.qmp('inject-nmi')
        guest.qmp('cont')
        guest.expect(r'kernel panic: exception 0{15}2 ')
        assert place(guest) == 'copy_procs'
        guest.expect(r'current slot')
        while place(guest) != 'syscall_main':
            pass
        guest.expect(r'last trace records')
        guest.expect(r'the kernel has stopped')
        assert guest.wait() == 255, guest.status
small = machine.Machine()
for small.memory in ('32', '64'):
    with scenario('with %s MiB of memory the console says that it is too little' % small.memory):
        with Guest(made=small) as guest:
            guest.expect(r'^rs: kernel: this is too little memory for Skink', 30)
            goes_on(guest, 'cannot|BusyBox|hello')
finish()
