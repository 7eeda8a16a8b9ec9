# SPDX-License-Identifier: BSD-2-Clause
"""What docs/guide/server.md shows of the tree is in the tree."""
import re

import source

SENTENCES = {'shown': 'what the guide shows of a file is in that file, in that order'}
GUIDE = 'docs/guide/server.md'
FEWEST = 8                              # blocks, or it shows next to nothing


def blocks(text):
    """(file, lines) of each fenced block: the file that was named last before it."""
    name, lines = None, None
    for line in text.split('\n'):
        if line.startswith('```'):
            if lines is not None:
                yield name, lines
            lines = [] if lines is None else None
        elif lines is not None:
            lines.append(line)
        else:
            found = re.search(r'`((?:contracts|servers|commands)/[\w/]+\.\w+)`', line)
            name = found[1] if found else name


def missing(name, lines):
    """The first line that the file does not have behind the others; None: all are there."""
    there = iter(source.read(name).split('\n'))
    for line in lines:
        if line and line not in there:
            return line
    return None


def main():
    lint = source.Lint(*SENTENCES)
    shown = list(blocks(source.read(GUIDE)))
    for name, lines in shown:
        line = missing(name, lines)
        if line is not None:
            lint.find('shown', GUIDE, '%s has no such line there: %s' % (name, line.strip()))
    if len(shown) < FEWEST:
        lint.find('shown', GUIDE, 'only %d blocks' % len(shown))
    lint.finish(SENTENCES)


main()
