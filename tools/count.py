# SPDX-License-Identifier: BSD-2-Clause
"""count.py - counts what happens in a guest between two marks: instructions by function, messages,
address-space switches, kernel calls, and the longest stays in the kernel.

    with Counted(marks, options of machine.Machine) as counted:
        status, output = run_command(counted, ['ls'], 60)   # or drive counted.guest
        intervals, stays = counted.finish()

QEMU's plugin tools/count.c does the counting; see there what a mark is. Nothing in the guest knows
of it. `tools/count.py GROUP ROW [N]` shows by function what a row of bench/mbench.c is made of.
"""
import bisect
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import machine
from guest import Guest


def load_exec():
    """tools/exec.py. A test of this name may come first in the path."""
    spec = importlib.util.spec_from_file_location(
        'skink_exec', os.path.join(machine.ROOT, 'tools', 'exec.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


frames = load_exec()

PLUGIN = os.path.join(machine.BUILD, 'tools', 'count.so')
KERNEL = os.path.join(machine.BUILD, 'kernel', 'skink.elf')
KERNEL_BASE = 0xffffffff80000000        # physical 0
KERNEL_HALF = 1 << 63
CURRENT = 0                             # in struct core
MBENCH = os.path.join(machine.BUILD, 'bench', 'mbench.elf')
MBENCH_MARKS = [('now', MBENCH, 'clock_gettime'), ('end', MBENCH, 'printf')]
NR_LINUX, IPC, KERNEL_CALLS, VECTORS, UNKNOWN = 0x400, 0x1000, 0x1010, 0x1100, 0x1200
FIRST_PROGRAM = 64
MESSAGES = (1, 2, 3)             # events of the trace ring: call, reply, notification
MARK_BYTES = 16
IN_MEMORY = '/dev/shm' if os.path.isdir('/dev/shm') else None    # for files of a guest's memory


def elf_of(service):
    """The program of a service, with symbols and what a debugger knows."""
    return os.path.join(machine.BUILD, 'services', service, service + '.elf')


def numbers(path, *expressions):
    """What these C expressions are in an ELF file, by gdb: addresses, offsets, sizes."""
    words = [w for e in expressions
             for w in ('-ex', 'output/u (unsigned long)(%s)' % e, '-ex', 'echo \\n')]
    done = subprocess.run(['gdb', '-q', '-nx', '-batch', path] + words, capture_output=True,
                          text=True, check=True, stdin=subprocess.DEVNULL)
    found = [int(word) for word in done.stdout.split()]
    assert len(found) == len(expressions), done.stderr
    return found


class Symbols:
    """Names of code by address, from an ELF file that has symbols."""

    def __init__(self, path):
        self.path = path
        text = subprocess.run(['nm', path], capture_output=True, text=True, check=True).stdout
        self.address = {}
        for line in text.split('\n'):
            words = line.split()
            if len(words) == 3:
                self.address[words[2]] = int(words[0], 16)
        code = sorted((int(w[0], 16), w[2]) for w in map(str.split, text.split('\n'))
                      if len(w) == 3 and w[1] in 'tTwW')
        self.starts = [at for at, _ in code]
        self.names = [name for _, name in code]

    def name(self, at):
        number = bisect.bisect_right(self.starts, at) - 1
        return self.names[number] if number >= 0 else hex(at)

    def offset(self, at):
        """How far behind the beginning of its function."""
        number = bisect.bisect_right(self.starts, at) - 1
        return at - self.starts[number] if number >= 0 else 0

    def bytes_at(self, at, length):
        """The code at this address, in hexadecimal."""
        done = subprocess.run(['objdump', '-s', '--start-address=%#x' % at,
                               '--stop-address=%#x' % (at + length), self.path],
                              capture_output=True, text=True, check=True)
        found = ''
        for line in done.stdout.split('\n'):
            match = re.match(r' [0-9a-f]+ ((?:[0-9a-f]+ ){1,4})', line)
            if match:
                found += match.group(1).replace(' ', '')
        return found


class Interval:
    """What was counted between two marks."""

    def __init__(self, figures):
        self.instructions, self.kernel, self.switches, self.entries = figures[:4]
        self.calls = figures[4]         # of the kernel
        self.events = dict(enumerate(figures[5:]))
        self.kinds = {}         # (event, from, to, type): times
        self.blocks = []        # (slot, address, length, times)

    def messages(self):
        return sum(self.events[event] for event in MESSAGES)

    def by_function(self, symbols):
        """{(part, function): instructions}. symbols: {slot or 'kernel': Symbols}."""
        found = {}
        for slot, address, length, times in self.blocks:
            part = 'kernel' if address & KERNEL_HALF else slot
            part = 'program' if part != 'kernel' and part >= FIRST_PROGRAM else part
            known = symbols.get(part)
            key = known.part if known else str(part), known.name(address) if known else '?'
            found[key] = found.get(key, 0) + length * times
        return found


class Stay:
    """The stays in the kernel for one cause: how many, and the blocks of the longest."""

    def __init__(self, times, longest):
        self.times, self.longest, self.blocks = times, longest, []


class Counted:
    """A guest that is counted. marks: [(name, ELF file, symbol)]; None: instructions only. more:
    further lines for the plugin; plugin: another one."""

    def __init__(self, marks, name=None, more=(), plugin=PLUGIN, **options):
        self.folder = tempfile.mkdtemp(prefix='skink-count-', dir=IN_MEMORY)
        self.results = os.path.join(self.folder, 'results')
        made = machine.Machine(icount=options.pop('icount', 'off'), **options)
        ram = os.path.join(self.folder, 'ram')
        with open(ram, 'wb') as file:
            file.truncate(size_of(made.memory))
        config = os.path.join(self.folder, 'config')
        with open(config, 'w') as file:
            file.write('\n'.join(configuration(ram, self.results, marks) + list(more)) + '\n')
        made.extra += ['-object', 'memory-backend-file,id=ram,size=%s,mem-path=%s,share=on'
                       % (made.memory, ram), '-machine', 'memory-backend=ram',
                       '-plugin', 'file=%s,config=%s' % (plugin, config)]
        self.guest = Guest(name=name, made=made)

    def __enter__(self):
        self.guest.begun = time.monotonic()
        return self

    def __exit__(self, *_):
        self.guest.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def finish(self):
        """End QEMU in order; ([Interval], {(when, cause): Stay})."""
        if self.guest.alive():
            self.guest.qmp('quit')
            self.guest.wait()
        return read_results(self.results)

    def total(self):
        """End QEMU in order; the instructions since the reset."""
        self.finish()
        with open(self.results) as file:
            return int(file.read().split()[-1])


def size_of(memory):
    return int(memory[:-1]) << (30 if memory[-1] == 'G' else 20)


def configuration(ram, results, marks):
    if marks is None:
        return ['ram ' + ram, 'out ' + results]
    kernel = Symbols(KERNEL)
    at = kernel.address
    lines = ['ram ' + ram, 'out ' + results,
             'kernel %x %x %x %x %x %x %x' % (
                 at['boot_core'] + CURRENT - KERNEL_BASE, at['procs'], at['procs'] - KERNEL_BASE,
                 at['trace_ring'] - KERNEL_BASE, at['trace_next'] - KERNEL_BASE,
                 at['idle_loop'], at['trap_stubs'])]
    code = subprocess.run(['objdump', '-d', '--no-show-raw-insn', KERNEL], capture_output=True,
                          text=True, check=True).stdout
    lines += ['switch ' + found for found in re.findall(r'^(\w+):.*,%cr3', code, re.M)]
    for name, path, symbol in marks:
        program = Symbols(path)
        where = program.address[symbol]
        lines.append('mark %s %x %s' % (name, where, program.bytes_at(where, MARK_BYTES)))
    return lines


def read_results(path):
    intervals, stays, stay = [], {}, None
    with open(path) as file:
        for line in file:
            word, *values = line.split()
            if word == 'interval':
                intervals.append(Interval([int(v) for v in values[1:]]))
            elif word == 'k':
                key = int(values[0], 16)
                intervals[-1].kinds[tuple(key >> shift & 0xffff for shift in (0, 16, 32, 48))] = \
                    int(values[1])
            elif word == 'b':
                intervals[-1].blocks.append((int(values[0]), int(values[1], 16), int(values[2]),
                                             int(values[3])))
            elif word == 'stay':
                stay = Stay(int(values[2]), int(values[3]))
                stays[values[0], int(values[1], 16)] = stay
            elif word == 'r':
                stay.blocks.append((int(values[0], 16), int(values[1]), int(values[2])))
    return intervals, stays


def service_names():
    """{slot: service}, from the manifests of the tree."""
    found = {}
    for top, _, files in os.walk(machine.ROOT):
        if top.startswith(os.path.join(machine.ROOT, 'build')):
            continue
        for file in files:
            if file.endswith('.svc'):
                with open(os.path.join(top, file)) as manifest:
                    match = re.search(r'^\s*id\s+(\d+)', manifest.read(), re.M)
                if match:
                    found[int(match.group(1))] = (file[:-4], os.path.basename(top))
    return found


def symbols(program=None):
    """Symbols of the kernel, of the services by slot, and of a program."""
    found = {'kernel': Symbols(KERNEL)}
    found['kernel'].part = 'kernel'
    for slot, (name, folder) in service_names().items():
        path = elf_of(folder)
        if os.path.exists(path):
            found[slot] = Symbols(path)
            found[slot].part = name
    if program:
        found['program'] = Symbols(program)
        found['program'].part = 'program'
    return found


def run_command(counted, command, seconds):
    """Run a command in a guest whose process 1 is execd; (status, output); status None: too
    late."""
    deadline = time.monotonic() + seconds
    line = frames.Line(counted.guest)
    frames.start(line, command, deadline)
    output, status = b'', None
    while status is None and time.monotonic() < deadline:
        for kind, payload in line.frames(1)[0]:
            if kind in (b'o', b'e'):
                output += payload
            elif kind == b'x':
                status = payload[0]
    return status, output.decode(errors='replace')


class Inlined:
    """Functions of code by address, those that the compiler has put into others apart."""

    def __init__(self, path):
        self.path = path
        code = subprocess.run(['objdump', '-d', '--no-show-raw-insn', path], capture_output=True,
                              text=True, check=True).stdout
        self.starts = sorted(int(at, 16) for at in re.findall(r'^\s*([0-9a-f]+):\t', code, re.M))

    def by_function(self, blocks):
        """{function: instructions} of blocks [(address, length, times)]."""
        times = {}
        for address, length, count in blocks:
            first = bisect.bisect_left(self.starts, address)
            for at in self.starts[first:first + length]:
                times[at] = times.get(at, 0) + count
        text = subprocess.run(['addr2line', '-e', self.path, '-a', '-f', '-i']
                              + ['%#x' % at for at in times], capture_output=True, text=True,
                              check=True).stdout
        found, address = {}, None
        for line in text.split('\n'):
            if line.startswith('0x'):
                address = int(line, 16)
            elif address is not None:           # the innermost comes first
                found[line] = found.get(line, 0) + times[address]
                address = None
        return found


def kernel_calls():
    """{number: name} of the kernel calls and the primitives."""
    with open(os.path.join(machine.ROOT, 'contracts', 'kernel.contract')) as file:
        found = {IPC + int(number, 16): name
                 for name, number in re.findall(r'^ *call (\w+) 0x(\w+)', file.read(), re.M)}
    with open(os.path.join(machine.ROOT, 'abi', 'message.h')) as file:
        primitives = re.findall(r'^\tIPC_(\w+)\b', file.read(), re.M)
    for number, name in enumerate(primitives[primitives.index('SENDREC'):][:KERNEL_CALLS - IPC]):
        found[IPC + number] = name.lower()
    return found


def cause_text(cause, calls):
    """What brought the CPU into the kernel, in words."""
    if cause < NR_LINUX:
        return 'Linux call %d' % cause
    if cause < VECTORS:
        return '`%s`' % calls.get(cause, 'call %#x' % cause)
    if cause == UNKNOWN:
        return 'interrupt while idle'
    return {14: 'page fault', 7: 'first use of SSE', 0xf0: 'timer'}.get(
        cause - VECTORS, 'exception or interrupt %d' % (cause - VECTORS))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit('usage: tools/count.py GROUP ROW [N]')
    group, row = sys.argv[1:3]
    with Counted(MBENCH_MARKS, append=['init=/usr/sbin/execd', 'log=off']) as counted:
        output = run_command(counted, ['/usr/lib/skink/mbench', '-t', '50', '-d', '/tmp', '-f',
                                       '1000', group], 300)[1]
        intervals = counted.finish()[0]
    for line, interval in zip(filter(None, output.split('\n')), intervals):
        if line.split()[0] == row:
            found = sorted(interval.by_function(symbols(MBENCH)).items(), key=lambda f: -f[1])
            print(line)
            for (part, name), n in found[:int((sys.argv + ['40'])[3])]:
                print('%5.1f %%  %-12s %s' % (100 * n / interval.instructions, part, name))


if __name__ == '__main__':
    main()
