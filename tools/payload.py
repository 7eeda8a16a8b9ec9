# SPDX-License-Identifier: BSD-2-Clause
"""payload.py - services that go wrong on purpose, for tools/inject.py: tools/payload.c's classes.

    places(code, 'flood')                       # addresses of calls that can become one
    ill = make(code, at, 'flood', seed)
    ill.plant(stub, memory); ill.call           # what the bytes at the address become, then
    ill.stop(stub, memory); ill.take_back(stub, memory)

A call of five bytes that the load reaches becomes a call of the payload, whose bytes are put over
code that no run reaches; it goes on where the call went. docs/notes/0024 says what the classes are.
"""
import os
import random
import re
import struct
import subprocess
import tempfile
import time

import machine

CLASSES = ('wild', 'leak', 'livelock', 'flood', 'garbage', 'lie', 'mute', 'grant', 'dma', 'irq')
SOURCE = os.path.join(machine.ROOT, 'tools', 'payload.c')
PARAMETERS, A1, PEERS, SCRATCH_BYTES = 8, 8 + 8 * 5, 16, 24
STACK_TOP, PAGE = 0x7ff00000, 4096      # lib/image.h
MSI = 0xfee00000                        # where interrupts are written to
LINE_MSI, VECTOR_LINES = 24, 32         # abi/kernel.h, kernel/x86_64/cpu.h
# Functions whose call is the moment: what the payload is told of it.
ANSWERS = {'ipc_replyreceive': 0, 'ipc_reply': 0, 'ring_complete': 1, 'board_done': 2}
UNANSWERED = {'ipc_replyreceive': 0, 'ipc_reply': 1, 'ring_complete': 1, 'board_done': 1}
COPIES = ('sys_grant_copy', 'sys_grant_create', 'sys_call_copy', 'call_read', 'call_write',
          'board_move', 'block_fetch', 'block_store')
MOMENT = {'lie': ANSWERS, 'mute': UNANSWERED, 'grant': COPIES,
          'dma': ('virtq_publish',), 'irq': ('ipc_receive',)}
LINK = ('SECTIONS { . = 0; .all : { *(.text.entry) *(.text*) *(.rodata*) } '
        '/DISCARD/ : { *(.comment) *(.note*) } }')
FLAGS = ('-Os -std=gnu17 -ffreestanding -fPIC -mgeneral-regs-only -mno-red-zone -fno-jump-tables '
         '-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -Wall -Wextra '
         '-Werror').split()
compiled = {}


def compile_class(kind):
    if kind not in compiled:
        with tempfile.TemporaryDirectory() as folder:
            link, out = os.path.join(folder, 'link'), os.path.join(folder, 'out')
            with open(link, 'w') as file:
                file.write(LINK)
            subprocess.run(['gcc', *FLAGS, '-I', machine.ROOT, '-DCLASS=act_' + kind, '-c', '-o',
                            out + '.o', SOURCE], check=True)
            subprocess.run(['ld', '-T', link, '--oformat', 'binary', '-o', out, out + '.o'],
                           check=True)
            with open(out, 'rb') as file:
                compiled[kind] = file.read()
    return compiled[kind]


# ---- what a service is and may do ----

class Manifest:
    def __init__(self, words):
        self.words = words

    def of(self, word):
        return [w for line in self.words if line[0] == word for w in line[1:]]


def read_manifests():
    found = []
    for top, _, files in os.walk(machine.ROOT):
        if top.startswith(machine.BUILD):
            continue
        for file in files:
            if file.endswith('.svc'):
                with open(os.path.join(top, file)) as text:
                    found.append(Manifest([line.split('#')[0].split() for line in text
                                           if line.split('#')[0].strip()]))
    return found


MANIFESTS = read_manifests()
# Whom somebody may mean who may talk to all, or notify all.
EVERYBODY = 'rs log ds vm sched pm vfs tty ext2'.split()


def manifest(name):
    return next(m for m in MANIFESTS if m.of('service') == [name])


def bases():
    """{protocol: number}"""
    found = {}
    folder = os.path.join(machine.ROOT, 'contracts')
    for file in os.listdir(folder):
        with open(os.path.join(folder, file)) as text:
            match = re.search(r'^protocol (\w+) (0x\w+)', text.read(), re.M)
        if match:
            found[match[1]] = int(match[2], 16)
    return found


def peers(name, word):
    """[(id, base of a protocol that it serves)] of whom it may ask (talks) or notify (notifies)."""
    names = manifest(name).of(word)
    names = [n for n in (EVERYBODY if names == ['all'] else names) if n != name]
    numbers, found = bases(), []
    for other in names[:PEERS]:
        theirs = manifest(other)
        served = [numbers[p] for p in theirs.of('serves') if p in numbers]
        found.append((int(theirs.of('id')[0]), served[0] if served else 0x400))
    return found


def memory_of(code):
    """[(address, bytes)] of its data, state and kept memory."""
    out = subprocess.run(['readelf', '-lW', code.path], capture_output=True, text=True,
                         check=True).stdout
    return [(int(m[1], 16), int(m[2], 16)) for m in
            re.finditer(r'LOAD +\S+ (\S+) \S+ \S+ (\S+) RW ', out)]


def stack_of(name):
    size = (manifest(name).of('stack') or ['16K'])[0]
    return int(size[:-1]) * {'K': 1024, 'M': 1 << 20}[size[-1]]


# ---- where ----

def calls(code):
    """{address: (target, its name)} of calls of five bytes that the load reaches."""
    found = {}
    for at in code.reached:
        insn = code.program.at(at)
        match = re.match(r'call +([0-9a-f]+) <([^>+]+)>', insn.text)
        if match and len(insn.code) == 5 and at >> 12 == at + 4 >> 12:
            found[at] = int(match[1], 16), match[2].split('.')[0]
    return found


def room(code, size):
    """Where so many bytes are that no run reaches; None: nowhere."""
    insns = code.program.insns
    first = None
    best = (0, None)
    for insn in insns + [None]:
        cold = insn is not None and insn.at not in code.run
        if cold and first is None:
            first = insn.at
        if cold:
            best = max(best, (insn.at + len(insn.code) - first, first))
        else:
            first = None
    return best[1] if best[0] >= size else None


def applies(code, kind):
    talks, lines = peers(code.name, 'talks'), manifest(code.name).of('lines')
    symbols = code.symbols.address
    return {
        'leak': bool(leaks(code)),
        'flood': bool(peers(code.name, 'notifies')),
        'garbage': bool(talks),
        'dma': 'queue_memory' in symbols,
        'irq': bool(lines),
    }.get(kind, True)


def places(code, kind):
    if not applies(code, kind) or kind != 'irq' and room(code, len(compile_class(kind))) is None:
        return []
    wanted = MOMENT.get(kind)
    if kind == 'irq':
        return [code.symbols.address['ipc_receive']]
    return [at for at, (_, name) in calls(code).items() if wanted is None or name in wanted]


# ---- what ----

def leaks(code):
    """Types of requests that take something of others: of vm, and two of ds."""
    ids = [id for id, _ in peers(code.name, 'talks')]
    numbers = bases()
    vm = numbers['vm'] + 15 if 3 in ids else 0                                  # lend
    ds = (numbers['ds'] + 1, numbers['ds'] + 8) if 2 in ids else (0, 0)         # publish, store
    return (vm, *ds) if vm or ds[0] else ()


def wild_region(code, rnd):
    """(address, words): of its data, its state, what is kept, or 0: of the stack."""
    regions = [r for r in memory_of(code) if r[0] < 0x20000000 and r[1] >= 8]
    at, size = rnd.choice(regions + [(0, 8)])
    return at, size // 8


def arguments(code, at, kind, rnd):
    symbols = code.symbols.address
    start = (symbols['state_start'] if symbols['state_end'] - symbols['state_start'] >= PAGE
             else symbols['undo_start']) & -PAGE
    name = calls(code)[at][1]
    if kind == 'wild':
        return (*wild_region(code, rnd), STACK_TOP)
    if kind == 'leak':
        return (start, *leaks(code))
    if kind == 'livelock':
        return (10 if code.name == 'rs' else 0,)
    if kind == 'garbage':
        return (start,)
    if kind == 'lie':
        return (ANSWERS[name],)
    if kind == 'mute':
        return UNANSWERED[name], symbols['ipc_receive']
    if kind == 'dma':
        return (symbols['queue_memory'],)       # and plant() says where its own memory is
    return ()


class Payload:
    """The bytes, and where they are while the fault is there."""

    def __init__(self, code, at, kind, seed):
        self.code, self.kind, self.seed = code, kind, seed
        rnd = random.Random('%s %x %s %d' % (code.name, at, kind, seed))
        blob = bytearray(compile_class(kind))
        self.at = room(code, len(blob))
        self.scratch = STACK_TOP - stack_of(code.name)
        a = arguments(code, at, kind, rnd)
        talks, notified = peers(code.name, 'talks'), peers(code.name, 'notifies')
        words = [calls(code)[at][0], code.symbols.address['die'], self.scratch,
                 rnd.getrandbits(63) << 1 | rnd.getrandbits(1) or 2, *a, *(0,) * (4 - len(a))]
        short = [[id for id, _ in talks], [id for id, _ in notified], [base for _, base in talks]]
        fixed = struct.pack('<8Q2I48H', *words, len(talks), len(notified),
                            *(n for part in short for n in part + [0] * (PEERS - len(part))))
        blob[PARAMETERS:PARAMETERS + len(fixed)] = fixed
        self.new = bytes(blob)
        self.old = b''.join(insn.code for insn in code.program.insns
                            if self.at <= insn.at < self.at + len(blob) + 16)[:len(blob)]
        self.call = b'\xe8' + struct.pack('<i', self.at - (at + 5))

    def pieces(self, memory, at, size):
        """[(physical, offset, bytes)] by page; None: it is not there just now."""
        found, done = [], 0
        while done < size:
            place = memory.physical(self.code.slot, at + done)
            if place is None:
                return None
            part = min(size - done, PAGE - (at + done) % PAGE)
            found.append((place, done, part))
            done += part
        return found

    def stands(self, memory, text):
        pieces = self.pieces(memory, self.at, len(text))
        return pieces is not None and all(
            memory.ram[place:place + n] == text[done:done + n] for place, done, n in pieces)

    def write(self, stub, memory, at, text):
        for place, done, n in self.pieces(memory, at, len(text)):
            stub.write(place, text[done:done + n])

    def plant(self, stub, memory):
        """The guest stands. False: something else is there."""
        if not self.stands(memory, self.old) or self.pieces(memory, self.scratch, 8) is None:
            return False
        if self.kind == 'dma':
            own = memory.physical(self.code.slot, self.code.symbols.address['queue_memory'])
            self.new = self.new[:A1] + struct.pack('<Q', own) + self.new[A1 + 8:]
        self.write(stub, memory, self.scratch, bytes(SCRATCH_BYTES))
        self.write(stub, memory, self.at, self.new)
        return True

    def stop(self, stub, memory):
        """What goes on without end ends."""
        if self.stands(memory, self.new):
            self.write(stub, memory, self.scratch + 8, struct.pack('<Q', 1))

    def times(self, memory):
        """How often it was reached, of a class that acts once."""
        return memory.word(memory.physical(self.code.slot, self.scratch))

    def take_back(self, stub, memory):
        """If it is not in the midst of it. True: nothing of it is left."""
        if not self.stands(memory, self.new):
            return True
        if not memory.receives(self.code.slot):
            return False
        self.write(stub, memory, self.at, self.old)
        return True


def vector(name):
    """The interrupt that the first line of a driver is."""
    line = manifest(name).of('lines')[0]
    return VECTOR_LINES + (LINE_MSI + int(line[4:]) if line.startswith('msi:') else int(line))


class Storm:
    """A device interrupts as often as the guest can be stopped and goes on, which is the stub's way
    to write to where interrupts are written. No byte of the service changes."""

    def __init__(self, code):
        self.call, self.seed = b'', 0
        self.word = struct.pack('<I', vector(code.name))

    def plant(self, stub, memory):
        return True

    def stop(self, stub, memory):
        pass

    def take_back(self, stub, memory):
        return True

    def blow(self, stub, seconds):
        """How many they were."""
        times, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            stub.stop()
            stub.write(MSI, self.word)
            stub.go()
            times += 1
        return times


def make(code, at, kind, seed):
    return Storm(code) if kind == 'irq' else Payload(code, at, kind, seed)
