# SPDX-License-Identifier: BSD-2-Clause
"""./skink exec keeps status, output, errors and input apart and whole.

Limit: 240
"""
import os
import random
import re
import signal
import subprocess
import sys
import tempfile

import machine
from guest import finish, scenario

EXEC = [sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py')]


def run(*command, options=('--timeout', '60'), data=b'', **environment):
    return subprocess.run(EXEC + list(options) + ['--'] + list(command), input=data,
                          capture_output=True, timeout=100, env=dict(os.environ, **environment))


with scenario('output and errors come out apart, and the status is the command\'s'):
    done = run('sh', '-c', 'echo out; echo err >&2; exit 3')
    assert done.returncode == 3, done
    assert done.stdout == b'out\n' and done.stderr == b'err\n', done
with scenario('every byte of standard input reaches the command and comes back'):
    data = bytes(range(256)) * 80
    done = run('cat', data=data)
    assert done.returncode == 0 and done.stdout == data, (done.returncode, len(done.stdout))
for service in ('uart', 'tty'):
    with scenario('no byte is lost or doubled while %s dies again and again' % service):
        data = random.Random(service).randbytes(60000)
        done = run('sh', '-c', 'for i in $(seq 30); do dd bs=2000 count=1 iflag=fullblock '
                   '2>/dev/null && service kill %s || exit; done; service status %s >&2'
                   % (service, service), data=data)
        deaths = re.search(rb'(\d+) recoveries', done.stderr)
        assert done.stdout == data, (len(done.stdout), done)
        assert int(deaths[1]) == 30, done.stderr
with scenario('a command that is not there is status 127'):
    done = run('nonesuch')
    assert done.returncode == 127 and b'nonesuch' in done.stderr, done
with scenario('a command killed by a signal is 128 and the signal'):
    done = run('sh', '-c', 'kill -SEGV $$')
    assert done.returncode == 128 + 11, done
with scenario('the time limit ends it with status 124'):
    for limit in ('6', '0.1'):      # the second comes before the guest is ready
        done = run('sleep', '100', options=('--timeout', limit))
        assert done.returncode == 124, done
with scenario('a test that waits in vain leaves what each process waited for in build/logs'):
    # The trace ring holds some seconds: there is an execve in each.
    done = run('sh', '-c', 'while :; do sleep 1; done | cat', options=('--timeout', '8'),
               SKINK_DIAGNOSE='1')
    name = re.search(rb'what it did: (\S+)', done.stderr)
    assert done.returncode == 124 and name, done
    with open(os.path.join(machine.ROOT, name[1].decode())) as file:
        state = file.read()
    for pattern in (r'\(qemu\) i/b', r'service 6\.\d+ +receiving',
                    r'linux 7, args.* ROW_WAITS, QUEUE_POLL',
                    r'linux 0, args.* ROW_WAITS, QUEUE_PIPE_READ', r'line 0: in 0 bytes',
                    r'wire 0: read refused 0', r'read held 1', r'send +\d+ -> 6 +linux 59 '):
        assert re.search(pattern, state), (pattern, name[1])
with scenario('an interrupt ends it with status 130, and nothing is left of the guest'):
    with tempfile.TemporaryDirectory(prefix='skink-exec-') as folder:
        process = subprocess.Popen(EXEC + ['--', 'sh', '-c', 'echo begun; sleep 100'],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True,
                                   env={**os.environ, 'TMPDIR': folder})
        assert process.stdout.readline() == b'begun\n'
        os.killpg(process.pid, signal.SIGINT)
        errors = process.communicate(timeout=30)[1]
        assert (process.returncode, errors, os.listdir(folder)) == (130, b'', []), errors
with scenario('who has closed standard input has an empty one'):
    done = subprocess.run(['sh', '-c', 'exec "$@" <&-', 'sh'] + EXEC + ['--', 'wc', '-c'],
                          capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b'0\n'), done
with scenario('with --uefi the words of the firmware are not taken for the command\'s'):
    done = run('sh', '-c', 'echo out; exit 5', options=('--uefi', '--timeout', '60'))
    assert (done.returncode, done.stdout, done.stderr) == (5, b'out\n', b''), done
with scenario('a wrong option is status 2, with a message'):
    done = run('true', options=('--memory', 'lots'))
    assert done.returncode == 2 and b'--memory' in done.stderr, done
    for options in (['--timeout', '-1'], ['--timeout', 'soon'], ['--nosuch']):
        done = run('true', options=options)
        assert done.returncode == 2 and options[0].encode() in done.stderr, done
    for options, text in ((['--memory', '900000000'], b'this machine has'),
                          (['--memory', '16'], b'or more'),
                          (['--disk', machine.ROOT], b'a folder'),
                          (['--disk', os.devnull], b'neither a file nor'),
                          (['--disk', __file__] * 4, b'4 disks at most'),
                          (['--disk', __file__] * 2, b'is a disk already'),
                          (['--iso', '--append', 'x="'], b'GRUB would change'),
                          (['--append', 'x=' + 1000 * 'x'], b'bytes too long'),
                          (['--root', machine.ROOT], b'a folder'),
                          (['--root', __file__], b'not an ext2 file system')):
        done = run('true', options=options)
        assert done.returncode == 2 and text in done.stderr, (options, done)
with scenario('what cannot be added to the image is named, and nothing is left behind'):
    with tempfile.TemporaryDirectory(prefix='skink-exec-') as folder:
        os.mkdir(folder + '/over')
        os.mkfifo(folder + '/over/fifo')
        os.mkdir(folder + '/tmp')
        done = run('true', options=('--overlay', folder + '/over'), TMPDIR=folder + '/tmp')
        assert done.returncode == 2 and b'fifo: neither file' in done.stderr, done
        assert os.listdir(folder + '/tmp') == [], os.listdir(folder + '/tmp')
with scenario('--help needs no command'):
    done = subprocess.run(EXEC + ['--help'], capture_output=True)
    assert done.returncode == 0 and b'-- COMMAND' in done.stdout, done
finish()
