# SPDX-License-Identifier: BSD-2-Clause
"""skink_gdb.py - Skink's kernel structures, readable in gdb. Loaded by ./skink gdb.

Values:   endpoint_t, grant_t, struct message, struct proc print in words.
Commands: skink ps [all]      processes: slot, endpoint, state, partner, call serial, where
          skink message SLOT  the message of a process
          skink trace [N] [quiet]       of the last N records of the trace ring (20) all, or all
                              but the notifications of rs, which are heartbeats
          skink enter SLOT FILE, skink leave    a service's memory and symbols, and back
          skink waits         calls that vfs has not answered, requests on its boards, and how
                              full the terminals' lines are. Needs build/services.
"""
import os
import re

import gdb

SLOT_BITS = 12
SLOT_MASK = (1 << SLOT_BITS) - 1
SPECIAL = {SLOT_MASK: 'none', SLOT_MASK - 1: 'any', SLOT_MASK - 2: 'kernel'}
FIRST_PROGRAM = 64
STATES = ['new', 'sending', 'calling', 'receiving', 'parked', 'frozen']
EVENTS = ['?', 'send', 'reply', 'notify', 'kernel-call', 'exception', 'irq', 'destroy', 'freeze',
          'recover', 'stop']
TYPE_NOTIFY, TYPE_FAULT = 0x2000, 0x2001


def endpoint_text(value):
    slot, generation = value & SLOT_MASK, value >> SLOT_BITS
    if not generation and slot in SPECIAL:
        return SPECIAL[slot]
    return '%s%d.%d' % ('service ' if slot < FIRST_PROGRAM else 'program ', slot, generation)


def state_text(state):
    return '+'.join(name for bit, name in enumerate(STATES) if state >> bit & 1) or 'runnable'


def type_text(kind):
    if kind < 0x400:
        return 'linux %d' % kind
    return {TYPE_NOTIFY: 'notify', TYPE_FAULT: 'fault'}.get(
        kind, 'error %d' % (kind - (1 << 32)) if kind >= 1 << 31 else 'type 0x%x' % kind)


class EndpointPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return endpoint_text(int(self.value['v']))


class GrantPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        v = int(self.value['v'])
        return 'grant %d of %d, seq %d' % (v & 0xff, v >> 8 & 0xff, v >> 16) if v else 'no grant'


class MessagePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        words = ' '.join('%x' % int(self.value['w'][i]) for i in range(7))
        return '{%s, %s: %s}' % (endpoint_text(int(self.value['peer']['v'])),
                                 type_text(int(self.value['type'])), words)


class ProcPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return '{%s}' % proc_text(self.value)


def slot_of(pointer):
    """The slot of a struct proc *, or None."""
    if int(pointer) == 0:
        return None
    first = gdb.parse_and_eval('&procs[0]')
    return (int(pointer) - int(first)) // first.dereference().type.sizeof


def proc_text(proc):
    partner = slot_of(proc['partner'])
    regs = proc['regs']
    waits = int(proc['state']) & 6              # SENDING, CALLING
    return '%-18s %-10s %-14s serial %-6d rip %#x rax %#x' % (
        endpoint_text(int(proc['ep']['v'])), state_text(int(proc['state'])),
        '-> %s' % partner if waits and partner is not None else '', int(proc['serial']),
        int(regs['rip']), int(regs['rax']))


class Skink(gdb.Command):
    """Skink's own commands: ps, message, trace, enter, leave, waits."""
    def __init__(self):
        super().__init__('skink', gdb.COMMAND_DATA, prefix=True)


class Ps(gdb.Command):
    """skink ps [all]: every process; with `all` also the free slots' number."""
    def __init__(self):
        super().__init__('skink ps', gdb.COMMAND_DATA)

    def invoke(self, argument, _):
        procs = gdb.parse_and_eval('procs')
        free = 0
        for slot in range(procs.type.range()[1] + 1):
            proc = procs[slot]
            value = int(proc['ep']['v'])
            if value in (0, SLOT_MASK):         # before and after proc_tables_init
                free += 1
                continue
            print('%4d  %s' % (slot, proc_text(proc)))
        if argument == 'all':
            print('%d slots free' % free)


class Message(gdb.Command):
    """skink message SLOT: the message registers of a process."""
    def __init__(self):
        super().__init__('skink message', gdb.COMMAND_DATA)

    def invoke(self, argument, _):
        if not argument:
            raise gdb.GdbError('usage: skink message SLOT')
        print(gdb.parse_and_eval('procs[%s].msg' % argument).format_string())


class Trace(gdb.Command):
    """skink trace [N] [quiet]: the last N records of the trace ring, oldest first."""
    def __init__(self):
        super().__init__('skink trace', gdb.COMMAND_DATA)

    def invoke(self, argument, _):
        ring, end = gdb.parse_and_eval('trace_ring'), int(gdb.parse_and_eval('trace_next'))
        size = ring.type.range()[1] + 1
        words = argument.split()
        begin = max(0, end - min(size, int(words[0]) if words else 20))
        for number in range(begin, end):
            record = ring[number % size]
            event = int(record['event'])
            if 'quiet' in words and EVENTS[event] == 'notify' and 0 in (int(record['from']),
                                                                       int(record['to'])):
                continue
            print('%8d  %-12s %4s -> %-4s %-14s %#x' % (
                number, EVENTS[event] if event < len(EVENTS) else event,
                slot_text(record['from']), slot_text(record['to']),
                type_text(int(record['type'])), int(record['arg'])))


class Enter(gdb.Command):
    """skink enter SLOT FILE: look with the eyes of a service: its address space (CR3) and the
    symbols of its program, as build/services/vfs/vfs.elf. `skink leave` goes back."""
    def __init__(self):
        super().__init__('skink enter', gdb.COMMAND_DATA, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, _):
        words = argument.split()
        if len(words) != 2:
            raise gdb.GdbError('usage: skink enter SLOT FILE')
        gdb.execute('skink leave')
        root = int(gdb.parse_and_eval('(unsigned long)procs[%s].space->root' % words[0]))
        text = gdb.execute('info registers cr3', to_string=True)
        Leave.cr3 = int(text.split()[1], 16)
        gdb.execute('set $cr3 = (unsigned long)%d' % (root * 4096))
        gdb.execute('add-symbol-file ' + words[1])
        Leave.symbols = os.path.realpath(words[1])


class Leave(gdb.Command):
    """skink leave: back from `skink enter`; before the guest goes on, always."""
    cr3 = symbols = None

    def __init__(self):
        super().__init__('skink leave', gdb.COMMAND_DATA)

    def invoke(self, argument, _):
        if Leave.cr3 is not None:
            gdb.execute('set $cr3 = (unsigned long)%d' % Leave.cr3)
            gdb.execute('remove-symbol-file ' + Leave.symbols)
        Leave.cr3 = None


class Waits(gdb.Command):
    """skink waits: rows and boards of vfs, lines and wires of tty, the serial driver's buffers."""
    def __init__(self):
        super().__init__('skink waits', gdb.COMMAND_DATA)

    def invoke(self, argument, _):
        for name, show in (('vfs', self.vfs), ('tty', self.tty), ('uart', self.uart)):
            print('%s:' % name)
            try:
                gdb.execute('skink enter %d build/services/%s/%s.elf' % (service_id(name), name,
                                                                         name), to_string=True)
                show()
            except gdb.error as error:
                print('    %s' % error)
            finally:
                gdb.execute('skink leave', to_string=True)

    def vfs(self):
        state = gdb.parse_and_eval('state')
        asked = gdb.parse_and_eval('(int)BOARD_ENTRIES')
        for n in range(1, state['row'].type.range()[1] + 1):
            row = state['row'][n]
            if int(row['phase']) == 0:
                continue
            print('    row %d: %s %s, args %s; %s, %s object %d, request %d, done %d, alarm %d' % (
                n, endpoint_text(int(row['client']['v'])), type_text(int(row['type'])),
                ' '.join('%x' % int(row['a'][i]) for i in range(6)),
                member('ROW_FREE', row['phase']), member('QUEUE_NONE', row['queue']),
                int(row['object']), int(row['request']), int(row['done']), int(row['deadline'])))
        for server in range(1, state['server'].type.range()[1] + 1):
            for n in range(int(asked)):
                request = state['request'][server][n]
                if int(request['type']) != 0:
                    print('    server %d, entry %d, of %s: type %#x, row %d, phase %d' % (
                        server, n, endpoint_text(int(state['server'][server]['who']['v'])),
                        int(request['type']), int(request['row']), int(gdb.parse_and_eval(
                            '((struct board *)&board[%d])->phase[%d]' % (server, n)))))
        print('    grants %#x, pages dirty %d, busy %d, free %d; queues: ready %d, short %d'
              % tuple(int(state[name]) for name in ('grants', 'pages_dirty', 'pages_busy',
                                                    'pages_free', 'ready', 'short_queue')))

    def tty(self):
        state = gdb.parse_and_eval('state')
        for n in range(state['line'].type.range()[1] + 1):
            line = state['line'][n]
            print('    line %d: in %s, out %s, ready %d, stopped %d, group %d, lflag %#o' % (
                n, fill(line['in']), fill(line['out']), int(line['ready']), int(line['stopped']),
                int(line['pgrp']), int(line['termios']['lflag'])))
        for n in range(state['wire'].type.range()[1] + 1):
            wire = state['wire'][n]
            print('    wire %d: read refused %d, submitted %d, answers taken %d of %d, open %#x' % (
                n, int(wire['refused']), int(wire['ring']['submitted']),
                int(wire['ring']['taken']),
                int(gdb.parse_and_eval('wire_memory[%d].completed' % n)),
                int(wire['ring']['used'])))

    def uart(self):
        state = gdb.parse_and_eval('state')
        print('    in %s, out %s, read held %d, write held %d' % (
            fill(state, 'in_'), fill(state, 'out_'), int(state['line']['has_read']),
            int(state['line']['has_held'])))


def service_id(name):
    with open('lib/service_ids.h') as file:
        return int(re.search(r'\bID_%s = (\d+)' % name.upper(), file.read())[1])


def fill(buffer, prefix=''):
    head, tail = int(buffer[prefix + 'head']), int(buffer[prefix + 'tail'])
    return '%d bytes (%d to %d)' % (head - tail & 0xffffffff, tail, head)


def member(other, value):
    """The name of a value of the enum that `other` is a member of."""
    for field in gdb.parse_and_eval(other).type.fields():
        if field.enumval == int(value):
            return field.name
    return str(int(value))


def slot_text(slot):
    return '-' if int(slot) == SLOT_MASK else str(int(slot))


def printer(value):
    """The printer for a value, or None. Typedefs by their name, structs by their tag."""
    if value.type.name in ('endpoint_t', 'grant_t'):
        return (EndpointPrinter if value.type.name == 'endpoint_t' else GrantPrinter)(value)
    kind = value.type.strip_typedefs()
    if kind.code != gdb.TYPE_CODE_STRUCT:
        return None
    found = {'message': MessagePrinter, 'proc': ProcPrinter}.get(kind.tag)
    return found(value) if found else None


gdb.pretty_printers.append(printer)
for command in (Skink, Ps, Message, Trace, Enter, Leave, Waits):
    command()
