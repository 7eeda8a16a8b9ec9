# SPDX-License-Identifier: BSD-2-Clause
"""Who may complain of a service makes rs deal with it as with one that has a defect.

Garbage is written where services answer each other; who reads it complains, and programs do not
notice; and who answers what its contract does not allow. Limit: 450
"""
import re
import shutil
import tempfile
import time

import count
import machine
import plant
from bootset import BootSet
from guest import Guest, finish, scenario, until

TOYCTL = '/usr/lib/skink/toyctl'
PHASE, LAST_ENTRY, NONSENSE = 64, 31, 7         # lib/board.h
LOOP = b'\xeb\xfe'
TMPFS = 1                                       # servers/vfs/server.c, known[]
VFS, UART, VIRTIO_BLK = 6, 9, 24                 # ids
EPERM, ESRCH, EINVAL, ENOSPC, ENOSYS = 1, 3, 22, 28, 38


def address(service, what):
    return count.numbers(count.elf_of(service), '&' + what)[0]


def until_back(guest, name, before):
    """What its status says then."""
    def back():
        now = guest.service(name)
        return (now.deaths > before and now.repaired_us is not None and
                'running' in now.text and now.text)

    return until(back, 40, lambda: guest.service(name).text)


def refuses(boot, why=None):
    said = boot.refused()
    assert why in said if why else not said, said or 'it is not refused'


# Handlers that say what they may not say, by service: (function, its code, what asks it).
# return -38; return 0
NO_CALL, NOTHING = bytes.fromhex('b8daffffffc3'), bytes.fromhex('31c0c3')
EFAULT = bytes.fromhex('b8f2ffffffc3')
LIES = {
    'tmpfs': (
        ('do_file_lookup', NO_CALL, '[ ! -e /mnt/absent ]'),
        ('do_file_lookup', NOTHING, '[ ! -e /mnt/absent.too ]'),
        ('do_file_create', NO_CALL, 'echo a > /mnt/a && [ "$(cat /mnt/a)" = a ]'),
        ('do_file_create', NOTHING, 'mkdir /mnt/d && touch /mnt/d/b && ls /mnt/d | grep -q b'),
        ('do_file_create', NOTHING, 'ln -s target /mnt/l && [ "$(readlink /mnt/l)" = target ]'),
        ('do_file_set_attr', NO_CALL, 'chmod 640 /mnt/a && ls -l /mnt/a | grep -q rw-r-----'),
        ('do_file_set_attr', NOTHING, 'chmod 600 /mnt/a && ls -l /mnt/a | grep -q rw-------'),
        ('do_file_link', NOTHING, 'ln /mnt/a /mnt/c && [ "$(cat /mnt/c)" = a ]'),
        ('do_file_rename', NOTHING, 'mv /mnt/c /mnt/e && ls /mnt | grep -q e'),
        ('do_file_readdir', NOTHING, 'ls /mnt/d | grep -q b'),
        ('do_file_unlink', NOTHING, 'rm /mnt/e && ! ls /mnt | grep e'),
        ('do_file_stat_fs', NOTHING, 'df /mnt | grep -q /mnt'),
    ),
    'devfs': (('do_file_lookup', NO_CALL, '[ ! -e /dev/absent ]'),),
    'procfs': (('do_file_read', NO_CALL, 'grep -q Linux /proc/version'),),
    'tty': (('do_chardev_ioctl', NO_CALL, 'stty -a | grep -q baud'),
            ('do_chardev_open', NO_CALL, 'echo -n > /dev/tty')),
    'ext2': (('do_file_read', NOTHING, '/usr/lib/skink/posix 2>&1 | grep -q .'),
             ('do_file_create', NO_CALL, 'cp /etc/passwd /root/p && cmp /etc/passwd /root/p'),
             ('do_file_write', NOTHING, 'cp /etc/passwd /root/q && sync && [ -s /root/q ]')),
    'virtio_blk': (('do_block_flush', NO_CALL, 'cp /etc/passwd /root/r && sync'),),
    # By messages.
    'log': (('do_log_records', NO_CALL, 'dmesg | grep -q .'),
            ('do_log_records', EFAULT, 'grep -q . /proc/kmsg'),
            ('do_log_fit', NO_CALL, 'dmesg | grep -q .')),
    'vm': (('do_vm_space_fork', NO_CALL, '(echo a)'),
           ('do_vm_space_new', NO_CALL, '/bin/busybox true'),
           ('do_vm_map', NO_CALL, '/bin/busybox true'),
           ('do_vm_attach', NO_CALL, '/bin/busybox true'),
           ('do_vm_totals', NOTHING, 'grep -q "MemFree: *[1-9]" /proc/meminfo')),
    'pm': (('do_pm_fork', NOTHING, '(echo a)'), ('do_pm_exec_begin', NO_CALL, '/bin/busybox true'),
           ('do_pm_info', NO_CALL, 'ps | grep -q init'),
           ('do_pm_times', EFAULT, 'ps | grep -q init')),
    'sched': (('do_sched_program', NO_CALL, '(echo a)'),
              ('do_sched_load', EFAULT, 'uptime | grep -q average')),
    # A pm that has just died knows nobody: not even rs, whom it would complain to.
    'ds': (('do_ds_event_next', NO_CALL, 'service restart rtc'),
           ('do_ds_wait', NO_CALL, 'service kill pm; ps | grep -q init; '
            '! dmesg | tail -n 60 | grep "pm: exception"')),
}


def write_code(bed, name, function, text):
    code = plant.Code(name)
    bed.write(code.slot, code.symbols.address[function], text)


def lies(bed):
    guest = bed.guest
    for name, each in LIES.items():
        with scenario('%s answers what the contract does not allow: it is repaired and asked '
                      'again, and no program notices' % name):
            for function, text, command in each:
                before = guest.service(name).deaths
                write_code(bed, name, function, text)
                done = guest.run(command, 40)
                assert done[0] == 0, (function, command, done)
                out = until_back(guest, name, before)
                assert 'last defect: complaint 1' in out, (function, out)
                # Two who had such an answer at the same time both complain.
                assert guest.service(name).deaths <= before + 1 + (name == 'log'), (function, out)
                assert name == 'virtio_blk' or ' 0 restarts' in out, (function, out)
                guest.run('sleep 1.1')  # many in a row would make rs lose patience


def wrong_states(bed):
    """Who dies with something wrong in its state repairs it, and says so."""
    guest = bed.guest
    for name, what, by, line in (
            ('vfs', 'state.inode[1].refs', 3, 'references to inode 1:* was'),
            ('vfs', 'state.table[1].refs', 1, 'references to table 1:* was'),
            ('tmpfs', 'state.node[1].links', 2, 'links of node 1:'),
            ('tmpfs', 'state.free_dirent', 77, 'lists of entries'),
            ('ds', 'state.name[2].change', 250, 'change ')):
        with scenario('%s dies with another %s: it is repaired' % (name, what)):
            slot = plant.Code(name).slot
            at = address(name, what) + (7 if what.endswith('change') else 0)
            before = guest.service(name).deaths
            bed.write(slot, at, bytes((bed.memory.ram[bed.memory.physical(slot, at)] + by & 255,)))
            guest.run('service kill ' + name)
            out = until_back(guest, name, before)
            assert ' 0 restarts' in out, out
            log = guest.run('dmesg')[1]
            assert re.search('%s: recovery: %s' % (name, line), log), log[-2000:]
            done = guest.run('cp /bin/busybox /mnt/b && cmp /mnt/b /bin/busybox && rm /mnt/b')
            assert done[0] == 0, done


def garbage(bed):
    guest = bed.guest
    work = ('cp /bin/busybox /dev/shm/b && cmp /dev/shm/b /bin/busybox && cp /bin/busybox /root/b '
            '&& sync && cmp /root/b /bin/busybox && rm /dev/shm/b /root/b && echo fine')
    with scenario('nobody complains while nothing is wrong'):
        assert guest.run(work, 60) == (0, 'fine\n')
        assert 'complaint 0, resource 0' in guest.run('service stats')[1]
    with scenario('garbage on the board of a file server: vfs complains, no program notices'):
        before = guest.service('tmpfs').deaths
        board = address('vfs', 'board[%d]' % TMPFS)
        bed.write(VFS, board + PHASE + LAST_ENTRY, bytes((NONSENSE,)))
        assert guest.run(work, 60) == (0, 'fine\n')
        out = until_back(guest, 'tmpfs', before)
        assert 'last defect: complaint 1' in out and ' 0 restarts' in out, out
        assert 'rs: tmpfs: vfs complains of it: an answer on vfs' in guest.run('dmesg')[1]
    for name, slot, ring in (('virtio_blk', VIRTIO_BLK, "'block_server.c'::client[0].ring"),
                             ('uart', UART, "state.line.ring")):
        with scenario('the counts of %s are wrong: what is open is asked again, and every byte is '
                      'right' % name):
            for word in ('completed', 'accepted'):
                at = address(name, '%s.%s' % (ring, word))
                bed.write(slot, at + 1, bytes((0x80,)))
                assert guest.run(work, 60) == (0, 'fine\n')
            assert 'running' in guest.service(name).text
    with scenario('complaints are counted by themselves, and leave reports'):
        assert 'complaint 1, resource 0' in guest.run('service stats')[1]
        guest.run('while [ $(ls /var/crash/*.txt | wc -l) -lt 1 ]; do usleep 100000; done', 20)
        out = guest.run('service crashes')[1]
        assert len(re.findall(r'was complained of, reason 1', out)) == 1, out


def hogs(guest):
    with scenario('who wants more stack than it has is found out, as resource excess'):
        out = guest.service('deep').text
        assert 'last defect: resource 5' in out and 'gone' in out, out
    with scenario('who computes all the time is found out by sched, and the shell goes on'):
        deadline = time.monotonic() + 60
        while 'last defect: resource 4' not in guest.service('hog').text:
            assert time.monotonic() < deadline, guest.run('service dump processes')[1]
            assert guest.run('echo here | cat') == (0, 'here\n')
            time.sleep(1)
        log = guest.run('dmesg')[1]
        assert 'rs: hog: sched complains of it: computes all the time' in log, log
    with scenario('sched dies meanwhile, and finds it out again'):
        before = guest.service('hog').deaths
        guest.run('sleep 5; service kill sched')
        until_back(guest, 'hog', before)
    with scenario('who has much to do is not taken for one'):
        guest.run('service stop hog; dmesg -n 1')
        guest.run('for i in 1 2 3 4; do dd if=/dev/urandom of=/root/x bs=64k count=300; sync; done '
                  '2> /dev/null; timeout 12 yes; rm /root/x', 120)
        log = guest.run('dmesg')[1]
        assert log.count('sched complains') == guest.service('hog').deaths, log


def nonsense(guest):
    """What tests/services/babbler asks, one by one."""
    asked = (('log', -EINVAL), ('vm', -ENOSYS), ('pm', -ENOSYS), ('ds', -EINVAL),
             ('sched', -EINVAL), ('pci', -EINVAL), ('rs', -EINVAL))
    with scenario('who makes a request that its contract does not allow is complained of by all '
                  'whom services ask'):
        log = until(lambda: guest.service('babbler').deaths >= len(asked) and guest.run('dmesg')[1],
                    60, lambda: guest.run('dmesg')[1])
        said = re.findall(r'rs: babbler: (\w+) complains of it: its request 0x\w+ is none: (-?\d+)',
                          log)
        assert said == [(name, str(err)) for name, err in asked], (said, log)
    with scenario('each time it goes on behind that'):
        guest.run('sleep 2.5')
        now = guest.service('babbler')
        assert now.deaths == len(asked) and 'running' in now.text and ' 0 restarts' in now.text, now
        assert 'last defect: complaint 6' in now.text, now
    with scenario('who complains of it again at once is repaired itself'):
        assert 'rs: sched: rs complains of it: again it complains of babbler' in log, log
        assert 'last defect: complaint 1' in guest.service('sched').text
        assert 'complaint %d, resource 0' % (len(asked) + 1) in guest.run('service stats')[1]


def entitled(guest):
    with scenario('a complaint counts if the manifest lists the accused, else it is refused'):
        log = guest.run('dmesg')[1]
        assert 'accuser: of hello: 0\n' in log, log
        assert 'accuser: of toy: -%d\n' % EPERM in log and 'accuser: of rs: -%d' % EPERM in log, log
        assert 'rs: hello: accuser complains of it: just so' in log
        assert 'rs: accuser: complains of toy, and may not' in log
        assert 'last defect: complaint 3' in guest.service('hello').text
        assert guest.service('toy').deaths == 0
    with scenario('of an answer that may be that of a life which is over: the next goes on'):
        assert 'accuser: of lives of ds: 0 -%d 0\n' % ESRCH in log, log
        assert 'restarts, 2 recoveries' in guest.service('ds').text, guest.service('ds')
        assert 'an old answer' not in log
    with scenario('a service gives itself no name but those of devices, and not too many'):
        assert 'accuser: a name: -%d; after 16 devices: -%d\n' % (EPERM, ENOSPC) in log, log
    with scenario('programs do not complain, root neither'):
        assert guest.run(TOYCTL + ' complain')[1] == 'error %d\n' % EPERM
        assert guest.service('toy').deaths == 0


with BootSet() as boot:
    boot.add('accuser')
    with scenario('the image checker sees whether somebody complains'):
        refuses(boot)
        boot.set('hello', complains='toy')
        refuses(boot, "complaints are listed, but 'hello' never makes one")
        boot.set('hello', complains=None)
        for name in ('vfs', 'tty', 'ext2', 'pm', 'procfs', 'vm', 'ds', 'log', 'pci'):
            kept = boot.text[name]
            boot.set(name, complains=None)
            refuses(boot, "'%s' complains of others, but nobody is listed" % name)
            boot.text[name] = kept
    boot.set('hello', script=None)
    with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
               root_option=',snapshot=on') as guest:
        guest.shell()
        entitled(guest)
    boot.add('hog')
    boot.add('deep', 'hog', id='43', args='stack', restart='never')
    with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
               root_option=',snapshot=on') as guest:
        guest.shell()
        hogs(guest)
with BootSet() as boot:
    boot.add('babbler')
    boot.patch('hello', 'main', LOOP)
    with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
               root_option=',snapshot=on') as guest:
        guest.shell()
        nonsense(guest)
        with scenario('who hangs before it has ever been ready is found, too'):
            assert 'last defect: hung' in guest.service('hello').text, guest.service('hello')
if shutil.which('gdb') is not None:
    with tempfile.TemporaryDirectory(prefix='skink-complaints-') as folder:
        bed = plant.Bed(folder, root=machine.ROOT_IMAGE, root_option=',snapshot=on')
        bed.fresh()
        garbage(bed)
        lies(bed)
        wrong_states(bed)
        bed.close()
finish()
