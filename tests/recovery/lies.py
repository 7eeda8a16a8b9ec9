# SPDX-License-Identifier: BSD-2-Clause
"""A disk, or its driver, says that all is well, and it is not: programs read what they wrote, or
EIO.

Limit: 240

Blocks of the second disk's image are changed under the running guest, as if writes had been
dropped, had gone elsewhere or had written other bytes; and functions of its driver become ones that
do nothing and return 0. The page cache is smaller than the file that is read in between.
"""
import hashlib
import os
import random
import re
import shutil
import subprocess

import machine
import plant
from guest import Guest, finish, need, scenario

BLOCK, FILLER_MB, PART = 4096, 90, 200000
NOTHING = bytes.fromhex('31c0c3')       # xor %eax,%eax; ret
DRIVER = 'virtio_blk1'
UNMOUNTS = 12
NAMES = ('dropped', 'elsewhere', 'over', 'other', 'kept')
WRONG = re.compile(r'/dev/vdb: block (\d+): wrong bytes .* '
                   r'(read again|once more: EIO|once more: read by)')


def make_disk(folder):
    """(The disk, the files' content by name)."""
    tree, disk, content = os.path.join(folder, 'tree'), os.path.join(folder, 'disk'), {}
    source = random.Random(23)
    os.mkdir(tree)
    for name in NAMES:
        content[name] = source.randbytes(PART)
        with open(os.path.join(tree, 'new-' + name), 'wb') as file:
            file.write(content[name])
    with open(os.path.join(tree, 'filler'), 'wb') as file:
        for _ in range(FILLER_MB):
            file.write(source.randbytes(1 << 20))
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', '-b', str(BLOCK), '-d', tree, disk, '128M'],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return disk, content


def ok(guest, command, timeout=60):
    status, out = guest.run(command, timeout)
    assert status == 0, (command, status, out)
    return out


def debugfs(disk, command):
    return subprocess.run(['debugfs', '-R', command, disk], capture_output=True, text=True,
                          check=True).stdout


def block_of(disk, name, n):
    return int(debugfs(disk, 'bmap /%s %d' % (name, n)))


def change(disk, number, content):
    with open(disk, 'r+b') as file:
        file.seek(number * BLOCK)
        file.write(content)


def bytes_of(disk, number):
    with open(disk, 'rb') as file:
        file.seek(number * BLOCK)
        return file.read(BLOCK)


def evict(guest):
    ok(guest, 'cat /mnt/filler | wc -c', 120)


def read(guest, name, content):
    """'right', 'EIO', or what it was instead."""
    status, out = guest.run('sha256sum < /mnt/%s' % name)
    if status != 0:
        return 'EIO' if 'I/O error' in out or 'Input/output error' in out else out
    return 'right' if out.split()[0] == hashlib.sha256(content).hexdigest() else 'WRONG'


def log_of(guest):
    return WRONG.findall(ok(guest, 'dmesg | grep wrong; true'))


def image_changes(guest, disk, content):
    blocks = {name: block_of(disk, name, 7) for name in NAMES}
    moved = bytes_of(disk, blocks['elsewhere'])
    change(disk, blocks['dropped'], bytes(BLOCK))
    change(disk, blocks['elsewhere'], bytes(BLOCK))
    change(disk, blocks['over'], moved)
    change(disk, blocks['other'], b'!' + bytes_of(disk, blocks['other'])[1:])
    with scenario('what is cached is right in any case'):
        found = {name: read(guest, name, content[name]) for name in NAMES}
        assert set(found.values()) == {'right'}, found
    with scenario('writes dropped, gone elsewhere, of other bytes: EIO, not what was not written'):
        evict(guest)
        found = {name: read(guest, name, content[name]) for name in NAMES}
        assert found == {**dict.fromkeys(NAMES, 'EIO'), 'kept': 'right'}, found
    with scenario('the log names the disk and the blocks, read twice at least'):
        lines = log_of(guest)
        for name in NAMES[:-1]:
            said = [how for number, how in lines if int(number) == blocks[name]]
            assert said[0] == 'read again' and 'once more: EIO' in said, (name, blocks, lines)
        assert not [n for n, _ in lines if int(n) == blocks['kept']], lines
    with scenario('what is written anew is right'):
        ok(guest, 'cd /mnt; for f in %s; do cp new-$f $f || exit 1; done; cd /; sync'
           % ' '.join(NAMES))
        evict(guest)
        found = {name: read(guest, name, content[name]) for name in NAMES}
        assert set(found.values()) == {'right'}, found


def driver_lies(bed, function, content, writes):
    """A function of the driver's does nothing, until it is killed. What is read then?"""
    guest, code = bed.guest, plant.Code(DRIVER)
    stub = plant.Stub(guest)

    def put(text):
        at = code.symbols.address[function]
        stub.stop()
        stub.write(bed.memory.physical(code.slot, at), text)
        stub.go()
        assert bed.memory.ram[bed.memory.physical(code.slot, at):][:len(text)] == text
    guest.run('dmesg -c > /dev/null')
    evict(guest)
    put(NOTHING)
    if writes:
        ok(guest, 'cd /mnt; for f in %s; do cat new-$f > $f; done; cd /; sync' % ' '.join(NAMES))
    else:
        found = [read(guest, name, content[name]) for name in NAMES]
        assert set(found) == {'right'}, found
        assert 'complaint' in ok(guest, 'service status ' + DRIVER), 'no complaint'
    ok(guest, 'service kill ' + DRIVER)
    stub.close()
    evict(guest)
    return [read(guest, name, content[name]) for name in NAMES]


def unmounted_under_fire(guest, content):
    source = random.Random(UNMOUNTS)
    ok(guest, 'dmesg -c > /dev/null')
    for _ in range(UNMOUNTS):
        victim = source.choice(('ext2_1', DRIVER))
        ok(guest, 'mount -t ext2 /dev/vdb /mnt && cp /mnt/new-kept /mnt/b && rm -f /mnt/c && '
           'mv /mnt/b /mnt/c; (usleep %d; service kill %s; usleep %d; service kill %s) & '
           'until umount /mnt 2> /dev/null; do usleep 200000; done; wait'     # busy: a death
           % (source.randrange(60000), victim, source.randrange(30000), victim))
        ok(guest, 'mount -t ext2 /dev/vdb /mnt')
        assert read(guest, 'c', content) == read(guest, 'new-kept', content) == 'right'
        ok(guest, 'umount /mnt')
    assert log_of(guest) == [], log_of(guest)
    assert 'not of now' not in ok(guest, 'dmesg')


def mksums(*arguments):
    done = subprocess.run([os.path.join(machine.BUILD, 'tools', 'mksums'), *arguments],
                          capture_output=True, text=True)
    return done.returncode, done.stdout


def brought_along(folder):
    """A disk with sums of its own (tools/mksums.c), changed before anybody has read it."""
    disk, content = make_disk(folder)
    content = {'new-' + name: content[name] for name in NAMES}
    assert mksums(disk) == (0, '')
    number = block_of(disk, 'new-other', 7)
    with scenario('mksums -c says which block is another'):
        assert mksums('-c', disk) == (0, '')
        change(disk, number, b'!' + bytes_of(disk, number)[1:])
        assert mksums('-c', disk) == (4, 'block %d\n' % number)
        copy = os.path.join(folder, 'copy')
        shutil.copyfile(disk, copy)
        row = int(debugfs(copy, 'bmap <5> 1'))
        change(copy, row, b'!' + bytes_of(copy, row)[1:])
        assert mksums('-c', copy) == (4, 'blocks 0 to 1023: their sums are damaged\nblock %d\n'
                                      % number)
        os.truncate(copy, 1 << 20)
        assert mksums('-c', copy) == (1, '')
    with Guest(name='lies-first', disks=[disk]) as guest:
        guest.shell()
        for how in ('from its maker', 'from the last time that it was mounted'):
            with scenario('a disk that brings its sums along is not believed in the first read, '
                          + how):
                ok(guest, 'dmesg -c > /dev/null; mount -t ext2 /dev/vdb /mnt')
                assert re.search('[0-9]{5} blocks are known', ok(guest, 'dmesg')), 'not known'
                found = {name: read(guest, name, content[name]) for name in content}
                assert found == {**dict.fromkeys(content, 'right'), 'new-other': 'EIO'}, found
                assert ok(guest, 'cat /mnt/more 2> /dev/null || echo more > /mnt/more') in (
                    '', 'more\n')
                ok(guest, 'umount /mnt')
        with scenario('so it does after Skink has unmounted the disk'):
            assert mksums('-c', disk) == (4, 'block %d\n' % number)
        with scenario('ext2 and the driver die while the disk is unmounted: no sum is wrong'):
            unmounted_under_fire(guest, content['new-kept'])
        with scenario('what is written without a clean end leaves no sums behind'):
            ok(guest, 'mount -t ext2 /dev/vdb /mnt; echo more >> /mnt/more; sync')
    with scenario('e2fsck takes them for what they are'):
        subprocess.run(['e2fsck', '-fy', disk], stdout=subprocess.DEVNULL, check=False)
        done = subprocess.run(['e2fsck', '-fn', disk], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        assert mksums('-c', disk) == (3, '')
    with Guest(name='lies-after', disks=[disk]) as guest:
        guest.shell()
        with scenario('a disk that e2fsck has written is believed'):
            ok(guest, 'dmesg -c > /dev/null; mount -t ext2 /dev/vdb /mnt')
            assert 'are not of now' in ok(guest, 'dmesg')
            found = [read(guest, name, content[name]) for name in content]
            assert 'EIO' not in found, found


def main(folder):
    disk, content = make_disk(folder)
    with plant.Bed(folder, memory=112, disks=[disk]) as bed:
        bed.fresh()
        guest = bed.guest
        ok(guest, 'umount /mnt; mount -t ext2 /dev/vdb /mnt')
        ok(guest, 'cd /mnt; for f in %s; do cp new-$f $f || exit 1; done; cd /; sync'
           % ' '.join(NAMES))
        image_changes(guest, disk, content)
        ok(guest, 'sleep 10')           # until then ext2 complains of nobody: it was the disk
        with scenario('a driver that answers reads and brings nothing is replaced, unseen'):
            found = driver_lies(bed, 'block_store', content, False)
            assert set(found) == {'right'}, found
            assert log_of(guest), 'nothing in the log'
        with scenario('a driver that writes what it had before: EIO, no wrong byte'):
            found = driver_lies(bed, 'block_fetch', content, True)
            assert 'EIO' in found and set(found) <= {'EIO', 'right'}, found


need('gdb')
with plant.scratch('lies') as where:
    main(where)
    shutil.rmtree(where + '/tree')
    brought_along(where)
finish()
