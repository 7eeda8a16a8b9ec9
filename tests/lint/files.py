# SPDX-License-Identifier: BSD-2-Clause
"""What STYLE asks of each file by itself: opening comment, lengths, columns, conditionals."""
import re

import source

FILE_LINES, FUNCTION_LINES, NESTING, COLUMNS = 700, 80, 3, 100
TAB = 8
# Folders whose .c and .S open with a contract: Job, On crash. Tools and tests do not run in Skink.
COMPONENTS = ('kernel/', 'lib/', 'servers/', 'fs/', 'net/', 'drivers/')

SENTENCES = {
    'spdx': 'every source file names its licence',
    'contract': 'every component opens with its contract: Job, On crash',
    'length': 'no file is longer than %d lines' % FILE_LINES,
    'function': 'no function is longer than %d lines' % FUNCTION_LINES,
    'nesting': 'control statements nest at most %d deep' % NESTING,
    'columns': 'no line is wider than %d columns' % COLUMNS,
    'conditional': 'outside kernel/x86_64 files are chosen, not #if',
}


def check_head(lint, path, text):
    head = '\n'.join(text.split('\n')[:4])
    if 'SPDX-License-Identifier: BSD-2-Clause' not in head:
        lint.find('spdx', path, 'no SPDX line')
    if path.endswith(('.c', '.S')) and path.startswith(COMPONENTS) and not source.is_test(path):
        opening = re.match(r'\s*/\*.*?\*/', text, re.S)
        for word in ('Job:', 'On crash:'):
            if not opening or word not in opening.group(0):
                lint.find('contract', path, 'no "%s" in the opening comment' % word)
                break


def check_lines(lint, path, text):
    lines = text.split('\n')
    if len(lines) - 1 > FILE_LINES:
        lint.find('length', path, '%d lines' % (len(lines) - 1))
    for number, line in enumerate(lines, 1):
        width = len(line.expandtabs(TAB))
        if width > COLUMNS:
            lint.find('columns', path, '%d columns' % width, number)


def check_functions(lint, path):
    for function in source.functions(path):
        where = '%s:%s' % (path, function.name)
        if function.length() > FUNCTION_LINES:
            lint.find('function', where, '%d lines' % function.length(), function.first)
        if function.nesting() > NESTING:
            lint.find('nesting', where, '%d deep' % function.nesting(), function.first)


def check_conditionals(lint, path, text):
    """No #if but a header's guard. Tests may choose by sanitizer; assembly is kernel/x86_64's."""
    if path.startswith('kernel/x86_64/') or source.is_test(path):
        return
    found = [(number, line) for number, line in
             enumerate(source.without_comments(text).split('\n'), 1)
             if re.match(r'\s*#\s*(if|ifdef|ifndef)\b', line)]
    if found and path.endswith('.h') and 'ifndef' in found[0][1]:
        found = found[1:]
    for number, line in found:
        lint.find('conditional', path, line.strip(), number)


def main():
    lint = source.Lint(*SENTENCES)
    for path in source.files('.c', '.h', '.S', '.ld', '.sh', '.py'):
        text = source.read(path)
        check_head(lint, path, text)
        check_lines(lint, path, text)
        if path.endswith('.c'):
            check_functions(lint, path)
        if path.endswith(('.c', '.h')):
            check_conditionals(lint, path, text)
    lint.finish(SENTENCES)


main()
