# SPDX-License-Identifier: BSD-2-Clause
"""What ./skink bench counts is right where the answer is known by reading.

Limit: 180
"""
import subprocess

import count
import machine
from guest import finish, scenario

subprocess.run(['make', '-C', machine.ROOT, '--no-print-directory', '-j2', 'bench'],
               stdout=subprocess.DEVNULL, check=True)


def measure():
    """{row: (operations, interval)} of mbench's group `syscall`, and the stays in the kernel."""
    with count.Counted(count.MBENCH_MARKS, append=['init=/usr/sbin/execd', 'log=off']) as counted:
        status, output = count.run_command(
            counted, ['/usr/lib/skink/mbench', '-t', '20', 'syscall'], 100)
        assert status == 0, output
        intervals, stays = counted.finish()
    found = {}
    for line, interval in zip(filter(None, output.split('\n')), intervals):
        if not line.startswith('#'):
            name, figure, _ = line.split()
            found[name] = round(interval.instructions / float(figure)), interval
    return found, stays


def check(row, **expected):
    """Each figure of one operation, within what a timer tick adds."""
    n, interval = rows[row]
    got = {'messages': interval.messages(), 'switches': interval.switches,
           'calls': interval.calls, 'entries': interval.entries}
    for name, figure in expected.items():
        assert abs(got[name] / n - figure) < 0.02, '%s: %s of %s are %.3f' % (
            row, name, n, got[name] / n)


rows, stays = {}, {}
with scenario('a benchmark runs with its parts counted'):
    rows, stays = measure()
with scenario('getppid is answered by the kernel: one entry, no message'):
    check('syscall_getppid', messages=0, switches=0, calls=0, entries=1)
with scenario('clock_gettime does not enter the kernel'):
    assert rows['clock_gettime'][1].entries == 0
with scenario('a byte of /dev/zero is a call and an answer, without a kernel call'):
    check('read1_zero', messages=2, switches=2, calls=0, entries=2)
with scenario('the functions add up to all instructions, and are of kernel, vfs and program'):
    interval = rows['read1_zero'][1]
    found = interval.by_function(count.symbols(count.MBENCH))
    assert sum(found.values()) == interval.instructions
    parts = {part: sum(n for (p, _), n in found.items() if p == part) for part, _ in found}
    assert parts['kernel'] == interval.kernel
    assert parts['kernel'] + parts['vfs'] + parts['program'] > 0.95 * interval.instructions, parts
with scenario('the longest stays in the kernel have names'):
    texts = {count.cause_text(cause, count.kernel_calls()) for _, cause in stays}
    assert {'`replyreceive`', '`space_map`', 'timer'} <= texts, texts
finish()
