#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""inject.py - faults in the code of running services (./skink inject [OPTIONS] [SERVICE...]).

Instructions that a load of programs reaches are changed one after another, each in the running
service, and put back when the service has died of it or some time has gone by. What the guardian,
the programs and the machine made of it goes to build/inject/report.md, report.svg and faults.json.
Docs: docs/notes/0020-injection.md. Exit status 1: the system hung or the kernel panicked.

SERVICE is a name, NAME:FUNCTION, NAME:ADDRESS, or NAME:ADDRESS=BYTES or =CLASS.SEED, which is
one certain fault, as the report names it. Without one, faults are spread over all services that
the load reaches.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time

import campaign
import inject_report
import machine
from inject_record import Record


def number(text):
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def parse(arguments):
    parser = argparse.ArgumentParser(prog='skink inject', allow_abbrev=False, description=__doc__
                                     .split('\n\n', 1)[1], formatter_class=argparse
                                     .RawDescriptionHelpFormatter)
    parser.add_argument('--seed', metavar='N', type=number, help='the same faults as with this '
                        'seed before (one by chance, and printed)')
    parser.add_argument('--faults', metavar='N', type=number, default=100,
                        help='how many in all (100)')
    parser.add_argument('--class', metavar='C', dest='kinds', action='append',
                        help='of this class only; repeated. One of ' + ', '.join(campaign.CLASSES))
    parser.add_argument('--guests', metavar='N', type=number, default=3 * (os.cpu_count() or 1),
                        help='at once (three for each core)')
    parser.add_argument('--keep', metavar='FOLDER', help='add what was found to the record there '
                        '(docs/faults), and write the report of all runs in it')
    parser.add_argument('service', metavar='SERVICE', nargs='*')
    options = parser.parse_args(arguments)
    for kind in options.kinds or ():
        if kind not in campaign.CLASSES:
            raise machine.UsageError('inject: --class %s: there are %s'
                                     % (kind, ', '.join(campaign.CLASSES)))
    options.kinds = options.kinds or list(campaign.CLASSES)
    options.seed = options.seed or random.randrange(1, 1 << 30)
    if options.keep:
        check_kept(options.keep)
    options.commit = commit()
    options.name = 'seed-%d-%s.json' % (options.seed, options.commit)
    return options


def check_kept(folder):
    """Before hours go by: what is kept there can be added to."""
    if not os.path.isdir(folder):
        raise machine.UsageError('inject: --keep %s: no such folder' % folder)
    try:
        Record.all(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise machine.UsageError('inject: --keep %s: holds what is no record: %s'
                                 % (folder, error)) from None


def commit():
    """What was injected into, in a word."""
    done = subprocess.run(['git', '-C', machine.ROOT, 'describe', '--always', '--dirty'],
                          capture_output=True, text=True)
    return done.stdout.strip() or 'no commit'


def write(done, options, seconds):
    command = './skink inject --seed %d --faults %d%s' % (options.seed, options.faults, ''.join(
        ' ' + word for word in [*('--class ' + k for k in options.kinds
                                  if len(options.kinds) < len(campaign.CLASSES)),
                                *options.service]))
    faults = [fault.data() for fault in done.done]
    with open(os.path.join(campaign.OUT, 'faults.json'), 'w') as file:
        json.dump(faults, file, indent=1)
    record = Record.of(command, options.commit, seconds, done.guests, faults, done.ends)
    inject_report.write(campaign.OUT, record)
    if options.keep:
        record.save(os.path.join(options.keep, options.name))
        inject_report.write(options.keep, Record.all(options.keep))


def main():
    options = parse(sys.argv[1:])
    print('inject: seed %d' % options.seed, flush=True)
    begun = time.monotonic()
    done = campaign.run(options, lambda text: print(text, flush=True),
                        lambda done: write(done, options, time.monotonic() - begun))
    counted = {}
    for fault in done.done:
        counted[fault.outcome()] = counted.get(fault.outcome(), 0) + 1
    print('inject: %s' % ', '.join('%d %s' % (n, what) for what, n in sorted(counted.items())))
    print('inject: wrote %s/report.md' % os.path.relpath(campaign.OUT, machine.ROOT))
    return 1 if 'hang' in counted or 'panic' in counted else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except machine.UsageError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(2)
