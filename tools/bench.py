#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""bench.py - what Skink costs beside Linux (./skink bench [NAME...]).

Runs bench/mbench.c group by group, each in a guest of its own, in which tools/count.py counts
messages, switches and kernel calls; then what tools/bench_parts.py has; and writes docs/bench.md.
With NAMEs only groups or rows whose names begin so run; the table then goes to standard output,
and docs/bench.md stays. --undo: something else, see bench_undo.py.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import time

import bench_parts
import bench_undo
import count
import machine
from guest import GuestError

MBENCH = ['/usr/lib/skink/mbench', '-t', '50', '-d', '/tmp', '-f', '1000']
TIME = MBENCH.index('-t') + 1
GUEST_SECONDS = 120             # wall-clock, for one group; the slowest takes about 5
REPORT = os.path.join(machine.ROOT, 'docs', 'bench.md')
BASELINE = os.path.join(machine.ROOT, 'bench', 'linux-baseline.tsv')
COLUMN = 'lean_ic'              # the strongest Linux, counting instructions

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
SKIPPED = {'tcp': 'no network yet'}
# Rows that wait for the disk. While nothing runs, `sleep=off` lets time jump to the next timer; so
# these are run with `sleep=on`, in which it passes as on the host.
SLEEP = ('file_write4K_fsync', 'many_')
LINUX_FSYNC = 280897.0          # with sleep=on: the head of bench/linux-baseline.tsv
FILES = 1000                    # -f
CALL_FSYNC = 74


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
    rows['file_write4K_fsync'] = ('ns', LINUX_FSYNC)
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
        self.intervals = {}     # row: what was counted of it
        self.reasons = {}       # row, or group: why it did not run
        self.stays = []


def run_group(group, results, sleeping):
    """One guest, one group; of it the rows that are to be run so. Whatever does not come out gets
    its reason."""
    begun = time.monotonic()
    try:
        with count.Counted(count.MBENCH_MARKS, name='bench-' + group,
                           icount='on' if sleeping else 'off',
                           append=['init=/usr/sbin/execd', 'log=off']) as counted:
            status, output = count.run_command(counted, MBENCH + [group], GUEST_SECONDS)
            intervals, stays = counted.finish()
    except GuestError as error:
        results.reasons[group] = 'the guest died: ' + str(error).split('\n')[0]
    else:
        results.stays.append(stays)
        take_rows(output, intervals, sleeping, results)
        if status != 0 or '# mbench done' not in output:
            results.reasons[group] = explain(status)
    say('%s: %s, %.1f s' % (group, results.reasons.get(group, 'done'), time.monotonic() - begun))


def take_rows(output, intervals, sleeping, results):
    """mbench prints a line for each interval, in the same order."""
    lines = [line for line in output.split('\n') if line.strip()]
    for number, line in enumerate(lines):
        words = line.split()
        if line.startswith('# skip '):
            name, _, why = line[len('# skip '):].partition(': ')
            results.reasons[name] = 'mbench: ' + why
        elif len(words) == 3 and words[0] != '#' and words[0].startswith(SLEEP) == sleeping:
            results.figures[words[0]] = float(words[1])
            if number < len(intervals):
                results.intervals[words[0]] = intervals[number]


def explain(status):
    if status is None:
        return 'hung: no end within %d s' % GUEST_SECONDS
    return 'mbench ended with status %d' % status if status else 'mbench ended too early'


def operations(row, figure, unit, interval):
    """How many operations were counted. Where nothing waits, the figure says it: it is the
    instructions of one."""
    if row == 'file_write4K_fsync':
        return sum(n for (event, _, _, kind), n in interval.kinds.items()
                   if event == 1 and kind == CALL_FSYNC)
    if row.startswith('many_'):
        return FILES
    if unit == 'ns':
        return max(1, round(interval.instructions / figure))
    size = {'4K': 4096, '64K': 65536, '1M': 1 << 20}[row.replace('_by_4K', '').split('_')[-1]]
    return max(1, round(figure * interval.instructions / 1000 / size))


# ---- the report ----

def ratio(unit, linux, skink):
    """How many times Linux's cost Skink has; above 1 is worse, for bandwidths too."""
    return linux / skink if unit == 'MB/s' else skink / linux


def number(figure):
    return '%.1f' % figure if figure >= 100 else '%.3g' % figure


def table(baseline, results, wanted):
    """The lines of the table, and the ratios in it."""
    lines = ['| row | unit | Linux | Skink | ratio | messages | switches | kernel calls |',
             '|---|---|---:|---:|---:|---:|---:|---:|']
    ratios = []
    for row in wanted:
        unit, linux = baseline[row]
        skink = results.figures.get(row)
        if skink is None:
            continue
        cell = '–'
        if linux and skink > 0:
            ratios.append(ratio(unit, linux, skink))
            cell = '%.2f' % ratios[-1]
        lines.append('| %s | %s | %s | %s | %s | %s |' % (
            row, 'instr' if unit == 'ns' else 'B/1000 instr',
            number(linux) if linux else '–', number(skink), cell,
            ' | '.join(counts(row, unit, skink, results.intervals.get(row)))))
    return lines, ratios


def counts(row, unit, skink, interval):
    if interval is None:
        return ['–', '–', '–']
    n = operations(row, skink, unit, interval)
    return [number(figure / n) if figure / n >= 0.05 else '0'
            for figure in (interval.messages(), interval.switches, interval.calls)]


def messages(row, unit, results):
    """Of one operation."""
    interval = results.intervals[row]
    return interval.messages() / operations(row, results.figures[row], unit, interval)


PARTS = ('program', 'kernel', 'vfs', 'pm', 'vm', 'ext2')


def parts_table(baseline, results, wanted):
    """Where the instructions of an operation go."""
    symbols = count.symbols(count.MBENCH)
    lines = ['| row | sum | %s | others |' % ' | '.join(PARTS),
             '|---|' + '---:|' * (len(PARTS) + 2)]
    for row in wanted:
        interval = results.intervals.get(row)
        if interval is None:
            continue
        n = operations(row, results.figures[row], baseline[row][0], interval)
        found = dict.fromkeys(PARTS + ('others',), 0)
        for (part, _), instructions in interval.by_function(symbols).items():
            found[part if part in found else 'others'] += instructions
        lines.append('| %s | %s |' % (row, ' | '.join(
            '%.0f' % (figure / n) for figure in [interval.instructions, *found.values()])))
    return lines


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
- The files are on ext2 on a virtio disk on both, on Skink on the disk that is the root.
- `file_write4K_fsync` and `many_*` wait for the disk and were run with `sleep=on`: while nothing
  runs, the guest's time passes as the host's, so these figures hold the host's disk as well. For
  the fsync Linux's figure is from such a run, too.
- Skink measures each row for 50 ms of the guest's time and makes 1000 files; Linux had 300 ms and
  10000 files.
- Messages (calls, answers, notifications), changes of the address space and kernel calls are those
  of one operation, counted by a plugin of QEMU's (`tools/count.c`) that reads the kernel's trace
  ring; the kernel counts nothing for it. An operation of a bandwidth is one call, of
  `file_create_1M_by_4K` a whole file.
- Instructions are not time: what an address-space switch costs in TLB misses, no figure here shows.

## Rows
"""

PARTS_NOTE = """\
Instructions of one operation, by whose they are; the rest of what the machine did in the meantime,
write-back and the clock, is in it. `others` are drivers and the other services."""

STAYS_NOTE = """\
The kernel runs with interrupts off from its entry to its exit, so its longest stay is the longest
path with interrupts off. The longest that were seen for each cause, in instructions: until the
first program measured something, and then in all runs of the rows above and in one that kills and
restarts services under two hundred blocked programs, copies, forks and fills memory. `where`: the
functions in which most of the longest was spent."""


def report(lines, parts, results):
    say('messages')
    messages = bench_parts.message_lines()
    say('boot')
    boot = bench_parts.boot_lines()
    say('the longest stays in the kernel')
    stays = bench_parts.stay_lines(results.stays)
    return [INTRODUCTION] + lines + [
        '', '## Where the instructions go', '', PARTS_NOTE, ''] + parts + [
        '', '## Messages and kernel calls', ''] + messages + [
        '', '## Boot', ''] + boot + [
        '', '## The longest path with interrupts off', '', STAYS_NOTE, ''] + stays + [
        '', '## Command line', '', '```', command_line(), '```', '',
        'and in the guest `%s GROUP`, one boot for each group.' % ' '.join(MBENCH), '']


def main():
    parser = argparse.ArgumentParser(prog='skink bench', allow_abbrev=False)
    parser.add_argument('prefixes', metavar='NAME', nargs='*', help='rows or groups that begin so;'
                        ' none: all, and docs/bench.md is written anew')
    parser.add_argument('--undo', action='store_true', help='what the undo log costs; without NAMEs'
                        ' docs/undo.md is written')
    parser.add_argument('--figures', metavar='FILE', help=argparse.SUPPRESS)
    parser.add_argument('--ms', default=MBENCH[TIME], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.undo:
        return bench_undo.report(options.prefixes)
    prefixes = tuple(options.prefixes)
    MBENCH[TIME] = options.ms
    baseline, results = read_baseline(), Results()
    wanted = [row for row in baseline
              if not prefixes or row.startswith(prefixes) or group_of(row).startswith(prefixes)]
    if not wanted:
        raise machine.UsageError('bench: nothing begins with %s' % ' or '.join(prefixes))
    build()
    for group in GROUPS:
        rows = [row for row in wanted if group_of(row) == group]
        if group in SKIPPED:
            results.reasons[group] = SKIPPED[group]
            continue
        for sleeping in (False,) if options.figures else (False, True):
            if any(row.startswith(SLEEP) == sleeping for row in rows):
                run_group(group, results, sleeping)
    if options.figures:
        with open(options.figures, 'w') as file:
            json.dump({row: [baseline[row][0], results.figures[row],
                             messages(row, baseline[row][0], results)] for row in wanted
                       if row in results.figures}, file)
        return 0
    lines, ratios = table(baseline, results, wanted)
    ran = sum(row in results.figures for row in wanted)
    lines += summary(ratios, (ran, len(wanted))) + missing(results, wanted)
    parts = parts_table(baseline, results, wanted)
    if prefixes:
        print('\n'.join(lines + [''] + parts))
    else:
        text = '\n'.join(report(lines, parts, results))
        with open(REPORT, 'w') as file:
            file.write(text)
        say('wrote ' + os.path.relpath(REPORT, machine.ROOT))
    return 1 if set(results.reasons) - set(SKIPPED) else 0


def build():
    undo = ['UNDO=no'] if machine.BUILD.endswith('-plain') else []
    done = subprocess.run(['make', '-C', machine.ROOT, '--no-print-directory', '-j2', 'bench',
                           *undo], stdout=sys.stderr)
    if done.returncode != 0:
        sys.exit('skink: the build failed')


if __name__ == '__main__':
    try:
        sys.exit(main())
    except machine.UsageError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(2)
