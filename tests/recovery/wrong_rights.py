# SPDX-License-Identifier: BSD-2-Clause
"""Services have other rights in the kernel than their manifests say: rs sees it, and mends that.

Limit: 120
"""
import subprocess
import time

import count
import machine
import plant
from guest import finish, need, scenario, until

RS, PROGRAMS = 0, 63
RS_SYMBOLS = count.Symbols(count.elf_of('rs')).address
RET = b'\xc3'


class Rights:
    """The privilege structures in the kernel, but for what it does with them (lines claimed)."""

    def __init__(self, bed):
        self.bed = bed
        self.step, self.size, at = count.numbers(
            count.KERNEL, 'sizeof(privs[0])', 'sizeof(privs[0].desc)', '&privs[0].desc')
        self.sendrec_to, self.calls, self.mmio, self.quantum, self.guardian = count.numbers(
            count.KERNEL, *('&((struct priv_desc *)0)->' + name for name in
                            ('sendrec_to', 'calls', 'mmio', 'quantum', 'guardian')))
        self.at = at - count.KERNEL_BASE
        self.slot = {name: slot for slot, (name, _) in count.service_names().items()}
        self.slot['programs'] = PROGRAMS

    def all(self):
        places = {name: self.at + slot * self.step for name, slot in self.slot.items()}
        return {name: self.bed.memory.ram[at:at + self.size] for name, at in places.items()}

    def place(self, name, field):
        return self.at + self.slot[name] * self.step + field

    def put(self, name, field, value):
        with plant.standing(self.bed.guest) as stub:
            stub.write(self.place(name, field), value.to_bytes(8, 'little'))

    def mistake(self):
        """Code for manifest_priv(): all kernel calls, no messages, guarded by ext2."""
        return (b'\x48\x83\x89' + self.calls.to_bytes(4, 'little') + b'\xff'
                b'\xc6\x81' + self.quantum.to_bytes(4, 'little') + b'\x05'
                b'\xc6\x81' + self.guardian.to_bytes(4, 'little') + b'\x08' + RET)

    def until(self, good):
        until(lambda: self.all() == good,
              said=lambda: [n for n, d in self.all().items() if d != good[n]])


def work(guest):
    guest.run('until service dump is > /dev/null 2>&1; do usleep 100000; done')     # it is found
    out = guest.run('for s in vm pm log ds; do service dump $s > /dev/null || echo BAD $s; done;'
                    'cp /bin/busybox /root/b && sync && cmp /root/b /bin/busybox || echo BAD cp;'
                    'ls /dev | grep -q null || echo BAD ls', 60)[1]
    assert 'BAD' not in out, out


def until_back(guest, name):
    """It has been said, and the service runs again."""
    until(lambda: guest.run('dmesg')[1].count('rs: repaired: rights of ' + name) != 0 and
          (name == 'programs' or ': running' in guest.run('service status ' + name)[1]),
          said=lambda: guest.run('dmesg; service status ' + name)[1])


def planted(rights, good, name, field, value):
    guest = rights.bed.guest
    guest.run('dmesg -c > /dev/null')
    rights.put(name, field, value)
    rights.until(good)
    until_back(guest, name)
    work(guest)
    out = guest.run('dmesg')[1]
    assert out.count('repaired: rights') == 1, out


def stopped_in(guest, function, places, before, then):
    """Words of the kernel's are overwritten; rs, which finds that out, stops where it begins a
    function, once more than `before`; there gdb does `then`."""
    path = guest.workdir + '/gdb'
    guest.qmp('human-monitor-command', **{
        'command-line': 'gdbserver unix:%s,server=on,wait=off' % path})
    command = ['gdb', '-q', '-nx', '-batch', guest.machine.kernel]
    for line in ('target remote ' + path, 'maintenance packet Qqemu.PhyMemMode:1',
                 *('set {unsigned long}%#x = 7' % at for at in places),
                 'maintenance packet Qqemu.PhyMemMode:0',
                 'hbreak *%#x if $cr3 == (unsigned long)procs[0].space->root * 4096'
                 % RS_SYMBOLS[function], 'ignore 1 %d' % before, 'continue', then, 'delete',
                 'detach'):
        command += ['-ex', line]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        out = process.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        out = process.communicate()[0]
    guest.qmp('human-monitor-command', **{'command-line': 'gdbserver none'})
    assert 'Breakpoint 1,' in out, out


def main():
    with plant.scratch('rights') as folder, plant.Bed(
            folder, root=machine.ROOT_IMAGE, root_option=',snapshot=on') as bed:
        bed.fresh()
        guest, rights = bed.guest, Rights(bed)
        good = rights.all()
        every = (1 << 64) - 1
        with scenario('who may call nobody may again, and begins anew'):
            before = guest.service('is').deaths
            planted(rights, good, 'is', rights.sendrec_to, 0)
            assert guest.service('is').deaths == before + 1
        with scenario('who may do all may not any more'):
            planted(rights, good, 'hello', rights.calls, every)
            planted(rights, good, 'programs', rights.sendrec_to, every)
        with scenario('who has interrupt lines claims them again'):
            planted(rights, good, 'uart', rights.calls, every)
        with scenario('device memory that was granted is granted again'):
            planted(rights, good, 'virtio_blk', rights.mmio, 0)
        with scenario('rs makes rights wrongly: none are set, or the right ones after'):
            for victim in ('acpi', 'toy'):       # one begins afresh, the other goes on
                with plant.standing(guest) as stub:
                    stub.write(bed.memory.physical(RS, RS_SYMBOLS['manifest_priv']), RET)
                guest.run('service kill ' + victim)
                rights.until(good)
                work(guest)
                assert 'running' in guest.run('service status ' + victim)[1]
        with scenario('rs has taken from itself what it needs to live: its next life has it again'):
            keeps = 1 << 0x20           # priv_set: contracts/kernel.contract
            before = guest.service('rs').deaths
            rights.put('rs', rights.calls, keeps)
            rights.until(good)
            work(guest)
            assert guest.service('rs').deaths > before
        with scenario('rsguard, whose rights stay while it lives, begins anew'):
            before = guest.service('rsguard').deaths
            planted(rights, good, 'rsguard', rights.sendrec_to, 7)
            assert guest.service('rsguard').deaths == before + 1
        with scenario('rs dies again when log and toy are to have their rights again'):
            stopped_in(guest, 'sys_priv_set', [rights.place(name, rights.sendrec_to)
                                               for name in ('log', 'toy')], 1, 'set $rip = 0')
            rights.until(good)
            work(guest)
            assert 'last defect: exception 14' in guest.service('rs').text
        with scenario('rs is wrong about the rights of all when it mends them: its guardian stays'):
            at = RS_SYMBOLS['manifest_priv']
            wrong, place = rights.mistake(), bed.memory.physical(RS, at)
            right = bed.memory.ram[place:place + len(wrong)]
            stopped_in(guest, 'rights_again', [rights.place('log', rights.sendrec_to)], 0,
                       'set {unsigned char[%d]}%#x = {%s}'
                       % (len(wrong), at, ', '.join(map(str, wrong))))
            until(lambda: rights.all()['log'] != good['log'])
            assert rights.all()['rsguard'] == good['rsguard']
            bed.write(RS, at, right)
            rights.until(good)
            work(guest)
        with scenario('what services come and go changes is no repair'):
            before = guest.service('rs').deaths
            guest.run('service start semaphore && service stop semaphore && '
                      'service remove semaphore')
            time.sleep(3)
            assert guest.service('rs').deaths == before


need('gdb')
main()
finish()
