# SPDX-License-Identifier: BSD-2-Clause
"""campaign.py - injects faults into running services and judges what comes of them.

    campaign = run(options)     # seed, faults, kinds, service: see tools/inject.py
    for fault in campaign.done: fault.outcome()

A fault is changed bytes of an instruction that the load reaches. They are written into the running
service, and put back when it has died of them or some time has gone by; then everything must work
again. docs/notes/0020-injection.md says how it is judged.
"""
import hashlib
import json
import mmap
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile
import time

import machine
import mutate
import plant
from guest import LOGS, GuestError

OUT = os.path.join(machine.BUILD, 'inject')
SERVICES = ('virtio_blk uart pci ext2 tmpfs devfs procfs tty log ds sched vm pm vfs rs').split()
PARTS = ('files', 'trees')
SIZE = 60000                    # of the file that the load copies
GOLDEN_S = 10
LEAST = 20                      # instructions reached, or it is left out
PATIENCE_S = 1.0                # what is not reached by then is put back
WORK_S = 0.5                    # what is reached stays at least so long, or until its service dies
WATCHDOG_S = 40                 # no answer for so long, and the system hangs
ROUND_S = 15                    # in which the load has done all it does, and more
BEATS_S = 12                    # in which a service that does not beat is found out
FAULTS_OF_A_GUEST = 25
WATCH = os.path.join(machine.BUILD, 'tools', 'watch.so')


class Fault:
    """One, and what came of it."""

    def __init__(self, service, kind, at, after):
        self.service, self.kind, self.at, self.after = service, kind, at, after
        self.where = self.before_text = self.after_text = ''
        self.begun = 0          # times that the changed instruction was
        self.cause = self.recovered = None
        self.others = []        # services that died as well
        self.repaired_us = None
        self.bad, self.wrong = [], []
        self.end = None         # 'hang', 'panic', 'console', 'stall', 'stuck': the guest's end

    def name(self):
        return '%s:%#x=%s' % (self.service, self.at, self.after.hex())

    def outcome(self):
        if not self.begun:
            return 'not activated'
        if self.end in ('panic', 'hang'):
            return self.end
        if self.wrong:
            return 'wrong'
        if self.bad or self.end:
            return 'error'
        return 'recovered' if self.cause else 'silent'

    def data(self):
        return dict(vars(self), after=self.after.hex(), outcome=self.outcome(), name=self.name())

    def line(self):
        return '%-9s %-10s %-9s %-40s %s -> %s%s%s' % (
            self.outcome(), self.service, self.kind, self.where, self.before_text,
            self.after_text, '; %s, %s' % (self.cause, self.recovered) if self.cause else '',
            ''.join('; ' + text for text in self.others + self.wrong + self.bad))


# ---- what is injected ----

def take(name):
    code = plant.Code(name)
    code.program = mutate.Program(code.path)
    return code


def reached(folder, seed):
    """{(slot, address, instructions)} that the load reaches: they run more often with it than
    without. Kept, so that a seed means the same faults as long as the system is the same."""
    key = hashlib.sha256()
    for path in (os.path.join(machine.BUILD, 'boot.img'), plant.__file__, __file__):
        with open(path, 'rb') as file:
            key.update(file.read())
    path = os.path.join(OUT, 'reached-%s.json' % key.hexdigest()[:16])
    if not os.path.exists(path):
        rnd = random.Random(seed)
        rest = plant.golden(folder, rnd, (), 0)
        runs = plant.golden(folder, rnd, PARTS, GOLDEN_S, SIZE)
        found = sorted(block for block, n in runs.items() if n > 1.2 * rest.get(block, 0) + 2)
        with open(path + '.new', 'w') as file:
            json.dump(found, file)
        os.rename(path + '.new', path)
    with open(path) as file:
        return [tuple(block) for block in json.load(file)]


def possible(code, kinds):
    """{class: addresses}"""
    found = {kind: [] for kind in kinds}
    for at in code.reached:
        if at >> 12 == at + len(code.program.at(at).code) - 1 >> 12:
            for kind in kinds:
                if mutate.mutations(code.program, at, kind):
                    found[kind].append(at)
    return {kind: places for kind, places in found.items() if places}


def plan(code, count, kinds, rnd):
    """That many faults in one service, by class in turn."""
    found, faults = possible(code, kinds), []
    while len(faults) < count and found:
        for kind in rnd.sample(sorted(found), len(found)):
            at = rnd.choice(found[kind])
            after = rnd.choice(mutate.mutations(code.program, at, kind))
            faults.append(Fault(code.name, kind, at, after))
    return describe(code, faults[:count])


def describe(code, faults):
    texts = mutate.disassemble([fault.after for fault in faults])
    for fault, (_, text) in zip(faults, texts):
        fault.where = code.where(fault.at)
        fault.before_text = code.program.at(fault.at).text
        fault.after_text = re.sub(r'^(j\w+|call) .*', r'\1', text)    # it was read elsewhere
    return faults


# ---- one fault ----

class Watch:
    """Whether an instruction is reached: tools/watch.c's file."""

    def __init__(self, path):
        self.path = path
        with open(path, 'w+b') as file:
            file.write(bytes(16))
            file.flush()
            self.words = mmap.mmap(file.fileno(), 16)

    def begin(self, physical):
        self.words[:] = struct.pack('<QQ', physical, 0)

    def end(self):
        """Count no more; what was counted stays."""
        self.words[:8] = bytes(8)

    def begun(self):
        return struct.unpack('<QQ', self.words)[1]


class Seen:
    """What a look at the guest found."""

    def __init__(self, text):
        self.lines = re.findall(r'^(?:BAD|WRONG) .*', text, re.M)
        self.done = {part: int(n) for part, n in
                     re.findall(r'^/tmp/any/done\.(\w+):(\d+)', text, re.M)}
        self.services = {m[1]: (int(m[3]), int(m[4]), '%s %s' % (m[5], m[6]), m[2])
                         for m in re.finditer(r'^(\w+) +\d+ +\d+ (\w+) +(\d+) +(\d+)'
                                              r'(?:  (\w+) (\d+))?$', text, re.M)}
        beats = re.search(r'(\d+) heartbeats unanswered', text)
        self.beats = int(beats[1]) if beats else 0
        repaired = re.search(r'repaired in (\d+) us', text)
        self.repaired = repaired and int(repaired[1])

    def whole(self):
        return bool(self.services)

    def deaths(self, before):
        return [name for name, now in self.services.items()
                if name in before.services and now[:2] != before.services[name][:2]]


class Ended(Exception):
    """The guest is of no use any more: its word says why."""


class Injector:
    """Guests, and faults in them."""

    def __init__(self, folder):
        self.folder = folder
        self.watch = Watch(os.path.join(folder, 'watch'))
        self.disk = os.path.join(folder, 'root.img')
        self.bed = plant.Bed(folder, lambda ram: ['-plugin', 'file=%s,ram=%s,watch=%s' % (
            WATCH, ram, self.watch.path)], root=self.disk)
        self.stub = self.last = None
        self.faults = []        # of this guest
        self.guests = 0

    # -- guests --

    def fresh(self, rnd):
        subprocess.run(['cp', '--sparse=always', os.path.join(machine.BUILD, 'root.img'),
                        self.disk], check=True)
        self.watch.begin(0)
        self.bed.fresh()
        self.guests += 1
        self.faults = []
        self.before = plant.counts(self.bed.guest, self.bed.memory)
        plant.load(self.bed.guest, PARTS, 1 << 20, 'none', rnd, SIZE)
        self.stub = plant.Stub(self.bed.guest)
        self.last = Seen('')
        while set(self.last.done) != set(PARTS):
            self.last = self.look('rs', WATCHDOG_S)

    def close(self):
        self.bed.close()
        self.stub = None

    def finish(self):
        """The end of a guest that still works: what is left over, or wrong on the disk."""
        guest = self.bed.guest
        found = []
        try:
            self.stub.close()
            guest.run('touch /tmp/any/stop')
            plant.end_of_load(guest, PARTS, WATCHDOG_S)
            after, memory = plant.counts(guest, self.bed.memory)
            if after != self.before[0]:
                found.append('left over: %s, was %s' % (after, self.before[0]))
            if memory + 1024 < self.before[1]:
                found.append('%d KB less memory' % (self.before[1] - memory))
            guest.send('poweroff\n')
            guest.wait(WATCHDOG_S)
            done = subprocess.run(['e2fsck', '-fn', self.disk], capture_output=True, text=True)
            if done.returncode:
                found.append('e2fsck: ' + ' '.join(done.stdout.split())[:300])
        except GuestError as error:
            found.append('the end: ' + str(error).split('\n')[0])
        self.close()
        return found

    # -- looks --

    def ask(self, command, seconds):
        """What a command of the console says; None: nothing in time. The guest goes on."""
        guest = self.bed.guest
        guest.commands += 1
        guest.send("%s; echo '@@'%d:$?'@@'\n" % (command, guest.commands))
        return self.answer(seconds)

    def answer(self, seconds):
        guest = self.bed.guest
        end = re.compile(rb"@@%d:\d+@@\r?\n" % guest.commands)
        deadline = time.monotonic() + seconds
        while True:
            found = end.search(guest.buffer)
            if found:
                text, guest.buffer = guest.buffer[:found.start()], guest.buffer[found.end():]
                return text.decode(errors='replace').replace('\r\n', '\n')
            if time.monotonic() > deadline:
                return None
            if not guest.receive(0.2) or not guest.alive():
                raise Ended('panic')

    def look(self, service, seconds):
        text = self.ask('mv /tmp/any/bad /tmp/any/bad.1 2> /dev/null && cat /tmp/any/bad.1; '
                        "grep -c '' /tmp/any/done.*; service list; service status " + service,
                        seconds)
        return text and Seen(text)

    def programs_run(self):
        """Whether programs call services: the console may be what does not work."""
        time.sleep(1)
        memory = self.bed.memory
        first = memory.traced()
        time.sleep(2)
        return any(event == 1 and sender >= 64 for event, sender in memory.trace(first))

    # -- bytes --

    def swap(self, code, at, old, new):
        """Write, if the old bytes stand there. The place, or None."""
        memory = self.bed.memory
        self.stub.stop()
        place = memory.physical(code.slot, at)
        if place is not None and memory.ram[place:place + len(old)] != old:
            place = None
        if place is not None:
            if new == code.program.at(at).code[:len(new)]:
                self.watch.end()
            else:
                self.watch.begin(place)
            self.stub.write(place, new)
        self.stub.go()
        return place

    def one(self, code, fault):
        """Inject it. Ended, if the guest is of no use afterwards."""
        old = code.program.at(fault.at).code[:len(fault.after)]
        place = self.swap(code, fault.at, old, fault.after)
        deadline = time.monotonic() + 5
        while place is None and time.monotonic() < deadline:    # it is just being recovered
            place = self.swap(code, fault.at, old, fault.after)
        if place is None:
            return
        self.faults.append(fault)
        ram = self.bed.memory.ram
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and not self.watch.begun():
            time.sleep(0.005)
        if not self.watch.begun():
            self.swap(code, fault.at, fault.after, old)
        fault.begun = self.watch.begun()        # it may have been just then
        if fault.begun:
            until = time.monotonic() + WORK_S
            while time.monotonic() < until and ram[place:place + len(old)] == fault.after:
                time.sleep(0.005)
            self.follow(code, fault, old)

    def follow(self, code, fault, old):
        """It has been activated: what comes of it?"""
        before, begun = self.last, time.monotonic()
        seen = self.seen(code, fault, old)
        while seen.beats > 1 and not seen.deaths(before) and time.monotonic() < begun + BEATS_S:
            seen = self.seen(code, fault, old)
        self.swap(code, fault.at, fault.after, old)
        self.settle(code, fault, old, seen)
        dead = self.last.deaths(before)
        if code.name in dead:
            then, now = before.services[code.name], self.last.services[code.name]
            fault.cause = now[2]
            fault.recovered = 'afresh' if now[0] != then[0] else 'in place'
            fault.repaired_us = self.last.repaired
        fault.others = ['%s too: %s' % (name, self.last.services[name][2])
                        for name in dead if name != code.name]
        if fault.recovered == 'afresh':         # else each is waited for longer than the last
            self.ask('service kill ' + code.name, WATCHDOG_S)
            self.last = self.seen(code, fault, old)
        if fault.bad or fault.wrong or fault.end or fault.others:
            raise Ended(fault.end)

    def seen(self, code, fault, old):
        """A look; if there is no answer, one more without the fault."""
        seen = self.look(code.name, WATCHDOG_S)
        if seen is None or not seen.whole():
            self.swap(code, fault.at, fault.after, old)
            self.bed.guest.send('\x03\n')
            fault.end = 'console'
            seen = self.look(code.name, WATCHDOG_S)
            if seen is None:
                fault.end = 'console' if self.programs_run() else 'hang'
                if fault.end == 'hang' and self.stop(code):
                    fault.end = 'stuck'
                raise Ended(fault.end)
        self.note(fault, seen)
        return seen

    def stop(self, code):
        """End the service where it takes its next message, if only a heartbeat. Whether all goes on
        then: it had lost what programs wait for."""
        at = code.symbols.address.get('ipc_receive')
        if at is None or not self.swap(code, at, code.program.at(at).code[:1], mutate.HLT):
            return False
        return self.answer(WATCHDOG_S) is not None

    @staticmethod
    def note(fault, seen):
        for line in seen.lines:
            (fault.bad if line.startswith('BAD') else fault.wrong).append(line[:300])

    def settle(self, code, fault, old, seen):
        """Each part of the load has done a round since then, and all services run."""
        then, end = seen.done, time.monotonic() + ROUND_S
        while True:
            seen = self.last = self.seen(code, fault, old)
            if (all(seen.done.get(part, 0) > then.get(part, 0) + 1 for part in PARTS)
                    and seen.services[code.name][3] == 'running'):
                return
            if time.monotonic() > end:
                fault.end = 'stall'
                return


# ---- the campaign ----

class Campaign:
    """Faults one after another, in as many guests as it takes."""

    def __init__(self, injector, rnd, say=print):
        self.injector, self.rnd, self.say = injector, rnd, say
        self.done, self.ends = [], []       # faults; what was found at the end of guests

    def run(self, code, faults):
        for fault in faults:
            self.one(code, fault)
        self.end()

    def one(self, code, fault):
        injector = self.injector
        if injector.bed.guest is None:
            injector.fresh(self.rnd)
        try:
            injector.one(code, fault)
        except (Ended, GuestError, OSError, AssertionError) as error:
            if isinstance(error, Ended):
                fault.end = error.args[0] or fault.end
            elif not fault.end:
                fault.end = 'hang' if injector.bed.guest.alive() else 'panic'
            self.keep(fault)
            injector.close()
        self.done.append(fault)
        if fault.begun or fault.end:
            self.say('  %4d %s' % (len(self.done), fault.line()))
        if injector.bed.guest and len(injector.faults) >= FAULTS_OF_A_GUEST:
            self.end()

    def keep(self, fault):
        """What a guest looked like that hangs, and its console."""
        guest = self.injector.bed.guest
        name = 'inject-%s-%x' % (fault.service, fault.at)
        if fault.end == 'hang' and guest.alive():
            self.injector.stub.close()          # there is one such connection
            guest.name = name
            guest.diagnose('no answer after ' + fault.name())
        if fault.end in ('hang', 'panic', 'console'):
            shutil.copyfile(guest.log, os.path.join(LOGS, name + '.console'))

    def end(self):
        if self.injector.bed.guest is None:
            return
        faults = [fault.name() for fault in self.injector.faults if fault.begun]
        for text in self.injector.finish():
            self.say('       at the end of a guest: ' + text)
            self.ends.append((text, faults))


def check(words):
    """That the SERVICE arguments name services."""
    names = {pair[0] for pair in plant.count.service_names().values()}
    for word in words:
        name = word.partition(':')[0]
        if name not in names:
            raise machine.UsageError('inject: no service is called %s' % name)


def codes(words, blocks):
    """[(Code, certain fault or None)] of the SERVICE arguments."""
    found = []
    for word in words or SERVICES:
        name, _, where = word.partition(':')
        where, _, after = where.partition('=')
        code = take(name)
        code.take(blocks)
        if where.startswith('0x'):
            if not re.fullmatch('0x[0-9a-f]+', where) or int(where, 16) not in code.program.index:
                raise machine.UsageError('inject: %s: no instruction begins there' % word)
        if where:
            code.only(where)
        if not code.reached:
            raise machine.UsageError('inject: %s: the load does not reach it' % word)
        if not re.fullmatch('([0-9a-f]{2})*', after):
            raise machine.UsageError('inject: %s: expected bytes in hexadecimal' % word)
        if words or len(code.reached) >= LEAST:
            found.append((code, bytes.fromhex(after)))
    return found


def run(options, say=print, written=lambda campaign: None):
    """A campaign; the Campaign. written: what is done with it after each service."""
    check(options.service)
    os.makedirs(OUT, exist_ok=True)
    folder = tempfile.mkdtemp(prefix='skink-inject-',
                              dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
    injector = Injector(folder)
    campaign = Campaign(injector, random.Random(options.seed), say)
    try:
        chosen = codes(options.service, reached(folder, 1))
        for number, (code, certain) in enumerate(chosen):
            rnd = random.Random('%d %s' % (options.seed, code.name))
            share = ((number + 1) * options.faults // len(chosen)
                     - number * options.faults // len(chosen))
            faults = plan(code, share, options.kinds, rnd)
            if certain:
                faults = describe(code, [Fault(code.name, 'given', code.reached[0], certain)])
            say('%s: %d faults in %d instructions' % (code.name, len(faults), len(code.reached)))
            campaign.run(code, faults)
            written(campaign)
    finally:
        injector.close()
        shutil.rmtree(folder, ignore_errors=True)
    return campaign
