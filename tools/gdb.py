#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""gdb.py - debug Skink (./skink gdb).

Attaches to a guest started with `./skink run --gdb` in another terminal. If there is none, starts
one that waits at its first instruction; its console then goes to build/logs/gdb-console.log.
"""
import os
import socket
import subprocess
import sys
import time

import guest
import machine
import run

KERNEL = os.path.join('build', 'kernel', 'skink.elf')


def attachable():
    """Whether somebody listens at the socket. (QEMU takes one debugger after the other.)"""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(run.GDB_SOCKET)
        return True
    except OSError:
        return False


def start(arguments, folder):
    """A stopped guest, its console in a file. `folder`: where file names in the options start."""
    log = os.path.join(guest.LOGS, 'gdb-console.log')
    os.makedirs(guest.LOGS, exist_ok=True)
    command = [sys.executable, os.path.join(machine.ROOT, 'tools', 'run.py'), '--stopped']
    with open(log, 'wb') as output:
        # A session of its own: Ctrl-C in gdb must not reach QEMU.
        process = subprocess.Popen(command + arguments, cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=output, start_new_session=True)
    for _ in range(100):
        if process.poll() is not None:
            with open(log) as file:
                sys.stderr.write(file.read())
            sys.exit(process.returncode or 1)
        if attachable():
            print('skink: the guest waits; its console: %s' % os.path.relpath(log, machine.ROOT))
            return process
        time.sleep(0.05)
    process.terminate()
    raise machine.UsageError('QEMU did not open %s' % run.GDB_SOCKET)


def main():
    arguments = sys.argv[1:]
    batch = []
    while '--ex' in arguments:                  # gdb commands, for scripts: --ex 'skink ps'
        where = arguments.index('--ex')
        batch += ['-ex', *arguments[where + 1:where + 2]]
        del arguments[where:where + 2]
    run.parse(arguments, 'gdb')                  # a wrong option ends it here, with status 2
    folder = os.getcwd()
    os.chdir(machine.ROOT)
    started = None if attachable() else start(arguments, folder)
    try:
        return subprocess.call(
            ['gdb', '-q', '-ex', 'set confirm off', KERNEL,
             '-ex', 'target remote ' + run.GDB_SOCKET,
             '-ex', 'source tools/skink_gdb.py'] + batch + (['-batch'] if batch else []))
    finally:
        if started:
            started.terminate()
            started.wait()


if __name__ == '__main__':
    try:
        sys.exit(main())
    except machine.UsageError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(2)
