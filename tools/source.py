# SPDX-License-Identifier: BSD-2-Clause
"""source.py - reads Skink's own sources: for the lint tests and the kernel line counter."""
import fnmatch
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = ['abi', 'kernel', 'lib', 'servers', 'fs', 'net', 'drivers', 'commands', 'tools', 'tests',
       'bench', 'image']
SERVICE_TOPS = ['servers', 'fs', 'net', 'drivers']
EXCEPTIONS = os.path.join(ROOT, 'tests', 'lint', 'exceptions')


def files(*suffixes):
    """All source files with one of the suffixes, relative to the root, sorted."""
    found = []
    for top in TOP:
        for folder, folders, names in os.walk(os.path.join(ROOT, top)):
            folders[:] = [name for name in folders if name != '__pycache__']
            found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names
                      if name.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), errors='replace') as file:
        return file.read()


def is_test(path):
    return '/test/' in path or path.startswith('tests/')


def without_comments(text):
    """The text with comments blanked and strings emptied; line breaks stay."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        found = match.group(0)
        if found[0] in '"\'':
            return found[0] * 2
        return '\n' * found.count('\n') or ' '
    return re.sub(pattern, blank, text, flags=re.S)


def code_lines(path):
    """How many lines of the file are neither blank nor only comment."""
    text = without_comments(read(path))
    if path.endswith('.S'):
        text = re.sub(r'^\s*#(?!\s*(define|include|if|ifdef|ifndef|else|elif|endif|undef|error|'
                      r'pragma)\b).*', '', text, flags=re.M)
    return sum(1 for line in text.split('\n') if line.strip())


class Function:
    def __init__(self, name, head, first, last, lines):
        self.name = name
        self.head = head        # line where its signature begins, from 1
        self.first = first      # line of its opening brace
        self.last = last
        self.lines = lines      # the body without comments

    def length(self):
        """Lines between its braces."""
        return self.last - self.first - 1

    def nesting(self):
        """How deep control statements nest; by indentation, which the format check holds."""
        deepest = 0
        for line in self.lines:
            found = re.match(r'(\t+)(?:\} )?(?:else if|if|for|while|do|switch)\b', line)
            if found:
                deepest = max(deepest, len(found.group(1)))
        return deepest


def functions(path):
    """The functions of a C file. A body is what stands between braces in the first column."""
    lines = without_comments(read(path)).split('\n')
    start = None
    for number, line in enumerate(lines):
        if line.rstrip() == '{':
            start = number
        elif line.startswith('}') and start is not None:
            head = start - 1
            while head > 0 and lines[head - 1].strip() and not re.search(
                    r'[;}]\s*$|^#|\\$', lines[head - 1]):
                head -= 1
            signature = ' '.join(lines[head:start])
            name = re.search(r'(\w+)\s*\(', re.sub(r'__attribute__\s*\(\(.*?\)\)\)?', '',
                                                   signature))
            yield Function(name.group(1) if name else '?', head + 1, start + 1, number + 1,
                           lines[start + 1:number])
            start = None


def includes(path):
    """(line number, name, is_quoted) for each #include of a file."""
    for number, line in enumerate(read(path).split('\n'), 1):
        found = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(2), found.group(1) == '"'


def resolve(path, name, quoted):
    """The file of this tree that an include in `path` means, 'contract/...', or None."""
    folders = [os.path.dirname(path)] if quoted else []
    if path.startswith(('kernel/', 'tests/model/')):
        folders += ['', 'kernel', 'kernel/x86_64', 'kernel/test/host']
    else:
        folders += ['', 'lib']
    for folder in folders:
        file = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(ROOT, file)):
            return file
    return name if name.startswith('contract/') else None


def kernel_files():
    """What counts as the kernel: kernel/ without its tests, and the abi/ headers it includes."""
    counted = [path for path in files('.c', '.h', '.S')
               if path.startswith('kernel/') and '/test/' not in path]
    for path in counted:                        # grows while we walk it: transitively
        for _, name, quoted in includes(path):
            file = resolve(path, name, quoted)
            if file and file.startswith('abi/') and file not in counted:
                counted.append(file)
    return counted


class Lint:
    """Collects one lint program's findings, minus the excepted ones, and prints the result."""
    def __init__(self, *rules):
        self.rules = {rule: [] for rule in rules}
        self.exceptions = []
        for number, line in enumerate(read(EXCEPTIONS).split('\n'), 1):
            words = line.split('#')[0].split(None, 2)
            if len(words) == 3 and words[0] in self.rules:
                self.exceptions.append([words[0], words[1], number, False])
            elif words and len(words) < 3:
                sys.exit('%s:%d: expected RULE WHERE REASON' % (EXCEPTIONS, number))

    def find(self, rule, where, what, line=None):
        """A finding at `where` (PATH or PATH:FUNCTION), unless excepted."""
        for exception in self.exceptions:
            if exception[0] == rule and fnmatch.fnmatchcase(where, exception[1]):
                exception[3] = True
                return
        self.rules[rule].append('%s%s: %s' % (where, ':%d' % line if line else '', what))

    def finish(self, sentences):
        """Print ok or FAIL for each rule, in words; end the program."""
        failed = False
        for rule, findings in self.rules.items():
            unused = ['tests/lint/exceptions:%d: nothing to except any more' % number
                      for name, _, number, used in self.exceptions if name == rule and not used]
            findings = findings + unused
            for finding in findings:
                print('    ' + finding)
            failed |= bool(findings)
            if findings:
                print('FAIL %s: %d findings, first %.120s' % (sentences[rule], len(findings),
                                                             findings[0]))
            else:
                print('ok %s' % sentences[rule])
        sys.exit(1 if failed else 0)


def run(*command, **options):
    """A command's finished process, output as text."""
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **options)
