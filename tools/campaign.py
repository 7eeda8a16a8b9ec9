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
import threading
import time

import machine
import mutate
import payload
import plant
from guest import LOGS, GuestError

OUT = os.path.join(machine.BUILD, 'inject')
CLASSES = mutate.CLASSES + payload.CLASSES
SERVICES = ('virtio_blk uart pci ext2 tmpfs devfs procfs tty log ds sched vm pm vfs rs').split()
CONSOLE = ('uart', 'tty')       # the load does not type
PARTS = ('files', 'trees')
SIZE = 60000                    # of the file that the load copies
GOLDEN_S = 10
LEAST = 20                      # instructions reached, or it is left out
PATIENCE_S = 1.0                # what is not reached by then is put back
WORK_S = 0.5                    # what is reached stays at least so long, or until its service dies
ANSWER_S = 24                   # no answer for so long, and the console does not work
WATCHDOG_S = 40                 # nothing at all for so long after it, and the system hangs
ROUND_S = 15                    # in which the load has done all it does, and more
LONG_S = 1 << 20                # nothing ends before it is ended
BEATS_S = 12                    # in which a service that does not beat is found out
FAULTS_OF_A_GUEST = 25
BAD = ('error', 'wrong', 'hang', 'panic')
WRITTEN = 100                   # the report is, whenever so many more are done
WATCH = os.path.join(machine.BUILD, 'tools', 'watch.so')


class Fault:
    """One, and what came of it."""

    def __init__(self, service, kind, at, after, more=None):
        self.service, self.kind, self.at, self.after = service, kind, at, after
        self.payload = more     # payload.Payload, or None
        self.where = self.before_text = self.after_text = ''
        self.begun = 0          # times that the changed instruction was
        self.cause = self.recovered = None
        self.others = []        # services that died as well
        self.repaired_us = None
        self.bad, self.wrong = [], []
        self.lasts = False      # programs see errors when it is gone, too
        self.end = None         # 'hang', 'panic', 'console', 'stall', 'stuck': the guest's end

    def name(self):
        if self.payload:
            return '%s:%#x=%s.%d' % (self.service, self.at, self.kind, self.payload.seed)
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
        return dict(vars(self), after=self.after.hex(), outcome=self.outcome(), name=self.name(),
                    payload=self.payload and self.payload.seed)

    def line(self):
        said = ['%s, %s' % (self.cause, self.recovered)] if self.cause else []
        said += [self.end] if self.end else []
        said += ['lasting'] if self.lasts else []
        return '%-9s %-10s %-9s %-40s %s -> %s%s' % (
            self.outcome(), self.service, self.kind, self.where, self.before_text, self.after_text,
            ''.join('; ' + text for text in said + self.others + self.wrong + self.bad))


# ---- what is injected ----

def take(name):
    code = plant.Code(name)
    code.program = mutate.Program(code.path)
    return code


def reached(folder, seed):
    """([(slot, address, instructions)] that the load reaches: they run more often with it than
    without; the same of all that runs). Kept, so that a seed means the same faults as long as the
    system is the same."""
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
            json.dump([found, sorted(set(runs) | set(rest))], file)
        os.rename(path + '.new', path)
    with open(path) as file:
        return [[tuple(block) for block in part] for part in json.load(file)]


def possible(code, kinds):
    """{class: addresses}"""
    found = {kind: [] for kind in kinds}
    for at in code.reached:
        if at >> 12 == at + len(code.program.at(at).code) - 1 >> 12:
            for kind in kinds:
                if kind in mutate.CLASSES and mutate.mutations(code.program, at, kind):
                    found[kind].append(at)
    found.update((kind, payload.places(code, kind)) for kind in kinds if kind in payload.CLASSES)
    return {kind: places for kind, places in found.items() if places}


def plan(code, count, kinds, rnd):
    """That many faults in one service, by class in turn."""
    found, faults = possible(code, kinds), []
    while len(faults) < count and found:
        for kind in rnd.sample(sorted(found), len(found)):
            at = rnd.choice(found[kind])
            if kind in payload.CLASSES:
                faults.append(ill(code, kind, at, rnd.randrange(1, 1 << 30)))
            else:
                after = rnd.choice(mutate.mutations(code.program, at, kind))
                faults.append(Fault(code.name, kind, at, after))
    return describe(code, faults[:count])


def ill(code, kind, at, seed):
    """A fault of tools/payload.py."""
    more = payload.make(code, at, kind, seed)
    return Fault(code.name, kind, at, more.call, more)


def describe(code, faults):
    texts = mutate.disassemble([fault.after for fault in faults])
    for fault, (_, text) in zip(faults, texts):
        fault.where = code.where(fault.at)
        fault.before_text = code.program.at(fault.at).text
        fault.after_text = (fault.name().partition('=')[2] if fault.payload else
                            re.sub(r'^(j\w+|call) .*', r'\1', text))    # it was read elsewhere
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
        self.text = text
        self.lines = re.findall(r'^(?:BAD|WRONG) .*', text, re.M)
        self.settled = '@settled 0' in text
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


# For the shell at the console. settle: each part has done all its steps since now. Builtins where
# they do: what programs see is the load's to say. revive: a shell ends if it cannot fork.
LOOK = r'''
now() { n=0; read n < /tmp/any/done.$1; } 2> /dev/null
settle() {
	files= trees= tries=0
	until now files && now trees; do usleep 50000; done
	now files; files=$((n + STEPS_FILES)); now trees; trees=$((n + STEPS_TREES))
	until now files && [ $n -ge $files ] && now trees && [ $n -ge $trees ]; do
		tries=$((tries + 1))
		[ $tries -lt 250 ] || return 1
		usleep 50000
	done
}
revive() {
	for p in PARTS; do
		kill -0 $(cat /tmp/any/pid.$p) 2> /dev/null && continue
		rm -f /tmp/any/done.$p
		sh /tmp/load $p SECONDS none >> /tmp/any/out.$p 2>&1 &
	done
}
look() {
	[ ! -e /tmp/any/bad ] || { mv /tmp/any/bad /tmp/any/bad.1 && cat /tmp/any/bad.1; }
	service list
	service status $1
}
'''


class Injector:
    """Guests, and faults in them, one after another."""

    def __init__(self, folder):
        self.folder = folder
        self.watch = Watch(os.path.join(folder, 'watch'))
        self.disk = os.path.join(folder, 'root.img')
        plant.copy(os.path.join(machine.BUILD, 'root.img'), self.disk)
        self.bed = plant.Bed(folder, lambda ram: ['-plugin', 'file=%s,ram=%s,watch=%s' % (
            WATCH, ram, self.watch.path)], disk=self.disk)
        self.stub = self.first = self.last = self.payload = None
        self.faults = []        # of this guest

    # -- guests --

    def fresh(self):
        """A guest under load."""
        self.watch.begin(0)
        if self.bed.commands is None:
            self.prepare()
        self.bed.restore()
        self.stub = plant.Stub(self.bed.guest)
        self.last = self.first
        self.faults = []

    def prepare(self):
        """The guest that all others begin as."""
        self.bed.fresh()
        guest = self.bed.guest
        self.before = plant.counts(guest, self.bed.memory)
        look = re.sub(r'STEPS_(\w+)', lambda m: str(plant.STEPS[m[1].lower()] + 1), LOOK)
        plant.put(guest, '/tmp/look', look.replace('PARTS', ' '.join(PARTS))
                  .replace('SECONDS', str(LONG_S)))
        plant.load(guest, PARTS, LONG_S, 'none', random.Random(1), SIZE)
        guest.run('. /tmp/look')
        self.first = self.look('rs', WATCHDOG_S, settle=True)
        assert self.first and self.first.settled, 'the load does not work'
        self.bed.save()

    def close(self):
        self.bed.close()
        self.stub = self.payload = None

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

    def look(self, service, seconds, settle=False, before=''):
        text = self.ask("%s%slook %s" % (before, "settle; echo '@'settled $?; " if settle else '',
                                         service), seconds)
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
        if self.payload and new != self.payload.call:
            self.payload.stop(self.stub, self.bed.memory)
        elif self.payload and place is not None:
            place = place if self.payload.plant(self.stub, self.bed.memory) else None
        if place is not None and new:
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
        self.take_back()
        self.payload = fault.payload
        place = self.swap(code, fault.at, old, fault.after)
        deadline = time.monotonic() + 5
        while place is None and time.monotonic() < deadline:    # it is just being recovered
            place = self.swap(code, fault.at, old, fault.after)
        if place is None:
            return
        self.faults.append(fault)
        ram = self.bed.memory.ram
        fault.begun = self.reach(code, fault, old)
        if fault.begun:
            until = time.monotonic() + WORK_S
            while time.monotonic() < until and ram[place:place + len(old)] == fault.after:
                time.sleep(0.005)
            died = ram[place:place + len(old)] != fault.after
            self.follow(code, fault, old, died)

    def reach(self, code, fault, old):
        """How often it has been, when it has; 0: never, and it is put back."""
        until = time.monotonic() + PATIENCE_S
        if fault.kind == 'irq':
            return fault.payload.blow(self.stub, PATIENCE_S)
        if code.name in CONSOLE:
            self.bed.guest.send('\n')
        while time.monotonic() < until and not self.watch.begun():
            time.sleep(0.005)
        if not self.watch.begun():
            self.swap(code, fault.at, fault.after, old)
        return self.watch.begun()       # it may have been just then

    def take_back(self):
        """Of the last payload nothing stays."""
        end = time.monotonic() + 5
        while self.payload and time.monotonic() < end:
            self.stub.stop()
            if self.payload.take_back(self.stub, self.bed.memory):
                self.payload = None
            self.stub.go()

    def follow(self, code, fault, old, died):
        """It has been activated: what comes of it? died: the bytes are the old ones already."""
        before, begun = self.last, time.monotonic()
        if not died:
            seen = self.seen(code, fault, old)
            while seen.beats > 1 and not seen.deaths(before) and time.monotonic() < begun + BEATS_S:
                seen = self.seen(code, fault, old)
            self.swap(code, fault.at, fault.after, old)
        self.settle(code, fault, old)
        dead = self.last.deaths(before)
        if code.name in dead:
            then, now = before.services[code.name], self.last.services[code.name]
            fault.cause = now[2]
            fault.recovered = 'afresh' if now[0] != then[0] else 'in place'
            fault.repaired_us = self.last.repaired
        fault.others = ['%s too: %s' % (name, self.last.services[name][2])
                        for name in dead if name != code.name]
        if fault.bad or fault.wrong or fault.end:
            self.outlast(code, fault, old)
        if fault.bad or fault.wrong or fault.end or fault.others:
            raise Ended(fault.end)
        if fault.recovered == 'afresh':         # else each is waited for longer than the last
            self.last = self.seen(code, fault, old, before='service kill %s; ' % code.name)

    def outlast(self, code, fault, old):
        """Programs have seen an error. Now that the fault is gone: do they go on to?"""
        told, fault.lasts = len(fault.bad) + len(fault.wrong), True
        seen = self.seen(code, fault, old, settle=True, before='revive; ')
        fault.lasts = not seen.settled or len(fault.bad) + len(fault.wrong) > told

    def seen(self, code, fault, old, **how):
        """A look. If it fails as programs do, one more without the fault. Without an answer: do
        programs call services, without the fault? Then it is the console that does not work; else,
        if there is no answer for long, the system."""
        seen = self.look(code.name, ANSWER_S, **how)
        if seen and not seen.whole():
            self.swap(code, fault.at, fault.after, old)
            fault.bad.append('BAD service: ' + ' '.join(seen.text.split('\n')[1:3]))
            seen = self.look(code.name, ANSWER_S, **how)
        if not seen or not seen.whole():
            self.swap(code, fault.at, fault.after, old)
            fault.end, fault.lasts = 'console', True
            if self.programs_run():
                raise Ended(fault.end)
            self.bed.guest.send('\x03\n')
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
        return self.answer(ANSWER_S) is not None

    @staticmethod
    def note(fault, seen):
        for line in seen.lines:
            (fault.bad if line.startswith('BAD') else fault.wrong).append(line[:300])

    def settle(self, code, fault, old):
        """Each part of the load has done all it does since then, and all services run."""
        end = time.monotonic() + ROUND_S
        seen = self.last = self.seen(code, fault, old, settle=True)
        while seen.whole() and seen.services[code.name][3] != 'running':
            if time.monotonic() > end:
                fault.end = 'stall'
                return
            seen = self.last = self.seen(code, fault, old)
        if not fault.end and not seen.settled:
            fault.end = 'stall'


# ---- the campaign ----

class Campaign:
    """Faults, in as many guests as it takes, some of them at once."""

    def __init__(self, say=print, written=lambda campaign: None):
        self.say, self.written = say, written
        self.done, self.ends = [], []       # faults; what was found at the end of guests
        self.guests = 0
        self.lock = threading.Lock()
        self.error = None                   # of ours: it ends all

    def run(self, work, injectors):
        """work: an iterator of (Code, Fault)."""
        threads = [threading.Thread(target=self.take_all, args=(work, injector), daemon=True)
                   for injector in injectors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.written(self)
        if self.error:
            raise self.error

    def take_all(self, work, injector):
        try:
            while True:
                with self.lock:
                    code, fault = next(work, (None, None))
                if code is None or self.error:
                    break
                self.one(injector, code, fault)
            self.end(injector)
        except Exception as error:          # pylint: disable=broad-except
            self.error = error
        finally:
            injector.close()

    def one(self, injector, code, fault):
        if injector.bed.guest is None:
            self.fresh(injector)
        before = list(injector.faults)
        self.inject(injector, code, fault)
        if before and fault.outcome() in BAD:
            before.append(fault)
            fault = self.alone(injector, code, fault, before)
        with self.lock:
            self.done.append(fault)
            if fault.begun or fault.end:
                self.say('  %4d %s' % (len(self.done), fault.line()))
            if len(self.done) % WRITTEN == 0:
                self.written(self)
        if injector.bed.guest and len(injector.faults) >= FAULTS_OF_A_GUEST:
            self.end(injector)

    def fresh(self, injector):
        injector.fresh()
        self.guests += 1

    def alone(self, injector, code, fault, before):
        """Was it this one, or an earlier one that had been without effect until then? Once more, in
        a guest of its own. If nothing comes of it there, the guest is to blame."""
        self.fresh(injector)
        again = Fault(fault.service, fault.kind, fault.at, fault.after, fault.payload)
        again.where, again.before_text = fault.where, fault.before_text
        again.after_text = fault.after_text
        self.inject(injector, code, again)
        if again.outcome() in BAD or not again.begun:
            return again if again.begun else fault
        with self.lock:
            self.say('       not alone: ' + fault.line())
            self.ends.append(('not alone: ' + fault.line(),
                              [f.name() for f in before if f.begun]))
        return again

    def inject(self, injector, code, fault):
        try:
            injector.one(code, fault)
        except (Ended, GuestError, OSError, AssertionError) as error:
            if isinstance(error, Ended):
                fault.end = error.args[0] or fault.end
            elif not fault.end:
                fault.end = 'hang' if injector.bed.guest.alive() else 'panic'
            self.keep(injector, fault)
            injector.close()

    @staticmethod
    def keep(injector, fault):
        """What a guest looked like that does not go on, and its console."""
        guest = injector.bed.guest
        name = 'inject-%s-%x' % (fault.service, fault.at)
        if fault.end and guest.alive():
            injector.stub.close()               # there is one such connection
            guest.name = name
            guest.diagnose('no answer after ' + fault.name())
        if fault.end:
            shutil.copyfile(guest.log, os.path.join(LOGS, name + '.console'))

    def end(self, injector):
        if injector.bed.guest is None:
            return
        faults = [fault.name() for fault in injector.faults if fault.begun]
        found = injector.finish()
        with self.lock:
            for text in found:
                self.say('       at the end of a guest: ' + text)
                self.ends.append((text, faults))


def check(words):
    """That the SERVICE arguments name services."""
    names = {pair[0] for pair in plant.count.service_names().values()}
    for word in words:
        name = word.partition(':')[0]
        if name not in names:
            raise machine.UsageError('inject: no service is called %s' % name)


def certain(code, word, after):
    """The fault that NAME:ADDRESS=BYTES, or =CLASS.SEED, means; None: none."""
    kind, _, seed = after.partition('.')
    if kind in payload.CLASSES and seed.isdecimal():
        if code.reached[0] not in payload.places(code, kind):
            raise machine.UsageError('inject: %s: not there' % word)
        return ill(code, kind, code.reached[0], int(seed))
    if not re.fullmatch('([0-9a-f]{2})*', after):
        raise machine.UsageError('inject: %s: expected bytes in hexadecimal' % word)
    return Fault(code.name, 'given', code.reached[0], bytes.fromhex(after)) if after else None


def codes(words, blocks):
    """[(Code, certain fault or None)] of the SERVICE arguments."""
    found = []
    for word in words or SERVICES:
        name, _, where = word.partition(':')
        where, _, after = where.partition('=')
        code = take(name)
        code.take(blocks[1])
        code.run = set(code.reached)
        code.take(blocks[0])
        if where.startswith('0x'):
            if not re.fullmatch('0x[0-9a-f]+', where) or int(where, 16) not in code.program.index:
                raise machine.UsageError('inject: %s: no instruction begins there' % word)
        if where:
            code.only(where)
        if not code.reached:
            raise machine.UsageError('inject: %s: the load does not reach it' % word)
        if words or len(code.reached) >= LEAST:
            found.append((code, certain(code, word, after)))
    return found


def all_faults(options, chosen, say):
    """(Code, Fault), service by service."""
    for number, (code, one) in enumerate(chosen):
        rnd = random.Random('%d %s' % (options.seed, code.name))
        share = ((number + 1) * options.faults // len(chosen)
                 - number * options.faults // len(chosen))
        faults = plan(code, share, options.kinds, rnd)
        if one:
            faults = describe(code, [one])
        say('%s: %d faults in %d instructions' % (code.name, len(faults), len(code.reached)))
        for fault in faults:
            yield code, fault


def run(options, say=print, written=lambda campaign: None):
    """A campaign; the Campaign. written: what is done with it now and then, and at the end."""
    check(options.service)
    os.makedirs(OUT, exist_ok=True)
    folder = tempfile.mkdtemp(prefix='skink-inject-',
                              dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
    campaign = Campaign(say, written)
    try:
        chosen = codes(options.service, reached(folder, 1))
        injectors = []
        for number in range(options.guests):
            place = os.path.join(folder, str(number))
            os.mkdir(place)
            injectors.append(Injector(place))
        campaign.run(all_faults(options, chosen, say), injectors)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return campaign
