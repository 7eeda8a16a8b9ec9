# SPDX-License-Identifier: BSD-2-Clause
"""Each right of each manifest is needed.

Each is left out in turn. Most of these images the image checker refuses, because it sees what the
program is linked to use. Of the others each is booted, and what the right is for does not work;
with the image as it is the same thing works. Which those are stands in BOOTED: a new right that
nothing shows to be needed fails here. `needs` is no right but an order: without any of these lines
the system starts as well.

SKINK_LONG=1: all of BOOTED; else every seventh, and those that are QUICK. Limit: 1500
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tools'))

import guest as guests
import machine
from bootset import BootSet, names, words
from guest import Guest, GuestError, finish, scenario
from screen import Screen

RIGHTS = ('talks', 'notifies', 'primitives', 'calls', 'uses', 'rights', 'ports', 'lines', 'mmio',
          'pci', 'framebuffer', 'archive', 'copy', 'answers', 'serves', 'complains', 'injects')
LISTS = ('image/boot.list', 'image/ram.list', 'image/disk.list')
LONG = bool(os.environ.get('SKINK_LONG'))
PATIENCE = 15                   # a boot takes one or two seconds
EVERY = 7
DISK = 8 << 20
guests.DIAGNOSE = False         # that they stand still is what is expected


# ---- what rights are for: each fails, or waits in vain, without its own ----

def shell(guest):
    guest.shell(PATIENCE)
    assert guest.run('echo $((6 * 7)) | cat', PATIENCE) == (0, '42\n')


def disk(letter):
    def works(guest):
        shell(guest)
        status, out = guest.run('mount -t ext2 /dev/vd%s /mnt && seq 3000 > /mnt/a && sync && '
                                'md5sum < /mnt/a && ls /mnt' % letter, PATIENCE)
        assert status == 0 and 'lost+found' in out, out
        status, out = guest.run('dmesg | grep repaired:', PATIENCE)     # vfs looks itself, later
        assert status != 0, out
    return works


def hang(guest):
    """rs says so after three or four seconds, while no program says or does anything."""
    shell(guest)
    guest.run('dmesg -n 8; service kill -STOP hello', PATIENCE)


def console_log(guest):
    """Lines are shown at once: at its heartbeats, each second, uart looks for them in any case."""
    shell(guest)
    guest.send('dmesg -n 8; for i in 1 2 3 4 5 6; do service kill toy; usleep 300000; '
               'echo "after $i" | tr a-z A-Z; done; echo "all of it" | tr a-z A-Z\n')
    said = guest.expect(r'(?s).*ALL OF IT', PATIENCE)[0].decode()
    parts = re.split(r'AFTER \d', said)
    at_once = sum('toy: killed' in part for part in parts[:-1])
    assert at_once >= 5, (at_once, said)


def log_file(guest):
    """A line is in the file soon after it was said; not when pm hears of something else."""
    hang(guest)
    time.sleep(9)
    status, out = guest.run('grep -c "hello: missed" /var/log/skink.log; stat -c %Y '
                            '/var/log/skink.log; date +%s', PATIENCE)
    lines, written, now = map(int, out.split())
    assert lines > 0 and now - written >= 3, out


def service_log(guest):
    shell(guest)
    status, out = guest.run('service log hello', PATIENCE)
    assert status == 0 and 'hello, world' in out, out


def service_list(guest):
    shell(guest)
    assert guest.run('service list', PATIENCE)[0] == 0


def signals(guest):
    shell(guest)
    status, out = guest.run('sleep 20 & sleep 1; kill $!; wait $!; echo "status $?"',
                            PATIENCE)
    assert 'status 143' in out, out


def keyboard(guest):
    shell(guest)
    screen = Screen(guest)
    screen.type('echo typed > /tmp/typed\n')
    status, out = guest.run('for i in $(seq 50); do test -s /tmp/typed && break; usleep 100000; '
                            'done; cat /tmp/typed', PATIENCE)
    assert (status, out) == (0, 'typed\n'), out


def dump_key(guest):
    shell(guest)
    before = guest.run('dmesg | grep -c "is: "', PATIENCE)[1]
    guest.keys('shift', 'f1')
    status, out = guest.run('for i in $(seq 30); do test $(dmesg | grep -c "is: ") -gt %s && break;'
                            ' usleep 100000; done; dmesg | grep -c "is: "' % before.strip(),
                            PATIENCE)
    assert int(out) > int(before), (before, out)


def power_off(guest):
    shell(guest)
    guest.send('poweroff -f\n')
    guest.wait(PATIENCE)


BARE = {'extra': ['-machine', 'acpi=off']}      # no firmware tables
EYES = {'vga': True}

# (service, word, value): what shows it, and the machine that it takes.
BOOTED = {
    ('tty', 'notifies', 'vfs'): (shell, {}),
    ('vm', 'answers', 'faults'): (shell, {}),
    ('ext2', 'notifies', 'vfs'): (shell, {}),
    ('ext2', 'notifies', 'virtio_blk'): (shell, {}),
    ('pm', 'answers', 'exceptions'): (signals, {}),
    ('rs', 'serves', 'programs'): (service_list, {}),
    ('log', 'serves', 'programs'): (service_log, {}),
    ('log', 'notifies', 'uart'): (console_log, {}),
    ('log', 'notifies', 'pm'): (log_file, {}),
    ('keyboard', 'notifies', 'is'): (dump_key, {}),
    ('keyboard', 'ports', '60-60'): (keyboard, EYES),
    ('keyboard', 'ports', '64-64'): (keyboard, EYES),
    ('acpi', 'ports', '600-67f'): (power_off, {}),
    ('acpi', 'pci', '8086:2918'): (power_off, BARE),
}
for n, letter in (('1', 'b'), ('2', 'c'), ('3', 'd')):
    BOOTED['ext2_' + n, 'notifies', 'vfs'] = (disk(letter), {})
    BOOTED['ext2_' + n, 'notifies', 'virtio_blk' + n] = (disk(letter), {})
QUICK = [('rs', 'serves', 'programs'), ('log', 'serves', 'programs')]

# What cannot be shown on the machines there are here, and why it stays.
ELSEWHERE = {
    ('acpi', 'ports', 'b2-b2'): 'turns ACPI on, which QEMU takes for granted',
    ('acpi', 'ports', '400-47f'): 'where other PCs have it',
    ('acpi', 'ports', '800-87f'): 'where other PCs have it',
    ('acpi', 'ports', '1800-187f'): 'where other PCs have it',
    ('acpi', 'ports', 'b000-b03f'): 'where PIIX4 has it, which QEMU has with tables only',
    ('acpi', 'pci', '8086:7113'): 'PIIX4',
    ('log', 'notifies', 'screen'): 'as uart: lines come at once, not at a heartbeat only',
    ('screen', 'framebuffer', 'yes'): 'with GRUB only: tests/system/iso.py',
    ('ext2_ram', 'notifies', 'vfs'): 'the program is ext2',
    ('ext2_ram', 'notifies', 'ramdisk'): 'the program is ext2',
}


# ---- leaving out ----

def drops(text, wanted=RIGHTS + ('posix',)):
    """(word, value, the manifest without it), for each value that a line of these lists."""
    lines = text.split('\n')
    for number, line in enumerate(lines):
        listed = words(line)
        if not listed or listed[0] not in wanted:
            continue
        for value in listed[1:]:
            left = [word for word in listed if word != value]
            kept = [' '.join(left)] if len(left) > 1 else []
            yield listed[0], value, '\n'.join(lines[:number] + kept + lines[number + 1:])


def checker_accepts(item):
    name, text = item
    with BootSet([name for path in LISTS for name in names(path)]) as boot:
        assert name in boot.text
        boot.text[name] = text
        return not boot.refused()


def look_at_manifests():
    with BootSet([name for path in LISTS for name in names(path)]) as boot:
        assert boot.refused() == ''
        variants = [(name, word, value, text) for name in boot.text
                    for word, value, text in drops(boot.text[name], RIGHTS)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        accepted = pool.map(checker_accepts, [(v[0], v[3]) for v in variants])
        left = {v[:3] for v, is_accepted in zip(variants, accepted) if is_accepted}
    print('    %d rights; without %d of them the image is refused' % (len(variants),
                                                                   len(variants) - len(left)))
    return left


def boots(function, machine_options, change=None):
    """Does it work, with the image as it is or with one manifest changed?"""
    with BootSet() as boot:
        disks = []
        for number in range(3):
            path = os.path.join(boot.folder, 'disk%d' % number)
            subprocess.run(['mke2fs', '-q', '-t', 'ext2', path, str(DISK // 1024)], check=True,
                           stdout=subprocess.DEVNULL)
            disks.append(path)
        if change is not None:
            name, word, value = change
            boot.text[name] = next(text for w, v, text in drops(boot.text[name])
                                   if (w, v) == (word, value))
        label = '-'.join(change) if change else function.__name__
        try:
            with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
                       root_option=',snapshot=on', disks=disks,
                       name='rights-' + re.sub(r'\W', '-', label), **machine_options) as guest:
                function(guest)
            return True, ''
        except (GuestError, AssertionError, OSError, ValueError) as error:
            return False, str(error)


def show(right):
    function, options = BOOTED[right]
    return boots(function, options)[0], boots(function, options, right)[0]


def chosen():
    return list(BOOTED) if LONG else QUICK + [right for right in list(BOOTED)[::EVERY]
                                              if right not in QUICK]


# ---- Linux calls: what a route is for is seen at once ----

# Without these a shell does not come up, or `answered` does not run.
ESSENTIAL = (
    'read write open close stat fstat lstat poll lseek ioctl writev mmap mprotect munmap brk '
    'rt_sigaction rt_sigprocmask rt_sigreturn access pipe dup dup2 fork vfork clone execve exit '
    'wait4 exit_group fcntl getcwd chdir kill alarm arch_prctl set_tid_address futex setsid '
    'setpgid mount readlink umask openat newfstatat set_robust_list prlimit64 getrandom').split()


def linux_calls():
    """Linux calls that the image's manifests list, by name."""
    with BootSet() as boot:
        return {value: name for name in boot.text
                for _, value, _ in drops(boot.text[name], ('posix',))}


def numbers(listed):
    """Their numbers: two rows of names, the first from 0 on."""
    with open(os.path.join(ROOT, 'lib', 'linux_names.c')) as file:
        text = file.read()
    found = {}
    for row in ('early', 'late'):
        first = 0 if row == 'early' else int(re.search(r'FIRST_LATE = (\d+)', text)[1])
        quoted = re.search(r'char %s\[\] =(.*?);' % row, text, re.S)[1]
        for number, name in enumerate(''.join(re.findall(r'"(.*?)"', quoted)).split(), first):
            found[name] = number
    return [found[name] for name in listed]


def unanswered(guest, wanted):
    out = guest.run('/usr/lib/skink/answered ' + ' '.join(map(str, wanted)), 60)[1]
    assert 'done\n' in out, out
    return [int(line) for line in out.split('\n') if line.isdigit()]   # logd may say something


def thin_out(boot):
    """Leaves out all Linux calls but those that a shell takes to come up; their names."""
    gone = []
    for name in boot.text:
        lines = boot.text[name].split('\n')
        for number, line in enumerate(lines):
            if words(line)[:1] == ['posix']:
                gone += [word for word in words(line)[1:] if word not in ESSENTIAL]
                kept = [word for word in words(line)[1:] if word in ESSENTIAL]
                lines[number] = ' '.join(['posix'] + kept) if kept else ''
        boot.text[name] = '\n'.join(lines)
    return gone


def look_at_linux_calls():
    with scenario('every Linux call that is listed is answered by who lists it'):
        listed = linux_calls()
        with Guest(name='rights-calls') as guest:
            guest.shell()
            missing = unanswered(guest, numbers(listed))
            assert missing == [], [name for name in listed if numbers([name])[0] in missing]
    with scenario('and by nobody else: those left out are not answered'):
        with BootSet() as boot:
            gone = thin_out(boot)
            assert len(gone) + len(ESSENTIAL) == len(listed), (len(gone), len(listed))
            with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
                       root_option=',snapshot=on', name='rights-few-calls') as guest:
                guest.expect(r'# (\x1b\[6n)?', PATIENCE)
                assert unanswered(guest, numbers(listed)) == numbers(
                    [name for name in listed if name in gone])


def answered(name):
    """For one of the essential ones: a shell comes up, and it is answered."""
    def works(guest):
        guest.expect(r'# (\x1b\[6n)?', PATIENCE)
        assert unanswered(guest, numbers([name])) == []
    return works


def look_at_essential_calls(pool):
    server = linux_calls()
    results = pool.map(lambda name: boots(answered(name), {}, (server[name], 'posix', name)),
                       ESSENTIAL)
    for name, (works, _) in zip(ESSENTIAL, results):
        with scenario('%s: without "posix %s" it is missing' % (server[name], name)):
            assert not works, 'nothing is: it is not needed'


def main():
    with scenario('without a right that a program is linked to use the image is refused'):
        left = look_at_manifests()
        known = set(BOOTED) | set(ELSEWHERE)
        assert left == known, 'shown by nothing: %s; refused meanwhile: %s' % (left - known,
                                                                              known - left)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        rights = chosen()
        for right, (whole, without) in zip(rights, pool.map(show, rights)):
            with scenario('%s: without "%s %s" something is missing' % right):
                assert whole, 'it does not work anyway'
                assert not without, 'nothing is: it is not needed'
        if LONG:
            look_at_essential_calls(pool)
    look_at_linux_calls()
    with scenario('needs are an order: the system starts without them'):
        with BootSet() as boot:
            for name in boot.text:
                boot.set(name, needs=None)
            with Guest(initrd=boot.write('boot.img'), root=machine.ROOT_IMAGE,
                       root_option=',snapshot=on', name='rights-needs') as guest:
                shell(guest)
    finish()


main()
