# SPDX-License-Identifier: BSD-2-Clause
"""Drivers go wrong in other ways than by a changed instruction: they send garbage, take and never
give back, end in the middle of a copy, are interrupted without end, lose requests, or only say that
they are alive. A short form of ./skink inject --class garbage ...; with
SKINK_LONG=1 there are more.

Limit: 300
"""
import argparse
import os

import campaign
from guest import finish, need, scenario, take_seed

LONG = bool(os.environ.get('SKINK_LONG'))
KINDS = ['flood', 'garbage', 'leak', 'grant', 'irq', 'mute', 'livelock', 'dma']
FAULTS = 60 if LONG else 10
LEAST = FAULTS // 3             # that are activated


def lines(faults):
    return '\n        '.join(fault.name() + ' ' + fault.line() for fault in faults)


def servers(seed):
    """vfs, sched and rs go on saying that they are alive, and do nothing else, or flood others."""
    found = campaign.run(argparse.Namespace(seed=seed, faults=FAULTS * 6 // 10, guests=1,
                                            kinds=['livelock', 'flood', 'grant'],
                                            service=['vfs', 'sched', 'rs']),
                         lambda text: print('    ' + text, flush=True))
    with scenario('a server floods, or only says that it is alive: it is found out, and no program '
                  'sees an error'):
        wrong = [fault for fault in found.done
                 if fault.outcome() not in ('not activated', 'silent', 'recovered')]
        assert not wrong, lines(wrong)
        assert not found.ends, found.ends


def main():
    seed = take_seed()
    found = campaign.run(argparse.Namespace(seed=seed, faults=FAULTS, kinds=KINDS, guests=1,
                                            service=['virtio_blk']),
                         lambda text: print('    ' + text, flush=True))
    active = [fault for fault in found.done if fault.begun]
    with scenario('whatever a driver does instead of what it is asked, the '
                  'system goes on'):
        assert len(active) >= LEAST, '%d of %d activated' % (len(active), len(found.done))
        wrong = [fault for fault in active if fault.outcome() in ('hang', 'panic')]
        assert not wrong, lines(wrong)
    with scenario('no program sees an error or what is wrong'):
        wrong = [fault for fault in active if fault.outcome() in ('error', 'wrong')]
        assert not wrong, lines(wrong)
    with scenario('nothing of it is left in the service'):
        assert not found.ends, found.ends
    servers(seed)


need('gdb')
main()
finish()
