# SPDX-License-Identifier: BSD-2-Clause
"""Faults of every class in every driver and server under load, as ./skink inject has them: a short
form, of 200; with SKINK_LONG=1 there are more.

Limit: 900
"""
import argparse
import os

import campaign
from guest import finish, need, scenario, take_seed
from inject_record import GOOD
from inject_report import DRIVERS, GROUPS

LONG = bool(os.environ.get('SKINK_LONG'))
FAULTS = 2000 if LONG else 200
SOFT = 'fail-stop, hang and protocol'
# Between a program and who answers its calls is nobody: an answer of the right form may be a lie.
SEEN = ('lie',)


def lines(faults):
    return '\n        '.join(fault.name() + ' ' + fault.line() for fault in faults)


def bad(faults, allowed=0):
    """So many may be noticed by a program: docs/faults says how many are."""
    found = [fault for fault in faults if fault.outcome() not in GOOD]
    assert len(found) <= allowed, lines(found)


def main():
    seed = take_seed()
    found = campaign.run(argparse.Namespace(seed=seed, faults=FAULTS, kinds=campaign.CLASSES,
                                            guests=2, service=[]),
                         lambda text: print('    ' + text, flush=True))
    active = [fault for fault in found.done if fault.begun or fault.end]
    soft = [fault for fault in active if fault.kind in GROUPS[SOFT]]
    rest = [fault for fault in active if fault not in soft]
    with scenario('%d faults: neither does the system hang nor the kernel panic' % len(active)):
        assert len(active) >= FAULTS // 2, '%d of %d activated' % (len(active), len(found.done))
        wrong = [fault for fault in active if fault.outcome() in ('hang', 'panic')]
        assert not wrong, lines(wrong)
    with scenario('whatever a driver does or does not do, no program notices'):
        assert len(soft) >= FAULTS // 5, len(soft)
        bad([fault for fault in soft if fault.service in DRIVERS])
    with scenario('a server stops, hangs, floods, forgets: programs go on, and none reads what is '
                  'wrong'):
        servers = [fault for fault in soft if fault.service not in DRIVERS]
        bad([fault for fault in servers if fault.kind not in SEEN], len(servers) // 50)
        wrong = [fault for fault in soft if fault.outcome() == 'wrong']
        assert not wrong, lines(wrong)
    with scenario('code is changed at random: nine times of ten no program notices'):
        assert len(rest) >= FAULTS // 5, len(rest)
        bad(rest, len(rest) // 10)
        wrong = [fault for fault in rest if fault.outcome() == 'wrong' and
                 fault.service in DRIVERS]
        assert not wrong, lines(wrong)


need('gdb')
main()
finish()
