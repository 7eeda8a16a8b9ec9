# SPDX-License-Identifier: BSD-2-Clause
"""plant.py - bytes into the code of running services, and a load that notices.

    with scratch('test') as folder, Bed(folder) as bed:
        bed.fresh()
        load(bed.guest, PARTS, seconds, 'vfs', rnd)
        bed.save(); bed.restore()       # guests that begin here, without a boot
        stub = Stub(bed.guest)
        stub.stop(); stub.write(bed.memory.physical(slot, address), b'\xf4'); stub.go()
        ...
        bad, done = end_of_load(bed.guest, PARTS, 50)

The guest's memory is a file that is mapped here; writes go through QEMU's gdb stub, so that QEMU
translates again what was changed. For tests/recovery/anywhere.py and tools/inject.py.
"""
import contextlib
import functools
import mmap
import os
import re
import select
import socket
import subprocess
import tempfile
import time

import count
import machine
from guest import Guest

# Not those that are about time, or fill the tables that others need, too.
NO_TESTS = ('too_many', 'root_sets', 'there_is_an_end', 'a_timer_of', 'times_of',
            'what_is_unmapped', 'vtime', 'a_read_with_a_time', 'every_call', 'threads_count',
            'many_ends', 'a_call_that_waits_ends')
# Their calls fail in ways so rare that vfs, pm or vm recovers because of them (note 0026).
DOUBTED = (
    'a_page_without_access', 'a_path_names_a_socket', 'a_program_has_one_interpreter',
    'a_pty_has_a_name', 'a_socket_is_a_descriptor', 'addresses_that_are_none', 'bad_addresses',
    'datagrams_come_whole', 'exec_of_nothing', 'headers_with_nonsense', 'nonsense_along',
    'options_say', 'sendfile_', 'the_file_of_a_running', 'the_kernel_half', 'there_are_unix',
    'too_much_memory', 'vectors_of_a_stream')
PARTS = ('files', 'trees', 'others', 'posix', 'flow', 'ptyload')
CALLS = 4                               # programs of tests/programs/posix in a round of calls
STEPS = {'files': 4, 'trees': 5, 'calls': 1 + CALLS}    # of a round; the others' are one each
TRACE, TRACE_SIZE = 1024, 16    # abi/trace.h
RECEIVING = 8                   # abi/kernel.h
ENDPOINT_NONE = 0xfff           # abi/types.h
WHOLE = 1 << 30                 # of the file that the load copies
# BAD: a program could not do its work. WRONG: it was not told so. Both also go to the console, at
# once, behind TOLD.
TOLD = b'!any '
LOAD = r'''
go() { [ ! -e /tmp/any/stop ] && [ $(date +%s) -lt $end ]; }
did() {
	steps=$((steps + 1))
	echo $steps > /tmp/any/done.$1
}
say() {
	echo "$*" >> /tmp/any/bad
	echo "!any $*" >&3
}
bad() {
	last=
	while read -r line; do last=$line; done < /tmp/any/out.$part
	say "BAD $*: $last"
}
wrong() { say WRONG "$*"; }
is() {
	what=$1
	want=$2
	shift 2
	if got=$("$@"); then [ "$got" = "$want" ] || wrong $what "$got"
	else bad $what $?; fi
}
same() {
	got=$("$@")
	case $? in
	0) ;;
	1) wrong "$*: $got" ;;
	*) bad "$@" ;;
	esac
}
# Of a listing that ends with an error busybox's programs show, and copy, what they had by then.
alike() {
	got=$(diff -rq $1 $2)
	case $?:$got in
	0:*) ;;
	*differ*) wrong "diff $*: $got" ;;
	*) bad "diff $*: $got" ;;
	esac
}
sum() { sha256sum < $1; }
sevens() { set -o pipefail; seq 1 500 | grep -c 7; }
zeros() { set -o pipefail; head -c 70000 /dev/zero | tr '\0' x | wc -c; }
files() {
	while go; do
		cp /tmp/any/big /tmp/any/b || bad cp
		is sum "$sum" sum /tmp/any/b
		did files
		(cd /tmp/any && mkdir d && mv b d/c && ln -s c d/l && tar czf t.tgz d && rm -r d &&
			tar xzf t.tgz) || bad tar
		did files
		[ ! -e /tmp/any/d/l ] || same cmp /tmp/any/d/l /tmp/any/big
		rm -r /tmp/any/d /tmp/any/t.tgz || bad rm
		did files
		is sevens 95 sevens
		did files
	done
}
trees() {
	while go; do
		n=$((n + 1))
		if cp -r /etc /mnt/e$n; then alike /etc /mnt/e$n; else bad mnt cp; fi
		did trees
		rm -r /mnt/e$n || bad mnt rm
		is zeros 70000 zeros
		did trees
		ls -l /dev > /tmp/any/ls && grep -q null /tmp/any/ls || bad dev
		ps | grep -q '[i]nit' || bad ps
		cat /proc/self/stat /proc/meminfo /proc/mounts > /tmp/any/p &&
			grep -q MemFree /tmp/any/p || bad proc
		did trees
		service list > /tmp/any/list || bad list
		grep -q running /tmp/any/list || bad running
		for s in vm pm tty log ds; do service dump $s > /tmp/any/dump || bad dump $s; done
		did trees
		dmesg | grep -q . || bad dmesg
		sync
		did trees
	done
}
others() {
	while go; do
		for s in virtio_blk toy pci uart; do
			[ $s = "$1" ] || service kill $s || bad kill $s
			usleep 200000
		done
		did others
	done
}
loads() {
	while go; do
		service start semaphore || bad start
		semaphore open any$$ 2 && semaphore down any$$ && semaphore up any$$ ||
			bad semaphore
		is semaphore "any$$ 2" semaphore_value
		service stop semaphore && service remove semaphore || bad remove
		did loads
	done
}
semaphore_value() { semaphore list | awk '{ print $1, $2 }'; }
posix() {
	while go; do
		for t in TESTS; do
			go || break
			o=$(/usr/lib/skink/posix $t 2>&1) || bad posix "$o"
			did posix
		done
	done
}
calls() {
	set -- TESTS
	while go; do
		y=$(year) && [ "$y" = $(date +%Y) ] || bad clock "$y"
		did calls
		for k in SOME; do
			o=$(/usr/lib/skink/posix $1 2>&1) || bad posix "$o"
			did calls
			t=$1
			shift
			set -- "$@" $t
		done
	done
}
year() { set -o pipefail; hwclock | awk '{ print $5 }'; }
try() {
	o=$("$@" 2>&1) || bad $1 $? "$o"
	did ${1##*/}
}
steps=0
part=$1
echo $$ > /tmp/any/pid.$1
sum=$(sum /tmp/any/big)
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
        (self.procs, self.spaces, self.ring, self.next, self.state_at, self.space_at,
         self.proc_size, self.root_at, self.space_size, self.nr_spaces,
         self.root_size) = self.layout()

    @staticmethod
    @functools.cache
    def layout():
        """Where the kernel has its tables, and what they are made of."""
        symbols = count.Symbols(count.KERNEL).address
        return [symbols[name] - count.KERNEL_BASE for name in
                ('procs', 'spaces', 'trace_ring', 'trace_next')] + count.numbers(
            count.KERNEL, '&((struct proc *)0)->state', '&((struct proc *)0)->space',
            'sizeof(struct proc)', '&((struct space *)0)->root', 'sizeof(struct space)',
            'sizeof(spaces) / sizeof(spaces[0])', 'sizeof(spaces[0].root)')

    def word(self, at, size=8):
        return int.from_bytes(self.ram[at:at + size], 'little')

    def live_spaces(self):
        return sum(self.word(self.spaces + n * self.space_size + self.root_at, self.root_size) != 0
                   for n in range(self.nr_spaces))

    def live_processes(self):
        number, at = count.numbers(count.KERNEL, 'sizeof(procs) / sizeof(procs[0])',
                                   '&((struct proc *)0)->ep')
        return sum(self.word(self.procs + n * self.proc_size + at, 4) != ENDPOINT_NONE
                   for n in range(number))

    @functools.cache
    def grant_rows(self):
        """Where each of a service's rows says whether it is one."""
        privs = count.Symbols(count.KERNEL).address['privs'] - count.KERNEL_BASE
        number, size, first, rows, row, at = count.numbers(
            count.KERNEL, 'sizeof(privs) / sizeof(privs[0])', 'sizeof(privs[0])',
            '&((struct priv *)0)->grants', 'sizeof(privs[0].grants) / sizeof(struct grant)',
            'sizeof(struct grant)', '&((struct grant *)0)->dir')
        return [privs + n * size + first + k * row + at
                for n in range(number) for k in range(rows)]

    def live_grants(self):
        return sum(self.ram[at] != 0 for at in self.grant_rows())

    def receives(self, slot):
        """Whether a service waits for messages: it has done what it was at."""
        return self.word(self.procs + slot * self.proc_size + self.state_at, 2) == RECEIVING

    def traced(self):
        """How many records the kernel's trace ring has had."""
        return self.word(self.next)

    def trace(self, first):
        """[(event, from)] of the records since then that are still there."""
        end = self.traced()
        return [(self.word(at, 2), self.word(at + 2, 2)) for at in
                (self.ring + n % TRACE * TRACE_SIZE for n in range(max(first, end - TRACE), end))]

    def entry(self, slot, at):
        """Where the page tables of a process have this address's page; None: nowhere."""
        space = self.word(self.procs + slot * self.proc_size + self.space_at)
        if space == 0:
            return None
        table = self.word(space - count.KERNEL_BASE + self.root_at, self.root_size) * 4096
        for shift in (39, 30, 21, 12):
            place = table + (at >> shift & 511) * 8
            if not self.word(place) & 1 or table == 0:
                return None
            table = self.word(place) & 0x000ffffffffff000
        return place

    def physical(self, slot, at):
        """Where a service has this address; None: nowhere, as when it is being started."""
        place = self.entry(slot, at)
        return None if place is None else (self.word(place) & 0x000ffffffffff000) + (at & 4095)


class Stub:
    """QEMU's gdb stub: the guest stands still, bytes of its memory are written."""

    def __init__(self, guest):
        self.guest = guest
        path = os.path.join(guest.workdir, 'plant')
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

    def write(self, at, code):
        answer = self.ask('M%x,%x:%s' % (at, len(code), code.hex()))
        assert b'OK' in answer, (answer, hex(at))

    def go(self):
        self.send('c')


@contextlib.contextmanager
def standing(guest):
    """The stub of a guest that stands still meanwhile, for a moment's writing."""
    stub = Stub(guest)
    stub.stop()
    try:
        yield stub
    finally:
        stub.go()
        stub.close()


# A program of the name sleep in the background, which has begun.
SLEEPS = 'sleep 1000 & until grep -q "(sleep)" /proc/$!/stat; do :; done'


# ---- what may be chosen ----

class Code:
    """The instructions of a service that a golden run reached."""

    def __init__(self, name):
        self.name = name
        self.slot = next(slot for slot, pair in count.service_names().items() if pair[0] == name)
        folder = count.service_names()[self.slot][1]
        self.path = count.elf_of(folder)
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
        return '%s+%#x (%#x)' % (self.symbols.name(at), self.symbols.offset(at), at)


def put(guest, name, text):
    guest.run('rm -f ' + name)
    lines = text.replace('\t', ' ').split('\n')       # the shell completes words at a tab
    for n in range(0, len(lines), 12):
        guest.run("cat >> %s << 'END'\n%s\nEND\ntrue" % (name, '\n'.join(lines[n:n + 12])))


def tests(rnd, without=NO_TESTS):
    names = []
    folder = os.path.join(machine.ROOT, 'tests/programs/posix')
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file)) as text:
            names += re.findall(r'\bT\((\w+)\)', text.read())
    names = [n for n in names if not n.startswith(without)]
    rnd.shuffle(names)
    return names


def load(guest, parts, seconds, service, rnd, size=WHOLE):
    """Begin it."""
    names = (tests(rnd) if 'posix' in parts else
             tests(rnd, NO_TESTS + DOUBTED) if 'calls' in parts else [])
    text = LOAD.replace('TESTS', ' \\\n'.join(names))
    text = text.replace('SOME', ' '.join(map(str, range(CALLS))))
    if getattr(guest, 'load', None) != text:    # a console is slow
        put(guest, '/tmp/load', text)
        guest.load = text
    # From the interactive shell: a script's own jobs would ignore SIGINT.
    guest.run('rm -rf /tmp/any; mkdir /tmp/any; head -c %d /bin/busybox > /tmp/any/big; '
              'for p in %s; do sh /tmp/load $p %d %s 3>&1 > /tmp/any/out.$p 2>&1 & done'
              % (size, ' '.join(parts), seconds, service))


def end_of_load(guest, parts, seconds):
    """(what it complained of, {part: steps})."""
    guest.run('while [ "$(cat /tmp/any/end | wc -l)" -lt %d ]; do usleep 200000; done 2> /dev/null'
              % len(parts), seconds)
    out = guest.run('cat /tmp/any/out.*')[1].strip()
    bad = out + guest.run('cat /tmp/any/bad 2> /dev/null')[1].strip()
    done = guest.run("cd /tmp/any; grep '' done.* /dev/null; cd /")[1]
    done = {part: int(n) for part, n in re.findall(r'^done\.(\w+):(\d+)', done, re.M)}
    guest.run('rm -rf /tmp/any')
    return bad, done


def begin(guest):
    guest.shell()
    guest.run('dmesg -n 1; mkdir -p /mnt; mount -t tmpfs none /mnt; cd /')


def golden(folder, rnd, parts, seconds, size=WHOLE, during=lambda guest: None):
    """{(slot, address, instructions): times} of the blocks that a run without deaths reaches; of a
    run that ends before the load, without parts. during: what is done to the guest meanwhile."""
    path = os.path.join(folder, 'reached')
    counted = count.Counted([], icount=None, name='plant-golden', more=['reached ' + path],
                            vga=True)
    with counted:
        begin(counted.guest)
        if parts:
            load(counted.guest, parts, seconds, 'none', rnd, size)
            during(counted.guest)
            bad, done = end_of_load(counted.guest, parts, 120)
            assert not bad, bad
            print('    without faults:', done, flush=True)
        counted.finish()
        with open(path) as file:
            return {(int(w[0]), int(w[1], 16), int(w[2])): int(w[3])
                    for w in map(str.split, file)}


# ---- guests ----

def copy(source, target):
    subprocess.run(['cp', '--sparse=always', source, target], check=True)


def counts(guest, memory):
    """What must be the same afterwards. GuestError: what is to be counted is not said."""
    guest.run('sync; sleep 1')
    said = guest.run('service dump vfs')[1] + guest.run('cat /proc/meminfo')[1]

    def number(pattern):
        match = re.search(pattern, said)
        if match is None:
            raise guest.failure('no %s in what was said: %s' % (pattern, said))
        return int(match[1])

    found = {what: number(r'(\d+) ' + what)
             for what in ('open files', 'descriptor tables', 'pipes', 'sockets')}
    found.update({'spaces': memory.live_spaces(), 'endpoints': memory.live_processes(),
                  'grants': memory.live_grants()})
    return found, number(r'MemFree: +(\d+)') + number(r'Cached: +(\d+)')


def scratch(name):
    """A folder in memory for the files of a guest, as long as the `with` lasts."""
    return tempfile.TemporaryDirectory(prefix='skink-%s-' % name, dir=count.IN_MEMORY,
                                       ignore_cleanup_errors=True)


class Bed:
    """A guest whose memory can be seen. more: arguments of QEMU's, made of the memory's file. disk:
    the root disk, a file in the folder of which save() keeps a copy, too."""

    def __init__(self, folder, more=lambda ram: [], disk=None, **options):
        self.folder, self.more, self.options = folder, more, options
        self.ram, self.state = os.path.join(folder, 'ram'), os.path.join(folder, 'state')
        self.files = [self.ram] + ([disk] if disk else [])
        if disk:
            options['root'] = disk
        self.guest = self.memory = None
        self.commands = None            # that the saved guest was given; None: nothing is saved

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def made(self):
        made = machine.Machine(**self.options)
        made.extra += ['-object', 'memory-backend-file,id=ram,size=%s,mem-path=%s,share=on'
                       % (made.memory, self.ram), '-machine', 'memory-backend=ram']
        made.extra += self.more(self.ram)
        return made

    def fresh(self):
        self.close()
        made = self.made()
        with open(self.ram, 'wb') as file:
            file.truncate(count.size_of(made.memory))
        self.guest = Guest(made=made)
        begin(self.guest)
        self.memory = Memory(self.ram)

    def write(self, slot, at, data):
        """Bytes into the memory of a service that runs."""
        with standing(self.guest) as stub:
            stub.write(self.memory.physical(slot, at), data)

    @contextlib.contextmanager
    def changed(self, slot, at, data):
        """While that lasts; then what stood there before is there again."""
        place = self.memory.physical(slot, at)
        before = bytes(self.memory.ram[place:place + len(data)])
        self.write(slot, at, data)
        try:
            yield
        finally:
            self.write(slot, at, before)

    def save(self):
        """Keep the guest as it is, and end it. Nobody may have the stub."""
        self.guest.qmp('stop')
        self.ignore_shared()
        self.guest.qmp('migrate', uri='exec:cat > ' + self.state)
        self.wait_for('query-migrate', ('setup', 'active', 'device'))
        for path in self.files:
            copy(path, path + '.saved')
        self.commands = self.guest.commands
        self.close()

    def restore(self):
        """A guest that goes on where the saved one was."""
        self.close()
        for path in self.files:
            copy(path + '.saved', path)
        made = self.made()
        made.extra += ['-incoming', 'defer']
        self.guest = Guest(made=made)
        self.guest.commands = self.commands
        self.ignore_shared()
        self.guest.qmp('migrate-incoming', uri='exec:cat ' + self.state)
        self.wait_for('query-status', ('inmigrate',))
        self.guest.qmp('cont')
        self.memory = Memory(self.ram)

    def ignore_shared(self):
        """Its memory is a file already: it need not be part of the state."""
        self.guest.qmp('migrate-set-capabilities', capabilities=[
            {'capability': 'x-ignore-shared', 'state': True}])

    def wait_for(self, query, while_in):
        status = while_in[0]
        while status in while_in:
            time.sleep(0.01)
            status = self.guest.qmp(query).get('status', while_in[0])
        if status not in ('completed', 'paused', 'postmigrate'):
            raise self.guest.failure('%s: %s' % (query, status))

    def close(self):
        if self.guest:
            self.guest.kill()
        self.guest = None


