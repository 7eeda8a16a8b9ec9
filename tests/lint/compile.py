# SPDX-License-Identifier: BSD-2-Clause
"""The tree compiles with clang, too, without a warning; scripts are sound."""
import glob
import os
import shutil
import sys

import source


def check(sentence, done):
    """Print the result of a finished process; 1 if it failed."""
    if done.returncode == 0:
        print('ok ' + sentence)
        return 0
    print(done.stdout)
    errors = [line for line in done.stdout.split('\n') if 'error' in line.lower()]
    print('FAIL %s: %s' % (sentence, (errors or ['status %d' % done.returncode])[0]))
    return 1


def scripts(interpreter):
    """Scripts of the tree that name this interpreter in their first line."""
    candidates = ['skink', '.ci/run'] + glob.glob('tools/*') + glob.glob('tests/**/*',
                                                                         recursive=True)
    for path in sorted(candidates):
        if os.path.isfile(path) and os.path.basename(path) != '__pycache__':
            with open(path, 'rb') as file:
                if file.readline().rstrip().endswith(interpreter):
                    yield path


def main():
    os.chdir(source.ROOT)
    failed = 0
    if shutil.which('clang'):
        failed += check('clang compiles kernel, services and tools without a warning',
                        source.run('make', 'CC=clang', 'kernel', 'services', 'tools'))
    else:
        print('clang is not installed: not checked')
    if shutil.which('shellcheck'):
        failed += check('shellcheck finds nothing in the shell scripts',
                        source.run('shellcheck', *scripts(b'/bin/sh')))
    python = [path for path in source.files('.py')] + list(scripts(b'python3'))
    program = 'import sys; [compile(open(p).read(), p, "exec") for p in sys.argv[1:]]'
    failed += check('the Python scripts compile',
                    source.run(sys.executable, '-c', program, *sorted(set(python))))
    sys.exit(1 if failed else 0)


main()
