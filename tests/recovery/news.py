# SPDX-License-Identifier: BSD-2-Clause
"""devfs dies of what ds tells it, and is told again. Limit: 120"""
import os
import tempfile

import count
import plant
from guest import finish, need, scenario, until

DEVFS, HLT = 23, b'\xf4'


need('gdb')
with tempfile.TemporaryDirectory() as folder:
    disk = os.path.join(folder, 'disk')
    with open(disk, 'wb') as file:
        file.truncate(1 << 20)
    with plant.Bed(folder, disks=[disk], root=None) as bed:
        bed.fresh()
        guest, function = bed.guest, count.Symbols(count.elf_of('devfs')).address
        for name, command, status in (
                ('node_remove', 'service stop ext2; service stop virtio_blk', 1),
                ('node_new', 'service start virtio_blk; service start ext2', 0)):
            with scenario('it dies in ' + name):
                before = guest.service('devfs').recoveries
                bed.write(DEVFS, function[name], HLT)
                assert guest.run(command)[0] == 0
                until(lambda: guest.run('test -b /dev/vda')[0] == status, 15)
                assert guest.service('devfs').recoveries == before + 1
        with scenario('nodes that programs have made, changed or removed are as they were'):
            guest.run('mknod /dev/mine c 1 5; chmod 600 /dev/mine; chmod 640 /dev/vda; '
                      'rm /dev/rtc; mv /dev/ttyS0 /dev/line')
            assert guest.run('service kill devfs')[0] == 0
            out = guest.run('stat -c %a /dev/mine /dev/vda; cd /dev; ls rtc ttyS0 line; cd /')[1]
            assert out.startswith('600\n640\n') and out.endswith('line\n'), out
            assert out.count('No such file') == 2, out
finish()
