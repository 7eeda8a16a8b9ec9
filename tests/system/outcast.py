# SPDX-License-Identifier: BSD-2-Clause
"""A service whose manifest lists nothing can do nothing.

tests/services/outcast tries every kernel call, primitive, Linux call, contract operation and
forbidden instruction; tests/services/guesser, which may copy, guesses what others have lent. What
is not refused stands below, each with its reason, and nothing else may be allowed, nor anything
less. Limit: 300
"""
import os
import re
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tools'))

from bootset import BootSet
from guest import Guest, finish, scenario

READY = {
    'notify 0 = 0': 'rs, its guardian: that it is ready, and alive',
}
WRITES = {
    'write to descriptor 1 = 15': 'the log, as its own line',
    'write to descriptor 2 = 15': 'the log, as its own line',
}
EXITS = {
    'Linux call 60 = 0': 'exit: it may end itself',
    'Linux call 231 = 0': 'exit_group: it may end itself',
}
HARMLESS = {
    'rdtsc': 'the clock page gives times in this unit',
    'rdtscp': 'as rdtsc',
    'cpuid': 'the CPU tells everybody what it is',
    'rdrand': 'random bits, from the CPU',
    'clflush': 'its own memory',
    'xgetbv': 'cannot be forbidden: what extended state there is',
    'xsave': 'QEMU only: it does not look at CR0.TS, for which a CPU raises #NM (docs/caveats.md)',
    'xrstor': 'as xsave',
}
GATES = {
    3: 'int3: a breakpoint, for a debugger; it ends a service as any exception',
    4: 'into: not even there in 64-bit mode',
}
AT_ONCE = 8                     # deaths in a row after which rs would start it afresh
TRAPS_MAX = 120
SEQUENCES = 1024 if os.environ.get('SKINK_LONG') else 64
LONG = 240 if os.environ.get('SKINK_LONG') else 60


def boot_set(boot):
    """The image's services, and the outcasts; their names."""
    boot.add('outcast')
    boot.add('default', 'outcast', id='42', args='default', primitives=None, heartbeat='1000 30')
    boot.add('guesser', args=str(SEQUENCES), needs='lender')
    boot.add('lender', 'guesser', id='59', args=None, ports='81-81', lines='22', priority='15')
    for first in range(0, TRAPS_MAX, AT_ONCE):
        number = 43 + first // AT_ONCE
        boot.add('traps%d' % first, 'outcast', id=str(number),
                 priority='15',
                 args='traps %d %d' % (first, AT_ONCE))
    return [name for name in boot.text
            if boot.program[name] in ('outcast', 'guesser') and name != 'lender']


def verdicts(guest, services):
    """{service: (tried, refused)}, once all of them have said it."""
    found = {}
    while len(found) < len(services):
        match = guest.expect(r'(%s): done: (\d+) tried, (\d+) refused[^\n]*\n'
                             % '|'.join(services), LONG)
        found[match[1].decode()] = int(match[2]), int(match[3])
    return found


def allowed(guest, service):
    """What it was allowed, as it told; of instructions the name."""
    text = guest.console.decode(errors='replace').replace('\r\n', '\n')
    lines = re.findall(r'%s: allowed: (.*)' % service, text)
    return [re.sub(r' 0 = 0$', '', line) if service.startswith('traps') else line
            for line in lines]


def check(guest, services, found, reasons):
    """Just what there is a reason for was allowed."""
    told = [line for name in services for line in allowed(guest, name)]
    for line in sorted(set(told)):
        print('    %s: %s' % (line, reasons.get(line, 'ALLOWED, AND NOBODY SAID WHY')))
    assert set(told) == set(reasons), set(told) ^ set(reasons)
    for name in services:
        tried, refused = found[name]
        assert tried - refused == len(allowed(guest, name)), (name, found[name])


def table(guest, which, size):
    """A descriptor table of the CPU, as bytes, or the task state segment."""
    text = guest.qmp('human-monitor-command', **{'command-line': 'info registers'})
    match = re.search(r'^%s\s*=\s*(?:[0-9a-f]{4} )?([0-9a-f]{16}) ([0-9a-f]{8})' % which, text,
                      re.M)
    base, limit = int(match[1], 16), int(match[2], 16)
    path = os.path.join(guest.workdir, which)
    guest.qmp('memsave', val=base - (base >> 63 << 64), size=min(limit + 1, size), filename=path)
    with open(path, 'rb') as file:
        return file.read(), limit


def gates(guest):
    """Vectors that ring 3 may call."""
    idt, limit = table(guest, 'IDT', 4096)
    assert limit == 4095, limit
    return [n for n in range(256) if idt[16 * n + 5] >> 5 & 3]


def segments(guest):
    """Descriptors of ring 3 that are not flat code or data, by index."""
    gdt, _ = table(guest, 'GDT', 65536)
    rights = [gdt[n + 5] for n in range(0, len(gdt), 8)]
    return [n for n, r in enumerate(rights) if r & 0x80 and r >> 5 & 3 and not r & 0x10]


def check_tables(guest):
    with scenario('no gate can be called from a service, but for breakpoints'):
        assert gates(guest) == list(GATES), gates(guest)
        assert segments(guest) == [], segments(guest)
    with scenario('there is no I/O permission bitmap: no port is open to instructions'):
        tss, limit = table(guest, 'TR', 256)
        assert struct.unpack_from('<H', tss, 102)[0] > limit, (tss, limit)


def main():
    with BootSet() as boot:
        services = boot_set(boot)
        image = boot.write('boot.img')
        with Guest(initrd=image) as guest:
            found = verdicts(guest, services)
            traps = [name for name in services if name.startswith('traps')]
            print('    tried: ' + ', '.join('%s %d' % (name, found[name][0]) for name in services))
            with scenario('a service with an empty manifest may enter the kernel for nothing'):
                check(guest, ['outcast'], found, dict(READY, **WRITES, **EXITS))
                assert found['outcast'][0] > 500000, found
            with scenario('the primitives that every service has reach nobody'):
                check(guest, ['default'], found, dict(READY, **WRITES))
                assert found['default'][0] > 500000, found
            with scenario('every forbidden instruction and every address of others kills it'):
                check(guest, traps, found, HARMLESS)
                assert sum(found[name][0] for name in traps) > 100, found
                assert found[traps[-1]][0] < AT_ONCE, 'there are more traps than services'
            with scenario('no grant, call, port or line of others can be guessed'):
                check(guest, ['guesser'], found, {})
                met = re.search(rb'refused; (\d+) guesses met', guest.console)
                assert int(met[1]) >= 64, 'what there was to be met was not tried'
            check_tables(guest)
            with scenario('the system is as it was'):
                assert guest.alive() and b'panic' not in guest.console
                guest.send('\n')
                guest.shell()
                assert guest.run('echo $((6 * 7)) | cat') == (0, '42\n')
    finish()


main()
