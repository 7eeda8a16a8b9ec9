# SPDX-License-Identifier: BSD-2-Clause
"""vm, pm, vfs and tty die while init comes up again after one of them. Limit: 300

vm, pm and vfs begin afresh each time, for their check() finds nothing that it could repair. What
kills is a HLT in code that each message runs through; rs writes the text of the next life anew.
"""
import random
import tempfile
import time

import machine
import plant
from bootset import BootSet
from guest import finish, scenario

CHECKS = {'vm': 'vm_check', 'pm': 'check', 'vfs': 'check'}
DYING = ('vm', 'pm', 'vfs', 'tty')
ROUNDS = 6
APART = 1.5                     # s, at most
# What a vfs that begins, and the first process, ask of vm.
FIRST_CALLS = ('do_vm_lend', 'do_vm_cache_take', 'do_vm_space_new', 'do_vm_map')
rnd = random.Random(7)


def die(bed, code, function='undo_commit'):
    """False: it is not there now."""
    at = bed.memory.physical(code.slot, code.symbols.address[function])
    if at is not None:
        with plant.standing(bed.guest) as stub:
            stub.write(at, b'\xf4')
    return at is not None


def new_shell(guest):
    """Several may have come and gone: one that answers."""
    deadline = time.monotonic() + 60
    guest.buffer = b''
    while b'alive' not in guest.buffer:
        if time.monotonic() > deadline:
            raise guest.standstill('no shell answers')
        guest.send("echo a''live\n")
        guest.receive(1)
        time.sleep(0.2)
    guest.shell()
    guest.run('dmesg -n 1')


with BootSet() as boot, tempfile.TemporaryDirectory() as folder:
    boot.lose_states(CHECKS)
    bed = plant.Bed(folder, initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
                    root_option=',snapshot=on')
    bed.fresh()
    guest, codes = bed.guest, [plant.Code(name) for name in DYING]
    guest.run('umount /mnt; sleep 3')
    before, room = plant.counts(guest, bed.memory)
    for n in range(ROUNDS):
        died = [rnd.choice(codes) for _ in range(2 + n % 4)]
        with scenario('%s die one after the other' % ', '.join(code.name for code in died)):
            guest.run('echo %d > /root/round; sync; '
                      'touch /root/go; (while [ -e /root/go ]; do cp -r /etc /root/e; '
                      'rm -r /root/e; done) 2> /dev/null & sleep 0.3' % n)
            for code in died:
                die(bed, code)
                time.sleep(rnd.random() * APART)
            new_shell(guest)
            out = guest.run('rm /root/go; cat /root/round; ps | grep -c "[i]nit$"; '
                            'echo a | tr a b; ls /dev/pts')[1]
            assert out == '%d\n1\nb\nptmx\n' % n, out
    with scenario('vm is made to wait, and vfs, which waits for it, does not hang'):
        vm, _, vfs, _ = codes
        restarts = guest.service('vfs').restarts
        assert die(bed, vm, 'do_vm_lend') and die(bed, vfs)
        new_shell(guest)
        assert guest.service('vfs').restarts == restarts + 1
    with scenario('and nothing is lost'):
        guest.run('sleep 4; rm -rf /root/e')
        counts, left = plant.counts(guest, bed.memory)
        assert counts == before and left > room - 2048, (counts, before, left, room)
    with scenario('and it ends as it should'):
        guest.send('poweroff\n')
        guest.wait(60)
    bed.fresh()                     # rs makes a vm wait that has died often
    guest = bed.guest
    for function in FIRST_CALLS:
        with scenario('vm dies in %s, when init comes up' % function):
            restarts = guest.service('vm').restarts
            assert die(bed, vm, function) and die(bed, vfs)
            new_shell(guest)
            assert guest.service('vm').restarts == restarts + 1
            assert guest.run('mount | grep -c ext2') == (0, '1\n')
finish()
