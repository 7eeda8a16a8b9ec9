# SPDX-License-Identifier: BSD-2-Clause
"""Who may complain of a service makes rs deal with it as with one that has a defect.

Garbage is written where services answer each other; who reads it complains, and programs do not
notice. Limit: 240
"""
import os
import re
import shutil
import subprocess
import tempfile
import time

import machine
import plant
from bootset import BootSet
from guest import Guest, finish, scenario

TOYCTL = '/usr/lib/skink/toyctl'
PHASE, LAST_ENTRY, NONSENSE = 64, 31, 7         # lib/board.h
TMPFS = 1                                       # servers/vfs/server.c, known[]
VFS, VIRTIO_BLK = 6, 24                         # ids
EPERM = 1


def address(service, what):
    path = os.path.join(machine.BUILD, 'services', service, service + '.elf')
    out = subprocess.run(['gdb', '-q', '-nx', '-batch', '-ex', 'output/d (long)&' + what, path],
                         capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return int(out.stdout)


def status(guest, name):
    out = guest.run('service status ' + name)[1]
    found = re.search(r'(\d+) restarts, (\d+) recoveries', out)
    return sum(map(int, found.groups())), out


def until_back(guest, name, before):
    deadline = time.monotonic() + 40
    while True:
        now, out = status(guest, name)
        if now > before and 'running' in out and ' repaired in ' in out:
            return out
        assert time.monotonic() < deadline, out
        time.sleep(0.5)


def poke(bed, slot, at, byte):
    stub = plant.Stub(bed.guest)
    stub.stop()
    stub.write(bed.memory.physical(slot, at), bytes((byte,)))
    stub.go()
    stub.close()


def garbage(bed):
    guest = bed.guest
    work = ('cp /bin/busybox /dev/shm/b && cmp /dev/shm/b /bin/busybox && cp /bin/busybox /root/b '
            '&& sync && cmp /root/b /bin/busybox && rm /dev/shm/b /root/b && echo fine')
    with scenario('nobody complains while nothing is wrong'):
        assert guest.run(work, 60) == (0, 'fine\n')
        assert 'complaint 0, resource 0' in guest.run('service stats')[1]
    with scenario('garbage on the board of a file server: vfs complains, no program notices'):
        before = status(guest, 'tmpfs')[0]
        board = address('vfs', 'board[%d]' % TMPFS)
        poke(bed, VFS, board + PHASE + LAST_ENTRY, NONSENSE)
        assert guest.run(work, 60) == (0, 'fine\n')
        out = until_back(guest, 'tmpfs', before)
        assert 'last defect: complaint 1' in out and ' 0 restarts' in out, out
        assert 'rs: tmpfs: vfs complains of it: an answer on vfs' in guest.run('dmesg')[1]
    with scenario('a disk driver whose own numbers are wrong dies of it, and every byte is right'):
        before = status(guest, 'virtio_blk')[0]
        at = address('virtio_blk', "'block_server.c'::client[0].ring.completed")
        poke(bed, VIRTIO_BLK, at, bed.memory.ram[bed.memory.physical(VIRTIO_BLK, at)] + 3 & 255)
        assert guest.run(work, 60) == (0, 'fine\n')
        assert 'last defect: exit' in until_back(guest, 'virtio_blk', before)
    with scenario('complaints are counted by themselves, and leave reports'):
        assert 'complaint 1, resource 0' in guest.run('service stats')[1]
        guest.run('while [ $(ls /var/crash/*.txt | wc -l) -lt 2 ]; do usleep 100000; done', 20)
        out = guest.run('service crashes')[1]
        assert len(re.findall(r'was complained of, reason 1', out)) == 1, out


def hogs(guest):
    with scenario('who wants more stack than it has is found out, as resource excess'):
        out = status(guest, 'deep')[1]
        assert 'last defect: resource 5' in out and 'gone' in out, out
    with scenario('who computes all the time is found out by sched, and the shell goes on'):
        deadline = time.monotonic() + 60
        while 'last defect: resource 4' not in status(guest, 'hog')[1]:
            assert time.monotonic() < deadline, guest.run('service dump processes')[1]
            assert guest.run('echo here | cat') == (0, 'here\n')
            time.sleep(1)
        log = guest.run('dmesg')[1]
        assert 'rs: hog: sched complains of it: computes all the time' in log, log
    with scenario('sched dies meanwhile, and finds it out again'):
        before = status(guest, 'hog')[0]
        guest.run('sleep 5; service kill sched')
        until_back(guest, 'hog', before)
    with scenario('who has much to do is not taken for one'):
        guest.run('service stop hog; dmesg -n 1')
        guest.run('for i in 1 2 3 4; do dd if=/dev/urandom of=/root/x bs=64k count=300; sync; done '
                  '2> /dev/null; timeout 12 yes; rm /root/x', 120)
        log = guest.run('dmesg')[1]
        assert log.count('sched complains') == status(guest, 'hog')[0], log


def entitled(guest):
    with scenario('a complaint counts if the manifest lists the accused, else it is refused'):
        log = guest.run('dmesg')[1]
        assert 'accuser: of hello: 0\n' in log, log
        assert 'accuser: of toy: -%d\n' % EPERM in log and 'accuser: of rs: -%d' % EPERM in log, log
        assert 'rs: hello: accuser complains of it: just so' in log
        assert 'rs: accuser: complains of toy, and may not' in log
        assert 'last defect: complaint 3' in status(guest, 'hello')[1]
        assert status(guest, 'toy')[0] == 0
    with scenario('programs do not complain, root neither'):
        assert guest.run(TOYCTL + ' complain')[1] == 'error %d\n' % EPERM
        assert status(guest, 'toy')[0] == 0


with BootSet() as boot:
    boot.add('accuser')
    with scenario('the image checker sees whether somebody complains'):
        assert boot.refused() == ''
        boot.set('hello', complains='toy')
        assert "complaints are listed, but 'hello' never makes one" in boot.refused()
        boot.set('hello', complains=None)
        for name in ('vfs', 'tty', 'ext2'):
            kept = boot.text[name]
            boot.set(name, complains=None)
            assert "'%s' complains of others, but nobody is listed" % name in boot.refused()
            boot.text[name] = kept
    boot.set('hello', script=None)
    with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
               root_option=',snapshot=on') as guest:
        guest.shell()
        entitled(guest)
    boot.add('hog')
    boot.add('deep', 'hog', id='43', args='stack', restart='never')
    with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
               root_option=',snapshot=on') as guest:
        guest.shell()
        hogs(guest)
if shutil.which('gdb') is not None:
    with tempfile.TemporaryDirectory(prefix='skink-complaints-') as folder:
        bed = plant.Bed(folder, root=machine.ROOT_IMAGE, root_option=',snapshot=on')
        bed.fresh()
        garbage(bed)
        bed.close()
finish()
