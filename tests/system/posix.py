# SPDX-License-Identifier: BSD-2-Clause
"""tests/programs/posix: what a program may expect of processes, signals, memory, descriptors.

Limit: 300
"""
import os
import subprocess
import sys

import machine

EXEC = [sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py'), '--timeout', '240', '--']

done = subprocess.run(EXEC + ['/usr/lib/skink/posix'], stdin=subprocess.DEVNULL,
                      capture_output=True, timeout=280, text=True)
print(done.stdout, end='')
print(done.stderr, end='', file=sys.stderr)
if done.returncode not in (0, 1) or 'ok uname says linux' not in done.stdout:
    print('FAIL the program came to its end: status %d' % done.returncode)
sys.exit(done.returncode)
