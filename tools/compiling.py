# SPDX-License-Identifier: BSD-2-Clause
"""compiling.py - Debian's own make and compilers at work: in a guest, and the same ones here.

    with Compiling(machine.wanted(__doc__)) as work:
        with Guest(overlays=[work.folder]) as guest:
            assert guest.run('sh /srv/work gcc') == (0, work.here('gcc'))

They make Skink's contract compiler, which then makes C of Skink's contracts. /srv/work prints the
sum of each file that comes of it: objects, the program, and what that wrote; before them, what the
compilers say.
"""
import hashlib
import os
import shutil
import subprocess
import tempfile

import machine

WORK = r'''
exec 2>&1
rm -rf /tmp/w && mkdir /tmp/w && cd /tmp/w && make -s -j2 -f /srv/tools/Makefile CC=$1 CFLAGS= &&
cd /srv && /tmp/w/contract --out /tmp/w/out contracts/*.contract || exit
[ "$2" = only ] || (cd /tmp/w && find . -type f | sort | xargs sha256sum)
'''
MAKEFILE = r'''
VPATH := /srv/tools
contract: $(patsubst %.c,%.o,$(notdir $(wildcard /srv/tools/contract*.c)))
'''


class Compiling:
    def __init__(self, names):
        """The packages of these names are in it."""
        packages = machine.packages(names)
        self.folder = tempfile.mkdtemp(prefix='skink-compiling-')
        try:
            subprocess.run(['cp', '-a', packages + '/.', self.folder], check=True)
            self.sources()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        shutil.rmtree(self.folder)

    def sources(self):
        """What is compiled; and what `make` needs here."""
        for name in ('bin', 'tmp', 'srv'):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        shutil.copy('/bin/busybox', self.folder + '/bin')
        for name in ('sh', 'rm', 'mkdir'):
            os.symlink('busybox', os.path.join(self.folder, 'bin', name))
        for name in ('tools', 'contracts'):
            shutil.copytree(os.path.join(machine.ROOT, name), self.folder + '/srv/' + name,
                            ignore=lambda _, names: [n for n in names if 'contract' not in n])
        for path, text in (('work', WORK), ('tools/Makefile', MAKEFILE)):
            with open(os.path.join(self.folder, 'srv', path), 'w') as file:
                file.write(text)

    def here(self, compiler):
        """What /srv/work prints with this compiler, under Linux."""
        root = (['chroot', self.folder] if os.getuid() == 0 else
                ['unshare', '--map-root-user', '--root=' + self.folder])
        done = subprocess.run(root + ['/bin/sh', '/srv/work', compiler, 'only'], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env={'PATH': '/usr/bin:/bin:/usr/sbin:/sbin'})
        assert done.returncode == 0, done.stdout + done.stderr
        made = os.path.join(self.folder, 'tmp', 'w')
        found = []
        for folder, _, names in os.walk(made):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, 'rb') as file:
                    found.append('%s  ./%s\n' % (hashlib.sha256(file.read()).hexdigest(),
                                                 os.path.relpath(path, made)))
        shutil.rmtree(made)
        return done.stdout + ''.join(sorted(found, key=lambda line: line.split()[1]))
