# SPDX-License-Identifier: BSD-2-Clause
"""pm, vfs, vm and rs lose answers: who waits for one gets it, or makes its call anew.

Limit: 200
"""
import argparse
import os

import campaign
from guest import finish, need, scenario, take_seed

LONG = bool(os.environ.get('SKINK_LONG'))
SERVICES = ['pm', 'vfs', 'vm', 'rs']
FAULTS = 80 if LONG else 8
LEAST = FAULTS // 2             # that are activated


def main():
    seed = take_seed()
    found = campaign.run(argparse.Namespace(seed=seed, faults=FAULTS, kinds=['mute'], guests=1,
                                            service=SERVICES),
                         lambda text: print('    ' + text, flush=True))
    active = [fault for fault in found.done if fault.begun]
    with scenario('pm, vfs, vm and rs do not send answers: nobody waits for ever'):
        assert len(active) >= LEAST, '%d of %d activated' % (len(active), len(found.done))
        stuck = [fault.name() + ' ' + fault.line() for fault in active if fault.end or fault.lasts]
        assert not stuck, '\n        '.join(stuck)
    with scenario('no program reads what is wrong for it'):
        wrong = [fault.name() + ' ' + fault.line() for fault in active if fault.wrong]
        assert not wrong, '\n        '.join(wrong)


need('gdb')
main()
finish()
