# SPDX-License-Identifier: BSD-2-Clause
"""./skink exec keeps status, output, errors and input apart and whole.

Limit: 240
"""
import os
import subprocess
import sys

import machine
from guest import finish, scenario

EXEC = [sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py')]


def run(*command, options=('--timeout', '60'), data=b''):
    return subprocess.run(EXEC + list(options) + ['--'] + list(command), input=data,
                          capture_output=True, timeout=100)


with scenario('output and errors come out apart, and the status is the command\'s'):
    done = run('sh', '-c', 'echo out; echo err >&2; exit 3')
    assert done.returncode == 3, done
    assert done.stdout == b'out\n' and done.stderr == b'err\n', done
with scenario('every byte of standard input reaches the command and comes back'):
    data = bytes(range(256)) * 80
    done = run('cat', data=data)
    assert done.returncode == 0 and done.stdout == data, (done.returncode, len(done.stdout))
with scenario('a command that is not there is status 127'):
    done = run('nonesuch')
    assert done.returncode == 127 and b'nonesuch' in done.stderr, done
with scenario('a command killed by a signal is 128 and the signal'):
    done = run('sh', '-c', 'kill -SEGV $$')
    assert done.returncode == 128 + 11, done
with scenario('the time limit ends it with status 124'):
    done = run('sleep', '100', options=('--timeout', '6'))
    assert done.returncode == 124, done
with scenario('a wrong option is status 2, with a message'):
    done = run('true', options=('--memory', 'lots'))
    assert done.returncode == 2 and b'--memory' in done.stderr, done
    for options in (['--timeout', '-1'], ['--timeout', 'soon'], ['--nosuch']):
        done = run('true', options=options)
        assert done.returncode == 2 and options[0].encode() in done.stderr, done
    for options, text in ((['--memory', '900000000'], b'this machine has'),
                          (['--memory', '16'], b'or more'),
                          (['--disk', machine.ROOT], b'a folder'),
                          (['--root', machine.ROOT], b'a folder'),
                          (['--root', __file__], b'not an ext2 file system')):
        done = run('true', options=options)
        assert done.returncode == 2 and text in done.stderr, (options, done)
with scenario('--help needs no command'):
    done = subprocess.run(EXEC + ['--help'], capture_output=True)
    assert done.returncode == 0 and b'-- COMMAND' in done.stdout, done
finish()
