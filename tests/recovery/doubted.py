# SPDX-License-Identifier: BSD-2-Clause
"""pm, vfs or procfs is about to have a call fail as calls hardly ever do: it comes to that verdict
again in another life. If it was wrong, no program notices; if it was right, that is asked once.

Limit: 60
"""
import re

import count
import plant
from guest import finish, need, scenario

SLOT = {'pm': 5, 'vfs': 6, 'procfs': 13}
FAILS = {errno: b'\x48\xc7\xc0' + (-errno).to_bytes(4, 'little', signed=True) + b'\xc3'
         for errno in (2, 5, 9, 14)}              # mov $-errno,%rax; ret
NULL = b'\x31\xc0\xc3'                         # xor %eax,%eax; ret


class Bed:
    def __init__(self, bed):
        bed.fresh()
        self.guest, self.memory = bed.guest, bed.memory

    def plant(self, service, name, text):
        at = count.Symbols(count.elf_of(service)).address[name]
        with plant.standing(self.guest) as stub:
            stub.write(self.memory.physical(SLOT[service], at), text)

    def deaths(self, name):
        return int(re.search(r'(\d+) recoveries',
                             self.guest.run('service status ' + name)[1])[1])

    def doubts(self, service, command, *text):
        """(recoveries, status, output); text: planted before."""
        before = self.deaths(service)
        if text:
            self.plant(service, *text)
        out = self.guest.run(command)
        return self.deaths(service) - before, *out


def wrong(bed):
    for service, name, text, command, out in (
            ('vfs', 'linux_openat', FAILS[14], 'head -c 4 /etc/passwd', 'root'),
            ('vfs', 'linux_getdents64', FAILS[9], 'ls /etc/skink | grep recover', 'recover.d\n'),
            ('vfs', 'linux_write', FAILS[5], 'echo written > /root/doubted; cat /root/doubted',
             'written\n'),
            ('pm', 'call_uname', FAILS[14], 'uname -m', 'x86_64\n'),
            ('pm', 'thread_new', NULL, '(echo child)', 'child\n')):
        bed.guest.run('sleep 1')       # no two doubts in a second
        assert bed.doubts(service, command, name, text) == (1, 0, out), name
    said = bed.guest.run('dmesg | grep -c "repaired: call .* would have been answered"')[1]
    assert int(said) == 5, said


def unproved(bed):
    """procfs has nobody beside it who knows: it proves itself."""
    for name, text, command, out in (
            ('procfs_lookup', FAILS[2], 'cut -c1-5 /proc/version', 'Linux\n'),
            ('put', b'\xc3', 'cut -d" " -f2 /proc/1/stat', '(init)\n'),
            ('file_dirent', b'\xb8\x01\x00\x00\x00\xc3', 'ls /proc | grep meminfo', 'meminfo\n'),
            ('make_pid_stat', FAILS[2], 'cut -d" " -f2 /proc/1/stat', '(init)\n')):
        bed.guest.run('sleep 1')
        assert bed.doubts('procfs', command, name, text) == (1, 0, out), name


def right(bed):
    for expected in (1, 0):
        bed.guest.run('sleep 1')
        deaths, status, out = bed.doubts('vfs', 'cat /etc/passwd/x 2>&1')
        assert (deaths, status, 'Not a directory' in out) == (expected, 1, True), out


def pause(bed):
    """What is another failure is not asked again for a while."""
    deaths, _, out = bed.doubts('vfs', 'ls /etc/passwd/x/ 2>&1')
    assert (deaths, 'Not a directory' in out) == (0, True), out


def main():
    with plant.scratch('doubted') as folder, plant.Bed(folder) as memory:
        bed = Bed(memory)
        for title, run in (('a call that would have failed by a damaged service does not', wrong),
                           ('names, texts and listings of /proc are right, or not given', unproved),
                           ('a call that fails does so; it is doubted once', right),
                           ('another call that fails so is not doubted at once', pause)):
            with scenario(title):
                run(bed)


need('gdb')
main()
finish()
