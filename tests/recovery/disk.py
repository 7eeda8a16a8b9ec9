# SPDX-License-Identifier: BSD-2-Clause
"""The root disk's driver dies again and again while programs read, unpack and write.

Limit: 280

The root file system is on the disk whose driver is killed: the killer's own program comes from it.
The page cache is smaller than the file that is read. SKINK_LONG=1 in the environment: a file of
256 MiB, and at least 200 deaths.
"""
import hashlib
import os
import random
import re
import subprocess
import tarfile
import tempfile
import time

import machine
from guest import Guest, finish, scenario

LONG = bool(os.environ.get('SKINK_LONG'))
FILE_MB, MEMORY, DEATHS, DISK_MB = (256, 160, 200, 8) if LONG else (72, 112, 36, 4)
# Slow as a disk is, or nothing would ever be under way; slower still where the host may be busy.
SLOW = ',throttling.bps-total=%d' % (DISK_MB << 20)
RECORD = 64 * 1024
RECORDS, PATTERNS = 500, 8           # no multiple: a record that is written again differs
KILLER = r'''
dmesg -n 7                          # the host counts what the log says
i=0
while [ ! -e /tmp/stop ]; do
    usleep %d
    case $((i %% 8)) in
    3) service kill -SEGV virtio_blk ;;
    7) service kill -STOP virtio_blk ;;
    *) service kill -KILL virtio_blk ;;
    esac 2> /dev/null              # it may be just starting
    i=$((i + 1))
    echo $i > /tmp/kills
done
echo killer done
'''
READER = r'''
while [ ! -e /tmp/stop ]; do
    [ "$(sha256sum < /big)" = "%s  -" ] || echo BAD sum
    echo read >> /tmp/reads
done
echo reader done
'''
UNPACKER = r'''
n=0
while [ ! -e /tmp/stop ]; do
    rm -rf /tmp/tree; mkdir /tmp/tree
    (cd /tmp/tree && tar xzf /tree.tgz && sha256sum -c sums > /dev/null) || echo BAD tar
    n=$((n + 1)); echo $n > /tmp/unpacked
done
echo unpacker done
'''
WRITER = r'''
i=0
while :; do
    dd if=/patterns/$((i % 8)) of=/written bs=65536 seek=$((i % 500)) conv=notrunc,fsync \
        2> /tmp/dd.err ||
        { echo BAD write; cat /tmp/dd.err; sleep 9; }
    echo "ack $i"
    i=$((i + 1))
done
'''


def pattern(n):
    return random.Random(n).randbytes(RECORD)


def make_tree(folder):
    """An overlay: the big file, an archive with the sums of its content, scripts, patterns."""
    os.makedirs(folder + '/patterns')
    digest = hashlib.sha256()
    source = random.Random(1)
    with open(folder + '/big', 'wb') as out:
        for _ in range(FILE_MB):
            piece = source.randbytes(1 << 20)
            digest.update(piece)
            out.write(piece)
    with tempfile.TemporaryDirectory() as work:
        sums = ''
        for n in range(120):
            content = source.randbytes(source.randrange(1, 60000))
            name = 'd%d/f%d' % (n % 7, n)
            os.makedirs(os.path.join(work, os.path.dirname(name)), exist_ok=True)
            with open(os.path.join(work, name), 'wb') as out:
                out.write(content)
            sums += '%s  %s\n' % (hashlib.sha256(content).hexdigest(), name)
        with open(work + '/sums', 'w') as out:
            out.write(sums)
        with tarfile.open(folder + '/tree.tgz', 'w:gz', compresslevel=1) as archive:
            for name in sorted(os.listdir(work)):
                archive.add(os.path.join(work, name), name)
    for n in range(PATTERNS):
        with open('%s/patterns/%d' % (folder, n), 'wb') as out:
            out.write(pattern(n))
    pause = 300000
    for name, text in (('killer', KILLER % pause), ('reader', READER % digest.hexdigest()),
                       ('unpacker', UNPACKER), ('writer', WRITER)):
        with open('%s/%s.sh' % (folder, name), 'w') as out:
            out.write(text)


def deaths_of(console):
    """How often the driver was replaced, and how often with requests under way."""
    killed = len(re.findall(r'rs: virtio_blk: ', console))
    handed = [int(n) for n in re.findall(r'virtio_blk: (\d+) requests handed in again', console)]
    return killed, sum(1 for n in handed if n > 0), handed


def content_of(disk, path, folder):
    out = os.path.join(folder, 'dumped')
    subprocess.run(['debugfs', '-R', 'dump %s %s' % (path, out), disk], capture_output=True,
                   check=True)
    with open(out, 'rb') as file:
        return file.read()


def run(folder):
    tree, disk = os.path.join(folder, 'tree'), os.path.join(folder, 'root.img')
    make_tree(tree)
    machine.make_root(disk, [tree])
    with Guest(name='disk-dies', root=disk, memory=MEMORY, root_option=SLOW) as guest:
        guest.shell()
        for name in ('killer', 'reader', 'unpacker', 'writer'):
            guest.send('sh /%s.sh &\n' % name)
        deadline = time.monotonic() + (1500 if LONG else 230)
        killed = 0
        with scenario('%d deaths of the disk driver, and no program sees an error' % DEATHS):
            while killed < DEATHS:
                guest.receive(1)
                killed = deaths_of(guest.console.decode(errors='replace'))[0]
                assert b'BAD' not in guest.console, guest.failure('a program complains')
                assert time.monotonic() < deadline, guest.failure('%d deaths only' % killed)
        with scenario('every sum is right, and every unpacked tree'):
            guest.send('> /tmp/stop\n')
            for _ in range(3):
                guest.expect('(killer|reader|unpacker) done', 120)
            assert b'BAD' not in guest.console
            _, out = guest.run('wc -l < /tmp/reads; cat /tmp/unpacked /tmp/kills', 60)
            reads, unpacked, kills = [int(n) for n in out.split('\n') if n.isdigit()][:3]
            assert reads > 0 and unpacked > 0, out
        if scenario.failed:
            guest.kill()
            return
        console = guest.console.decode(errors='replace')
        killed, busy, handed = deaths_of(console)
        with scenario('at least half of the deaths were with requests under way'):
            print('    %d deaths, %d with requests under way (%d of them in all); %d kills asked, '
                  'file read %d times, tree unpacked %d times'
                  % (killed, busy, sum(handed), kills, reads, unpacked))
            assert busy * 2 >= killed, (busy, killed)
        guest.kill()                    # as a power failure would, in the middle of writing
        acked = [int(n) for n in re.findall(rb'ack (\d+)\r?\n', guest.console)]
    with scenario('what fsync acknowledged before the machine lost its power is on the disk'):
        written = content_of(disk, '/written', folder)
        assert acked == list(range(len(acked))) and len(acked) > 20, acked[-5:]
        for n in acked[-RECORDS + 1:]:  # the next one may have been under way
            part = written[n % RECORDS * RECORD:(n % RECORDS + 1) * RECORD]
            assert part == pattern(n % PATTERNS), 'record %d of %d' % (n, len(acked))
        print('    %d records acknowledged, all there' % len(acked))


with tempfile.TemporaryDirectory(prefix='skink-disk-') as where:
    run(where)
finish()
