# SPDX-License-Identifier: BSD-2-Clause
"""./skink run, as a person at a terminal has it.

Limit: 120
"""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

import machine
from guest import finish, scenario

RUN = [sys.executable, os.path.join(machine.ROOT, 'tools', 'run.py'), '--accel', 'tcg']


class Terminal:
    """`command` on a terminal of its own, of 33 rows and 101 columns."""

    def __init__(self, command):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('4H', 33, 101, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.text = ''
        self.slave = slave
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)

    def expect(self, pattern, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            assert time.monotonic() < deadline, (pattern, self.text[-2000:])
            if select.select([self.master], [], [], 0.2)[0]:
                self.text += os.read(self.master, 65536).decode(errors='replace')

    def type(self, text):
        os.write(self.master, text.encode())


def at_the_terminal(folder):
    disk = machine.make_root(os.path.join(folder, 'mine.img'), size='40M')
    terminal = Terminal(RUN + ['--root', disk])
    try:
        with scenario('run ends at a shell that knows how big the terminal is'):
            terminal.expect(r'/ # ')
            terminal.type('stty size\n')
            terminal.expect(r'33 101\r')
        with scenario('nobody else boots from its root disk meanwhile'):
            other = subprocess.run(RUN + ['--root', disk], stdin=subprocess.DEVNULL,
                                   capture_output=True, text=True, timeout=30)
            assert other.returncode == 2 and 'in use' in other.stderr, other
        with scenario('reboot boots again, from the same disk'):
            terminal.type('echo kept > /root/note; reboot\n')
            terminal.expect(r'kernel: Skink')
            terminal.expect(r'/ # ')
            terminal.type('cat /root/note\n')
            terminal.expect(r'\nkept\r')
        with scenario('poweroff ends it with status 0, and the terminal is as it was'):
            terminal.type('poweroff\n')
            terminal.expect(r'switching the machine off')
            assert terminal.process.wait(60) == 0
            assert termios.tcgetattr(terminal.slave) == terminal.before
    finally:
        terminal.process.kill()


with tempfile.TemporaryDirectory(prefix='skink-terminal-') as where:
    at_the_terminal(where)
finish()
