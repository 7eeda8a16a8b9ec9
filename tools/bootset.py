# SPDX-License-Identifier: BSD-2-Clause
"""bootset.py - boot archives with other manifests than the image's, for tests.

    with BootSet() as boot:                     # what image/boot.list names
        boot.add('outcast', 'tests/services/outcast')
        boot.text['procfs'] = boot.text['procfs'].replace('notifies vfs\\n', '')
        boot.patch('toy', 'check', b'\\x0f\\x0b')        # other code in that program
        why = boot.refused()                    # what the image checker says; '' if nothing
        Guest(initrd=boot.write('other.img'))

A manifest is a text; set() replaces, leaves out or adds lines by their first word.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile

import machine
from elfedit import PF_X, PT_LOAD, Elf

ROOT = machine.ROOT
SCRIPTS = 'image/root/etc/skink/recover.d'
LOST = bytes.fromhex('b8eaffffffc3')            # mov $-EINVAL, %eax; ret
RET = b'\xc3'
PLACES = ('servers/*', 'bench/*', 'fs/*', 'net/*', 'drivers/*/*', 'tests/services/*')


def names(path):
    """The services that a list names, in its order."""
    with open(os.path.join(ROOT, path)) as file:
        return [line.split('#')[0].strip() for line in file if line.split('#')[0].strip()]


def folder_of(name):
    """The folder with this service's manifest."""
    for place in PLACES:
        found = glob.glob(os.path.join(ROOT, place, name + '.svc'))
        if found:
            return os.path.dirname(found[0])
    raise FileNotFoundError(name + '.svc')


def words(line):
    return line.split('#')[0].split()


def edited(text, edits):
    """A manifest with lines replaced, left out (None) or added, by their first word."""
    lines, left = [], {word: value for word, value in edits.items() if value is not None}
    for line in text.split('\n'):
        word = (words(line) or [''])[0]
        if word not in edits:
            lines.append(line)
        elif word in left:
            lines.append('%s %s' % (word, left.pop(word)))
    return '\n'.join(lines + ['%s %s' % item for item in left.items()]) + '\n'


class BootSet:
    def __init__(self, services=None):
        self.folder = tempfile.mkdtemp(prefix='skink-boot-')
        self.text, self.program, self.patches = {}, {}, {}
        self.scripts = os.path.join(ROOT, SCRIPTS)
        for name in services or names('image/boot.list'):
            self.add(name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, name, source=None, **edits):
        """A service; source: the one whose program and manifest it has, with edits."""
        with open(os.path.join(folder_of(source or name), (source or name) + '.svc')) as file:
            text = file.read()
        own = [words(line)[1] for line in text.split('\n') if words(line)[:1] == ['program']]
        self.program[name] = own[0] if own else source or name
        if source:
            edits = dict({'service': name, 'program': self.program[name]}, **edits)
        self.text[name] = edited(text, edits)

    def set(self, name, **edits):
        self.text[name] = edited(self.text[name], edits)

    def patch(self, program, function, code):
        """Have a function begin with other code."""
        self.patches.setdefault(program, []).append((function, code))

    def lose_states(self, checks):
        """{service: its check()}: when it recovers it finds nothing that it could repair. It does
        not doubt its answers, or it would die of that when it is not told to."""
        for name, function in checks.items():
            self.patch(name, function, LOST)
            self.patch(name, 'server_doubt', RET)

    def path_of(self, program):
        path = os.path.join(machine.BUILD, 'services', program, program + '.elf')
        if program not in self.patches:
            return path
        out = subprocess.run(['nm', path], capture_output=True, text=True, check=True).stdout
        elf = Elf(path)
        for function, code in self.patches[program]:
            at, = re.findall(r'^(\w+) [tT] %s$' % function, out, re.M)     # the only one
            at = int(at, 16)
            for n in range(elf.count):
                kind, flags, offset, address = elf.fields(n)
                if kind == PT_LOAD and flags & PF_X and address <= at:
                    there = offset + at - address
                    elf.bytes[there:there + len(code)] = code
        path = os.path.join(self.folder, program + '.elf')
        with open(path, 'wb') as file:
            file.write(elf.bytes)
        return path

    def files(self):
        """Writes the manifests; the arguments of mkboot."""
        arguments = []
        for name, text in self.text.items():
            path = os.path.join(self.folder, name + '.svc')
            with open(path, 'w') as file:
                file.write(text)
            arguments.append(path)
        for program in dict.fromkeys(self.program[name] for name in self.text):
            arguments.append(self.path_of(program))
        return arguments + [os.path.join(machine.BUILD, 'root.cpio')]

    def refused(self):
        done = self.mkboot('-c')
        return (done.stderr or 'status %d' % done.returncode) if done.returncode else ''

    def write(self, name):
        path = os.path.join(self.folder, name)
        done = self.mkboot('-o', path)
        assert done.returncode == 0, done.stderr
        return path

    def mkboot(self, *options):
        return subprocess.run([os.path.join(machine.BUILD, 'tools', 'mkboot'), '-s',
                               self.scripts, *options,
                               *self.files()], capture_output=True, text=True)
