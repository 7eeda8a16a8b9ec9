# SPDX-License-Identifier: BSD-2-Clause
"""Services that run get another program or another manifest, and what is refused; their rights.

Limit: 300
"""
import os
import re
import shutil
import subprocess
import tempfile

import machine
from bootset import edited
from elfedit import Elf
from guest import Guest, finish, scenario
from screen import Screen

MANIFEST = open(os.path.join(machine.ROOT, 'servers', 'hello', 'hello.svc')).read()
GROWN = 3 << 20
DRIVERS = 'rtc uart keyboard screen pci'.split()
SELF = 'seq 20000 > /root/b && md5sum < /root/b && rm /root/b'


def program(name):
    return os.path.join(machine.BUILD, 'services', name, name)


def hello():
    return Elf(program('hello'))


def other(elf):
    """One that says something else."""
    at = elf.bytes.find(b'hello, world')
    assert at > 0
    elf.bytes[at:at + 12] = b'hello, moon!'
    return elf


def files():
    grown = other(hello())
    last = max(n for n in range(grown.count) if grown.loaded(n) and grown.address(n) < 0x10000000)
    return {
        'moon': bytes(other(hello()).bytes),
        'grown': bytes(grown.put('Q', grown.segment(last) + 40, GROWN).bytes),
        'cut': bytes(hello().bytes[:2000]),
        'dies': bytes(hello().code(b'\x0f\x0b').bytes),
        'hangs': bytes(hello().code(b'\xeb\xfe').bytes),
        'hello': open(program('hello'), 'rb').read(),
        'toy': open(program('toy'), 'rb').read(),
        'virtio_blk': open(program('virtio_blk'), 'rb').read(),
        **{name: open(program(name), 'rb').read() for name in DRIVERS},
    }


def manifests():
    twin = dict(service='twin', program='hello', id='41')
    guest = edited(MANIFEST, dict(twin, memory='8M'))
    return {
        'twin': guest,
        'livelier': edited(guest, dict(heartbeat='300 2', priority='6', quantum='7')),
        'sharing': edited(guest, dict(talks='ds', primitives='sendrec receive reply replyreceive '
                                      'notify', calls='call_cancelled')),
        'id': edited(guest, dict(id='42')), 'rank': edited(guest, dict(rank='7')),
        'memory': edited(guest, dict(memory='9M')),
        'restart': edited(guest, dict(restart='recover')),
        'service': edited(guest, dict(service='trio')),
        'core': edited(guest, dict(calls='space_map')),
        'upward': edited(guest, dict(talks='is')),
    }


REFUSED = {
    'id': r"id.svc:\d+: 'id' cannot change while it is there", 'rank': "'rank' cannot change",
    'memory': "'memory' cannot change", 'restart': "'restart' cannot change",
    'service': r"service.svc:\d+: 'service' cannot change",
    'core': r"core.svc:\d+: kernel call 'space_map' is for the boot set",
    'upward': r"upward.svc:\d+: talks to 'is' of rank 12",
}


def disk(folder):
    tree = os.path.join(folder, 'tree')
    os.mkdir(tree)
    for name, data in files().items():
        with open(os.path.join(tree, name), 'wb') as file:
            file.write(data)
    for name, text in manifests().items():
        with open(os.path.join(tree, name + '.svc'), 'w') as file:
            file.write(text)
    image = os.path.join(folder, 'disk')
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', '-b', '4096', '-d', tree, image, '8M'],
                   check=True, stdout=subprocess.DEVNULL)
    return image


def run(guest, command, status=0, text='', limit=30):
    got, out = guest.run(command + ' 2>&1', limit)
    assert got == status and re.search(text, out), (command, got, out)
    return out


def said(guest, name):
    return re.findall(r'%s: hello, (\S+)' % name, guest.run('service log ' + name)[1])


def frames(guest):
    """Those that are free, or would be if the page cache had to go."""
    out = guest.run('rm -f /var/crash/*; cat /proc/meminfo')[1]
    return sum(int(re.search(r'^%s: +(\d+)' % name, out, re.M)[1]) // 4
               for name in ('MemFree', 'Cached'))


def look_at_updates(guest):
    for name in ('hello', 'twin'):
        with scenario('%s gets another program, and keeps it over restarts and deaths' % name):
            run(guest, 'service update %s /mnt/moon' % name)
            assert said(guest, name)[-1] == 'moon!'
            run(guest, 'service status ' + name, text='running')
            run(guest, 'service kill rs; service restart ' + name)
            assert said(guest, name)[-2:] == ['moon!', 'moon!']
            run(guest, 'service kill -SEGV %s; until service status %s | grep running; do '
                       'usleep 50000; done' % (name, name))
            assert said(guest, name)[-1] == 'moon!'
    with scenario('a bad one is refused, and the old one never ends'):
        endpoint = re.search('endpoint (.*)', run(guest, 'service status twin'))[1]
        run(guest, 'service update twin /mnt/cut', 1, '/mnt/cut: ')
        run(guest, 'service update hello /mnt/grown', 1, r"memory \d+K, but 'hello' needs \d+K")
        run(guest, 'service update twin /mnt/none', 1, 'No such file')
        run(guest, 'service update twin', 1, '/usr/lib/skink/services/twin: No such file')
        run(guest, 'service status twin', text='endpoint ' + endpoint)


def look_at_ways_back(guest):
    for name in ('dies', 'hangs'):
        with scenario('one that %s at once: the old one is back' % name):
            run(guest, 'service update twin /mnt/' + name, 1, 'the old one is back')
            run(guest, 'until service status twin | grep running; do usleep 50000; done')
            assert said(guest, 'twin')[-1] == 'moon!'
    with scenario('more memory, and less again'):
        before = frames(guest)
        run(guest, 'service update twin /mnt/grown')
        grown = frames(guest)
        assert before - grown > (GROWN >> 12) - 64, (before, grown)
        run(guest, 'service update twin /mnt/moon')
        assert abs(frames(guest) - before) < 64, (before, frames(guest))


def look_at_limits(guest):
    with scenario('who keeps state, rs, and who does not run, cannot be updated'):
        run(guest, 'service update toy /mnt/toy', 1, 'it keeps state: that needs live update')
        run(guest, 'service update rs /mnt/toy', 1, 'live update')
        run(guest, 'service update nobody /mnt/toy', 1, 'no such service')
        run(guest, 'service stop twin; service update twin /mnt/moon', 1, 'not running')
        run(guest, 'service start twin')
    with scenario('only root may'):
        for command in ('update twin /mnt/moon', 'reload twin /mnt/twin.svc'):
            run(guest, 'su -s /bin/sh nobody -c "/usr/sbin/service %s"' % command, 1,
                'only root may do that')
    with scenario('the driver of the root disk is updated while the disk is written'):
        run(guest, 'while [ ! -e /tmp/over ]; do %s; done > /tmp/sums & writer=$!; '
                   'for n in 1 2 3 4 5; do service update virtio_blk /mnt/virtio_blk; '
                   'done; > /tmp/over; wait $writer; uniq /tmp/sums | wc -l' % SELF,
            text=r'(^|\n)1\r?\n', limit=60)
        run(guest, 'service status virtio_blk', text='5 restarts')
    with scenario('drivers are that recover in place when they die, and who uses them goes on'):
        run(guest, 'while [ ! -e /tmp/done ]; do hwclock; done > /tmp/clock 2> /tmp/clock.bad & '
                   'reader=$!; for n in %s; do service update $n /mnt/$n || break; done; '
                   '> /tmp/done; wait $reader; cat /tmp/clock.bad; wc -l < /tmp/clock'
            % ' '.join(DRIVERS), text=r'^[1-9]\d*\r?\n$', limit=60)
        assert Screen(guest).answers()


def look_at_reloads(guest):
    with scenario('a manifest is read again: heartbeat, scheduling, rights'):
        run(guest, 'service reload twin /mnt/livelier.svc; service dump twin',
            text=r'heartbeat every 300 ms, \d of 2(.|\n)*base 6\), quantum 7')
        run(guest, 'service reload twin /mnt/sharing.svc; service dump twin',
            text=r'may call +ds\r?\n(.|\n)*kernel calls +call_cancelled')
        run(guest, 'service kill rs; service dump twin', text=r'may call +ds\r?\n')
        run(guest, 'service reload twin /mnt/twin.svc; service dump twin', text=r'may call +-')
    with scenario('of the boot set, too, from where the image has them'):
        run(guest, "sed -i 's/^heartbeat.*/heartbeat 700 4/' /etc/skink/services/toy.svc; "
                   'service reload toy; service dump toy', text='heartbeat every 700 ms')
        run(guest, 'service kill toy; service kill rs; service dump toy',
            text='heartbeat every 700 ms')
        run(guest, 'service reload rs /etc/skink/services/rs.svc', 1, 'as the image has it')
    with scenario('the rest is refused, with a reason'):
        for name, text in REFUSED.items():
            run(guest, 'service reload twin /mnt/%s.svc' % name, 1, text)
        run(guest, "sed 's/^calls.*/&  call_cancelled/' /etc/skink/services/rtc.svc > /tmp/rtc.svc;"
                   ' service reload rtc /tmp/rtc.svc', 0)
        run(guest, "sed 's/^talks.*/& sched/' /etc/skink/services/uart.svc > /tmp/uart.svc; "
                   'service reload uart /tmp/uart.svc', 1, 'rights of who has interrupt lines stay')


def look_at_deaths(guest):
    for name in ('vm', 'rs'):
        with scenario('%s dies while a service is updated: it is the one or the other' % name):
            run(guest, '(while [ ! -e /tmp/dead ]; do service kill %s; usleep 7000; done) & '
                       'for n in 1 2 3; do service update twin /mnt/moon; '
                       'service update twin /mnt/dies; done; > /tmp/dead; wait; rm /tmp/dead; '
                       'until service status twin | grep running; do usleep 50000; done' % name,
                limit=60)
            run(guest, 'service update twin /mnt/hello')
            assert said(guest, 'twin')[-1] == 'world'


def look_at_rights(guest):
    with scenario('what a service may do, and what is seen of it'):
        out = run(guest, 'cat /proc/meminfo > /dev/null; service rights vfs')
        for text in (r'vfs may:', r'may call +.*vm', r'kernel calls +.*call_copy', 'it uses:',
                     r'memory +\d+ KiB', r'called +.*vm\([1-9]\d*\)', r'notified +.*[1-9]\d*\)',
                     r'of the last \d+ messages', r'answered +[1-9]\d*'):
            assert re.search(text, out), (text, out)
        counted = [int(re.search(r'itself:.*kernel calls .*?call_copy\((\d+)\)',
                                 run(guest, 'service rights vfs'), re.S)[1]) for _ in range(2)]
        assert 0 < counted[0] < counted[1], counted
        out = run(guest, 'service rights uart')
        assert re.search(r'itself:.*kernel calls +.*port_io\([1-9]\d*\)', out, re.S), out
        run(guest, 'service rights nobody', 1, 'no such service')


def main():
    folder = tempfile.mkdtemp(prefix='skink-updating-')
    try:
        with Guest(disks=[disk(folder)], vga=True, name='updating') as guest:
            guest.shell()
            run(guest, 'mount -t ext2 /dev/vdb /mnt && service start /mnt/twin.svc')
            look_at_updates(guest)
            look_at_ways_back(guest)
            look_at_limits(guest)
            look_at_reloads(guest)
            look_at_deaths(guest)
            look_at_rights(guest)
            with scenario('all are well'):
                run(guest, 'service list | grep -v running | grep -v NAME', 1)
                run(guest, 'service stop twin && service remove twin')
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    finish()


main()
