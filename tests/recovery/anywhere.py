# SPDX-License-Identifier: BSD-2-Clause
"""Each service that keeps state dies at instructions chosen at random, while programs that check
their own work run.

Limit: 300

The instructions are those that a run of the same programs without deaths reaches, as QEMU's plugin
tools/count.c tells. One of a service becomes `hlt` in the running service, which dies there, once:
the guardian writes its program anew. One that is not reached soon becomes again what it was.

    anywhere.py [--seed N] [--seconds N] [SERVICE[:FUNCTION|:ADDRESS]...]

Without arguments some services are taken, by the seed (SKINK_SEED in the environment, printed);
with SKINK_LONG=1 all, a minute each.
"""
import argparse
import mmap
import os
import random
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time

import count
import machine
from guest import Guest, GuestError, finish, scenario

LONG = bool(os.environ.get('SKINK_LONG'))
SERVICES = 'vfs pm vm rs ds log tty ext2 tmpfs devfs procfs pci sched virtio_blk uart'.split()
AT_ONCE = len(SERVICES) if LONG else 6
SHM = '/dev/shm'
RECEIVING = 8                   # abi/kernel.h
HLT = 0xf4                      # a program may not: exception 13
PATIENCE_S = 0.4                # an instruction that is not reached by then is given up
IN_A_ROW, LOOP_S = 6, 1.1       # nine deaths, each within a second of its start, give the state up
GOLDEN_S = 8

# Not those that are about time, or fill the tables that others need, too.
NO_TESTS = ('too_many', 'root_sets', 'there_is_an_end', 'a_timer_of', 'too_much', 'times_of',
            'what_is_unmapped', 'vtime', 'a_read_with_a_time', 'every_call', 'threads_count',
            'only_root', 'many_ends')
PARTS = ('files', 'trees', 'others', 'posix', 'flow', 'ptyload')
LOAD = r'''
go() { [ $(date +%s) -lt $end ]; }
bad() { echo "BAD $*" >> /tmp/any/bad; }
files() {
	while go; do
		cp /bin/busybox /tmp/any/b || bad cp
		[ "$(sha256sum < /tmp/any/b)" = "$sum" ] || bad sum
		(cd /tmp/any && mkdir d && mv b d/c && ln -s c d/l && tar czf t.tgz d && rm -r d &&
			tar xzf t.tgz && cmp d/l /bin/busybox && rm -r d t.tgz) || bad tar
		[ "$(seq 1 500 | grep -c 7)" = 95 ] || bad count
		echo >> /tmp/any/done.files
	done
}
trees() {
	while go; do
		cp -r /etc /mnt/e || bad mnt cp
		diff -r /etc /mnt/e || bad mnt diff
		rm -r /mnt/e || bad mnt rm
		[ "$(head -c 70000 /dev/zero | tr '\0' x | wc -c)" = 70000 ] || bad zero
		ls -l /dev > /tmp/any/ls && grep -q null /tmp/any/ls || bad dev
		ps | grep -q '[i]nit' || bad ps
		cat /proc/self/stat /proc/meminfo /proc/mounts > /tmp/any/p &&
			grep -q MemFree /tmp/any/p || bad proc
		service list > /tmp/any/list || bad list
		grep -q running /tmp/any/list || bad running
		for s in vm pm tty log ds; do service dump $s > /tmp/any/dump || bad dump $s; done
		dmesg | grep -q . || bad dmesg
		sync
		echo >> /tmp/any/done.trees
	done
}
others() {
	while go; do
		for s in virtio_blk toy pci uart; do
			[ $s = "$1" ] || service kill $s || bad kill $s
			usleep 200000
		done
		echo >> /tmp/any/done.others
	done
}
posix() {
	while go; do
		for t in TESTS; do
			go || break
			o=$(/usr/lib/skink/posix $t 2>&1) || bad posix "$o"
			echo >> /tmp/any/done.posix
		done
	done
}
try() {
	o=$("$@" 2>&1) || bad $1 $? "$o"
	echo >> /tmp/any/done.${1##*/}
}
sum=$(sha256sum < /bin/busybox)
end=$(($(date +%s) + $2))
case $1 in
flow|ptyload) try /usr/lib/skink/$1 $2;;
*) $1 $3;;
esac
echo >> /tmp/any/end
'''


# ---- the memory of the guest ----

class Memory:
    """The guest's physical memory, and in it the code of services."""

    def __init__(self, path):
        with open(path, 'r+b') as file:
            self.ram = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        symbols = count.Symbols(count.KERNEL).address
        self.procs, self.spaces = (symbols[name] - count.KERNEL_BASE
                                   for name in ('procs', 'spaces'))
        words = ('&((struct proc *)0)->state', '&((struct proc *)0)->space',
                 'sizeof(struct proc)', '&((struct space *)0)->root', 'sizeof(struct space)',
                 'sizeof(spaces) / sizeof(spaces[0])', 'sizeof(spaces[0].root)')
        out = subprocess.run(['gdb', '-q', '-nx', '-batch', count.KERNEL] + [
            w for word in words for w in ('-ex', 'output/d (long)(%s)' % word, '-ex', 'echo \\n')],
            capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
        (self.state_at, self.space_at, self.proc_size, self.root_at, self.space_size,
         self.nr_spaces, self.root_size) = map(int, out.split())

    def word(self, at, size=8):
        return int.from_bytes(self.ram[at:at + size], 'little')

    def live_spaces(self):
        return sum(self.word(self.spaces + n * self.space_size + self.root_at, self.root_size) != 0
                   for n in range(self.nr_spaces))

    def receives(self, slot):
        """Whether a service waits for messages: it has done what it was at."""
        return self.word(self.procs + slot * self.proc_size + self.state_at, 2) == RECEIVING

    def physical(self, slot, at):
        """Where a service has this address; None: nowhere, as when it is being started."""
        space = self.word(self.procs + slot * self.proc_size + self.space_at)
        if space == 0:
            return None
        table = self.word(space - count.KERNEL_BASE + self.root_at, self.root_size) * 4096
        for shift in (39, 30, 21, 12):
            entry = self.word(table + (at >> shift & 511) * 8)
            if not entry & 1 or table == 0:
                return None
            table = entry & 0x000ffffffffff000
        return table + (at & 4095)


class Stub:
    """QEMU's gdb stub: the guest stands still, a byte of its memory is written."""

    def __init__(self, guest):
        self.guest = guest
        path = os.path.join(guest.workdir, 'anywhere')
        guest.qmp('human-monitor-command', **{
            'command-line': 'gdbserver unix:%s,server=on,wait=off' % path})
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.ask('?')
        while select.select([self.socket], [], [], 0.1)[0]:      # that it has stopped, once more
            self.socket.recv(4096)
        self.ask('Qqemu.PhyMemMode:1')
        self.go()

    def close(self):
        self.stop()
        self.ask('Qqemu.PhyMemMode:0')
        self.socket.close()
        self.guest.qmp('human-monitor-command', **{'command-line': 'gdbserver none'})
        self.guest.qmp('cont')

    def answer(self):
        data = b''
        while not re.search(rb'#..$', data, re.S):
            data += self.socket.recv(4096)
        self.socket.sendall(b'+')
        return data

    def send(self, text):
        self.socket.sendall(b'$%s#%02x' % (text.encode(), sum(text.encode()) & 255))

    def ask(self, text):
        self.send(text)
        return self.answer()

    def stop(self):
        self.socket.sendall(b'\x03')
        self.answer()

    def write(self, at, byte):
        answer = self.ask('M%x,1:%02x' % (at, byte))
        assert b'OK' in answer, (answer, hex(at))

    def go(self):
        self.send('c')


# ---- what may be chosen ----

class Code:
    """The instructions of a service that a golden run reached."""

    def __init__(self, name):
        self.name = name
        self.slot = next(slot for slot, pair in count.service_names().items() if pair[0] == name)
        folder = count.service_names()[self.slot][1]
        self.path = os.path.join(machine.BUILD, 'services', folder, folder + '.elf')
        self.symbols = count.Symbols(self.path)
        out = subprocess.run(['objdump', '-d', self.path], capture_output=True, text=True,
                             check=True).stdout
        self.first = {int(m[1], 16): int(m[2], 16)      # byte, by address
                      for m in re.finditer(r'^ +(\w+):\t(\w\w) .*\t', out, re.M)}
        self.all = sorted(self.first)

    def take(self, blocks):
        index = {at: n for n, at in enumerate(self.all)}
        found = set()
        for slot, at, length in blocks:
            if slot == self.slot and at in index:
                found.update(self.all[index[at]:index[at] + length])
        self.reached = sorted(found)

    def only(self, where):
        if where.startswith('0x'):
            self.reached = [int(where, 16)]
        else:
            self.reached = [at for at in self.reached
                            if self.symbols.name(at).split('.')[0] == where]

    def where(self, at):
        name = self.symbols.name(at)
        return '%s+%#x (%#x)' % (name, at - self.symbols.address.get(name, at), at)


def put(guest, name, text):
    guest.run('rm -f ' + name)
    lines = text.replace('\t', ' ').split('\n')       # the shell completes words at a tab
    for n in range(0, len(lines), 12):
        guest.run("cat >> %s << 'END'\n%s\nEND\ntrue" % (name, '\n'.join(lines[n:n + 12])))


def tests(rnd):
    names = []
    folder = os.path.join(machine.ROOT, 'tests/programs/posix')
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file)) as text:
            names += re.findall(r'\bT\((\w+)\)', text.read())
    names = [n for n in names if not n.startswith(NO_TESTS)]
    rnd.shuffle(names)
    return names


def load(guest, seconds, service, rnd):
    """Begin it."""
    put(guest, '/tmp/load', LOAD.replace('TESTS', ' \\\n'.join(tests(rnd))))
    # From the interactive shell: a script's own jobs would ignore SIGINT.
    guest.run('rm -rf /tmp/any; mkdir /tmp/any; for p in %s; do sh /tmp/load $p %d %s > '
              '/tmp/any/out.$p 2>&1 & done' % (' '.join(PARTS), seconds, service))


def end_of_load(guest, seconds):
    guest.run('while [ "$(cat /tmp/any/end | wc -l)" -lt %d ]; do usleep 200000; done 2> /dev/null'
              % len(PARTS), seconds)
    out = guest.run('cat /tmp/any/out.*')[1].strip()
    bad = out + guest.run('cat /tmp/any/bad 2> /dev/null')[1].strip()
    done = guest.run("cd /tmp/any; wc -l done.* | grep -v total; cd /")[1]
    done = dict((name[5:], int(n)) for n, name in re.findall(r'(\d+) (done\.\w+)', done))
    guest.run('rm -rf /tmp/any')
    return bad, done


def begin(guest):
    guest.shell()
    guest.run('dmesg -n 1; mkdir -p /mnt; mount -t tmpfs none /mnt; cd /')


def golden(folder, rnd):
    """[(slot, address, instructions)] of the blocks that a run without deaths reaches."""
    path = os.path.join(folder, 'reached')
    counted = count.Counted([], icount=None, name='anywhere-golden', more=['reached ' + path])
    with counted:
        begin(counted.guest)
        load(counted.guest, GOLDEN_S, 'none', rnd)
        bad, done = end_of_load(counted.guest, 120)
        assert not bad, bad
        print('    without deaths:', done)
        counted.finish()
        with open(path) as file:
            return [(int(w[0]), int(w[1], 16), int(w[2])) for w in map(str.split, file)]


# ---- the deaths ----

class Killer:
    """Lets one service die, as long as a load runs."""

    def __init__(self, memory, stub, code, rnd):
        self.memory, self.stub, self.code, self.rnd = memory, stub, code, rnd
        self.deaths, self.planted, self.row, self.last = [], 0, 0, 0

    def byte(self, at):
        physical = self.memory.physical(self.code.slot, at)
        return None if physical is None else self.memory.ram[physical]

    def plant(self, at, byte):
        """Whether it was possible."""
        self.stub.stop()
        possible = self.byte(at) == (HLT if byte != HLT else self.code.first[at])
        if possible:
            self.stub.write(self.memory.physical(self.code.slot, at), byte)
        self.stub.go()
        return possible

    def one(self):
        at = self.rnd.choice(self.code.reached)
        if not self.plant(at, HLT):
            time.sleep(0.02)
            return
        self.planted += 1
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.byte(at) == HLT:
            time.sleep(0.004)
        if self.byte(at) == HLT and self.plant(at, self.code.first[at]):
            return
        now = time.monotonic()
        self.deaths.append((now, at))
        self.row = self.row + 1 if now - self.last < LOOP_S else 0
        self.last = now
        if self.row >= IN_A_ROW:
            time.sleep(LOOP_S)
        # The request that it died of is done again: it must not die of that twice.
        while not self.memory.receives(self.code.slot) and time.monotonic() < now + 2:
            time.sleep(0.001)

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.one()


def counts(guest, memory):
    """What must be the same afterwards."""
    guest.run('sync; sleep 1')
    out = guest.run('service dump vfs')[1]
    found = {what: int(re.search(r'(\d+) ' + what, out)[1])
             for what in ('open files', 'descriptor tables', 'pipes', 'sockets')}
    found['spaces'] = memory.live_spaces()
    info = dict(re.findall(r'(\w+): +(\d+)', guest.run('cat /proc/meminfo')[1]))
    return found, int(info['MemFree']) + int(info['Cached'])


class Bed:
    """A guest whose memory can be seen."""

    def __init__(self, folder):
        self.folder = folder
        self.guest = None

    def fresh(self):
        self.close()
        ram = os.path.join(self.folder, 'ram')
        with open(ram, 'wb') as file:
            file.truncate(512 << 20)
        made = machine.Machine()
        made.extra += ['-object', 'memory-backend-file,id=ram,size=512M,mem-path=%s,share=on' % ram,
                       '-machine', 'memory-backend=ram']
        self.guest = Guest(made=made)
        begin(self.guest)
        self.memory = Memory(ram)

    def close(self):
        if self.guest:
            self.guest.kill()
        self.guest = None


def campaign(bed, code, seconds, rnd):
    """What went wrong, in words; [] if nothing did."""
    if bed.guest is None:
        bed.fresh()
    guest, wrong = bed.guest, []
    before, memory_before = counts(guest, bed.memory)
    load(guest, seconds, code.name, rnd)
    stub, began = Stub(guest), time.monotonic()
    killer = Killer(bed.memory, stub, code, rnd)
    killer.run(seconds)
    stub.close()
    done = {}
    try:
        bad, done = end_of_load(guest, 50)
        if bad:
            wrong.append('programs: ' + bad)
        after, memory_after = counts(guest, bed.memory)
        if after != before:
            wrong.append('left over: %s, was %s' % (after, before))
        if memory_after + 512 < memory_before:
            wrong.append('%d KB less memory' % (memory_before - memory_after))
        status = guest.run('service status %s' % code.name)[1]
        if guest.run('grep -qiE "assert|refuses|repaired" /var/log/skink.log')[0] == 0:
            wrong.append('the log: ' + guest.run('tail -n 60 /var/log/skink.log')[1])
        restarts = int(re.search(r'(\d+) restarts', status)[1])
    except GuestError as error:
        wrong.append('HANG: %s' % str(error)[:1500])
        restarts = -1
    where = [code.where(at) for _, at in killer.deaths]
    print('    %-10s %4d planted of %5d reached, %4d deaths, %d afresh; %s' % (
        code.name, killer.planted, len(code.reached), len(where), restarts,
        ' '.join('%s %d' % pair for pair in sorted(done.items()))), flush=True)
    if wrong:
        wrong.append('died at: ' + '; '.join(
            '%.1f %s' % (t - began, w) for (t, _), w in zip(killer.deaths, where)))
        bed.close()
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=int(os.environ.get('SKINK_SEED', 0)))
    parser.add_argument('--seconds', type=int, default=60 if LONG else 5)
    parser.add_argument('service', nargs='*')
    options = parser.parse_args()
    seed = options.seed or random.randrange(1, 1 << 30)
    print('    seed %d' % seed)
    folder = tempfile.mkdtemp(prefix='skink-any-', dir=SHM if os.path.isdir(SHM) else None)
    bed = Bed(folder)
    try:
        blocks = golden(folder, random.Random(seed))
        for word in options.service or random.Random(seed).sample(SERVICES, AT_ONCE):
            name, _, where = word.partition(':')
            code = Code(name)
            code.take(blocks)
            if where:
                code.only(where)
            with scenario('%s dies anywhere, and no program notices' % name):
                try:
                    wrong = campaign(bed, code, options.seconds,
                                     random.Random('%d %s' % (seed, name)))
                except Exception:
                    bed.close()
                    raise
                assert not wrong, '\n        '.join(wrong)
    finally:
        bed.close()
        shutil.rmtree(folder, ignore_errors=True)


if shutil.which('gdb') is None:
    print('ok no gdb, no debugger')
else:
    main()
finish()
