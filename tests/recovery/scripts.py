# SPDX-License-Identifier: BSD-2-Clause
"""Recovery scripts decide what follows from a defect; whatever they do, the service comes back.

Limit: 300
"""
import base64
import os
import re
import shutil
import tempfile
import time

import machine
import plant
from bootset import BootSet
from guest import Guest, finish, scenario, until

TOY = '/usr/lib/skink/toyctl'
# As MINIX 3's documentation describes it: binary exponential backoff, but for updates, and a mail.
SAMPLE = '''#!/bin/sh
component=$1
reason=$2
repetition=$3
shift 3
if [ ! $reason -eq 6 ]; then
    sleep $((1 << ($repetition - 1)))
fi
service restart $component
status=$?
while getopts a: option; do
case $option in
a)
cat << END | mail -s "Failure Alert" "$OPTARG"
failure: $component, $reason, $repetition
restart status: $status
END
;;
esac
done
'''
SCRIPTS = {
    'sample': SAMPLE, 'hang': 'sleep 1000\n', 'fail': 'exit 3\n', 'missing': '',
    'evil': 'while :; do echo nothing but noise; done & yes & trap "" TERM HUP INT; sleep 1000\n',
    'giveup': None, 'backoff': None, 'spare': None,
}
TOYS = ('hang', 'fail', 'missing', 'evil', 'giveup', 'spare')
PATIENCE = 30


def prepare(boot):
    """Toys with a script each, and disk drivers; the scripts as the image checker sees them."""
    boot.set('toy', script='sample -a root')
    for number, name in enumerate(TOYS):
        boot.add(name, 'toy', id=str(40 + number),
                 script=name + (' hello' if name == 'spare' else ''))
    for name in ('virtio_blk', 'ext2'):
        boot.set(name, script='sample')
    folder = os.path.join(boot.folder, 'scripts')
    os.mkdir(folder)
    for name in SCRIPTS:
        with open(os.path.join(folder, name), 'w'):
            pass
    boot.scripts = folder


def install(guest):
    for name, text in SCRIPTS.items():
        if text:
            guest.run('echo %s | base64 -d > /etc/skink/recover.d/%s'
                      % (base64.b64encode(text.encode()).decode(), name))
    guest.run('killall -HUP recoverd; while [ ! -e /var/run/recover/etc/skink/recover.d/sample ]; '
              'do usleep 50000; done', PATIENCE)


def state(guest, name):
    return re.search(r'%s +\d+ +\d+ (\w+) ' % name, guest.run('service list')[1])[1]


def until_is(guest, name, wanted, limit=PATIENCE):
    until(lambda: state(guest, name) == wanted, limit, lambda: (name, state(guest, name), wanted))


def crash(guest, name, times=1):
    """It dies of a request, which is done when it is there again; the sum."""
    for _ in range(times):
        status, out = guest.run('TOY=%s %s crash 1 7 5' % (name, TOY), 60)
        assert status == 0, out
    return guest.run('TOY=%s %s sum' % (name, TOY))[1]


def said(guest, text):
    return text in guest.run('dmesg')[1]


def mail_of(guest, text):
    deadline = time.monotonic() + PATIENCE
    while text not in guest.run('cat /var/log/recover.log')[1]:
        assert time.monotonic() < deadline, guest.run('cat /var/log/recover.log')


def decides(guest):
    with scenario("MINIX 3's sample script, unchanged, backs off by powers of two, and mails"):
        begun = time.monotonic()
        out = crash(guest, 'toy', 3)
        assert 'sum 5 of 1 keys, 3 recoveries' in out, out
        assert time.monotonic() - begun >= 7, time.monotonic() - begun
        for n in (1, 2, 3):
            mail_of(guest, "toy: reason 2, repetition %d: 'sample -a root' ended with status 0" % n)
        mail_of(guest, 'mail to root: Failure Alert\nfailure: toy, 2, 3\nrestart status: 0\n')
        guest.run('echo')
        assert re.search(rb'failure: toy, 2, 3\r?\n', guest.console), guest.console[-300:]
    with scenario('a script gives up: the service is degraded, until it is started'):
        crash(guest, 'giveup', 4)
        assert guest.run('TOY=giveup %s crash 1 7 5' % TOY, 60)[0] != 0
        until_is(guest, 'giveup', 'degraded')
        mail_of(guest, 'giveup has died 5 times (reason 2) and is given up')
        assert guest.run('service start giveup')[0] == 0 and state(guest, 'giveup') == 'running'
    with scenario('a spare takes over'):
        assert guest.run('service stop hello; service kill -SEGV spare')[0] == 0
        until_is(guest, 'spare', 'degraded')
        until_is(guest, 'hello', 'running')
        mail_of(guest, 'hello stands in for spare')
    with scenario('who asks for a restart gets one at once, whatever the script would do'):
        guest.run('service kill hang')
        assert state(guest, 'hang') == 'scripted'
        assert guest.run('service recover hang', 3)[0] == 0 and state(guest, 'hang') == 'running'
    with scenario('what waits for its script can be stopped, or degraded'):
        guest.run('service kill hang; service stop hang')
        assert state(guest, 'hang') == 'stopped'
        guest.run('service start hang; service kill hang; service degrade hang')
        assert state(guest, 'hang') == 'degraded'
        assert guest.run('service start hang')[0] == 0


def fails(guest):
    for name, limit, text in (
            ('fail', 3, "'fail' has ended, status 3, and decided nothing"),
            ('missing', 3, "'missing' could not be run"),
            ('hang', 10, "'hang' has decided nothing in time"),
            ('evil', 10, "'evil' has decided nothing in time")):
        with scenario('script %s costs its service nothing but time' % name):
            begun = time.monotonic()
            out = crash(guest, name)
            assert 'sum 5 of 1 keys' in out, out
            assert time.monotonic() - begun < limit + PATIENCE
            assert said(guest, text), guest.run('dmesg')
    with scenario('a script that is over its time is ended, with all that it has begun'):
        mail_of(guest, "'evil' was ended after seconds: 6")
        assert guest.run('pidof yes')[0] == 1
        log = guest.run('wc -c < /var/log/recover.log')[1]
        assert int(log) < 40000, log
    with scenario('nobody is there to run scripts: rs decides at once'):
        guest.run("sed -i '/respawn.*recoverd/d' /etc/inittab; kill -HUP 1; sleep 1; "
                  'killall -9 recoverd')
        assert 'sum 5 ' in crash(guest, 'fail')
        assert said(guest, "fail: nobody is there to run 'fail'"), guest.run('dmesg')
        guest.run('echo ::respawn:/usr/sbin/recoverd >> /etc/inittab; kill -HUP 1')
        guest.run('while ! pidof recoverd > /dev/null; do usleep 100000; done; sleep 1', PATIENCE)


def dies(guest):
    with scenario('recoverd dies while a script runs, and is there again'):
        guest.run('service kill toy; usleep 200000; killall -9 recoverd')
        until_is(guest, 'toy', 'running')
        guest.run('while ! pidof recoverd > /dev/null; do usleep 100000; done; sleep 1', PATIENCE)
        assert 'sum 5 ' in crash(guest, 'fail')
    with scenario('rs dies while a script runs, and knows what it waits for'):
        guest.run('service kill toy; service kill rs; sleep 1')
        until_is(guest, 'toy', 'running')
        guest.run('service kill hang; service kill rs; sleep 1')
        until_is(guest, 'hang', 'running')
    for name in ('virtio_blk', 'ext2'):
        with scenario('%s dies, with its script on that disk, under load' % name):
            guest.run('for i in 1 2 3 4; do cat /bin/busybox; done > /root/big; sync')
            for _ in range(2):
                status, out = guest.run(
                    '(for i in $(seq 6); do cp /root/big /root/copy && cmp /root/big /root/copy && '
                    'sync || echo bad; done) & usleep 300000; service kill %s; wait' % name, 90)
                assert (status, 'bad' in out) == (0, False), out
                until_is(guest, name, 'running')
            mail_of(guest, "%s: reason 3, repetition 1: 'sample' ended with status 0" % name)


def dies_deciding(bed):
    """rs dies at the first instruction of what its script has asked for."""
    guest, rs = bed.guest, plant.Code('rs')
    at = next(at for at in rs.all if rs.symbols.name(at).split('.')[0] == 'recover_in_place')
    install(guest)
    with scenario('rs dies when a script restarts a service, which keeps its state'):
        out = crash(guest, 'toy')
        assert 'sum 5 of 1 keys, 1 recoveries' in out, out
        bed.write(0, at, b'\xf4')
        guest.run('service kill toy')
        until_is(guest, 'toy', 'running')
        out = guest.run('service status rs')[1]
        assert ' 1 recoveries' in out, out
        out = guest.run(TOY + ' sum')[1]
        assert 'sum 5 of 1 keys, 2 recoveries' in out, out


def refused(guest):
    with scenario('what programs or the root need is not given up'):
        for name in ('vfs', 'pm', 'vm', 'rs', 'tmpfs', 'sched', 'ext2', 'virtio_blk', 'pci'):
            status, out = guest.run('service degrade %s 2>&1' % name)
            assert status == 1 and 'cannot do without' in out, (name, out)
            assert guest.run('service stop %s 2>/dev/null' % name)[0] == 1, name
    with scenario('who is not root gives up nothing, and is told of no defect'):
        status, out = guest.run("su -s /bin/sh nobody -c 'service degrade hello' 2>&1")
        assert status == 1 and 'only root' in out, out
        assert guest.run("su -s /bin/sh nobody -c /usr/sbin/recoverd 2>&1")[0] == 1


with BootSet() as boot:
    with scenario('the image checker refuses a script that is not in the image'):
        boot.set('toy', script='nosuch')
        assert "toy.svc:" in boot.refused() and "script 'nosuch' is not in" in boot.refused()
    for name in ('vfs', 'pm', 'vm', 'sched', 'tmpfs', 'ds', 'log', 'rsguard'):
        with scenario('and one for %s, which scripts cannot run without' % name):
            boot.set('toy', script=None)
            kept = boot.text[name]
            boot.set(name, script='backoff')
            assert "a script cannot help '%s'" % name in boot.refused(), boot.refused()
            boot.text[name] = kept
    prepare(boot)
    with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
               root_option=',snapshot=on') as guest:
        guest.shell()
        guest.run('dmesg -n 1')
        install(guest)
        decides(guest)
        fails(guest)
        dies(guest)
        refused(guest)
        guest.send('poweroff\n')
        guest.wait(60)
        with scenario('the tree of the scripts is unmounted in the end'):
            assert b': tmpfs busy' not in guest.console, guest.console[-600:]
    if shutil.which('gdb') is not None:
        with tempfile.TemporaryDirectory(prefix='skink-scripts-') as ram:
            bed = plant.Bed(ram, initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
                            root_option=',snapshot=on')
            bed.fresh()
            dies_deciding(bed)
            bed.close()
finish()
