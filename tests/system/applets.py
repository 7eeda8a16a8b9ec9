# SPDX-License-Identifier: BSD-2-Clause
"""Debian's busybox: what its applets print in scripts is what they print under Linux.

The scripts are in applets.cases. Each runs here and in the guest, with the same binary, in an
empty folder of its own; output, errors and exit status must be the same.

Limit: 400
"""
import difflib
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile

import machine
from guest import finish, scenario

HERE = os.path.dirname(os.path.abspath(__file__))
BUSYBOX = '/bin/busybox'
APPLETS = 100                   # at least so many different ones
# What is about files runs on a tree in memory as well.
FILES = re.compile('tar$|cpio|cp, mv|touch|ls$|find|du, df|dd$|split|deep|symbolic|holes|'
                   'many files|flock|unlinked|rename|moving')
EXEC = [sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py'), '--timeout', '330', '--']

# Runs every script of the folder $1; the marks cannot be in an output.
DRIVER = '''cd "$1" || exit 1
mkdir bin
for a in $(busybox --list); do ln -s /bin/busybox bin/$a; done
for s in *.case; do
    mkdir ${s%.case} && cd ${s%.case} || exit 1
    env -i PATH="$1/bin" HOME="$1" USER=root LC_ALL=C TZ=UTC \\
        busybox timeout 60 busybox sh ../$s < /dev/null > ../out 2>&1
    echo "status $?" >> ../out
    cd ..
    echo "@@$s"
    cat out
done
echo "@@end"
'''


def cases():
    with open(os.path.join(HERE, 'applets.cases')) as file:
        text = file.read()
    parts = re.split(r'^### (.*)\n', text, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2]))


def archive(all_cases):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode='w') as tar:
        for number, (_, script) in enumerate(all_cases):
            add(tar, '%03d.case' % number, script)
        add(tar, 'driver', DRIVER)
    return raw.getvalue()


def add(tar, name, text):
    info = tarfile.TarInfo(name)
    info.size = len(text.encode())
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(text.encode()))


def at_ease():
    """Who started us may ignore signals; what runs here must not inherit that."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def run(prefix, folder, data):
    command = 'mkdir -p "$1"; cd "$1" && tar x && exec sh driver "$1"'
    done = subprocess.run(prefix + [BUSYBOX, 'sh', '-c', command, 'sh', folder], input=data,
                          capture_output=True, timeout=360, preexec_fn=at_ease)
    sys.stderr.write(done.stderr.decode(errors='replace'))
    text = done.stdout.decode(errors='replace').replace(folder, '@')
    parts = re.split(r'^@@(\d+)\.case\n', text, flags=re.M)[1:]
    return dict(zip(map(int, parts[::2]), parts[1::2])), text.endswith('@@end\n')


def different(expected, got):
    lines = difflib.unified_diff(expected.split('\n'), got.split('\n'), 'Linux', 'Skink',
                                 lineterm='', n=1)
    return '\n' + '\n'.join('    ' + line for line in lines)


def compare(chosen, folder, note):
    """Run these cases here and in the guest's folder."""
    data = archive(chosen)
    with tempfile.TemporaryDirectory(prefix='skink-applets-') as here:
        linux, _ = run(['env', '-i', 'PATH=/bin:/usr/bin'], here + '/w', data)
    skink, whole = run(EXEC, folder, data)
    for number, (name, _) in enumerate(chosen):
        with scenario('%s: as under Linux%s' % (name, note)):
            assert number in skink, 'it did not run to its end'
            assert skink[number] == linux[number], different(linux[number], skink[number])
    with scenario('all scripts ran' + note):
        assert whole


def main():
    chosen = [case for case in cases() if len(sys.argv) < 2 or sys.argv[1] in case[0]]
    compare(chosen, '/tmp/w', '')
    compare([case for case in chosen if FILES.match(case[0])], '/dev/shm/w', ', in memory')
    with scenario('the scripts use at least %d applets' % APPLETS):
        names = set(subprocess.run([BUSYBOX, '--list'], capture_output=True, text=True,
                                   check=True).stdout.split())
        used = {word for _, script in chosen for word in re.findall(r'[\w\[-]+', script)} & names
        assert len(used) >= APPLETS or len(sys.argv) > 1, len(used)
    finish()


main()
