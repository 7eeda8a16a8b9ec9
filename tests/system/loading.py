# SPDX-License-Identifier: BSD-2-Clause
"""Services that were not in the boot set: loaded from a disk, watched, removed; what is refused.

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

TOY = os.path.join(machine.BUILD, 'services', 'toy', 'toy')
SETTLER = os.path.join(machine.BUILD, 'services', 'settler', 'settler')
MANIFEST = open(os.path.join(machine.ROOT, 'servers', 'toy', 'toy.svc')).read()


def spoilt():
    """{name of a program: its bytes}"""
    good = Elf(TOY)
    return {
        'toy': bytes(good.bytes),
        'settler': open(SETTLER, 'rb').read(),
        'cut': bytes(good.bytes[:len(good.bytes) // 2]),
        'stub': bytes(good.bytes[:40]),
        'text': b'#!/bin/sh\necho a service\n',
        'empty': b'',
        'writable': bytes(Elf(TOY).put('I', good.segment(0) + 4, 7).bytes),
        'kernel': bytes(Elf(TOY).put('Q', good.segment(0) + 16, 0xffffffff80000000).bytes),
        'wraps': bytes(Elf(TOY).put('Q', good.segment(0) + 40, 1 << 63).bytes),
        'beyond': bytes(Elf(TOY).put('Q', good.segment(2) + 16, 0x7fff00000000).bytes),
        'same': bytes(Elf(TOY).put('Q', good.segment(2) + 16, 0x400000).bytes),
        'many': bytes(Elf(TOY).put('H', 56, 0xffff).bytes),
        'shared': bytes(Elf(TOY).put('H', 16, 3).bytes),
        'elsewhere': bytes(Elf(TOY).put('Q', 24, 0x123456).bytes),
        'huge': bytes(Elf(TOY).put('Q', good.segment(4) + 40, 1 << 30).bytes),
        'dies': bytes(Elf(TOY).code(b'\x0f\x0b').bytes),
        'hangs': bytes(Elf(TOY).code(b'\xeb\xfe').bytes),
    }


def twin(**edits):
    return edited(MANIFEST, dict({'service': 'twin', 'program': 'toy', 'id': '41'}, **edits))


MANIFESTS = {
    'twin': twin(),
    'mute': twin(heartbeat=None),
    'third': twin(service='third', id='42', needs='log ds twin', restart='recover'),
}
# {manifest: (text, what is said)}; the line is that of the manifest.
REFUSED = {
    'other': (twin(id='6'), r"other.svc:3: id 6 belongs to 'vfs'"),
    'taken': (twin(id='20'), r"taken.svc:3: id 20 is taken by 'toy'"),
    'twice': (twin(service='toy'), r"twice.svc:2: service 'toy' twice"),
    'port': (twin(ports='3f8-3ff', calls='port_io'),
             r"port.svc:\d+: port 0x3f8 is taken by 'uart'"),
    'posix': (twin(posix='read'), r"posix.svc:\d+: Linux call 0 \(read\) is answered by 'vfs'"),
    'word': (twin(frobnicate='1'), r"word.svc:\d+: unknown word 'frobnicate'"),
    'binary': ('\x7fELF\1\1', r'binary.svc: it names no service'),
    'manager': (twin(rights='manage-services', calls='proc_create'),
                r'manager.svc:\d+: to manage others is for the boot set'),
    'mapper': (twin(calls='space_map'),
               r"mapper.svc:\d+: kernel call 'space_map' is for the boot set"),
    'archive': (twin(archive='yes'), r'archive.svc:\d+: the boot archive is for the boot set'),
    'upward': (twin(talks='is'), r"upward.svc:\d+: talks to 'is' of rank 12, not below 8"),
    'lacking': (twin(needs='nobody'), r"lacking.svc:\d+: needs 'nobody', which does not exist"),
    'waiting': (twin(needs='third'), r"waiting.svc:\d+: needs 'third', which does not exist"),
    'small': (twin(memory='32K'), r"small.svc:\d+: memory 32K, but 'toy' needs \d+K"),
    'nothing': (twin(program='nothing'), r'/usr/lib/skink/services/nothing: No such file'),
    'long': (twin() + '#' * 200 + ('\n' + '#' * 200) * 90, r'not a manifest: it has \d+ bytes'),
}
SETTLER_SVC = os.path.join(machine.ROOT, 'tests', 'services', 'settler', 'settler.svc')
PROGRAMS_REFUSED = {
    'cut': r'/mnt/cut: (segment \d|program headers) ', 'stub': r'/mnt/stub: not an x86-64 ELF',
    'text': r'/mnt/text: not an x86-64 ELF', 'empty': r'/mnt/empty: it is empty',
    'writable': r'segment 0 is writable and executable', 'kernel': r'segment 0 is malformed',
    'wraps': r'segment 0 is malformed', 'beyond': r'segment 2 lies beyond the stack',
    'same': r'segments 0 and 2 share a page',
    'many': r'(program headers lie outside|more than 64 segments)',
    'shared': r'not an x86-64 ELF', 'elsewhere': r'it begins at 0x123456, where nothing',
    'huge': r"twin.svc:\d+: memory 128K, but 'toy' needs \d+K",
}


def disk(folder):
    tree = os.path.join(folder, 'tree')
    os.mkdir(tree)
    texts = dict(MANIFESTS, **{name: text for name, (text, _) in REFUSED.items()})
    texts['settler'] = edited(open(SETTLER_SVC).read(), dict(posix='900'))
    texts['ample'] = twin(memory='1100M')
    for name, text in texts.items():
        with open(os.path.join(tree, name + '.svc'), 'w') as file:
            file.write(text)
    for name, data in spoilt().items():
        with open(os.path.join(tree, name), 'wb') as file:
            file.write(data)
    image = os.path.join(folder, 'disk')
    subprocess.run(['mke2fs', '-q', '-t', 'ext2', '-b', '4096', '-d', tree, image, '8M'],
                   check=True, stdout=subprocess.DEVNULL)
    return image


def frames(guest):
    """Those that are free, or would be if the page cache had to go."""
    out = guest.run('rm -f /var/crash/*; cat /proc/meminfo')[1]
    return sum(int(re.search(r'^%s: +(\d+)' % name, out, re.M)[1]) // 4
               for name in ('MemFree', 'Cached'))


def run(guest, command, status=0, text='', limit=30):
    got, out = guest.run(command + ' 2>&1', limit)
    assert got == status and re.search(text, out), (command, got, out)
    return out


def look_at_life(guest):
    with scenario('a service is started from a disk, and is one like any other'):
        run(guest, 'service start /mnt/twin.svc')
        run(guest, 'service list', text=r'twin +41 +8 running +0 +0')
        run(guest, 'service status twin', text='twin: running, id 41')
        run(guest, 'service tree', text=r'        twin\r?\n')
        run(guest, 'service dump twin', text=r'names in ds +twin\n(.|\n)*\d+ messages, 0 requests')
        run(guest, 'service start twin', 1, 'already running')
        run(guest, 'service start /mnt/twin.svc', 1, "service 'twin' twice")
    with scenario('it is recovered, restarted, found when it hangs'):
        run(guest, 'service kill -SEGV twin; service status twin', text='1 recoveries in place')
        run(guest, 'service restart twin; service status twin', text='1 restarts')
        run(guest, 'service kill -STOP twin; until service status twin | grep hung; do '
                   'usleep 100000; done', text='hung')
    with scenario('rs recovers, and still has it'):
        run(guest, 'service kill rs; service kill -SEGV twin; service status twin',
            text='running(.|\n)*3 recoveries in place')
        run(guest, 'service restart twin; service status twin', text='2 restarts')
    with scenario('another may need it; who is needed stays'):
        run(guest, 'service start /mnt/third.svc /mnt/toy')
        run(guest, 'service stop twin', 1, 'other services or all programs need it')
        run(guest, 'service stop third && service remove third && service list | grep -c third',
            1, r'^0\r?\n')
    with scenario('it can be removed when it is stopped, and only then'):
        run(guest, 'service remove twin', 1, 'service stop twin comes first')
        run(guest, 'service stop twin; service start twin; service stop twin')
        run(guest, 'service remove twin && service list | grep -c twin', 1, r'^0\r?\n')
        run(guest, 'service status twin', 1, 'no such service')
        run(guest, 'service remove toy', 1, 'belongs to the boot set')
        run(guest, 'service remove nobody', 1, 'no such service')


def look_at_refusals(guest):
    with scenario('a manifest that does not fit is refused, with its line and the reason'):
        for name, (_, text) in REFUSED.items():
            run(guest, 'service start /mnt/%s.svc' % name, 1, text)
    with scenario('so is a program that is no service'):
        for name, text in PROGRAMS_REFUSED.items():
            run(guest, 'service start /mnt/twin.svc /mnt/%s' % name, 1, text)
        run(guest, 'service start /mnt', 1, 'Is a directory')
        run(guest, 'service start /mnt/none.svc', 1, 'No such file')
    with scenario('only root may'):
        for command in ('start /mnt/twin.svc /mnt/toy', 'remove toy'):
            run(guest, 'su -s /bin/sh nobody -c "/usr/sbin/service %s"' % command, 1,
                'only root may do that')
    with scenario('one that dies before it is ready, or hangs, is not there'):
        for name in ('dies', 'hangs'):
            run(guest, 'service start /mnt/twin.svc /mnt/' + name, 1, 'it died before it was ready')
            run(guest, 'service status twin', 1, 'no such service')
    with scenario('one that nobody waits for any more before it is ready is given up'):
        for signal in ('INT', 'TERM', 'KILL'):
            run(guest, 'sh -c "trap - INT; exec service start /mnt/mute.svc /mnt/hangs" & '
                       'until service list | grep twin; do usleep 50000; done; '
                       'kill -%s $!; wait; while service status twin; do usleep 50000; done'
                % signal, 0)
        run(guest, 'service start /mnt/mute.svc /mnt/hangs & '
                   'until service list | grep twin; do usleep 50000; done; service stop twin; '
                   'wait; service status twin', 1, 'no such service')
    with scenario('more memory than there is'):
        run(guest, 'service start /mnt/ample.svc /mnt/huge', 1, 'too little memory', 60)


def look_at_linux_calls(guest):
    with scenario('it may answer Linux calls of programs, while it is there'):
        run(guest, '/usr/lib/skink/answered 900', text='^900')
        run(guest, 'service start /mnt/settler.svc; /usr/lib/skink/answered 900',
            text='^done')
        run(guest, 'service kill settler; /usr/lib/skink/answered 900', text='^done')
        run(guest, 'service stop settler && service remove settler; '
                   '/usr/lib/skink/answered 900', text='^900')


def look_at_deaths(guest):
    """In the middle of a load: whatever has come of it, there is all of it or nothing."""
    for name in ('vm', 'rs', 'ds'):
        with scenario('%s dies while services come and go' % name):
            out = run(guest, '(while [ ! -e /tmp/over ]; do service kill %s; usleep 7000; done) & '
                       'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do '
                       'service start /mnt/twin.svc || echo failed; service stop twin; '
                       'service remove twin; done; > /tmp/over; wait; '
                       'rm /tmp/over; service stop twin; service remove twin; true' % name,
                limit=120)
            assert 'failed' not in out, out
            run(guest, 'service status twin', 1, 'no such service')
            run(guest, 'service start /mnt/twin.svc && service stop twin && service remove twin')


def main():
    folder = tempfile.mkdtemp(prefix='skink-loading-')
    try:
        with Guest(disks=[disk(folder)], name='loading') as guest:
            guest.shell()
            run(guest, 'mount -t ext2 /dev/vdb /mnt && cat /mnt/*.svc > /dev/null')
            look_at_life(guest)
            run(guest, 'service start /mnt/ample.svc /mnt/huge', 1, '', 60)     # its tables
            before = frames(guest)
            look_at_refusals(guest)
            for _ in range(3):
                run(guest, 'service start /mnt/twin.svc; service stop twin; service remove twin')
            look_at_linux_calls(guest)
            with scenario('nothing of all this has stayed'):
                after = frames(guest)
                assert abs(after - before) < 64, (before, after)
            look_at_deaths(guest)
            with scenario('nor of what died in between'):
                after = frames(guest)
                assert abs(after - before) < 96, (before, after)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    finish()


main()
