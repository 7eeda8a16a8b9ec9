# SPDX-License-Identifier: BSD-2-Clause
"""Every store of a service to its state is in its undo log before (docs/notes/0005), in all that a
boot, the programs of tests/programs/posix and a benchmark make services do. tools/logged.c looks.

Limit: 300
"""
import os

import count
import machine
from guest import finish, scenario

PLUGIN = os.path.join(machine.BUILD, 'tools', 'logged.so')
SCRIPT = """
export PATH=/bin:/sbin:/usr/sbin
/usr/lib/skink/posix
/usr/lib/skink/mbench -t 2 -d /tmp -f 50
cd /var && mkdir l && cp /bin/busybox l && ln l/busybox l/b && mv l/b l/c && rm -r l
find / -xdev | wc -l; sync; ps; service list; mount; echo done"""
LEAST = {'vfs': 100000, 'vm': 10000, 'pm': 10000, 'ext2': 1000, 'tmpfs': 100, 'ds': 100, 'tty': 10}


def lines():
    kernel = count.Symbols(count.KERNEL).address
    yield 'current %x %x' % (kernel['boot_core'] + count.CURRENT - count.KERNEL_BASE,
                             kernel['procs'])
    for slot, symbols in services.items():
        at = symbols.address
        if slot != 'kernel' and 'undo_span' in at:
            yield 'service %x %x %x %x %x' % (slot, at['undo_mark'], at['undo_bytes'],
                                              at['undo_span'], at['state_logged'])


services = count.symbols()
stores, missed = {}, []
with scenario('programs run'):
    with count.Counted(None, name='logged', more=lines(), plugin=PLUGIN,
                       append=['init=/usr/sbin/execd', 'log=off']) as guest:
        status, output = count.run_command(guest, ['/bin/busybox', 'sh', '-c', SCRIPT], 240)
        assert status == 0 and output.endswith('done\n'), output
        guest.guest.qmp('quit')
        guest.guest.wait()
        with open(guest.results) as file:
            for word, slot, *values in map(str.split, file):
                known = services[int(slot)]
                if word == 'service':
                    stores[known.part] = int(values[0])
                else:
                    missed.append('%s: %s, %s to %s' % (known.part, known.name(int(values[0], 16)),
                                                       values[0], values[1]))
with scenario('they made services store to their state'):
    assert all(stores.get(name, 0) >= least for name, least in LEAST.items()), stores
with scenario('what was stored to state is in the undo log'):
    assert not missed, '\n'.join(missed)
finish()
