# SPDX-License-Identifier: BSD-2-Clause
"""The command inject: faults in the code of running services, from inside, by a service that has
the right in its manifest. Before that one is loaded nobody can.

Limit: 200
"""
import os
import re

import count
import machine
import mutate
from guest import Guest, finish, scenario

MOST = 32                       # contracts/inject.contract
TOY_ELF = os.path.join(machine.BUILD, 'services/toy/toy.elf')
SYMBOLS = count.Symbols(TOY_ELF)
TOY = SYMBOLS.address
PROGRAM = mutate.Program(TOY_ELF)
# Until rs has found out, or for ten seconds.
DEAD = ('dead() { n=0; until service status toy | grep -q "$1"; do n=$((n + 1)); '
        '[ $n -lt 500 ] || return 1; usleep 20000; done; }')


def run(guest, command, status=0, text='', limit=30):
    got, out = guest.run(command + ' 2>&1', limit)
    assert got == status and re.search(text, out), (command, got, out)
    return out


def bytes_of(out):
    """(number, address, before, after) of what inject says."""
    m = re.search(r'(\d+): \w+ at (0x\w+), \w+ \(seed \d+\):((?: \w\w)+) ->((?: \w\w)+)', out)
    return int(m[1]), m[2], m[3].split(), m[4].split()


def look_at_rights(guest):
    with scenario('without the service nobody can, and it says so'):
        run(guest, 'inject toy stop', 1, r'does not run \(service start inject\)')
        run(guest, 'inject list', 1, 'does not run')
        run(guest, 'service start inject && service list', text=r'inject +39 +8 running')
    with scenario('a service whose manifest does not say so is refused by rs when it is loaded'):
        run(guest, "sed 's/^injects.*//' /etc/skink/services/inject.svc > /tmp/inject.svc && "
                   'service stop inject && service remove inject && service start /tmp/inject.svc; '
                   'inject toy stop', 1, 'only root may')
        run(guest, 'service stop inject; service remove inject; '
                   "sed 's/^injects.*/injects hello/' /etc/skink/services/inject.svc > "
                   '/tmp/inject.svc && service start /tmp/inject.svc; inject toy stop', 1,
            'only root may')
        run(guest, 'inject hello bit 1 && inject undo 1 && service stop inject && '
                   'service remove inject && service start inject')
    with scenario('nor may who is not root; and nobody into the guardians'):
        run(guest, "su -s /bin/sh nobody -c 'inject toy stop'", 1, 'only root may')
        for name in ('rs', 'rsguard', 'inject'):
            run(guest, 'inject %s stop' % name, 1, 'only root may, and nobody into rs')


def look_at_words(guest):
    with scenario('nonsense is refused, with what is wrong'):
        run(guest, 'inject', 2, 'usage: inject NAME')
        run(guest, 'inject toy burn', 2, 'usage: inject NAME')
        run(guest, 'inject toy bit x', 2, 'usage: inject NAME')
        run(guest, 'inject nobody bit', 1, 'nobody: there is none')
        run(guest, 'inject aaaaaaaaaaaaaaaaaaaaaaaa bit', 1, 'there is none')
        run(guest, 'inject toy bit 1 0x10', 1, 'no instruction begins there')
        run(guest, 'inject toy bit 1 0xffffffffffffffff', 1, 'no instruction begins there')
        run(guest, 'inject toy bit 1 %#x' % (TOY['_start'] + 1), 1, 'no instruction begins there')
        run(guest, 'inject undo 99', 1, '99: there is none')
        run(guest, 'service stop hello && inject hello bit', 1, 'not running')


def look_at_faults(guest):
    with scenario('a fault is made by its seed, is listed, and can be taken back'):
        first = bytes_of(run(guest, 'inject toy bit 7 %#x' % TOY['_start']))
        assert first[2] != first[3] and len(first[2]) == len(first[3]), first
        run(guest, 'inject list', text=r'%d +toy +0x0*%x bit +there' % (first[0], TOY['_start']))
        run(guest, 'inject undo %d; inject list' % first[0], text='^$')
        again = bytes_of(run(guest, 'inject toy bit 7 %#x' % TOY['_start']))
        assert first[1:] == again[1:], (first, again)
        run(guest, 'inject undo %d' % again[0])
        for insn in PROGRAM.insns:
            if insn.at in idle() and insn.jumps_to():
                jump = insn.at
        one = bytes_of(run(guest, 'inject toy branch 1 %#x' % jump))
        changed = [int(a, 16) ^ int(b, 16) for a, b in zip(one[2], one[3]) if a != b]
        assert changed == [1], one
        run(guest, 'inject undo %d' % one[0])
    with scenario('without an address it is by chance, the same each time'):
        run(guest, 'service start hello')
        one = [bytes_of(run(guest, 'inject hello bit 3; inject undo $(inject list | cut -c-4)'))
               for n in range(2)]
        assert one[0][1:] == one[1][1:], one
    with scenario('a service stops where it is told, and comes back as it was'):
        run(guest, DEAD)
        run(guest, 'inject toy stop 1 %#x && dead "exception 13"' % TOY['ipc_notify'])
        run(guest, 'inject list', text='toy .* stop +gone: it has begun anew')
        run(guest, 'inject toy hang 1 %#x && dead "hung"' % TOY['ipc_notify'])
        run(guest, 'inject undo 1; service list', text=r'toy +\d+ +\d+ running')
    with scenario('what is there is remembered when inject dies, and rs'):
        run(guest, 'for n in $(seq 20); do inject toy bit $n %#x > /tmp/one; '
                   'service kill -SEGV inject; inject list | grep -q there || cat /tmp/one; '
                   'inject undo $(cut -d: -f1 /tmp/one); service kill rs; done; '
                   'inject list | grep "there$"' % TOY['_start'], status=1, text='^$', limit=60)
    with scenario('so many can be there; those that have gone make room'):
        run(guest, 'for a in %s; do inject toy delete 1 $a || break; done' %
            ' '.join(map(hex, idle()[:MOST + 1])), 0, 'toy: too many are there')
        run(guest, 'service kill toy; inject toy bit 1', text='toy at')


def idle():
    """Instructions of toy that are not reached while nobody asks it."""
    places = [insn.at for insn in PROGRAM.insns
              if SYMBOLS.name(insn.at).startswith('do_toy') and insn.code != b'\x90']
    assert len(places) > MOST, len(places)
    return places


with Guest() as guest:
    guest.shell()
    look_at_rights(guest)
    look_at_words(guest)
    look_at_faults(guest)
finish()
