# SPDX-License-Identifier: BSD-2-Clause
"""Drivers stop or hang at instructions chosen at random, and no program notices: a short form of
./skink inject; with SKINK_LONG=1 there are more.

Limit: 200
"""
import argparse
import os

import campaign
from guest import finish, need, scenario, take_seed

LONG = bool(os.environ.get('SKINK_LONG'))
DRIVERS = ['virtio_blk', 'uart']
FAULTS = 120 if LONG else 8
LEAST = FAULTS // 5             # that are activated


def outcomes(done, *kinds):
    return '\n        '.join(fault.name() + ' ' + fault.line() for fault in done
                             if fault.outcome() in kinds)


def main():
    seed = take_seed()
    found = campaign.run(argparse.Namespace(seed=seed, faults=FAULTS, kinds=['stop', 'hang'],
                                            guests=1,
                                            service=DRIVERS),
                         lambda text: print('    ' + text, flush=True))
    active = [fault for fault in found.done if fault.begun]
    with scenario('drivers stop and hang where a load reaches them: neither does the system hang '
                  'nor the kernel panic'):
        assert len(active) >= LEAST, '%d of %d activated' % (len(active), len(found.done))
        wrong = outcomes(found.done, 'hang', 'panic')
        assert not wrong, wrong
    with scenario('no program reads what is wrong'):
        wrong = outcomes(found.done, 'wrong')
        assert not wrong, wrong
    with scenario('each is found out and recovered, and no program sees an error'):
        wrong = outcomes(active, 'error', 'silent')
        assert not wrong, wrong
    with scenario('nothing is left over, and e2fsck finds nothing'):
        assert not found.ends, found.ends


need('gdb')
main()
finish()
