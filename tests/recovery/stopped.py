# SPDX-License-Identifier: BSD-2-Clause
"""A file server is stopped: who asks it waits, can be interrupted and killed, and goes on later.

The script uses what the shell has built in: to start an applet the shell opens /proc/self/exe.
"""
import os
import subprocess
import sys

import machine
from guest import finish, scenario

EXEC = [sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py'), '--timeout', '60', '--']
SCRIPT = r'''
pause() { i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; }
service stop procfs
(read x < /proc/uptime) & p=$!
pause; kill $p; wait $p; echo "killed $?"
(trap 'echo trapped' USR1; read x < /proc/stat; echo "read $?") & p=$!
pause; kill -USR1 $p; wait $p
(read a b < /proc/uptime; echo "later ${b:+there}") & p=$!
pause; service start procfs; wait $p
read a b < /proc/uptime; echo "now ${b:+there}"
'''

with scenario('programs that wait for a stopped file server can be interrupted'):
    done = subprocess.run(EXEC + ['sh', '-c', SCRIPT], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=90, text=True)
    assert done.stdout.split('\n')[:3] == ['killed 143', 'trapped', 'read 1'], done
    assert 'Interrupted system call' in done.stderr, done
with scenario('when it is started again it answers'):
    assert done.stdout.endswith('now there\n') and done.returncode == 0, done
finish()
