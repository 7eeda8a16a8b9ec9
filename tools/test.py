#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test.py - run the tests (./skink test [--long] [-v] [NAME...]).

A test program prints "ok SENTENCE" or "FAIL SENTENCE: why" for each thing it checks; other output
is kept in build/logs and shown if something failed. One that prints neither is one test, and its
exit status counts. NAME is a group (lint host model system ...), a program (boot, host/lib/...),
or a folder of them. In a test's source, "Limit: SECONDS" sets another time limit, "Long: yes" keeps
it for --long, and "Packages: A B" names Debian packages that are fetched before. What a guest did
that a test waited for in vain is in build/logs/NAME.state. What is chosen at random is the same
each time; SKINK_SEED=N in the environment chooses otherwise, SKINK_SEED=random and --long each
time.
"""
import argparse
import concurrent.futures
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import machine

ROOT = machine.ROOT
LOGS = os.path.join(machine.BUILD, 'logs')
SCRIPT_GROUPS = ['system', 'recovery', 'conformance', 'faults']
GROUPS = ['lint', 'host', 'model'] + SCRIPT_GROUPS
LIMITS = {'lint': 300, 'host': 120, 'model': 400}
DEFAULT_LIMIT = 180
WORKERS = 2
DIAGNOSIS_SECONDS = 60
LONG_FACTOR = 6                 # the limit of a long form, in limits of the short one
SHOWN = 30                      # lines of a failed program's output


class Test:
    """One test program."""
    def __init__(self, group, name, source, command):
        self.group, self.name, self.command = group, group + '/' + name, command
        self.source = source
        with open(source, errors='replace') as file:
            head = file.read(4000)
        limit = re.search(r'\bLimit:\s*(\d+)', head)
        self.limit = int(limit.group(1)) if limit else LIMITS.get(group, DEFAULT_LIMIT)
        self.long = bool(re.search(r'\bLong:\s*yes\b', head))
        self.packages = machine.wanted(head) if group in SCRIPT_GROUPS else []
        self.passed, self.failures, self.seconds = 0, [], 0.0

    def selected(self, names):
        parts = self.name.split('/')
        return not names or any(name == parts[-1] or (self.name + '/').startswith(
            name.rstrip('/') + '/') for name in names)

    def run(self, environment):
        begin = time.monotonic()
        log = os.path.join(LOGS, 'test-%s.txt' % self.name.replace('/', '-'))
        with open(log, 'wb') as output:
            process = subprocess.Popen(self.command, cwd=ROOT, env=environment,
                                       stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            with RUNNING_LOCK:
                RUNNING.add(process.pid)
            try:
                if environment['SKINK_LONG']:
                    self.limit *= LONG_FACTOR
                status = process.wait(self.limit)
            except subprocess.TimeoutExpired:
                status = None
                stop(process)
            end_group(process.pid)
            process.wait()
            with RUNNING_LOCK:
                RUNNING.discard(process.pid)
        self.seconds = time.monotonic() - begin
        with open(log, errors='replace') as file:
            self.judge(status, file.read())

    def judge(self, status, text):
        self.passed = len(re.findall(r'^ok ', text, re.M))
        self.failures = re.findall(r'^FAIL (.*)', text, re.M)
        died = re.findall(r'^Traceback .*\n(?:[ ].*\n)*(\S.*)', text, re.M)
        if status is None:
            self.failures.append('it did not end within %d s' % self.limit)
        elif status and died:
            self.failures.append('it ended with status %d: %s' % (status, died[-1]))
        elif status and not self.failures:
            self.failures.append('it was killed by signal %d' % -status if status < 0
                                 else 'it ended with status %d' % status)
        elif status == 0 and not self.passed and not self.failures:
            self.passed = 1
        self.tail = text.rstrip().split('\n')[-SHOWN:]
        self.sentences = re.findall(r'^(?:ok|FAIL) .*', text, re.M)


RUNNING = set()                 # process groups to end if we are interrupted
RUNNING_LOCK = threading.Lock()


def stop(process):
    """Its time is over: it may still say what its guests do (guest.py)."""
    process.terminate()
    try:
        process.wait(DIAGNOSIS_SECONDS)
    except subprocess.TimeoutExpired:
        pass


def end_group(group):
    """Kill what a test left behind: its QEMU, above all."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def scripts(group, folder):
    """The scripts of a folder as tests."""
    path = os.path.join(ROOT, folder)
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    for name in names:
        if name.endswith('.py'):
            source = os.path.join(path, name)
            yield Test(group, name[:-3], source, [sys.executable, source])


def programs():
    """The host tests' programs: each has a source in a folder called test, or in tests/model."""
    base = os.path.join(machine.BUILD, 'host', 'bin')
    for source in subprocess.run(['make', '-s', 'print-tests'], cwd=ROOT, check=True,
                                 stdout=subprocess.PIPE, text=True).stdout.split():
        name = os.path.splitext(source)[0]
        group = 'model' if name.startswith('tests/model/') else 'host'
        short = os.path.basename(name) if group == 'model' else name.replace('/test/', '/')
        yield Test(group, short, os.path.join(ROOT, source), [os.path.join(base, name)])


def find_tests():
    tests = list(scripts('lint', 'tests/lint')) + list(programs())
    for group in SCRIPT_GROUPS:
        tests += scripts(group, os.path.join('tests', group))
    return sorted(tests, key=lambda test: GROUPS.index(test.group))


def build(goals):
    """make the goals; a line of what it says for each step. True if all went well."""
    begin = time.monotonic()
    print('building: %s' % ' '.join(goals), flush=True)
    status = subprocess.run(['make', '-j2'] + goals, cwd=ROOT).returncode
    print('%s the tree builds: %s (%.1f s)' % ('ok  ' if status == 0 else 'FAIL',
                                               ' '.join(goals), time.monotonic() - begin),
          flush=True)
    return status == 0


def fetch(tests):
    """The packages that they want: a slow network is not their time. If there is none, they say."""
    for test in tests:
        try:
            if test.packages:
                machine.packages(test.packages)
        except machine.UsageError as error:
            print('skink: %s: %s' % (test.name, error), flush=True)


def report(test, verbose):
    if test.failures:
        for failure in test.failures:
            print('FAIL %s: %s' % (test.name, failure))
        for line in test.tail:
            print('     | ' + line)
    if verbose:
        for sentence in test.sentences:
            print('     ' + sentence)
    if not test.failures:
        print('ok   %-34s %4d passed  %6.1f s' % (test.name, test.passed, test.seconds))
    sys.stdout.flush()


def run_all(tests, options):
    environment = dict(os.environ, PYTHONPATH=os.path.join(ROOT, 'tools'),
                       PYTHONDONTWRITEBYTECODE='1', SKINK_DIAGNOSE='1',
                       SKINK_LONG='1' if options.long else '')
    if environment.get('SKINK_SEED') == 'random':       # one for all, which repeats the run
        environment['SKINK_SEED'] = str(random.randrange(1, 1 << 30))
        print('SKINK_SEED=%s' % environment['SKINK_SEED'])
    os.makedirs(LOGS, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        waiting = {pool.submit(test.run, environment): test for test in tests}
        try:
            for number, done in enumerate(concurrent.futures.as_completed(waiting), 1):
                done.result()
                print('[%d/%d] ' % (number, len(waiting)), end='')
                report(waiting[done], options.verbose)
        except BaseException:
            for future in waiting:
                future.cancel()
            with RUNNING_LOCK:
                for group in RUNNING:
                    end_group(group)
            raise


def parse():
    parser = argparse.ArgumentParser(prog='skink test', allow_abbrev=False)
    parser.add_argument('--long', action='store_true', help='also what takes long')
    parser.add_argument('--coverage', action='store_true', help='not yet')
    parser.add_argument('--list', action='store_true', help='only name the tests')
    parser.add_argument('-v', '--verbose', action='store_true', help='show every sentence')
    parser.add_argument('names', metavar='NAME', nargs='*')
    return parser.parse_args()


def main():
    options = parse()
    if options.coverage:
        raise machine.UsageError('--coverage: not yet')
    begin = time.monotonic()
    tests = find_tests()
    for name in options.names:
        if name not in GROUPS and not any(test.selected([name]) for test in tests):
            raise machine.UsageError('no test is called %s (try ./skink test --list)' % name)
    tests = [test for test in tests if test.selected(options.names)
             and (options.long or not test.long or test.name in options.names)]
    if options.list:
        for test in tests:
            print(test.name)
        return 0
    groups = {test.group for test in tests}
    built = True
    if groups & {'host', 'model'}:
        built &= build(['tests'])
    if groups - {'host', 'model', 'lint'} or not options.names:
        built &= build(['all'])
    passed, failed = (1, 0) if built else (0, 1)
    runnable = [test for test in tests if os.path.exists(test.command[0])]
    for test in tests:
        if test not in runnable:
            print('FAIL %s: its program was not built' % test.name)
            failed += 1
    fetch(runnable)
    run_all(runnable, options)
    passed += sum(test.passed for test in runnable)
    failed += sum(len(test.failures) for test in runnable)
    for test in runnable:
        for failure in test.failures:
            print('FAIL %s: %s' % (test.name, failure))
    print('%.0f s' % (time.monotonic() - begin))
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except machine.UsageError as error:
        print('skink: %s' % error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
