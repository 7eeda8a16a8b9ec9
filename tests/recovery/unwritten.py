# SPDX-License-Identifier: BSD-2-Clause
"""What ext2 keeps over a fresh start is damaged: the disk is read-only then, its files are as they
are on it, and none shows the bytes of another. Limit: 120
"""
import os
import subprocess

import count
import plant
from guest import finish, need, scenario

ELF = count.elf_of('ext2')
BUFFER = 4096
# /NAME/a is on the disk, and gone when /NAME/b has its number, which is not on the disk yet.
FILES = ('cd %s; echo kept > k; echo aaaa > a; ls -i a > /dev/shm/a; sync; rm a; echo bbbb > b; '
         'ls -i b; cat /dev/shm/a; exec 3< b 4< k')


class Kept:
    """In the memory of one of ext2's processes."""

    def __init__(self, bed, slot):
        self.bed, self.slot = bed, slot
        symbols = count.Symbols(ELF).address
        self.kept, self.bytes = symbols['kept'], symbols['bytes']
        self.of, self.number = count.numbers(ELF, '&((struct kept *)0)->of',
                                             'sizeof(((struct kept *)0)->of) / 8')

    def physical(self, at):
        return self.bed.memory.physical(self.slot, at)

    def dirty(self):
        """The buffers that are not on the disk yet."""
        return [n for n in range(self.number)
                if self.bed.memory.word(self.physical(self.kept + self.of + n * 8)) != 0]

    def has_name(self, name):
        """Is the block with this directory entry one of them?"""
        ram = self.bed.memory.ram
        for n in self.dirty():
            at = self.physical(self.bytes + n * BUFFER)
            if b'%c\1%s' % (len(name), name) in ram[at:at + BUFFER]:
                return True
        return False

    def flip(self, stub, at):
        at = self.physical(at)
        stub.write(at, bytes([self.bed.memory.word(at, 1) ^ 4]))


def look(guest, folder):
    out = guest.run('cat %s/k; cat <&4; cat <&3; cat %s/b; echo x > %s/n'
                    % ((folder,) * 3))[1]
    assert out.startswith('kept\nkept\n') and 'Read-only file system' in out, out
    assert 'aaaa' not in out and 'bbbb' not in out, out
    assert 'read error' in out or 'I/O error' in out, out


def damaged(bed, slot, name, folder, damage, says):
    guest = bed.guest
    kept = Kept(bed, slot)
    done = False
    while not done:                                 # until ext2 has not just written it
        out = guest.run('exec 3<&- 4<&-; rm -f %s/[abk]; ' % folder + FILES % folder)[1].split()
        assert out[0] == out[2], out                # the number is used again
        with plant.standing(guest) as stub:
            done = kept.has_name(b'b')
            if done:
                damage(kept, stub)
    assert guest.run('service refresh ' + name)[0] == 0
    look(guest, folder)
    out = guest.run('dmesg | tail')[1]
    assert says in out, out
    guest.run('exec 3<&- 4<&-; cd /')


def flip_bytes(kept, stub):
    dirty = kept.dirty()
    assert dirty
    for n in dirty:
        kept.flip(stub, kept.bytes + n * BUFFER + 100)


def both(bed):
    bed.guest.run('mkdir /mnt/d; mount -t ext2 /dev/vdb /mnt/d')
    with scenario('blocks in memory are damaged: they are lost, and that is told'):
        damaged(bed, 33, 'ext2_1', '/mnt/d', flip_bytes, 'are damaged, and lost')
    with scenario('such a disk is mounted anew by hand'):
        assert bed.guest.run('umount /mnt/d && mount -t ext2 /dev/vdb /mnt/d && '
                             'echo x > /mnt/d/n && cat /mnt/d/n')[1] == 'x\n'
    with scenario('what says which they are is damaged: likewise, here of the root'):
        damaged(bed, 14, 'ext2', '/root', lambda kept, stub: kept.flip(stub, kept.kept),
                'what was not on the disk yet is lost')


def main():
    with plant.scratch('unwritten') as folder:
        disk = os.path.join(folder, 'disk')
        with open(disk, 'wb') as file:
            file.truncate(16 << 20)
        subprocess.run(['mke2fs', '-q', '-b', '4096', disk], check=True)
        with plant.Bed(folder, disks=[disk]) as bed:
            bed.fresh()
            both(bed)


need('gdb')
main()
finish()
