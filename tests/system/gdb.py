#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`./skink gdb`: a guest that waits, a breakpoint in the kernel, its structures in words."""
import os
import re
import subprocess

import machine
from guest import finish, need, scenario

COMMANDS = """set confirm off
hbreak do_sendrec if p->msg.type == 0x444
continue
skink ps
print p->ep
print p->msg
print *p
skink message 1
skink trace 5
backtrace 3
kill
"""


def debug():
    process = subprocess.run([os.path.join(machine.ROOT, 'skink'), 'gdb'], input=COMMANDS,
                             capture_output=True, text=True, timeout=100)
    return process.stdout + process.stderr


need('gdb')
with scenario('the debugger shows processes, endpoints, messages and the trace in words'):
    text = debug()
    for line in (r'Breakpoint 1, do_sendrec \(p=\w+ <procs\+\d+>\)',
                 r'^ +1  service 1\.1 +receiving +serial \d+ +rip 0x',
                 r'^(\(gdb\) )?\$1 = service \d+\.1$',
                 r'^(\(gdb\) )?\$2 = \{service 2\.1, type 0x444: ',
                 r'^(\(gdb\) )?\$3 = \{service \d+\.1 +runnable',
                 r'^(\(gdb\) )? +\d+  (send|reply|notify|kernel-call) ',
                 r'#1 +0x\w+ in ipc_primitive '):
        assert re.search(line, text, re.M), (line, text)
finish()
