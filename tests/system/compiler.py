# SPDX-License-Identifier: BSD-2-Clause
"""Debian's make, gcc and tcc: what they make in the guest is, byte for byte, what they make under
Linux, and it works.

Limit: 240
Packages: gcc libc6-dev make tcc
"""
import os
import subprocess
import sys

import machine
from compiling import Compiling
from guest import Guest, finish, scenario

HELLO = r'''cat > /tmp/h.c << 'EOT'
#include <math.h>
#include <stdio.h>
int main(int argc, char **argv) { printf("%s: %.6f\n", argv[1], sqrt(argc)); }
EOT
'''
NAMES = machine.wanted(__doc__)


def tool(*arguments):
    return subprocess.run([sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py'),
                           '--timeout', '60', *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)


with Compiling(NAMES) as work, Guest(overlays=[work.folder]) as console:
    console.shell()
    for compiler in ('tcc', 'gcc'):
        with scenario('make -j2 with %s makes, and what it made writes, what they do under Linux'
                      % compiler):
            here = work.here(compiler)
            assert here.count('.o\n') >= 10 and './contract\n' in here, here
            assert console.run('sh /srv/work ' + compiler, 120) == (0, here)
    console.run(HELLO + 'cd /tmp')
    with scenario('gcc optimizes, links libraries, shared or not, and what it makes runs'):
        for option in ('-O3', '-O2 -static', '-pipe -g -shared-libgcc'):
            assert console.run('gcc %s -o h h.c -lm && ./h x' % option, 60) == (0, 'x: 1.414214\n')
    with scenario('an error in the source is told, with the line, and by the exit status'):
        for compiler in ('tcc', 'gcc'):
            out = console.run('echo "int f(void) { return g; }" > e.c; %s -c e.c 2> e.err; '
                              'echo $?; cat e.err' % compiler)[1]
            assert out.startswith('1\n') and 'e.c:1' in out and "'g' undeclared" in out, out
with scenario('--packages adds packages, and what they depend on, to the root disk'):
    made = tool('--packages', NAMES[0], '--packages', ' '.join(NAMES[1:]), '--', 'sh', '-c',
                'echo "#include <stdio.h>\nint main() { puts(\\"ran\\"); }" | tcc -run -')
    assert (made.returncode, made.stdout) == (0, 'ran\n'), made
with scenario('--packages refuses what is no package, and a disk that is as it is'):
    for wrong in (['--packages', '../x'], ['--packages', 'tcc', '--iso'],
                  ['--packages', 'tcc', '--root', os.path.join(machine.BUILD, 'root.img')]):
        made = tool(*wrong, '--', 'true')
        assert made.returncode == 2 and '--packages' in made.stderr, (wrong, made)
finish()
