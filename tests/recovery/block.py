# SPDX-License-Identifier: BSD-2-Clause
"""A disk keeps every byte while its driver is killed again and again.

Boots an image of its own whose load is the service blktest: up to 48 requests open on units whose
content it knows, the driver (and pci) killed at random moments, all of it read again at the end.
The host then sums the disk image itself. Limit: 400

KILLS=N in the environment: how many deaths.
"""
import os
import subprocess
import sys
import tempfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tools'))

import machine
from guest import Guest, finish, scenario

KERNEL = os.path.join(machine.BUILD, 'kernel', 'skink.elf')
KILLS = int(os.environ.get('KILLS', '60'))
SIZE_MIB = 24
BASE = ['servers/rs', 'servers/rsguard', 'servers/log', 'servers/ds', 'servers/vm',
        'drivers/char/uart', 'drivers/block/blktest']
LONG = 300
PCI = ('servers/pci', 'pci')
# tty is not there. log, which tells uart of lines, stands for it, since somebody must.
ALONE = {'notifies': 'log'}


def manifest(folder, path, edits):
    """A service's manifest with lines replaced, or left out (None), by their first word."""
    name = os.path.basename(path)
    if not os.path.exists(os.path.join(ROOT, folder, name)):
        edits = dict(edits, service=name[:-4])
        name = os.path.basename(folder) + '.svc'
    with open(os.path.join(ROOT, folder, name)) as file:
        lines = file.read().split('\n')
    with open(path, 'w') as file:
        for line in lines:
            word = line.split()[0] if line.split() else ''
            if word not in edits:
                file.write(line + '\n')
            elif edits[word] is not None:
                file.write('%s %s\n' % (word, edits[word]))


def archive(folder, drivers, edits):
    """The path of a boot archive; drivers: [(folder, manifest's name)]; edits: of manifests."""
    files, programs = [], set()
    for source, name in [(path, os.path.basename(path)) for path in BASE] + drivers:
        path = os.path.join(folder, name + '.svc')
        # There are no programs here, so nobody but uart reads the log.
        manifest(source, path, edits.get(name, {'notifies': 'uart'} if name == 'log' else {}))
        files.append(path)
        program = os.path.basename(source)
        if program not in programs:
            files.append(os.path.join(machine.BUILD, 'services', program, program + '.elf'))
        programs.add(program)
    out = os.path.join(folder, 'boot.img')
    subprocess.run([os.path.join(machine.BUILD, 'tools', 'mkboot'), '-o', out] + files, check=True)
    return out


def scratch(folder, name, mib):
    path = os.path.join(folder, name)
    with open(path, 'wb') as file:
        file.truncate(mib << 20)
    return path


def sum_of(path, mib):
    with open(path, 'rb') as file:
        return '%08x' % zlib.crc32(file.read(mib << 20))


def outcome(guest, name='blktest'):
    """What blktest found: its numbers by name. A FAIL of its ends the wait at once."""
    first = guest.expect(name + r': (?:FAIL (.*)|done: (\d+) deaths, (\d+) with requests in '
                         r'flight, at most (\d+) open; (\d+) deaths of others)', LONG)
    assert first.group(1) is None, first.group(1).decode()
    second = guest.expect(name + r': (\d+) reads, (\d+) writes, (\d+) flushes, (\d+) handed in '
                          r'again, (\d+) drivers seen', 20)
    times = guest.expect(name + r': (ready again after \d+ us on average, \d+ us at most)',
                         20).group(1).decode()
    crc = guest.expect(name + r': every sum right, crc ([0-9a-f]{8})', 20).group(1).decode()
    names = ('deaths', 'busy', 'open', 'others', 'reads', 'writes', 'flushes', 'again', 'drivers')
    found = dict(zip(names, map(int, first.groups()[1:] + second.groups())))
    print('    %(deaths)d deaths, %(busy)d with requests in flight (at most %(open)d), %(others)d '
          'deaths of pci; %(reads)d reads, %(writes)d writes, %(flushes)d flushes, %(again)d '
          'handed in again' % found + '; ' + times)
    return found, crc


def check_numbers(found, kills):
    assert found['deaths'] == kills, found
    assert found['busy'] >= kills / 2, found
    assert found['open'] >= 32 and found['writes'] > kills and found['reads'] > kills, found


def virtio_dies(folder):
    disk = scratch(folder, 'disk.img', 64)
    image = archive(folder, [PCI, ('drivers/block/virtio_blk', 'virtio_blk')], {
        'uart': ALONE,
        'blktest': {'args': 'virtio_blk %d %dM pci' % (KILLS, SIZE_MIB)}})
    with scenario('virtio_blk dies %d times under load, and no byte is wrong' % KILLS):
        with Guest(name='block-virtio', disks=[disk], kernel=KERNEL, initrd=image) as guest:
            found, crc = outcome(guest)
        check_numbers(found, KILLS)
        # A driver that is killed before rs has published it is not seen.
        assert KILLS * 0.9 < found['drivers'] <= KILLS + 1, found
        assert found['again'] > KILLS, found
    with scenario('the host finds the same bytes in the disk image'):
        assert sum_of(disk, SIZE_MIB) == crc, (sum_of(disk, SIZE_MIB), crc)


def ramdisk_dies(folder):
    kills = max(KILLS // 2, 10)
    image = archive(folder, [('drivers/block/ramdisk', 'ramdisk')], {
        'uart': ALONE,
        'blktest': {'args': 'ramdisk %d 8M' % kills, 'notifies': 'ramdisk',
                    'needs': 'log ds vm ramdisk'}})
    with scenario('the RAM disk keeps its content over %d deaths' % kills):
        with Guest(name='block-ramdisk', kernel=KERNEL, initrd=image) as guest:
            found, _ = outcome(guest)
        check_numbers(found, kills)
        assert found['drivers'] == 1, found


def two_disks(folder):
    """The second disk's driver is the same program under another manifest."""
    first, second = scratch(folder, 'a.img', 8), scratch(folder, 'b.img', 8)
    kills = 10
    image = archive(folder, [PCI, ('drivers/block/virtio_blk', 'virtio_blk'),
                             ('drivers/block/virtio_blk', 'virtio_blk1')], {
        'uart': ALONE,
        'blktest': {'args': 'virtio_blk1 %d 8M virtio_blk' % kills, 'notifies': 'virtio_blk1',
                    'needs': 'log ds vm virtio_blk virtio_blk1'}})
    with scenario('two disks have a driver each, and only the one written to changes'):
        with Guest(name='block-two', disks=[first, second], kernel=KERNEL,
                   initrd=image) as guest:
            found, crc = outcome(guest)
        check_numbers(found, kills)
        assert sum_of(second, 8) == crc, 'the second disk'
        assert sum_of(first, 8) == '%08x' % zlib.crc32(bytes(8 << 20)), 'the first disk'


def two_clients(folder):
    """Two services use one disk, each a half, and both kill its driver."""
    disk, kills = scratch(folder, 'd.img', 16), 15
    image = archive(folder, [PCI, ('drivers/block/virtio_blk', 'virtio_blk'),
                             ('drivers/block/blktest', 'blktest2')], {
        'uart': ALONE,
        'blktest': {'args': 'virtio_blk %d 8M pci 0 29' % kills},
        'blktest2': {'id': '30', 'args': 'virtio_blk %d 8M pci 8M 30\nprogram blktest' % kills}})
    with scenario('two clients of one disk get their own bytes'):
        with Guest(name='block-clients', disks=[disk], kernel=KERNEL, initrd=image) as guest:
            _, first = outcome(guest, 'blktest')
            guest.buffer = guest.console
            _, second = outcome(guest, 'blktest2')
        with open(disk, 'rb') as file:
            halves = ['%08x' % zlib.crc32(file.read(8 << 20)) for _ in range(2)]
        assert halves == [first, second], (halves, first, second)


def other_devices(folder):
    """Devices that are not as QEMU makes them by default."""
    disk = scratch(folder, 'e.img', 16)
    image = archive(folder, [PCI, ('drivers/block/virtio_blk', 'virtio_blk')], {
        'uart': ALONE, 'blktest': {'args': 'virtio_blk 5 4M'}})
    for sentence, option in (('without indirect descriptors', 'indirect_desc=off'),
                             ('with a queue of 16', 'queue-size=16,seg-max-adjust=off'),
                             ('with sectors of 4096', 'logical_block_size=4096,'
                              'physical_block_size=4096'),
                             ('with several queues', 'num-queues=4')):
        with scenario('a device ' + sentence + ' does as well'):
            with open(disk, 'r+b') as file:
                file.truncate(0)
                file.truncate(16 << 20)
            with Guest(name='block-device', kernel=KERNEL, initrd=image, extra=[
                    '-drive', 'file=%s,if=none,id=other,format=raw' % disk, '-device',
                    'virtio-blk-pci,drive=other,disable-legacy=on,' + option]) as guest:
                _, crc = outcome(guest)
            assert sum_of(disk, 4) == crc


def read_only(folder):
    disk = scratch(folder, 'f.img', 8)
    image = archive(folder, [PCI, ('drivers/block/virtio_blk', 'virtio_blk')], {
        'uart': ALONE, 'blktest': {'args': 'virtio_blk 5 4M'}})
    with scenario('a read-only disk refuses writes with EROFS'):
        with Guest(name='block-read-only', kernel=KERNEL, initrd=image, extra=[
                '-drive', 'file=%s,if=none,id=other,format=raw,readonly=on' % disk, '-device',
                'virtio-blk-pci,drive=other,disable-legacy=on']) as guest:
            guest.expect(r'virtio_blk: disk 0: .*, read-only', 60)
            guest.expect(r'blktest: FAIL answer: \d+, -30\r?$', 60)


def not_listed(folder):
    disk = scratch(folder, 'c.img', 8)
    image = archive(folder, [PCI, ('drivers/block/virtio_blk', 'virtio_blk')], {
        'uart': ALONE, 'virtio_blk': {'pci': '1af4:1041'},
        'blktest': {'args': 'virtio_blk 1 1M'}})
    with scenario('a driver whose manifest does not list the device does not get it'):
        with Guest(name='block-refused', disks=[disk], kernel=KERNEL, initrd=image) as guest:
            guest.expect(r'virtio_blk: disk 0 cannot be used: error 1\b', 60)


with tempfile.TemporaryDirectory(prefix='skink-block-') as where:
    virtio_dies(where)
    ramdisk_dies(where)
    two_disks(where)
    two_clients(where)
    other_devices(where)
    read_only(where)
    not_listed(where)
finish()
