# SPDX-License-Identifier: BSD-2-Clause
"""guardian.py - what rs knows of the services, read from the guest's memory: it is not asked.

    table = Table(memory).look()        # memory: plant.Memory
    table['vfs'].deaths, table['vfs'].phase, table['vfs'].cause
"""
import collections
import functools
import os
import re
import time

import count
import machine

HEADER = os.path.join(machine.BUILD, 'gen', 'contract', 'rs.h')
SLOT = 0
PAGE = 4096
FIELDS = ('phase', 'cause', 'beats_out', 'code', 'restarts', 'recoveries', 'repaired_ns', 'name')
AWAY = ('starting', 'dead', 'scripted', 'forgotten')    # phases of those that are to come back
PATIENCE_S = 20                 # rs is started afresh within that

Service = collections.namedtuple('Service', 'phase cause beats_out restarts recoveries '
                                 'repaired_us')
FORGOTTEN = Service('forgotten', '? 0', 0, 0, 0, 0)     # rs has had it, and does not know it


@functools.cache
def layout():
    """(address of the table, bytes of a service in it, services, {field: (offset, bytes)})"""
    table, one = "'state.c'::state.service", '((struct service *)0)'
    words = ['&' + table, 'sizeof(%s[0])' % table, 'sizeof(%s) / sizeof(%s[0])' % (table, table)]
    for field in FIELDS:
        words += ['&%s->%s' % (one, field), 'sizeof(%s->%s)' % (one, field)]
    at, size, number, *rest = count.numbers(count.elf_of('rs'), *words)
    return at, size, number, dict(zip(FIELDS, zip(rest[::2], rest[1::2])))


@functools.cache
def words(kind):
    """{value: name} of RS_STATE_ or RS_CAUSE_."""
    with open(HEADER) as file:
        return {int(m[2]): m[1].lower()
                for m in re.finditer(r'RS_%s_(?!LAST)(\w+) = (\d+),' % kind, file.read())}


class Table:
    def __init__(self, memory):
        self.memory = memory
        self.names = ()

    def bytes(self, at, size):
        """Of rs; None: it is being started."""
        found = b''
        while size:
            part = min(size, PAGE - at % PAGE)
            place = self.memory.physical(SLOT, at)
            if place is None:
                return None
            found += self.memory.ram[place:place + part]
            at, size = at + part, size - part
        return found

    def look(self):
        """{name: Service}: all that the first look found, and others. OSError: rs has no memory."""
        end, found = time.monotonic() + PATIENCE_S, self.read()
        while time.monotonic() < end and (found is None or any(n not in found for n in self.names)):
            time.sleep(0.01)
            found = self.read()
        if found is None:
            raise OSError('rs has no memory')
        self.names = self.names or tuple(found)
        return {**dict.fromkeys(self.names, FORGOTTEN), **found}

    def read(self):
        at, size, number, fields = layout()
        data = self.bytes(at, size * number)
        if data is None:
            return None
        found = {}
        for n in range(number):
            one = {name: data[n * size + offset:n * size + offset + length]
                   for name, (offset, length) in fields.items()}
            name = one.pop('name').split(b'\0')[0].decode(errors='replace')
            value = {key: int.from_bytes(raw, 'little') for key, raw in one.items()}
            if name:
                cause = words('CAUSE').get(value['cause'], '?')
                found[name] = Service(words('STATE').get(value['phase'], '?'),
                                      '%s %d' % (cause, value['code']), value['beats_out'],
                                      value['restarts'], value['recoveries'],
                                      value['repaired_ns'] // 1000)
        return found


def died(before, now):
    """Names of those that have, in between."""
    return [name for name in now if name in before and now[name] != FORGOTTEN and
            (now[name].restarts, now[name].recoveries) !=
            (before[name].restarts, before[name].recoveries)]
