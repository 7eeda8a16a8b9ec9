# SPDX-License-Identifier: BSD-2-Clause
"""vm, pm, vfs or a file server have made something of what a program needs that it cannot go on
with: it is put right, or that one program ends; nothing waits for ever.

Limit: 240
"""
import os
import re
import struct
import subprocess

import count
import guardian
import machine
import plant
from guest import finish, need, scenario, until

VM, SCHED, PM, VFS, TTY, UART, TMPFS, FIRST_PROGRAM = 3, 4, 5, 6, 8, 9, 12, 64
CACHE = 0x200000000000                  # CACHE_VA
VVAR = 0x00007fffffff8000       # abi/layout.h
LOOP = ('echo begun > /tmp/begun; until [ -e /tmp/go ]; do :; done; '
        'while :; do date +%s > /tmp/tick; usleep 50000; done')


def numbers(service, *words):
    return count.numbers(count.elf_of(service), *words)


def state(field):
    return "&((struct state *)&'state.c'::state)->" + field


class Bed(plant.Bed):
    def slot(self, name):
        """Of the newest process of that name."""
        out = self.guest.run('service dump processes')[1]
        return max(int(n) for n in re.findall(r'^ *(\d+) %s ' % name, out, re.M))

    def deaths(self, name):
        return self.guest.service(name).deaths


def ticks(bed, command='true'):
    """Whether the program goes on, after that command."""
    bed.guest.run('rm -f /tmp/tick; ' + command)
    until(lambda: bed.guest.run('[ -s /tmp/tick ]')[0] == 0, 15, 'the program stands still')


def clock_page(bed):
    """Also its children have none, until one asks for it."""
    bed.guest.run("sh -c '%s' & until [ -s /tmp/begun ]; do usleep 50000; done" % LOOP)
    slot = bed.slot('sh')           # it has no children yet
    bed.guest.run('touch /tmp/go; until [ -s /tmp/tick ]; do usleep 50000; done')
    with plant.standing(bed.guest) as stub:
        stub.write(bed.memory.entry(slot, VVAR), bytes(8))
    ticks(bed)
    bed.guest.run('kill %1; wait')


def wrong_space(bed):
    """vm makes pages present where the program does not see them. It has pages to copy when its
    child has ended."""
    at, size, of = numbers('vm', state('user[0].space'), 'sizeof(struct user)',
                           'sizeof(((struct user *)0)->space)')
    bed.guest.run("sh -c 'sleep 1000; x=1; echo $x > /tmp/tick' & "
                  'until pidof sleep > /dev/null; do :; done')
    before, slot = bed.deaths('vm'), bed.slot('sh')
    init = bed.memory.physical(VM, at + (FIRST_PROGRAM + 1) * size)
    bed.write(VM, at + slot * size, bed.memory.ram[init:init + of])
    ticks(bed, 'killall sleep')
    assert bed.deaths('vm') > before


def garbled_copies(bed):
    """A length that no copy has: `mov %rax,0x20(%rsp)` becomes `mov %rsp,0x20(%rsp)`."""
    out = subprocess.run(['objdump', '-d', '--disassemble=sys_proc_copy', count.elf_of('pm')],
                         capture_output=True, text=True, check=True).stdout
    at = int(re.search(r'^ *(\w+):\t48 89 44 24 20 ', out, re.M)[1], 16)
    before = bed.deaths('pm')
    bed.write(PM, at, bytes.fromhex('4889642420'))
    assert bed.guest.run('sh -c "trap : INT; kill -INT \\$\\$; ls / | wc -l; exit 3"')[0] == 3
    assert bed.deaths('pm') > before


def forgotten_thread(bed):
    at, size = numbers('pm', state('thread[0].alive'), 'sizeof(struct thread)')
    bed.guest.run(plant.SLEEPS)
    slot = bed.slot('sleep')
    bed.write(PM, at + (slot - FIRST_PROGRAM) * size, bytes(1))
    status, out = bed.guest.run('wait $!', 20)
    assert status == 128 + 9, (status, out)
    assert "found that a slot has another process" in bed.guest.run('dmesg')[1]


def strange_thread(bed):
    """Its process, its number, what it waits for: words that cannot be."""
    first, size, process, tid, wait = numbers(
        'pm', state('thread[0]'), 'sizeof(struct thread)',
        *('&((struct thread *)0)->' + field for field in ('process', 'tid', 'wait')))
    for at, value, said in ((process, b'\xee\xee', 'of process row 61166$'),
                            (tid, b'\xee', r'had number \d+, of process row \d+$'),
                            (tid, bytes(4), r'had number 0, of process row \d+$'),
                            (0, b'text, ' * 8, 'had number 1954047348.*is made anew'),
                            (0, bytes(12), 'had number 0, of process row 0: its row is made anew'),
                            (wait, b'\xee', '')):
        bed.guest.run(plant.SLEEPS)
        bed.write(PM, first + (bed.slot('sleep') - FIRST_PROGRAM) * size + at, value)
        bed.guest.run('service kill pm')
        assert bed.guest.run('kill $!; wait $!', 20)[0] == 128 + 15
        assert re.search(said, bed.guest.run('dmesg | grep "pm: recovery"')[1], re.M), said
    assert re.search(r'\b0 restarts', bed.guest.run('service status pm')[1])


def unknown_thread(bed):
    """Who calls pm is no thread of anybody's."""
    first, size = numbers('pm', state('thread[0]'), 'sizeof(struct thread)')
    row = int(bed.guest.run('echo $$')[1])
    for command, right in (('ulimit -n', (0, '1024\n')), ('sh -c "exit 3"', (3, ''))):
        before = bed.deaths('pm')
        bed.write(PM, first + row * size, bytes(12))
        assert bed.guest.run(command, 20) == right
        assert bed.deaths('pm') == before + 1
        bed.guest.run('sleep 1')                # a second after a doubt nothing is doubted
    out = bed.guest.run('dmesg | grep pm:')[1]
    assert re.search(r'thread \d+ had number 0, of process row 0: its row is made anew', out), out


def strange_state(bed):
    thread, size, process, of, was = numbers(
        'pm', state('thread[0].process'), 'sizeof(struct thread)', state('process[0].state'),
        'sizeof(struct process)', '(int)PROCESS_LIVE')
    bed.guest.run(plant.SLEEPS)
    at = thread + (bed.slot('sleep') - FIRST_PROGRAM) * size
    row = int.from_bytes(bed.memory.ram[bed.memory.physical(PM, at):][:2], 'little')
    assert bed.memory.ram[bed.memory.physical(PM, process + row * of)] == was
    bed.write(PM, process + row * of, b'\x30')
    assert bed.guest.run('until dmesg | grep "was in state 48, which cannot be"; do usleep 100000; '
                         'done; kill $!; wait $!', 20)[0] == 128 + 15


def forgotten_init(bed):
    """Its row is free, as if another had been taken for it. Without process 1 all begin again."""
    at, = numbers('pm', state('process[0].state'))
    before = bed.deaths('pm')
    bed.write(PM, at, bytes(1))
    bed.guest.expect('Welcome to Skink.*\n/ # ', 60)
    assert bed.guest.run('sh -c "exit 3"')[0] == 3
    assert bed.guest.run('ps | grep -c "[i]nit"; (sleep 1; exit 4) & wait $!')[0] == 4
    assert bed.deaths('pm') <= before + 2       # of doubt


def exec_given_up(bed):
    """pm waits for uart at the end of an execve; vfs, which waits for pm, dies."""
    at = count.Symbols(count.elf_of('pm')).address
    waits = (b'\x48\x8d\xbc\x24\x00\xfc\xff\xff'             # lea -0x400(%rsp), %rdi
             + struct.pack('<BIBI', 0xbe, 1 << 12 | UART, 0xb8, at['ipc_receive'])
             + b'\xff\xd0\xeb\xfe')                           # call *%rax; jmp .
    before = bed.deaths('vfs'), bed.deaths('pm')
    bed.guest.run('/usr/lib/skink/assassin -c 2000 vfs & '
                  'until grep -q "(assassin)" /proc/$!/stat; do :; done')
    bed.write(PM, at['call_read'], waits)
    assert bed.guest.run('sh -c "exit 5"', 60)[0] == 5
    assert bed.deaths('vfs') > before[0] and bed.deaths('pm') > before[1]


def lively(bed):
    """sched computes, takes no message, and says now and then that it is alive."""
    of, rs = count.Symbols(count.elf_of('sched')).address, struct.pack('<I', 1 << 12)
    code = b'\xb9\x80\xc3\xc9\x01\xff\xc9\x75\xfc\xbf' + rs        # count down, then for rs
    call = struct.pack('<i', of['ipc_notify'] - (of['step'] + len(code) + 5))
    code += b'\xe8' + call
    before = guardian.Table(bed.memory).look()
    bed.write(SCHED, of['step'], code + b'\xeb' + struct.pack('<b', -len(code) - 2))
    until(lambda: guardian.died(before, guardian.Table(bed.memory).look()), 60)
    assert guardian.died(before, guardian.Table(bed.memory).look()) == ['sched']
    assert bed.guest.run('echo w') == (0, 'w\n')


def unbegun_init(bed):
    """The job for vfs, to have it begin, is lost."""
    at, = numbers('pm', state('process[0].start_ns'))       # of process 1
    begun = bed.memory.word(bed.memory.physical(PM, at), 8)
    with bed.changed(PM, count.Symbols(count.elf_of('pm')).address['job_add'], b'\xc3'):
        bed.guest.send('service refresh vfs\n')
        until(lambda: bed.memory.word(bed.memory.physical(PM, at), 8) != begun, 30)
        until(lambda: bed.memory.receives(PM))          # pm has come to the end of that
    bed.guest.expect('Welcome to Skink.*\n/ # ', 150)
    assert bed.guest.run('sh -c "exit 3"')[0] == 3


def all_end(bed):
    """Rows that are free are of processes that end, more than there can be; others have ended."""
    first, size, number = numbers('pm', state('process[0].state'), 'sizeof(struct process)',
                                  '(int)NR_PROCESSES')
    with plant.standing(bed.guest) as stub:
        for at in range(first, first + number * size, size):
            place = bed.memory.physical(PM, at)
            stub.write(place, bytes((bed.memory.ram[place] ^ 2,)))
    bed.guest.expect('Welcome to Skink.*\n/ # ', 60)
    assert bed.guest.run('sh -c "exit 3"')[0] == 3


def unread_pages(bed):
    """New pages of files are not valid, and nobody reads them: `mov $1,%ecx`, before the call that
    enters them, becomes `mov $0,%ecx`."""
    out = subprocess.run(['objdump', '-d', '--disassemble=page_new', count.elf_of('vfs')],
                         capture_output=True, text=True, check=True).stdout
    at = int(re.search(r'^ *(\w+):\tb9 01 00 00 00 ', out, re.M)[1], 16)
    for value, name in ((0, 'a'), (1, 'b')):
        bed.write(VFS, at + 1, bytes([value]))
        assert bed.guest.run('cp /bin/busybox /root/%s && cp /bin/busybox /tmpfs/%s' %
                             (name, name))[0] == 0
    assert bed.guest.run('for f in /root/a /root/b /tmpfs/a /tmpfs/b; do cmp $f /bin/busybox || '
                         'echo BAD; done; sync; rm /root/a /root/b')[1].strip() == ''
    assert 'not valid, and nobody reads it' in bed.guest.run('dmesg | tail -40')[1]


def forgotten_requests(bed):
    """tmpfs believes that it is at all that is on its board."""
    at, = numbers('tmpfs', "&'file_server.c'::busy")
    entries = numbers('tmpfs', "sizeof('file_server.c'::busy)")[0]
    before = bed.deaths('tmpfs')
    bed.write(TMPFS, at, b'\1' * entries)
    status, out = bed.guest.run('ls /tmpfs; echo x > /tmpfs/c', 30)
    assert status == 0 and out.split() == ['a', 'b'], out
    assert bed.deaths('tmpfs') > before


def forgotten_reads(bed):
    """What is typed comes when the driver, or tty, is found out."""
    driver, = numbers('uart', state('line.has_read'))
    reads, = numbers('tty', state('wire[0].refused'))
    before = bed.deaths('uart'), bed.deaths('tty')
    bed.write(TTY, reads, b'\1')
    assert bed.guest.run('echo x', 10)[1] == 'x\n'
    bed.write(UART, driver, bytes(4))
    assert bed.guest.run('echo y', 10)[1] == 'y\n'
    assert 'uart: repaired: of ' in bed.guest.run('dmesg')[1]
    assert (bed.deaths('uart'), bed.deaths('tty')) == before


def unread(bed):
    """The driver never reads, and does not look whether it does. Nothing may be typed meanwhile."""
    table = guardian.Table(bed.memory)
    before = table.look()
    bed.write(UART, count.Symbols(count.elf_of('uart')).address['serial_audit'], b'\xc3')
    until(lambda: 'uart' in guardian.died(before, table.look()), 60)
    assert bed.guest.run('echo w') == (0, 'w\n')


def endless_output(bed):
    """More has been sent than there was: what is between stands for four thousand million bytes."""
    head, tail = numbers('tty', state('line[0].out.head'), state('line[0].out.tail'))
    before = bed.deaths('tty')
    with plant.standing(bed.guest) as stub:
        sent = bed.memory.word(bed.memory.physical(TTY, head), 4) + 1
        stub.write(bed.memory.physical(TTY, tail), sent.to_bytes(4, 'little'))
    assert bed.guest.run('echo z', 10) == (0, 'z\n')
    assert bed.deaths('tty') > before


def damaged_program(bed):
    """Its first page in the cache; the disk has it as it was."""
    with open(os.path.join(machine.BUILD, 'rootfs/usr/lib/skink/nicer'), 'rb') as file:
        first = file.read(4096)
    right = bed.guest.run('/usr/lib/skink/nicer')
    pages, = numbers('vfs', '(int)NR_PAGES')
    places = [bed.memory.physical(VFS, CACHE + n * 4096) for n in range(pages)]
    place, = [at for at in places if at is not None and bed.memory.ram[at:at + 4096] == first]
    with plant.standing(bed.guest) as stub:
        stub.write(place, bytes(64))
    assert bed.guest.run('/usr/lib/skink/nicer', 10) == right
    assert 'doubts that call 0x3b is to be answered with -8' in bed.guest.run('dmesg')[1]


def no_first_process(bed):
    """vfs takes init's program for dead. So all that it knows is forgotten."""
    first, each, flags, size, number, dead = numbers(
        'vfs', state('inode[0]'), 'sizeof(struct inode)', '&((struct inode *)0)->flags',
        '&((struct inode *)0)->attr.size', 'sizeof(((struct state *)0)->inode) / '
        'sizeof(struct inode)', '(int)INODE_DEAD')
    want = int(bed.guest.run('stat -L -c %s /sbin/init')[1])
    places = [at for at in range(first, first + number * each, each)        # and copies of it
              if bed.memory.word(bed.memory.physical(VFS, at + size), 8) == want]
    before = bed.guest.service('vfs').restarts
    for at in places:
        is_now = bed.memory.word(bed.memory.physical(VFS, at + flags), 1)
        bed.write(VFS, at + flags, bytes([is_now | dead]))
    bed.guest.send('service refresh pm\n')
    bed.guest.expect('vfs: the state cannot be repaired', 30)
    bed.guest.shell()
    assert bed.guest.run('echo a') == (0, 'a\n')
    assert bed.guest.service('vfs').restarts == before + 1


def take(bed, slot, name, symbol):
    """A page that vm can take from any service, itself too; and have it noticed."""
    with plant.standing(bed.guest) as stub:
        stub.write(bed.memory.entry(slot, numbers(name, symbol)[0]), bytes(8))
    bed.guest.send('service kill %s\n' % name)


def taken_text(bed):
    for slot, name in ((TTY, 'tty'), (VM, 'vm')):
        before = bed.guest.service(name)
        take(bed, slot, name, '&main')
        bed.guest.shell()
        after = bed.guest.service(name)
        assert (after.restarts, after.recoveries > before.recoveries) == (before.restarts, True)
        assert '%s: 1 frames of its memory were missing' % name in bed.guest.run('dmesg')[1]


def taken_state(bed):
    """Without vm's all programs end, and begin again."""
    before = bed.guest.service('vm').restarts
    take(bed, VM, 'vm', state('space'))
    bed.guest.expect('Welcome to Skink.*\n/ # ', 60)
    assert bed.guest.service('vm').restarts == before + 1


SCENARIOS = (
    ('a program has no clock page', clock_page),
    ('vm takes a program to be in another space than it is', wrong_space),
    ('pm asks the kernel for copies that cannot be: it dies of it, not they', garbled_copies),
    ('pm forgets the thread of a program: the program ends, who waits hears so', forgotten_thread),
    ("pm's row of a thread has words that cannot be: the program goes on", strange_thread),
    ('a program calls pm, which has no row for it: it has its answer', unknown_thread),
    ("pm's row of a program is in a state that there is not: the program goes on", strange_state),
    ('pages that vfs has made are not valid: they are found, no byte is lost', unread_pages),
    ('tmpfs does not do what it is asked: vfs has it end, then it does', forgotten_requests),
    ('a program is damaged in the cache: it is read again', damaged_program),
    ('uart, or tty, forgets what is to be read: the console works again', forgotten_reads),
    ('uart reads no more: tty has it end', unread),
    ('tty has sent more than there was: it sends what comes after that', endless_output),
    ('a page of text is taken from tty, or vm: they have it again', taken_text),
    ('a page of state is taken from vm: it begins afresh', taken_state),
    ('pm forgets process 1: all programs end, and it begins again', forgotten_init),
    ('pm takes no row for what it is: all programs end, and it begins again', all_end),
    ('pm and vfs die over an execve: it is made again', exec_given_up),
    ('who only says that it is alive, and hears nothing, hangs', lively),
    ('process 1 has nobody to begin it: it ends, and begins again', unbegun_init),
    ('no first process can begin by what vfs knows: it forgets that', no_first_process),
)


def main():
    with plant.scratch('garbled') as folder, Bed(folder) as bed:
        bed.fresh()
        bed.guest.run('mkdir /tmpfs; mount -t tmpfs none /tmpfs')
        for title, run in SCENARIOS:
            with scenario(title):
                run(bed)


need('gdb')
main()
finish()
