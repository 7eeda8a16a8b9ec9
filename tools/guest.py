# SPDX-License-Identifier: BSD-2-Clause
"""guest.py - a running Skink under QEMU, driven through its serial line and QMP.

    from guest import Guest, finish, scenario, take_seed

    with scenario('hello writes to the console'):
        with Guest(memory=256) as guest:
            guest.expect(r'hello, world', timeout=20)
    finish()

Arguments of Guest are those of machine.Machine; tests always run on TCG. All that comes over the
serial line is also in build/logs/NAME.log. A test that waits in vain raises GuestError with the
last lines of the console and, if QEMU has ended, how; if the guest still runs, what it does and
what each process waits for is written to build/logs/NAME.state. The same when the test is ended by
SIGTERM, as test.py does at its time limit.
"""
import atexit
import ctypes
import fcntl
import itertools
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
import typing

import machine

LOGS = os.path.join(machine.BUILD, 'logs')
TAIL = 25                       # lines of console shown with a failure
PR_SET_PDEATHSIG = 1
SEED = 1                        # that a change is judged by
DIAGNOSE = bool(os.environ.get('SKINK_DIAGNOSE'))       # set by test.py


class GuestError(Exception):
    pass


def diagnose_all(*_):
    """SIGTERM: the test's time is over. What do its guests do?"""
    for guest in list(Guest.running):
        guest.diagnose('the time of the test is over')
    sys.exit(143)


def die_with_parent():
    """In the child, before exec: no QEMU outlives its test, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Service(typing.NamedTuple):
    """repaired_us: how long the last repair took; None: there was none, or it is not over."""
    restarts: int
    recoveries: int
    repaired_us: int
    text: str

    @property
    def deaths(self):
        return self.restarts + self.recoveries


def until(true, timeout=20, said=''):
    """Wait until true() is; what it returns. said: shown if it never is; text, or who makes it."""
    deadline = time.monotonic() + timeout
    while not (value := true()):
        assert time.monotonic() < deadline, said() if callable(said) else said
        time.sleep(0.1)
    return value


class Guest:
    numbers = itertools.count(1)        # of the guests of this process, for log names
    running = set()             # those that have not been killed

    def __init__(self, name=None, made=None, serial=True, **options):
        self.machine = made or machine.Machine(**options)
        number = next(Guest.numbers)
        script = os.path.splitext(os.path.basename(sys.argv[0] or 'guest'))[0]
        self.name = name or (script if number == 1 else '%s-%d' % (script, number))
        self.log = os.path.join(LOGS, self.name + '.log')
        self.buffer = b''       # received, not yet matched
        self.console = b''      # all that was received
        self.commands = 0       # number of run() calls, to tell their ends apart
        self.process = None
        self.status = None      # QEMU's exit status
        self.control = None     # QMP connection
        self.diagnosed = None   # file that diagnose() has written
        self.start('chardev:ser' if serial else 'none')
        Guest.running.add(self)
        if DIAGNOSE and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, diagnose_all)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    # ---- life ----

    def start(self, serial):
        os.makedirs(LOGS, exist_ok=True)
        self.workdir = tempfile.mkdtemp(prefix='skink-')
        atexit.register(self.kill)
        self.serial, theirs = socket.socketpair()
        command = self.machine.command(self.workdir) + [
            '-chardev', 'socket,id=ser,fd=%d,logfile=%s' % (theirs.fileno(),
                                                            machine.comma(self.log)),
            '-serial', serial,
            '-qmp', 'unix:%s/qmp,server=on,wait=off' % self.workdir]
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.errors = open(os.path.join(self.workdir, 'stderr'), 'w+b')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.errors,
                                        pass_fds=[theirs.fileno()], preexec_fn=die_with_parent,
                                        start_new_session=True)         # Ctrl-C is for us
        theirs.close()

    def alive(self):
        """Whether QEMU still runs."""
        if self.process and self.status is None:
            self.status = self.process.poll()
        return self.status is None

    def wait(self, timeout=30):
        """Wait until QEMU ends by itself; its exit status."""
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                raise self.standstill('the guest did not end within %g s' % timeout)
            self.receive(0.05)
        self.receive(0)
        return self.status

    def kill(self):
        """End QEMU hard, as a power failure would, and remove the scratch files."""
        if self.process is None:
            shutil.rmtree(self.workdir, ignore_errors=True)
            return
        if self.alive():
            self.process.kill()
            self.status = self.process.wait()
        if self.control:
            self.control.close()
            self.control = None
        self.serial.close()
        self.errors.close()
        self.process = None
        Guest.running.discard(self)
        shutil.rmtree(self.workdir, ignore_errors=True)
        atexit.unregister(self.kill)

    def failure(self, what):
        """A GuestError that tells what happened and shows the end of the console."""
        text = [what]
        if not self.alive():
            text.append(machine.explain_status(self.status))
        self.errors.seek(0)
        text += self.errors.read().decode(errors='replace').strip().split('\n')[-5:]
        text.append('the console ended with (all of it: %s):'
                    % os.path.relpath(self.log, machine.ROOT))
        lines = self.console.decode(errors='replace').replace('\r', '').split('\n')
        return GuestError('\n'.join(filter(None, text)) + '\n'
                          + '\n'.join('    | ' + line for line in lines[-TAIL:]))

    def standstill(self, what):
        """As failure(), when the guest may still run: first its state is written down."""
        state = self.diagnose(what)
        return self.failure(what + (', what it does: ' + state if state else ''))

    def diagnose(self, why):
        """Write what the guest does to build/logs/NAME.state: twice, to see what goes on in
        between. The first time only. The file's name, or None. Needs gdb, and the build that the
        guest runs."""
        path = os.path.join(LOGS, self.name + '.state')
        if self.diagnosed or not self.alive() or shutil.which('gdb') is None:
            return self.diagnosed
        self.diagnosed = os.path.relpath(path, machine.ROOT)
        socket_path = os.path.join(self.workdir, 'gdb')
        try:
            with open(path, 'w') as out:
                print('%s\n%d bytes of memory hold what was sent and QEMU has not taken\n'
                      % (why, self.unread()), file=out)
                for look in ('info registers', 'i/b 0x3f9', 'i/b 0x3fd', 'info pic', 'info lapic',
                             'gdbserver unix:%s,server=on,wait=off' % socket_path):
                    print('(qemu) %s\n%s' % (look, self.qmp('human-monitor-command', **{
                        'command-line': look})), file=out)
                for _ in range(2):
                    out.flush()
                    subprocess.run(self.debugger(socket_path), cwd=machine.ROOT, timeout=60,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out)
                    time.sleep(1)
        except (GuestError, OSError, subprocess.SubprocessError) as error:
            print('no whole diagnosis: %s' % error, file=sys.stderr)
        return self.diagnosed

    def debugger(self, socket_path):
        command = ['gdb', '-q', '-nx', '-batch', '-ex', 'set confirm off', self.machine.kernel]
        for line in ('target remote ' + socket_path, 'source tools/skink_gdb.py', 'skink ps',
                     'skink waits', 'skink trace 2000 quiet', 'detach'):
            command += ['-ex', line]
        return command

    # ---- console ----

    def receive(self, timeout):
        """Read what has come, waiting for at most `timeout` seconds; False at the end."""
        if not select.select([self.serial], [], [], max(0, timeout))[0]:
            return True
        try:
            data = self.serial.recv(65536)
        except ConnectionResetError:
            data = b''
        self.buffer += data
        self.console += data
        return bool(data)

    def expect(self, pattern, timeout=30):
        """Wait for a match of `pattern` (str or bytes) in what has not been matched yet."""
        regex = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.M)
        deadline = time.monotonic() + timeout
        while True:
            match = regex.search(self.buffer)
            if match:
                self.buffer = self.buffer[match.end():]
                return match
            left = deadline - time.monotonic()
            if left <= 0:
                raise self.standstill('no %r within %g s' % (pattern, timeout))
            if not self.receive(left):
                try:
                    self.status = self.process.wait(5)
                except subprocess.TimeoutExpired:
                    pass
                raise self.failure('no %r before the console ended' % pattern)

    def send(self, text):
        self.serial.sendall(text.encode() if isinstance(text, str) else text)

    def unread(self):
        """Bytes of memory that hold what was sent and QEMU has not taken; 0: it has taken all."""
        return int.from_bytes(fcntl.ioctl(self.serial, termios.TIOCOUTQ, bytes(4)), sys.byteorder)

    def shell(self, timeout=60):
        """Wait for the shell's prompt on the console; make its lines wide, it wraps long ones."""
        self.expect(r'# (\x1b\[6n)?', timeout)
        self.send('stty cols 2000\n')
        self.run('true')

    def run(self, command, timeout=30):
        """Run a shell command in the guest; (exit status, output). Needs a shell prompt."""
        self.commands += 1
        # The quotes keep the command's echo from looking like its end.
        self.send("%s; echo '@@'%d:$?'@@'\n" % (command, self.commands))
        match = self.expect(r'@@%d:(\d+)@@\r?\n' % self.commands, timeout)
        text = match.string[:match.start()].decode(errors='replace').replace('\r\n', '\n')
        echo, quote, output = text.rpartition("'@@'\n")
        return int(match.group(1)), output if quote else text

    def service(self, name, timeout=30):
        """What `service status` says of one that there is."""
        text = self.run('service status ' + name, timeout)[1]
        died = re.search(r'(\d+) restarts, (\d+) recoveries', text)
        repaired = re.search(r'repaired in (\d+) us', text)
        if died is None:
            raise self.failure('no status of %s: %s' % (name, text))
        return Service(int(died[1]), int(died[2]), repaired and int(repaired[1]), text)

    # ---- QMP ----

    def qmp(self, name, timeout=20, **arguments):
        """One QMP command; its result."""
        if self.control is None:
            self.qmp_connect(timeout)
        self.qmp_send({'execute': name, 'arguments': arguments})
        while True:
            answer = json.loads(self.qmp_lines.readline() or b'{"error": "connection closed"}')
            if 'return' in answer:
                return answer['return']
            if 'error' in answer:
                raise self.failure('QMP %s: %s' % (name, answer['error']))

    def qmp_connect(self, timeout):
        self.control = socket.socket(socket.AF_UNIX)
        self.control.settimeout(timeout)
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.control.connect(os.path.join(self.workdir, 'qmp'))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if not self.alive() or time.monotonic() > deadline:
                    raise self.failure('no QMP connection') from None
                self.receive(0.02)
        self.qmp_lines = self.control.makefile('rb')
        self.qmp_lines.readline()                       # the greeting
        self.qmp('qmp_capabilities')

    def qmp_send(self, message):
        self.control.sendall(json.dumps(message).encode() + b'\n')

    def screendump(self, path):
        """The picture on the screen as a PNG file. Needs vga=True."""
        self.qmp('screendump', filename=os.path.abspath(path), format='png')

    def keys(self, *names):
        """Press keys together, by QEMU's names: keys('ctrl', 'c')."""
        self.qmp('send-key', **{'hold-time': 20,
                                'keys': [{'type': 'qcode', 'data': name} for name in names]})


def where(error):
    """The line of source that says what an exception without words is about."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return '%s, line %d of %s: %s' % (type(error).__name__, last.lineno,
                                      os.path.basename(last.filename), last.line)


class scenario:
    """with scenario('a sentence that says what holds'): ... - prints ok or FAIL."""
    failed = 0

    def __init__(self, sentence):
        self.sentence = sentence

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if kind is None:
            print('ok', self.sentence, flush=True)
            return True
        if not issubclass(kind, (AssertionError, GuestError, OSError)):
            return False
        print('FAIL %s: %s' % (self.sentence, str(error) or where(error)), flush=True)
        scenario.failed += 1
        return True


def take_seed(given=0):
    """Of a test that chooses at random, printed: what is given, or SKINK_SEED says; else always the
    same, so that a change is not judged by a lottery. In the long form, and with SKINK_SEED=random,
    another each time."""
    said = os.environ.get('SKINK_SEED') or ('random' if os.environ.get('SKINK_LONG') else SEED)
    found = given or (random.randrange(1, 1 << 30) if said == 'random' else int(said))
    print('    seed %d' % found, flush=True)
    return found


def need(tool):
    """Without it there is nothing to test."""
    if shutil.which(tool) is None:
        print('ok no %s, no test' % tool)
        finish()


def finish():
    """The end of a test script: exit status 1 if a scenario failed."""
    sys.exit(1 if scenario.failed else 0)
