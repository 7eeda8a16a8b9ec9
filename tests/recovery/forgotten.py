# SPDX-License-Identifier: BSD-2-Clause
"""vm forgets what it has, and nobody dies: memory and address spaces are found again. pm forgets
that a process had a space, or which vfs there is. rs forgets all services. sched and ext2 believe
that their alarms are far away. pm does not let a child begin; devfs drops a request. vfs does not
hear that a process has ended, and brings a page to nobody; it knows a name that is not there.

Limit: 120
"""
import re
import time

import count
import mutate
import plant
from guest import finish, need, scenario, until

RS, VM, SCHED, PM, VFS, EXT2 = 0, 3, 4, 5, 6, 14
HLT = b'\xf4'
NEVER = b'\xff' * 8
FEW = 300                       # frames, below vm's low mark
NOBODYS = bytes(1)              # SPACE_NONE
RETURN_0 = bytes.fromhex('31c0c3')


def numbers(service, *words):
    return count.numbers(count.elf_of(service), *words)


class Vm:
    def __init__(self, bed):
        self.bed = bed
        symbols = count.Symbols(count.elf_of('vm')).address
        self.free_map, self.nr_free = (symbols[name] for name in ('free_map', 'nr_free'))
        self.phase, self.size, self.number, self.live = numbers(
            'vm', "&((struct state *)&'state.c'::state)->space[0].phase", 'sizeof(struct space)',
            'sizeof(((struct state *)0)->space) / sizeof(struct space)', '(int)SPACE_LIVE')

    def word(self, at, size):
        place = self.bed.memory.physical(VM, at)
        return self.bed.memory.word(place, size)

    def write(self, stub, at, data):
        while data:
            part = min(len(data), 4096 - at % 4096, 512)
            place = self.bed.memory.physical(VM, at)
            if place is not None:
                stub.write(place, data[:part])
            at, data = at + part, data[part:]

    def spaces(self):
        return {n for n in range(1, self.number)
                if self.word(self.phase + n * self.size, 1) == self.live}


def forget_space(guest, vm):
    """One that a program has."""
    before = vm.spaces()
    guest.run(plant.SLEEPS)
    mine = vm.spaces() - before
    assert len(mine) == 1, mine
    with plant.standing(guest) as stub:
        vm.write(stub, vm.phase + mine.pop() * vm.size, NOBODYS)
    out = guest.run('for i in 1 2 3 4 5 6 7 8; do /bin/true || echo BAD; done; ls / | wc -l')[1]
    assert 'BAD' not in out and 'fork' not in out, out
    out = guest.run('dmesg | grep repaired')[1]
    assert "was nobody's" in out, out
    guest.run('kill -KILL $(pidof sleep); wait')


def forget_frames(guest, vm):
    """All but what vm has at hand."""
    free = vm.word(vm.nr_free, 4)
    with plant.standing(guest) as stub:
        vm.write(stub, vm.free_map, bytes(free // 2))
        vm.write(stub, vm.nr_free, FEW.to_bytes(4, 'little'))
    until(lambda: vm.word(vm.nr_free, 4) > free * 9 // 10)
    out = guest.run('head -c 20000000 /dev/zero | tail -c 16000000 | wc -c; '
                    'dmesg | tail -n 20', 60)[1]
    assert "16000000" in out and re.search(r'repaired: \d+ frames are free, not', out), out


def not_detached(guest, vm):
    """pm ends processes, and does not tell vm."""
    at = count.Symbols(count.elf_of('pm')).address['vm_detach']
    guest.run('true')
    before = vm.spaces()
    vm.bed.write(PM, at, RETURN_0)
    guest.run('for i in 1 2 3 4 5 6 7 8; do /bin/true; done')
    assert len(vm.spaces()) >= len(before) + 8, (before, vm.spaces())
    until(lambda: len(vm.spaces()) <= len(before))
    guest.run('service kill pm')
    assert 'is gone, it had space' in guest.run('dmesg')[1]


def wrong_vfs(guest, vm):
    at = numbers('pm', "&((struct state *)&'state.c'::state)->vfs")[0]
    guest.run(plant.SLEEPS)
    for value in (b'\x55\x55\x55\x55', bytes.fromhex('06f00000')):
        vm.bed.write(PM, at, value)
        assert guest.run('/bin/true; kill -0 $!')[0] == 0
    assert guest.run('dmesg')[1].count('it was not certain which vfs lives') == 2
    guest.run('kill $!; wait')


def forget_services(bed):
    """And that there are manifests: who counts none sends no heartbeats, either."""
    guest = bed.guest
    before = guest.run('service list | cut -c 1-30')[1]
    at = numbers('rs', "&'manifests.c'::count")[0]
    bed.write(RS, at, bytes(4))
    status, out = guest.run('until service kill toy; do usleep 200000; done; '
                            'service list | cut -c 1-30', 60)
    assert status == 0 and out.endswith(before), out
    assert ' 0 restarts, 1 recoveries' in guest.run('service status rs')[1]


def not_begun(guest, vm):
    bed, at = vm.bed, count.Symbols(count.elf_of('pm')).address['sys_proc_resume']
    forks = numbers('pm', "&((struct state *)&'state.c'::state)->forks")[0]

    def forked():
        return bed.memory.word(bed.memory.physical(PM, forks), 4)

    before = forked()
    with bed.changed(PM, at, RETURN_0):
        guest.send('(echo ch"i"ld)\n')
        until(lambda: forked() != before)
    guest.expect('child', 15)
    assert 'had not begun' in guest.run('dmesg')[1]


def freed(guest, vm):
    """The entry on its board, while it stands still."""
    bed = vm.bed
    board, phase, number, asked = numbers(
        'vfs', "&'server.c'::board[2]", '&((struct board *)0)->phase[0]', '(int)BOARD_ENTRIES',
        '(int)BOARD_ASKED')
    place = bed.memory.physical(VFS, board + phase)

    def entries():
        return [n for n in range(number) if bed.memory.ram[place + n] == asked]

    guest.run('service kill -STOP devfs')
    guest.send('ls /dev | grep -c rtc; echo "l"isted\n')
    until(entries)
    with plant.standing(guest) as stub:
        stub.write(place + entries()[0], bytes(1))
    guest.expect(r'1\r?\nlisted', 30)
    assert 'had gone from the board of devfs' in guest.run('dmesg')[1]


def not_closed(guest, vm):
    """Who reads a pipe waits for the end of a process of which vfs did not hear."""
    bed, at = vm.bed, count.Symbols(count.elf_of('vfs')).address['process_gone']
    done = numbers('vfs', "&((struct state *)&'state.c'::state)->job_done")[0]

    def jobs():
        return bed.memory.word(bed.memory.physical(VFS, done), 4)

    before = jobs()
    with bed.changed(VFS, at, RETURN_0):
        guest.send('echo a | cat; echo "a"lso\n')
        until(lambda: jobs() != before)
    guest.expect('also', 15)
    assert re.search('vfs: repaired: process .* had ended', guest.run('dmesg')[1])


def not_brought(guest, vm):
    """vfs takes a ticket, and forgets it."""
    bed, at = vm.bed, count.Symbols(count.elf_of('vfs')).address['linux_fault']
    told, size, looks, number = numbers(
        'vm', "&'audit.c'::told[0]", "sizeof('audit.c'::told[0])",
        "(char *)&'audit.c'::told[0].looks - (char *)&'audit.c'::told[0]", '(int)NR_PROCS')
    with bed.changed(VFS, at, RETURN_0):
        guest.send('/usr/lib/skink/filemap; echo "a"lso\n')
        until(lambda: any(vm.word(told + n * size + looks, 4) for n in range(number)))
    guest.expect('also', 30)
    assert 'vfs is told again of the page' in guest.run('dmesg')[1]


def brought_late(guest, vm):
    """pm looks after its calls meanwhile, each second."""
    at = count.Symbols(count.elf_of('vfs')).address['linux_fault']
    command = '/usr/lib/skink/posix a_call_waits_for_a_page_of_a_file'
    assert guest.run(command)[0] == 0           # its own pages are there
    with vm.bed.changed(VFS, at, RETURN_0):
        guest.send(command + '; echo "a"lso\n')
        time.sleep(3)
    guest.expect(r'ok a call waits for a page of a file\r?\nalso', 30)


def not_there(guest, vm):
    """A directory has another name in ext2's memory than vfs knows."""
    name, other, at = b'\x08\x02known-to', b'\x08\x02called-x', -1
    guest.run('mkdir /root/known-to; sync')
    with plant.standing(guest) as stub:
        while (at := vm.bed.memory.ram.find(name, at + 1)) >= 0:
            stub.write(at, other)
    assert guest.run('rmdir /root/known-to')[0] == 1
    assert guest.run('mkdir /root/known-to && rmdir /root/known-to /root/called-x')[0] == 0


def read(guest, service, pattern):
    return int(re.search(pattern, guest.run('service dump ' + service)[1])[1])


def no_looks(bed):
    """Who computes sinks, and is raised again."""
    guest, pattern = bed.guest, r'raised (\d+) times'
    bed.write(SCHED, numbers('sched', '&next_look')[0], NEVER)
    guest.run('while :; do :; done & while :; do :; done & true')
    before = read(guest, 'sched', pattern)
    until(lambda: read(guest, 'sched', pattern) > before + 1)
    guest.run('kill $(jobs -p); wait')


def no_writing_back(bed):
    guest, pattern = bed.guest, r'; (\d+) dirty buffers'
    at = numbers('ext2', '&alarm_ns')[0]
    guest.run('sync')
    until(lambda: bed.memory.word(bed.memory.physical(EXT2, at), 8) == 0)   # none is set
    bed.write(EXT2, at, NEVER)
    guest.run('touch /root/new')
    until(lambda: read(guest, 'ext2', pattern) == 0)


def done_once(bed):
    """ext2 dies when it has done what is asked for, and before it has noted that."""
    program = mutate.Program(count.elf_of('ext2'))
    address = count.Symbols(count.elf_of('ext2')).address
    bed.guest.run('cd /root && echo w > a && mkdir d && ln a b && mv b c && rm c && rmdir d; cd /')
    for function, command in (('create', 'mkdir /root/d'), ('link', 'ln /root/a /root/b'),
                              ('rename', 'mv /root/b /root/c'), ('unlink', 'rm /root/c')):
        n = program.index[address['do_file_' + function]]
        while '<op_finish>' not in program.insns[n].text:
            n += 1
        before = bed.guest.service('ext2').deaths
        bed.write(EXT2, program.insns[n + 1].at, HLT)
        assert bed.guest.run(command) == (0, ''), command
        assert bed.guest.service('ext2').deaths == before + 1, command
    assert bed.guest.run('cd /root && rmdir d && ls b c 2>&1 | wc -l && cat a; cd /') == (
        0, '2\nw\n')


def main():
    with plant.scratch('forgotten') as folder, plant.Bed(folder) as bed:
        bed.fresh()
        vm = Vm(bed)
        with scenario('vm forgets the space of a program: the next one that begins is not refused'):
            forget_space(bed.guest, vm)
        with scenario('vm forgets free memory: it is found before it is missed'):
            forget_frames(bed.guest, vm)
        with scenario('processes have ended, and vm was not told'):
            not_detached(bed.guest, vm)
        with scenario('a child was not let begin: it begins'):
            not_begun(bed.guest, vm)
        with scenario('devfs drops a request from its board: it is asked again'):
            freed(bed.guest, vm)
        with scenario('a process has ended, and vfs was not told: its files are closed'):
            not_closed(bed.guest, vm)
        with scenario('vfs does not bring a page: it is asked again'):
            not_brought(bed.guest, vm)
        with scenario('a page comes late: a call waits for it'):
            brought_late(bed.guest, vm)
        with scenario('vfs knows a name that is not there: it is told, and looks again'):
            not_there(bed.guest, vm)
        with scenario('pm takes vfs for another one: programs live on'):
            wrong_vfs(bed.guest, vm)
        with scenario('sched forgets to look: nobody starves'):
            no_looks(bed)
        with scenario('ext2 forgets to write back: it is done all the same'):
            no_writing_back(bed)
        with scenario('ext2 has done it, and does not know: it is done once'):
            done_once(bed)
        with scenario('rs forgets all services: it finds out, and knows them again'):
            forget_services(bed)


need('gdb')
main()
finish()
