# SPDX-License-Identifier: BSD-2-Clause
"""Function bodies are as clang-format would have them.

Only functions are checked: tables, enums and structs are laid out by hand. Within functions,
columns of blanks (aligned comments, aligned values) and the indentation of continuation lines are
the author's; what counts is the indentation of statements, braces, and blanks around operators.
"""
import difflib
import re
import shutil
import sys

import source

SENTENCES = {'format': 'functions are formatted as .clang-format says'}


def is_complete(code):
    """Whether a logical line ends here: a statement, a brace, a label, a control line."""
    if code.startswith('#'):
        return not code.endswith('\\')
    if re.match(r'(\} )?(else )?(if|for|while|switch)\b.*\)$', code):
        return code.count('(') == code.count(')')
    return not code or code.endswith((';', '{', '}')) or code in ('else', 'do') or bool(
        re.match(r'(case\b.*|\w+) ?:$', code))


def normal(lines):
    """Logical lines without what the author may choose, and the number where each begins."""
    result, starts, complete = [], [], True
    for number, line in enumerate(lines, 1):
        text = re.sub(r'\s+', ' ', line.strip())
        if complete:
            result.append(re.match(r'\s*', line).group(0))
            starts.append(number)
        result[-1] += text if complete else ' ' + text
        code = re.sub(r'/\*.*?(\*/|$)|"(\\.|[^"\\])*"|//.*', '', result[-1]).strip()
        complete = is_complete(code)
    return [even(line) for line in result], starts


def even(line):
    """Blanks that clang-format 14 and people see differently: in braces, casts, its C++ words."""
    indent = re.match(r'\s*', line).group(0)
    text = re.sub(r'([{(]) | (?=[)}])', r'\1', line.strip())
    text = re.sub(r',(?=\})', '', text)
    text = re.sub(r'\) ~', ')~', text)
    text = re.sub(r' ?: ?(?=[:"])', ':', text)          # operands of asm
    text = re.sub(r'(\w) & ?(?=\w)', r'\1 & ', text)    # after `new.x` it takes & for C++'s
    return indent + re.sub(r'(\w)\* (?=\w)', r'\1 *', text)


def check(lint, path):
    ranges = ['--lines=%d:%d' % (function.head, function.last)
              for function in source.functions(path)]
    if not ranges:
        return
    before, starts = normal(source.read(path).split('\n'))
    after, _ = normal(source.run('clang-format', *ranges, path).stdout.split('\n'))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, other_first, other_last in matcher.get_opcodes():
        if tag != 'equal':
            lint.find('format', path, '%s | rather: %s' % (
                ' / '.join(before[first:last]), ' / '.join(after[other_first:other_last])),
                starts[first] if first < len(starts) else None)


def main():
    if not shutil.which('clang-format'):
        print('clang-format is not installed: formatting was not checked')
        sys.exit(0)
    lint = source.Lint(*SENTENCES)
    for path in source.files('.c'):
        check(lint, path)
    lint.finish(SENTENCES)


main()
