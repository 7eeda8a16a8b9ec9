#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""exec.py - run a command in the guest as root (./skink exec [options] -- COMMAND).

The guest's process 1 is then /usr/sbin/execd, and the serial line carries frames only: what the
command prints comes out here, standard output and errors apart, standard input goes in, and we end
with its status. 124: the time limit; 125: the guest died, with the reason; 2: wrong options.
"""
import argparse
import os
import select
import signal
import sys
import time

import machine
from guest import DIAGNOSE, Guest, GuestError

HEAD = 3
PAYLOAD = 4096
READY = b'r\1\x001'              # execd's first frame
STATUS_TIMEOUT = 124
STATUS_GUEST_DIED = 125
READY_SECONDS = 60


def parse(arguments):
    parser = argparse.ArgumentParser(prog='skink exec', allow_abbrev=False,
                                     usage='skink exec [OPTIONS] -- COMMAND [ARGUMENT ...]')
    machine.add_options(parser)
    parser.add_argument('--timeout', metavar='SECONDS', type=machine.seconds,
                        help='end after this time, status 124')
    at = arguments.index('--') if '--' in arguments else len(arguments)
    options = parser.parse_args(arguments[:at])
    if at == len(arguments):
        raise machine.UsageError('exec: expected -- and a command')
    options.command = arguments[at + 1:]
    if not options.command:
        raise machine.UsageError('exec: expected a command after --')
    return options


class Line:
    """Frames over the guest's serial line."""

    def __init__(self, guest):
        self.guest = guest
        self.bytes = b''        # received, not yet a whole frame
        self.unsent = b''       # the guest has not taken it yet
        self.silent = guest.machine.uefi        # until the guest is ready the firmware talks
        guest.serial.setblocking(False)

    def send(self, kind, payload=b''):
        self.unsent += kind + bytes((len(payload) & 255, len(payload) >> 8)) + payload

    def frames(self, timeout, streams=()):
        """Wait for bytes here or on `streams`. (frames received, streams that are ready).

        What is to be sent goes out as the guest takes it; until then `streams` are not read."""
        serial = self.guest.serial
        ready, room, _ = select.select([serial, *(() if self.unsent else streams)],
                                       [serial] if self.unsent else [], [], timeout)
        if room:
            try:
                self.unsent = self.unsent[serial.send(self.unsent):]
            except (BrokenPipeError, ConnectionResetError):
                self.unsent = b''       # the end comes with the next read
        if serial in ready:
            try:
                data = self.guest.serial.recv(65536)
            except ConnectionResetError:
                data = b''
            if not data:
                self.guest.wait(10)
                raise self.died('the guest ended before the command did')
            self.guest.console += data
            self.bytes += data
        return self.cut(), [s for s in ready if s is not self.guest.serial]

    def cut(self):
        found = []
        while len(self.bytes) >= (len(READY) if self.silent else HEAD):
            if self.silent:
                at = self.bytes.find(READY)
                self.bytes = self.bytes[at if at >= 0 else 1 - len(READY):]
                self.silent = at < 0
                continue
            if self.bytes[:1] not in b'roex':
                time.sleep(0.5)         # let the rest of a panic come
                self.guest.receive(0.1)
                raise self.died('the guest said something unexpected')
            end = HEAD + (self.bytes[1] | self.bytes[2] << 8)
            if len(self.bytes) < end:
                break
            found.append((self.bytes[:1], self.bytes[HEAD:end]))
            self.bytes = self.bytes[end:]
        return found

    def died(self, what):
        self.guest.alive()
        return self.guest.failure(what)


def write(stream, data):
    while data:
        data = data[os.write(stream, data):]


def start(line, command, deadline):
    """Hand over the command when the guest is ready; False: out of time."""
    while not any(kind == b'r' for kind, _ in line.frames(0.1)[0]):
        if time.monotonic() > deadline:
            return False
        if time.monotonic() > line.guest.begun + READY_SECONDS:
            raise line.died('the guest did not get ready to run a command')
    words = b''.join(os.fsencode(word) + b'\0' for word in command)
    for at in range(0, len(words), PAYLOAD):
        line.send(b'a', words[at:at + PAYLOAD])
    line.send(b's')
    return True


def serve(line, deadline):
    """Carry bytes both ways until the command ends; its status, None: out of time."""
    streams = [0]
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        frames, ready = line.frames(min(left, 1), streams)
        for stream in ready:
            data = os.read(stream, PAYLOAD)
            if data:
                line.send(b'i', data)
            else:
                streams.remove(stream)
                line.send(b'c')
        for kind, payload in frames:
            if kind == b'o':
                write(1, payload)
            elif kind == b'e':
                write(2, payload)
            elif kind == b'x':
                return payload[0]


def open_streams():
    """/dev/null where the caller has closed one of the three; or the serial line would be it."""
    for stream in (0, 1, 2):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)      # the lowest number that is free


def main():
    open_streams()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    options = parse(sys.argv[1:])
    options.append += ['init=/usr/sbin/execd', 'log=off']
    deadline = time.monotonic() + (options.timeout or float('inf'))
    made = machine.from_options(options)
    if made.root not in (machine.FRESH, None):
        held = machine.take_root(made.root)     # until we end
    with Guest(name='exec-%d' % os.getpid(), made=made) as guest:
        guest.begun = time.monotonic()
        line = Line(guest)
        status = serve(line, deadline) if start(line, options.command, deadline) else None
        state = guest.diagnose('the time limit') if status is None and DIAGNOSE else None
    if status is None:
        print('skink: ended after %g s%s' % (options.timeout, ', what it did: ' + state
                                             if state else ''), file=sys.stderr)
        return STATUS_TIMEOUT
    os.unlink(guest.log)
    return status


if __name__ == '__main__':
    try:
        sys.exit(main())
    except machine.UsageError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(2)
    except GuestError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(STATUS_GUEST_DIED)
    except BrokenPipeError:
        sys.exit(141)
