# SPDX-License-Identifier: BSD-2-Clause
"""A request that its server dies of each time is refused, and the server goes on: it does not loop.

Each server of a boot archive dies at the first instruction of one handler, whatever it does: its
program is changed, so a recovery brings the same one back. Not pci, of which nobody asks anything
that is not needed at boot. Limit: 150
"""

import machine
from bootset import RET, BootSet
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
    return guest.service(name)[:2]


# Others of the same server that it dies of: one behind the other, more deaths than make a loop.
MANY = {
    'ext2': (BOARD, ('fs_link',), ['ln /root/a /root/b'], 'cat /root/a'),
    'pm': (MESSAGE, ('call_setpriority', 'call_sethostname'),
           ['renice 3 $$', 'hostname other'], '(exit 7); [ $? = 7 ]'),
}
TIMES = 10
OPERATIONS = ('put', 'get', 'sum', 'remove')
REFUSALS = 16                   # lib/server.h


def image(boot):
    for service, function, *_ in CASES:
        boot.patch(service, function, HLT)
    for service, (_, functions, *_) in MANY.items():
        for function in functions:
            boot.patch(service, function, HLT)
    for name in ('vfs', 'procfs'):      # or they ask twice before they say EIO
        boot.patch(name, 'server_doubt', RET)
    for operation in OPERATIONS:
        boot.patch('toy', 'do_toy_' + operation, HLT)
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
    guest.run('echo a > /root/a')
    for service, (most, _, commands, other) in MANY.items():
        with scenario('%s dies of %d requests in a row: each is refused, nothing is lost'
                      % (service, TIMES * len(commands))):
            before = deaths(guest, service)
            status, out = guest.run('n=0; while [ $n -lt %d ]; do n=$((n + 1)); %s; done'
                                    % (TIMES, '; '.join(c + ' && break' for c in commands)), 60)
            assert '%d' % TIMES in guest.run('echo $n')[1], out
            after = deaths(guest, service)
            assert after[0] == before[0], (before, after, out)
            assert after[1] >= before[1] + most * TIMES * len(commands), (before, after, out)
            assert guest.run(other)[0] == 0
    with scenario('toy does nothing but die: after %d refusals it begins afresh' % REFUSALS):
        before = deaths(guest, 'toy')
        guest.run('n=0; while [ $n -lt %d ]; do n=$((n + 1)); /usr/lib/skink/toyctl get 1; done'
                  % REFUSALS)
        assert deaths(guest, 'toy')[0] == before[0], deaths(guest, 'toy')
        guest.run('/usr/lib/skink/toyctl get 1; /usr/lib/skink/toyctl get 1')
        assert deaths(guest, 'toy')[0] == before[0] + 1, deaths(guest, 'toy')
finish()
