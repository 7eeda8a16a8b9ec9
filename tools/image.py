#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""image.py - a root disk of Skink's (./skink image [options] [-o FILE]): ext2, without partitions.

./skink run --root FILE boots from it.
"""
import argparse
import os
import re
import sys

import machine


def main():
    parser = argparse.ArgumentParser(prog='skink image', allow_abbrev=False)
    parser.add_argument('-o', metavar='FILE', default='skink.img', help='(skink.img)')
    parser.add_argument('--size', metavar='SIZE', default=machine.ROOT_SIZE,
                        help='with K, M or G behind it (%s)' % machine.ROOT_SIZE)
    machine.add_contents(parser)
    parser.add_argument('--profile', metavar='...', help='not yet')
    options = parser.parse_args()
    if options.profile:
        raise machine.UsageError('--profile: not yet')
    if not re.fullmatch(r'[1-9]\d*[KMG]', options.size):
        raise machine.UsageError('--size %s: expected a size like 512M' % options.size)
    folder = os.path.dirname(options.o) or '.'
    if not options.o or os.path.isdir(options.o) or not os.access(folder, os.W_OK | os.X_OK):
        raise machine.UsageError('-o %s: cannot be written' % options.o)
    machine.make_root(options.o, machine.contents(options), options.size)
    print('skink: wrote %s' % options.o)


if __name__ == '__main__':
    try:
        main()
    except machine.UsageError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(2)
