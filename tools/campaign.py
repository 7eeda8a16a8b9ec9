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
import os
import random
import re
import shutil
import threading

import machine
import mutate
import payload
import plant
from guest import LOGS, GuestError
from injector import BAD, PARTS, SIZE, VICTIM, Ended, Fault, Injector
from screen import Screen

OUT = os.path.join(machine.BUILD, 'inject')
CLASSES = mutate.CLASSES + payload.CLASSES
# Further copies of ext2 and virtio_blk have nothing to do; hello and acpi act once.
SERVICES = ('virtio_blk uart keyboard screen rtc pci ext2 tmpfs devfs procfs tty log is ds sched '
            'vm pm vfs rsguard rs').split()
WRITERS = ('ext2', 'virtio_blk')        # of the disk
GOLDEN_S = 10
TYPED = 5                       # commands at the keyboard, meanwhile
LEAST = 20                      # instructions that the load reaches, or all that run are taken
FAULTS_OF_A_GUEST = 40
TOGETHER = 8                    # faults after which the load has to do all it does, once for all
WRITTEN = 100                   # the report is, whenever so many more are done


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
        runs = plant.golden(folder, rnd, PARTS, GOLDEN_S, SIZE, type_something)
        found = sorted(block for block, n in runs.items() if n > 1.2 * rest.get(block, 0) + 2)
        with open(path + '.new', 'w') as file:
            json.dump([found, sorted(set(runs) | set(rest))], file)
        os.rename(path + '.new', path)
    with open(path) as file:
        return [[tuple(block) for block in part] for part in json.load(file)]


def type_something(guest):
    """What the load does not do, and faults are met by (USES)."""
    screen = Screen(guest)
    for _ in range(TYPED):
        assert screen.answers(), 'nobody reads what is typed'
        guest.run('service kill ' + VICTIM)


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


def is_mutant(fault):
    """Whether the code goes on and does something else: it may damage the service's own state,
    which is seen much later. All else ends it, or tells others (also a device) what is wrong."""
    return fault.kind == 'wild' or fault.kind not in payload.CLASSES + ('stop', 'hang')


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


# ---- the campaign ----

class Doubt:
    """Something was bad after several faults, and not after the last one alone."""

    def __init__(self, fault, again, before, suspects):
        self.fault, self.again = fault, again   # the last one; alone
        self.before = before                    # names of all that were in that guest
        self.suspects = suspects                # to be done alone, too
        self.guilty = False                     # one of them was bad


class Campaign:
    """Faults, in as many guests as it takes, some of them at once."""

    def __init__(self, say=print, written=lambda campaign: None):
        self.say, self.written = say, written
        self.done, self.ends = [], []       # faults; what was found at the end of guests
        self.doubts = []
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
        pending, redo = [], []          # (Code, Fault): not judged yet; to be done before the next
        try:
            while not self.error:
                with self.lock:
                    code, fault = redo.pop(0) if redo else next(work, (None, None))
                if code:
                    self.one(injector, code, fault, pending, redo)
                elif pending:
                    self.verify(injector, pending, redo)
                else:
                    break
            self.end(injector)
        except Exception as error:          # pylint: disable=broad-except
            self.error = error
        finally:
            injector.close()

    def one(self, injector, code, fault, pending, redo):
        """Inject it, and judge it if more is seen than that it has been recovered."""
        if injector.faults and is_mutant(injector.faults[0]) != is_mutant(fault):
            self.verify(injector, pending, redo)        # not both in one guest
            self.end(injector)
        if injector.bed.guest is None or fault.suspect:
            self.fresh(injector)
        seen = self.inject(injector, fault, lambda: injector.one(code, fault))
        pending.append((code, fault))
        if seen or len(pending) >= TOGETHER or fault.suspect or fault.end:
            self.verify(injector, pending, redo)
        if injector.bed.guest and len(injector.faults) >= FAULTS_OF_A_GUEST:
            self.verify(injector, pending, redo)
            self.end(injector)

    def verify(self, injector, pending, redo):
        """Judge those that are pending: do programs go on? What is bad is done once more, alone, if
        it was not, which tells whether it was this one. Those before it are done again; if it was
        none of them, alone, it counts as this one's."""
        if not pending:
            return
        begun = [pair for pair in pending if pair[1].begun or pair[1].end]
        code, fault = (begun or pending)[-1]
        if injector.bed.guest:
            self.inject(injector, fault, lambda: injector.settle(code, fault))
        if not begun and fault.end:
            with self.lock:
                self.ends.append(('the load stood still after none was activated',
                                  [one.name() for _, one in pending]))
            redo += [(code, self.once_more(one)) for code, one in pending]
        elif fault.outcome() not in BAD or len(injector.faults) <= 1:
            for _, one in pending:
                self.judged(one)
        else:
            before = [one.name() for one in injector.faults]
            again = self.alone(injector, code, fault)
            others = [(code, one.again()) for code, one in pending if one is not fault]
            redo += others
            if again.outcome() in BAD:
                self.judged(again)
            else:
                self.doubt(Doubt(fault, again, before, [one for _, one in others]))
        pending.clear()

    def doubt(self, doubt):
        for one in doubt.suspects:
            one.suspect = True
        if doubt.suspects:
            self.doubts.append(doubt)
        else:
            self.decide(doubt)

    def decide(self, doubt):
        """All that may have done it have been done alone."""
        self.judged(doubt.again if doubt.guilty else doubt.fault)
        if not doubt.guilty:
            with self.lock:
                self.say('       not alone: ' + doubt.fault.line())
                self.ends.append(('not alone: ' + doubt.fault.line(), doubt.before))

    def alone(self, injector, code, fault):
        """Once more, in a guest of its own: was it this one, or an earlier one that had been
        without effect until then?"""
        self.fresh(injector)
        again = fault.again()
        self.inject(injector, again, lambda: injector.one(code, again))
        if injector.bed.guest and again.begun:
            self.inject(injector, again, lambda: injector.settle(code, again))
        return again

    def once_more(self, fault):
        made = fault.again()
        made.suspect = fault.suspect
        for doubt in self.doubts:
            if fault in doubt.suspects:
                doubt.suspects[doubt.suspects.index(fault)] = made
        return made

    def fresh(self, injector):
        injector.fresh()
        self.guests += 1

    def judged(self, fault):
        with self.lock:
            self.done.append(fault)
            if fault.begun or fault.end:
                self.say('  %4d %s' % (len(self.done), fault.line()))
            if len(self.done) % WRITTEN == 0:
                self.written(self)
        for doubt in self.doubts[:]:
            if fault in doubt.suspects:
                doubt.suspects.remove(fault)
                doubt.guilty |= fault.outcome() in BAD
                if not doubt.suspects:
                    self.doubts.remove(doubt)
                    self.decide(doubt)

    def inject(self, injector, fault, act):
        """What act() says; it may end the guest."""
        try:
            return act()
        except (Ended, GuestError, OSError, AssertionError) as error:
            if isinstance(error, Ended):
                fault.end = error.args[0] or fault.end
            elif not fault.end:
                fault.end = 'hang' if injector.bed.guest.alive() else 'panic'
            if fault.end == 'panic':
                fault.bad.append(injector.why_ended())
            self.keep(injector, fault)
            if not fault.end and injector.bed.guest.alive():
                self.end(injector)          # what is on its disk, and left over, counts
            injector.close()
            return True

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
        faults = [fault.name() for fault in injector.faults]
        found = injector.finish()
        with self.lock:
            for text in found:
                self.say('       at the end of a guest: ' + text)
                self.ends.append((text, faults))
            for fault, texts in charged(injector.faults, found):
                fault.left(texts)
                self.say('       so it was: ' + fault.line())


def charged(faults, found):
    """[(fault, what was found at the end of its guest)]. Any may have done it: the last one counts;
    as what did something to the disk, the last one in who writes there."""
    if not faults:
        return []
    disk = [text for text in found if text.startswith('e2fsck')]
    rest = [text for text in found if text not in disk]
    writers = [fault for fault in faults if fault.service in WRITERS]
    return [(fault, texts) for fault, texts in ((faults[-1], rest), ((writers or faults)[-1], disk))
            if texts]


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
        elif len(code.reached) < LEAST:
            code.reached = sorted({*code.reached, *code.run})
        if not code.reached:
            raise machine.UsageError('inject: %s: the load does not reach it' % word)
        found.append((code, certain(code, word, after)))
    return found


def all_faults(options, chosen, say):
    """(Code, Fault), service by service; first those of all that leave no damage."""
    plans = []
    for number, (code, one) in enumerate(chosen):
        rnd = random.Random('%d %s' % (options.seed, code.name))
        share = ((number + 1) * options.faults // len(chosen)
                 - number * options.faults // len(chosen))
        plans.append((code, describe(code, [one]) if one else
                      plan(code, share, options.kinds, rnd)))
        say('%s: %d faults in %d instructions' % (code.name, len(plans[-1][1]),
                                                  len(code.reached)))
    for mutants in (False, True):
        for code, faults in plans:
            for fault in faults:
                if is_mutant(fault) == mutants:
                    yield code, fault


def run(options, say=print, written=lambda campaign: None):
    """A campaign; the Campaign. written: what is done with it now and then, and at the end."""
    check(options.service)
    os.makedirs(OUT, exist_ok=True)
    campaign = Campaign(say, written)
    with plant.scratch('inject') as folder:
        chosen = codes(options.service, reached(folder, 1))
        injectors = []
        for number in range(options.guests):
            place = os.path.join(folder, str(number))
            os.mkdir(place)
            injectors.append(Injector(place))
        campaign.run(all_faults(options, chosen, say), injectors)
    return campaign
