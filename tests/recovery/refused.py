# SPDX-License-Identifier: BSD-2-Clause
"""A request that its server dies of each time is refused, and the server goes on: it does not loop.

Each server of a boot archive dies at the first instruction of one handler, whatever it does: its
program is changed, so a recovery brings the same one back. Not pci, of which nobody asks anything
that is not needed at boot. Limit: 120
"""
import re

import machine
from bootset import BootSet
from guest import Guest, finish, scenario

HLT = b'\xf4'
MESSAGE, BOARD = 2, 4           # deaths of one request: lib/server.c, lib/board_server.c
POSIX = '/usr/lib/skink/posix '
# Service, function, deaths, what asks for it, what else the service shall still do.
CASES = (
    ('vfs', 'linux_fallocate', MESSAGE, 'fallocate -l 100 /tmp/x', 'echo a > /tmp/y && cat /tmp/y'),
    ('pm', 'call_setpriority', MESSAGE, 'renice 3 $$', '(exit 7); [ $? = 7 ]'),
    ('vm', 'linux_mremap', MESSAGE, POSIX + 'mremap_moves_contents',
     POSIX + 'copy_on_write_separates_after_fork'),
    ('ext2', 'fs_link', BOARD, 'ln /etc/passwd /etc/other', 'cp /etc/passwd /etc/other && sync'),
    ('tmpfs', 'do_file_link', BOARD, 'ln /dev/shm/a /dev/shm/b', 'cp /dev/shm/a /dev/shm/c'),
    ('devfs', 'do_file_rename', BOARD, 'mv /dev/folder /dev/other', 'rmdir /dev/folder'),
    ('procfs', 'make_version', BOARD, 'cat /proc/version', 'cat /proc/uptime'),
    ('tty', 'pty_open', BOARD, 'cat < /dev/ptmx', 'stty -a'),
    ('log', 'do_log_console', MESSAGE, 'dmesg -n 3', 'dmesg'),
    ('sched', 'do_sched_load', MESSAGE, 'cat /proc/loadavg', 'cat /proc/1/stat'),
    ('ds', 'do_ds_list', MESSAGE, 'service dump names', 'service list'),
    ('rs', 'do_rs_rights', MESSAGE, 'service rights vfs', 'service status vfs'),
)


def deaths(guest, name):
    out = guest.run('service status ' + name)[1]
    return tuple(map(int, re.search(r'(\d+) restarts, (\d+) recoveries', out).groups()))


def image(boot):
    for service, function, *_ in CASES:
        boot.patch(service, function, HLT)
    return boot.write('boot.img')


with BootSet() as boot, Guest(initrd=image(boot), root=machine.ROOT_IMAGE,
                              root_option=',snapshot=on') as guest:
    guest.shell()
    guest.run('echo a > /dev/shm/a; mkdir /dev/folder')
    for service, function, most, command, other in CASES:
        with scenario('%s dies in %s each time: the request is refused, %s goes on'
                      % (service, function, service)):
            before = deaths(guest, service)
            status, out = guest.run(command, 30)
            assert status != 0 or service == 'ds', (command, out)       # is shows what there is
            assert deaths(guest, service) == (before[0], before[1] + most), (
                before, deaths(guest, service), out)
            status, out = guest.run(other, 30)
            assert status == 0, (other, out)
finish()
