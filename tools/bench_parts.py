# SPDX-License-Identifier: BSD-2-Clause
"""bench_parts.py - what ./skink bench measures beside the rows of mbench: what a message is made
of, the boot beside Linux's, the longest stays in the kernel, as lines of the report.
"""
import glob
import lzma
import os
import re
import subprocess
import time

import count
import machine
from guest import Guest, GuestError

BENCH_IMAGE = os.path.join(machine.BUILD, 'bench.img')
RTT = os.path.join(machine.BUILD, 'services', 'rtt', 'rtt.elf')
ROUNDS = 10000                  # as in bench/rtt/rtt.c
MESSAGE_LIMIT = 400
MESSAGES = [                    # in the order of bench/rtt
    'kernel entry and exit: a call that is refused',
    'kernel call: `proc_public_get`',
    None,                       # its own loop
    'message round trip: call, switch, reply, switch',
    "the same through the library's loop, with its undo log",
]
BARE, LIBRARY = 3, 4

# What the kernel's functions are there for; of those inlined into each other the innermost counts.
PHASES = [
    ('entry: registers to the process\'s row', 'syscall_entry'),
    ('which call, may he', 'syscall_main ipc_primitive'),
    ('checks of target, rank, serial',
     'do_sendrec do_replyreceive proc_find endpoint_slot call_held endpoint_eq user_range'),
    ('serial, trace record', 'call trace'),
    ('does the receiver wait, does anything',
     'offer awaits admits receive_from pending next_sender'),
    ('the message: from row to row', 'deliver answer'),
    ('the other one becomes ready', 'received call_over proc_ready'),
    ('who runs next', 'schedule schedule_queues'),
    ('address space, extended state', 'leave load_root load_program ext_trap this_core'),
    ('exit: registers from the row', 'leave_to'),
]


# ---- messages ----

def kernel_phases(interval, inlined):
    """[(phase, instructions of a round)], the rest last."""
    blocks = [block[1:] for block in interval.blocks if block[1] & count.KERNEL_HALF]
    left = inlined.by_function(blocks)
    lines = []
    for phase, names in PHASES:
        lines.append((phase, sum(left.pop(name, 0) for name in names.split()) / ROUNDS))
    return lines + [('else: interrupts, other services', sum(left.values()) / ROUNDS)]


USER_PHASES = {
    'ipc_sendrec': 'client: stub of `sendrec`',
    'ipc_replyreceive': 'server: stub of `replyreceive`',
}


def user_phases(interval, symbols):
    """[(part: function, instructions of a round)] of the two sides, the largest first."""
    found = {}
    for (part, name), n in interval.by_function(symbols).items():
        if part in ('rtt', 'echo', 'toy') and n >= ROUNDS:
            side = 'client' if part == 'rtt' else 'server'
            text = USER_PHASES.get(name, '%s: `%s`' % (side, name))
            found[text] = found.get(text, 0) + n / ROUNDS
    return sorted(found.items(), key=lambda item: -item[1])


def message_lines():
    try:
        with count.Counted([('now', RTT, 'cycles'), ('end', RTT, 'report')], name='bench-messages',
                           initrd=BENCH_IMAGE, append=['init=/usr/sbin/execd']) as counted:
            counted.guest.expect(r'rtt done', 60)
            intervals = counted.finish()[0]
    except (GuestError, machine.UsageError) as error:
        return ['Messages were not measured: %s.' % str(error).split('\n')[0]]
    lines = ['| what | instructions | messages | switches |', '|---|---:|---:|---:|']
    for text, interval in zip(MESSAGES, intervals):
        if text:
            lines.append('| %s | %.0f | %.0f | %.0f |' % (
                text, interval.instructions / ROUNDS, interval.messages() / ROUNDS,
                interval.switches / ROUNDS))
    lines += ['', 'With the loop of bench/rtt around it. The goal for the round trip is %d at most.'
              % MESSAGE_LIMIT, '', 'What a round trip is made of; in the kernel it is the same in '
              'both.', '', '| kernel | instructions |', '|---|---:|']
    phases = kernel_phases(intervals[BARE], count.Inlined(count.KERNEL))
    lines += ['| %s | %.0f |' % phase for phase in phases if phase[1] >= 0.5]
    lines += ['| **sum** | **%.0f** |' % sum(n for _, n in phases)]
    for title, number in (('bare: bench/rtt and bench/echo', BARE),
                          ("with the library: bench/rtt and servers/toy", LIBRARY)):
        user = user_phases(intervals[number], count.symbols())
        lines += ['', '| %s | instructions |' % title, '|---|---:|']
        lines += ['| %s | %.0f |' % phase for phase in user]
        lines += ['| **sum** | **%.0f** |' % sum(n for _, n in user)]
    return lines


# ---- boot ----

LINUX = os.path.join(machine.BUILD, 'linux')
LINUX_APPEND = ['console=ttyS0', 'loglevel=4', 'panic=-1', 'init_on_alloc=0', 'mitigations=off']
INIT = '#!/bin/sh\nexec /bin/sh\n'


def linux_kernel():
    """Debian's kernel, taken out of its package and out of its own compression; the path."""
    goal = os.path.join(LINUX, 'vmlinux')
    if os.path.exists(goal):
        return goal
    os.makedirs(LINUX, exist_ok=True)
    listed = subprocess.run(['apt-cache', 'depends', 'linux-image-amd64'], capture_output=True,
                            text=True)
    package = re.search(r'Depends: (linux-image-\S+)', listed.stdout)
    if not package:
        raise machine.UsageError('no package linux-image-amd64 is known here')
    done = subprocess.run(['apt-get', 'download', package.group(1)], cwd=LINUX, capture_output=True,
                          text=True)
    archives = glob.glob(os.path.join(LINUX, 'linux-image-*.deb'))
    if done.returncode != 0 or not archives:
        raise machine.UsageError('%s cannot be downloaded' % package.group(1))
    subprocess.run('dpkg-deb --fsys-tarfile %s | tar -x --wildcards "./boot/vmlinuz-*"'
                   % archives[0], shell=True, cwd=LINUX, check=True)
    with open(glob.glob(os.path.join(LINUX, 'boot', 'vmlinuz-*'))[0], 'rb') as file:
        image = file.read()
    with open(goal + '.new', 'wb') as file:
        file.write(lzma.LZMADecompressor().decompress(image[image.index(b'\xfd7zXZ\0'):]))
    os.rename(goal + '.new', goal)
    return goal


def linux_archive():
    """The same busybox and programs, with an init that is a shell."""
    tree, goal = os.path.join(LINUX, 'tree'), os.path.join(LINUX, 'root.cpio')
    os.makedirs(tree, exist_ok=True)
    with open(os.path.join(tree, 'init'), 'w') as file:
        file.write(INIT)
    os.chmod(file.name, 0o755)
    subprocess.run([os.path.join(machine.ROOT, 'tools', 'mkroot'), '-o', goal, '--busybox',
                    '/bin/busybox', '--overlay', os.path.join(machine.BUILD, 'rootfs'), tree],
                   check=True)
    return goal


def boot_once(**options):
    """(instructions, seconds) from reset to the shell's prompt; the seconds of boots that do not
    count."""
    with count.Counted(None, name='bench-boot', **options) as counted:
        counted.guest.expect(PROMPT, 120)
        instructions = counted.total()
    walls = []
    for _ in range(3):
        begun = time.monotonic()
        with Guest(name='bench-boot-wall', **options) as guest:
            guest.expect(PROMPT, 60)
            walls.append(time.monotonic() - begun)
    return instructions, min(walls)


PROMPT = r'# (\x1b\[6n)?'
BOOT_NOTE = """\
From reset, the firmware's instructions included, to the shell's prompt; instructions that were
executed, without time in which nothing ran; of the seconds the best of three boots. Linux is
Debian's kernel, already taken out of its compression, with the same busybox in an initramfs and
nothing but a shell as process 1. On Skink process 1 is busybox's init, which runs /etc/rc."""


def boot_lines():
    lines = ['| | instructions, millions | wall-clock, s |', '|---|---:|---:|']
    kinds = [('Skink, root in memory', lambda: boot_once(root=None)),
             ('Linux, root in memory', lambda: boot_once(
                 kernel=linux_kernel(), initrd=linux_archive(), append=LINUX_APPEND)),
             ('Skink, root on the disk', boot_once)]
    for name, boot in kinds:
        try:
            instructions, wall = boot()
            lines.append('| %s | %.0f | %.2f |' % (name, instructions / 1e6, wall))
        except (GuestError, machine.UsageError, subprocess.CalledProcessError) as error:
            lines.append('| %s | %s | |' % (name, str(error).split('\n')[0]))
    return lines + ['', BOOT_NOTE]


# ---- the longest stays in the kernel ----

STAYS_SHOWN = 14
# What makes long ones: many who are blocked when their server dies, large memory that is shared,
# copied, unmapped, timers, files.
STRESS = r"""
/usr/lib/skink/mbench -t 1 cpu > /dev/null
mkfifo /tmp/fifo
for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5 6 7 8 9 10; do
  cat /tmp/fifo & sleep $((i + 1000)) &
done; done
dd if=/dev/zero of=/tmp/big bs=1M count=32 2> /dev/null
sha256sum /tmp/big /tmp/big > /dev/null
tar cf /tmp/tar /bin /usr 2> /dev/null
for name in vfs pm vm ext2 virtio_blk tty ds tmpfs; do service kill $name; sleep 1; done
for name in procfs ext2; do service restart $name; sleep 1; done
/usr/lib/skink/mbench -t 5 -d /tmp -f 200 proc mem > /dev/null
kill -9 -1
"""


def longest(stays, when):
    """{cause: (longest, times, blocks)} of the stays of one time."""
    return {cause: stay for (at, cause), stay in stays.items() if at == when and stay.longest}


def stay_row(cause, boot, run, texts):
    """A row of the table. The functions are those of the longest of the two."""
    calls, kernel = texts
    top = run if run and (not boot or run.longest >= boot.longest) else boot
    found = {}
    for address, length, times in top.blocks:
        name = kernel.name(address)
        found[name] = found.get(name, 0) + length * times
    names = sorted(found, key=found.get, reverse=True)[:3]
    return '| %s | %s | %s | %s |' % (
        count.cause_text(cause, calls), boot.longest if boot else '–',
        run.longest if run else '–',
        ', '.join('`%s` %d %%' % (name, 100 * found[name] / top.longest) for name in names))


def stay_lines(more):
    """more: the stays of other runs, which count as well."""
    try:
        with count.Counted(count.MBENCH_MARKS, name='bench-stays',
                           append=['init=/usr/sbin/execd', 'log=off']) as counted:
            count.run_command(counted, ['/bin/sh', '-c', STRESS], 200)
            stays = counted.finish()[1]
    except GuestError as error:
        return ['They were not measured: %s.' % str(error).split('\n')[0]]
    boot, run = longest(stays, 'boot'), longest(stays, 'run')
    for other in more:
        for cause, stay in longest(other, 'run').items():
            if cause not in run or run[cause].longest < stay.longest:
                run[cause] = stay
    causes = sorted(set(boot) | set(run), key=lambda cause: -max(
        at[cause].longest for at in (boot, run) if cause in at))
    texts = count.kernel_calls(), count.Symbols(count.KERNEL)
    return ['| what | booting | running | where |', '|---|---:|---:|---|'] + [
        stay_row(cause, boot.get(cause), run.get(cause), texts) for cause in causes[:STAYS_SHOWN]]
