#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""bench.py - what Skink costs beside Linux (./skink bench [NAME...]).

Runs bench/mbench.c group by group, each in a guest of its own, then the message benchmark and the
boot, and writes docs/bench.md. All of it counts instructions: one is one ns of the guest's time.
With NAMEs only groups or rows whose names begin so run; the table then goes to standard output,
and docs/bench.md stays.
"""
import math
import os
import subprocess
import sys
import time

import machine
from guest import Guest, GuestError

MBENCH = ['/usr/lib/skink/mbench', '-t', '50', '-d', '/tmp', '-f', '1000']
GUEST_SECONDS = 120             # wall-clock, for one group; the slowest takes about 5
REPORT = os.path.join(machine.ROOT, 'docs', 'bench.md')
BASELINE = os.path.join(machine.ROOT, 'bench', 'linux-baseline.tsv')
COLUMN = 'lean_ic'              # the strongest Linux, counting instructions
BENCH_IMAGE = os.path.join(machine.BUILD, 'bench.img')

# The groups of mbench.c, and how the names of their rows begin.
GROUPS = {
    'cpu': ('cpu_',),
    'syscall': ('syscall_', 'clock_', 'sched_', 'read1_', 'write1_'),
    'signal': ('signal_', 'sigprocmask_'),
    'pipe': ('pipe_',),
    'unix': ('unix_',),
    'tcp': ('tcp_', 'udp_'),
    'poll': ('poll_',),
    'thread': ('futex_', 'thread_', 'mutex_'),
    'proc': ('fork_', 'vfork_'),
    'mem': ('page_fault_', 'mmap_', 'mprotect_'),
    'file': ('file_',),
    'name': ('fstat', 'stat', 'open_', 'rename_', 'create_', 'mkdir_'),
    'many': ('many_', 'readdir_'),
}
SKIPPED = {'unix': 'no sockets yet', 'tcp': 'no network yet'}
NO_RATIO = {'file_write4K_fsync': 'tmpfs has nothing to sync'}

MESSAGES = {                    # lines of bench/rtt, as the table names them
    'message round trip, bare': 'message round trip: call, switch, reply, switch',
    'message round trip, library': "the same through the library's loop, with its undo log",
    'kernel entry and exit': 'kernel entry and exit: a call that is refused',
    'kernel call': 'kernel call: `proc_public_get`',
}
MESSAGE_LIMIT = 400


def say(text):
    print('bench: ' + text, file=sys.stderr, flush=True)


# ---- Linux's side ----

def read_baseline():
    """{row: (unit, figure or None)} of the rows that mbench has, in its order."""
    rows, columns = {}, None
    with open(BASELINE) as file:
        for line in file:
            fields = line.rstrip('\n').split('\t')
            if line.startswith('#'):
                continue
            if columns is None:
                columns = fields
            elif group_of(fields[0]):
                figure = fields[columns.index(COLUMN)]
                rows[fields[0]] = (fields[1], None if figure == '-' else float(figure))
    return rows


def group_of(row):
    for group, starts in GROUPS.items():
        if row.startswith(starts):
            return group
    return None


# ---- Skink's side ----

class Results:
    def __init__(self):
        self.figures = {}       # row: figure
        self.reasons = {}       # row, or group: why it did not run


def run_group(group, results):
    """One guest, one group. Whatever does not come out gets its reason."""
    command = [sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py'), '--icount', 'off',
               '--accel', 'tcg', '--timeout', str(GUEST_SECONDS), '--'] + MBENCH + [group]
    begun = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    ended = False
    for line in done.stdout.split('\n'):
        words = line.split()
        if line.startswith('# skip '):
            name, _, why = line[len('# skip '):].partition(': ')
            results.reasons[name] = 'mbench: ' + why
        elif len(words) == 3 and words[0] != '#':
            results.figures[words[0]] = float(words[1])
        ended = ended or line == '# mbench done'
    if done.returncode != 0 or not ended:
        results.reasons[group] = explain(done, ended)
    say('%s: %s, %.1f s' % (group, results.reasons.get(group, 'done'), time.monotonic() - begun))


def explain(done, ended):
    if done.returncode == 124:
        return 'hung: no end within %d s' % GUEST_SECONDS
    if done.returncode == 125:
        return 'the guest died: ' + (done.stderr.split('\n')[0][len('skink: '):] or 'no reason')
    return 'mbench ended with status %d%s' % (done.returncode, '' if ended else ', too early')


def measure_messages():
    """{line of bench/rtt: instructions}, or the reason why not."""
    say('messages')
    try:
        with Guest(name='bench-messages', icount='off', initrd=BENCH_IMAGE,
                   append=['init=/usr/sbin/execd']) as guest:
            guest.expect(r'rtt done', 60)
            text = guest.console.decode(errors='replace')
    except (GuestError, machine.UsageError) as error:
        return str(error).split('\n')[0]
    found = {}
    for line in text.replace('\r', '').split('\n'):
        name, _, figure = line.partition('rtt: ')[2].rpartition(' ')
        if name and figure.isdigit():
            found[name] = int(figure)
    return found


def measure_boot():
    """(instructions, seconds) from reset to the shell's prompt, or the reason why not.

    The command that reads the counter is typed ahead, so that no idle time comes before it. The
    seconds are those of a second boot, one that does not count."""
    say('boot')
    try:
        with Guest(name='bench-boot', icount='off') as guest:
            guest.expect(r'.', 60)
            guest.send('/usr/lib/skink/tsc\n')
            counted = int(guest.expect(r'^tsc (\d+)\r?\n', 60).group(1))
        begun = time.monotonic()
        with Guest(name='bench-boot-wall') as guest:
            guest.expect(r'# (\x1b\[6n)?', 60)
            return counted, time.monotonic() - begun
    except GuestError as error:
        return str(error).split('\n')[0]


# ---- the report ----

def ratio(unit, linux, skink):
    """How many times Linux's cost Skink has; above 1 is worse, for bandwidths too."""
    return linux / skink if unit == 'MB/s' else skink / linux


def number(figure):
    return '%.1f' % figure if figure >= 100 else '%.3g' % figure


def table(baseline, results, wanted):
    """The lines of the table, and the ratios in it."""
    lines = ['| row | unit | Linux | Skink | ratio |', '|---|---|---:|---:|---:|']
    ratios = []
    for row in wanted:
        unit, linux = baseline[row]
        skink = results.figures.get(row)
        if skink is None:
            continue
        cell = '–'
        if linux and skink > 0 and row not in NO_RATIO:
            ratios.append(ratio(unit, linux, skink))
            cell = '%.2f' % ratios[-1]
        lines.append('| %s | %s | %s | %s | %s |' % (
            row, 'instr' if unit == 'ns' else 'B/1000 instr',
            number(linux) if linux else '–', number(skink), cell))
    return lines, ratios


def missing(results, wanted):
    lines = []
    for row in wanted:
        if row in results.figures:
            continue
        group = group_of(row)
        why = results.reasons.get(row) or results.reasons.get(group) or 'mbench did not print it'
        lines.append('| %s | %s |' % (row, why))
    return ['', 'Rows that did not run:', '', '| row | why |', '|---|---|'] + lines if lines else []


def summary(ratios, rows):
    if not ratios:
        return []
    return ['', 'Geometric mean of the %d ratios: **%.2f**. Below Linux: %d; above 2: %d. Of %d '
            'rows of the baseline %d ran.' % (
                len(ratios), math.exp(sum(map(math.log, ratios)) / len(ratios)),
                sum(r < 1 for r in ratios), sum(r > 2 for r in ratios), rows[1], rows[0])]


def message_lines(found):
    if isinstance(found, str):
        return ['Messages were not measured: %s.' % found]
    loop = found.get('nothing, the loop itself', 0)
    lines = ['| what | instructions |', '|---|---:|']
    for name, words in MESSAGES.items():
        figure = found[name] - loop if name in found else 'did not run'
        lines.append('| %s | %s |' % (words, figure))
    return lines + ['', "The benchmark's own loop (%d) is taken off. The goal for the round trip "
                    'is %d at most.' % (loop, MESSAGE_LIMIT)]


def boot_lines(boot):
    if isinstance(boot, str):
        return ['The boot was not measured: %s.' % boot]
    return ['| reset to the shell\'s prompt | Linux | Skink |', '|---|---:|---:|',
            '| instructions, millions | 1608 | %.0f |' % (boot[0] / 1e6),
            '| wall-clock, s | 1.76 | %.2f |' % boot[1], '',
            BOOT_NOTE]


BOOT_NOTE = """\
Linux: the extracted kernel with a busybox initramfs (`boot_vmlinux_pvh_to_shell`); its instructions
go on to power-off. Skink: until a command typed ahead of the prompt has read the counter. Both with
the firmware's. Wall-clock depends on the host and is from one run."""


def command_line():
    """QEMU's, as the report shows it: without what differs from run to run."""
    words = machine.Machine(icount='off', append=['init=/usr/sbin/execd', 'log=off']).command('')
    return ' '.join('"%s"' % w if ' ' in w else w for w in words).replace(machine.ROOT + '/', '')


INTRODUCTION = """\
# Skink beside Linux

Generated by `./skink bench`; do not edit. Everything counts instructions (`-icount shift=0`: one is
one ns of the guest's time; a bandwidth is bytes for 1000 instructions), so a run repeats closely on
any host. **A ratio above 1 is worse than Linux**, for bandwidths too.

- The same source, `bench/mbench.c`, built the same way, a static musl program, runs on both.
- Linux: Debian 12's 6.1 at its leanest (column `lean_ic` of `bench/linux-baseline.tsv`, which says
  how).
- **The files are not on the same ground**: Skink's are on tmpfs, Linux's were on ext2 on a virtio
  disk, cached. That favours Skink where names or blocks change (`file_write_*`, `file_create_*`,
  `create_*`, `rename_*`, `mkdir_*`, `many_*`); `file_write4K_fsync` means nothing on tmpfs and has
  no ratio.
- Skink measures each row for 50 ms of the guest's time and makes 1000 files; Linux had 300 ms and
  10000 files.
- Instructions are not time: what an address-space switch costs in TLB misses, no figure here shows.

## Rows
"""


def report(lines, messages, boot):
    return [INTRODUCTION] + lines + [
        '', '## Messages and kernel calls', ''] + message_lines(messages) + [
        '', '## Boot', ''] + boot_lines(boot) + [
        '', '## Command line', '', '```', command_line(), '```', '',
        'and in the guest `%s GROUP`, one boot for each group.' % ' '.join(MBENCH), '']


def main():
    prefixes = tuple(sys.argv[1:])
    baseline, results = read_baseline(), Results()
    wanted = [row for row in baseline
              if not prefixes or row.startswith(prefixes) or group_of(row).startswith(prefixes)]
    if not wanted:
        raise machine.UsageError('bench: nothing begins with %s' % ' or '.join(prefixes))
    build()
    for group in GROUPS:
        if not any(group_of(row) == group for row in wanted):
            continue
        if group in SKIPPED:
            results.reasons[group] = SKIPPED[group]
        else:
            run_group(group, results)
    lines, ratios = table(baseline, results, wanted)
    ran = sum(row in results.figures for row in wanted)
    lines += summary(ratios, (ran, len(wanted))) + missing(results, wanted)
    if prefixes:
        print('\n'.join(lines))
    else:
        text = '\n'.join(report(lines, measure_messages(), measure_boot()))
        with open(REPORT, 'w') as file:
            file.write(text)
        say('wrote ' + os.path.relpath(REPORT, machine.ROOT))
    return 1 if set(results.reasons) - set(SKIPPED) else 0


def build():
    done = subprocess.run(['make', '-C', machine.ROOT, '--no-print-directory', '-j2', 'bench'],
                          stdout=sys.stderr)
    if done.returncode != 0:
        sys.exit('skink: the build failed')


if __name__ == '__main__':
    try:
        sys.exit(main())
    except machine.UsageError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(2)
