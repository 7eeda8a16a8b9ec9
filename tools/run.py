#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""run.py - boot Skink in QEMU on this terminal (./skink run). Ctrl-A x ends it."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import termios

import machine
from guest import LOGS, die_with_parent

GDB_SOCKET = os.path.join('build', 'gdb.sock')  # relative: a socket's path is short


def parse(arguments, name='run'):
    parser = argparse.ArgumentParser(prog='skink ' + name, allow_abbrev=False)
    machine.add_options(parser)
    parser.add_argument('--timeout', metavar='SECONDS', type=machine.seconds,
                        help='end after this time, status 124')
    parser.add_argument('--gdb', action='store_true', help='let ./skink gdb attach')
    parser.add_argument('--stopped', action='store_true', help='with --gdb: wait for it')
    return parser.parse_args(arguments)


def kept_disk():
    """The root disk of this working copy, which keeps what is written. One that was made by an
    older build is put aside: what it has of Skink's own programs is of that build."""
    disk, made_from = os.path.join(machine.BUILD, 'disk.img'), str(os.path.getmtime(
        machine.ROOT_IMAGE))
    stamp = disk + '.made-from'
    try:
        with open(stamp) as file:
            known = file.read()
    except OSError:
        known = None
    if os.path.exists(disk) and known != made_from:
        machine.take_disk(disk).close()
        os.rename(disk, disk + '.old')
        print('skink: a new build: a fresh root disk; the old one is %s'
              % os.path.relpath(disk + '.old', os.getcwd()), file=sys.stderr)
    if not os.path.exists(disk):
        subprocess.run(['cp', '--sparse=always', machine.ROOT_IMAGE, disk + '.new'], check=True)
        os.rename(disk + '.new', disk)
        with open(stamp, 'w') as file:
            file.write(made_from)
    return disk


def terminal_size():
    """For the boot command line: a serial line does not tell how big the terminal is."""
    if not os.isatty(1):
        return []
    columns, rows = os.get_terminal_size(1)
    return ['rows=%d' % rows, 'columns=%d' % columns] if rows and columns else []


def serial_arguments():
    os.makedirs(LOGS, exist_ok=True)
    log = machine.comma(os.path.join(LOGS, 'run.log'))
    if sys.stdin.isatty():
        return ['-chardev', 'stdio,id=ser,mux=on,signal=off,logfile=' + log,
                '-serial', 'chardev:ser', '-mon', 'chardev=ser']
    return ['-chardev', 'stdio,id=ser,signal=off,logfile=' + log, '-serial', 'chardev:ser']


def gdb_arguments(options):
    if not (options.gdb or options.stopped):
        return []
    path = os.path.join(machine.ROOT, GDB_SOCKET)
    if os.path.exists(path):
        os.unlink(path)
    return ['-gdb', 'unix:%s,server=on,wait=off' % GDB_SOCKET] + (
        ['-S'] if options.stopped else [])


def run(command, timeout):
    """QEMU on this terminal, which is afterwards as it was before. Its exit status."""
    terminals = []
    for stream in (0, 1, 2):
        if os.isatty(stream):
            terminals.append((stream, termios.tcgetattr(stream)))
    blocking = [os.get_blocking(stream) for stream in (0, 1, 2)]
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN if terminals else signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    process = subprocess.Popen(command, cwd=machine.ROOT, preexec_fn=die_with_parent)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (0, 1, 2):
            os.set_blocking(stream, blocking[stream])
        for stream, attributes in terminals:
            termios.tcsetattr(stream, termios.TCSANOW, attributes)


def main():
    options = parse(sys.argv[1:])
    workdir = tempfile.mkdtemp(prefix='skink-')
    try:
        options.append += terminal_size()
        guest = machine.from_options(options)
        guest.reboots = not (options.gdb or options.stopped)
        if guest.root == machine.FRESH and not guest.overlays:
            guest.root = kept_disk()
        if guest.root not in (machine.FRESH, None):
            held = machine.take_root(guest.root)        # until we end
        command = guest.command(workdir) + serial_arguments() + gdb_arguments(options)
        if sys.stdin.isatty():
            print('skink: %s; Ctrl-A x ends it' % guest.accel, file=sys.stderr)
        status = run(command, options.timeout)
    finally:
        shutil.rmtree(workdir, ignore_errors=True)
    if status is None:
        print('skink: ended after %g s' % options.timeout, file=sys.stderr)
        return 124
    if status in (machine.STATUS_OFF, machine.STATUS_RESET):
        return 0
    print('skink: ' + machine.explain_status(status), file=sys.stderr)
    return 1


if __name__ == '__main__':
    try:
        sys.exit(main())
    except machine.UsageError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(2)
