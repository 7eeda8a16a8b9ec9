# SPDX-License-Identifier: BSD-2-Clause
"""Every service is killed, hangs, takes more memory than it may have, and dies with a corrupted
state, while programs use it: which there are, and the load, follow from the manifests.

Limit: 300

    manifests.py [--seed N] [--words N] [SERVICE...]

Without arguments some services are taken, by the seed (tests/README.md);
with SKINK_LONG=1 all. docs/notes/0025-manifests.md says what is expected of whom.
"""
import argparse
import os
import random
import re
import subprocess
import time

import plant
import uses
from guest import GuestError, finish, need, scenario, take_seed

LONG = bool(os.environ.get('SKINK_LONG'))
PARTS = ('files', 'trees') + (('posix', 'flow', 'ptyload') if LONG else ())
ENDS = PARTS + ('use',)
AT_ONCE = 5
SIZE = 60000                    # of the file that the load copies
LOAD_S = 3600
ROUND_S = 60
BACK_S = 30                     # until a service is found out, and back
CORRUPTED = 3                   # services, in the short form
HANG = b'\xeb\xfe'              # a jump to itself
HLT = b'\xf4'                   # a program may not: exception 13
LEAK = b'\x50\xeb\xfd'          # pushes for ever: its stack is what a service can take memory for


class Fault(Exception):
    pass


class Trial:
    """One service, in a guest that runs its load."""

    def __init__(self, bed, service):
        self.bed, self.guest, self.service = bed, bed.guest, service
        self.symbols = plant.count.Symbols(service.elf)

    # ---- what it looks like ----

    def deaths(self):
        """(how often it died, whether it runs and is repaired, all that is said)."""
        now = self.guest.service(self.service.name, BACK_S)
        return now.deaths, 'running' in now.text and now.repaired_us is not None, now.text

    def until_back(self, before):
        deadline = time.monotonic() + BACK_S
        while True:
            now, whole, out = self.deaths()
            if now > before and whole:
                return out
            if time.monotonic() > deadline:
                raise Fault('it is not back: ' + out)

    def until_used(self, forgives=False):
        """Its own load has done more than was under way. forgives: errors, not wrong data."""
        then, deadline = uses.rounds(self.guest)[0], time.monotonic() + ROUND_S
        while True:
            done, bad = uses.rounds(self.guest)
            if any(line.startswith('WRONG') for line in bad) or (bad and not forgives):
                raise Fault('; '.join(bad[:5]))
            if done.get('use', 0) > then.get('use', 0) + 1:
                return
            if time.monotonic() > deadline:
                raise Fault('the load stands still: %s, was %s' % (done, then))
            time.sleep(0.2)

    # ---- what is done to it ----

    def kill(self):
        if self.guest.run('service kill ' + self.service.name, BACK_S)[0] != 0:
            raise Fault('it cannot be killed')

    def code(self, what):
        """Where it is about to commit what a request has changed; or where it takes messages."""
        at = self.symbols.address.get('undo_commit', self.symbols.address['ipc_receive'])
        self.bed.write(self.service.slot, at, what)

    def hang(self):
        self.code(HANG)

    def leak(self):
        self.code(LEAK)

    def words(self):
        """Addresses in its state that are in use; of one that starts afresh, in its data."""
        out = subprocess.run(['readelf', '-SW', self.service.elf], capture_output=True, text=True,
                             check=True).stdout
        parts = {m[1]: (int(m[2], 16), int(m[3], 16)) for m in
                 re.finditer(r'\] (\.\w+) +\w+ +(\w+) \w+ (\w+)', out)}
        found, memory = [], self.bed.memory
        for name in ['.state'] if self.service.recovers else ['.data', '.bss']:
            begin, size = parts.get(name, (0, 0))
            for page in range(begin & ~4095, begin + size, 4096):
                place = memory.physical(self.service.slot, page)
                ram = bytes(4096) if place is None else memory.ram[place:place + 4096]
                found += [page + n for n in range(0, 4096, 8)
                          if begin <= page + n <= begin + size - 8 and any(ram[n:n + 8])]
        return found

    def corrupt(self, rnd):
        """Overwrite one of them, and let it die: it looks at them when it comes back. What was
        done."""
        with plant.standing(self.guest) as stub:
            found = self.words()
            if found:
                at = rnd.choice(found)
                word = bytes(8) if rnd.random() < 0.3 else rnd.randbytes(8)
                stub.write(self.bed.memory.physical(self.service.slot, at), word)
        try:
            self.kill()
        except Fault:           # rs does not, by what it knows of itself now
            self.code(HLT)
        return '%#x=%s' % (at, word.hex()) if found else 'nothing'

    # ---- all of it ----

    def one(self, what, cause):
        before = self.deaths()[0]
        getattr(self, what)()
        out = self.until_back(before)
        if 'last defect: ' + cause not in out:
            raise Fault('another cause: ' + out)
        if self.service.errs:
            self.until_used(forgives=True)      # it began afresh: who had asked has an error
            self.guest.run('rm -f /tmp/any/bad')
        self.until_used()
        return '%s %s us' % (what, re.search(r'repaired in (\d+)', out)[1])


def boot(bed, known):
    if bed.guest is None:
        bed.fresh()
        for other in known:
            assert not other.loaded or bed.guest.run('service start ' + other.name)[0] == 0
    return bed.guest


def trial(bed, service, known, rnd):
    """What went wrong, in words."""
    guest, wrong = boot(bed, known), []
    before, memory_before = plant.counts(guest, bed.memory)
    plant.load(guest, PARTS, LOAD_S, service.name, rnd, SIZE)
    uses.begin(guest, service, known, LOAD_S)
    run, told, begun = Trial(bed, service), [], time.monotonic()
    deep = 'resource 5' if service.slot != 0 else 'exception 14'   # rsguard does not look so close
    try:
        run.until_used()
        for what, cause in (('kill', 'signal 9'), ('hang', 'hung'), ('leak', deep)):
            told.append(run.one(what, cause))
    except (Fault, GuestError, OSError) as error:
        wrong.append('%s, then: %s' % (', '.join(told), str(error)[:1500]))
    try:
        guest.run('touch /tmp/any/stop')
        bad, done = plant.end_of_load(guest, ENDS, 90)
        if service.errs:                # without what the programs said of it
            bad = '\n'.join(re.findall(r'^(?:BAD|WRONG) .*', bad, re.M))
        if bad and not wrong:
            wrong.append('programs: ' + bad)
        after, memory_after = plant.counts(guest, bed.memory)
        if after != before:
            wrong.append('left over: %s, was %s' % (after, before))
        if memory_after + 512 < memory_before:
            wrong.append('%d KB less memory' % (memory_before - memory_after))
    except GuestError as error:
        wrong.append('the end: %s' % str(error)[:1000])
        done = {}
    print('    %-12s %5.1f s: %s; %s' % (service.name, time.monotonic() - begun, ', '.join(told),
                                         done), flush=True)
    if wrong:
        bed.close()
    return wrong


def works(bed, service, known, rnd, fault=None):
    """Whether a load that begins now does its work, and goes on over the fault; what was done."""
    plant.load(bed.guest, PARTS, LOAD_S, service.name, rnd, SIZE)
    uses.begin(bed.guest, service, known, LOAD_S)
    run, done = Trial(bed, service), ''
    try:
        run.until_used()
        if fault:
            before = run.deaths()[0]
            done = fault(run)
            run.until_back(before)
            run.until_used()
        fine = True
    except Fault as error:
        done, fine = '%s (%s)' % (done, str(error)[:200].replace('\n', ' ')), False
    bed.guest.run('touch /tmp/any/stop')
    return not plant.end_of_load(bed.guest, ENDS, 90)[0] and fine, done


def corruption(bed, service, known, rnd):
    """A word is overwritten: programs may have errors; afterwards all works, without a boot. What
    does not."""
    boot(bed, known)
    done = ''
    try:
        fine, done = works(bed, service, known, rnd, lambda run: run.corrupt(rnd))
        print('    %-12s %s: %s' % (service.name, 'no program notices' if fine else 'errors',
                                    done), flush=True)
        if fine:
            return ''
        again, what = works(bed, service, known, rnd)
        bed.close()                     # for the next one
        return '' if again else 'after %s programs have errors: %s' % (done, what)
    except GuestError as error:
        bed.close()
        return 'after %s: %s' % (done or 'a word', str(error)[:600])


class Disks(plant.Bed):
    """Each guest has disks of its own: the root, and one for each file server that has a disk."""

    def __init__(self, folder, known):
        self.disks = [os.path.join(folder, 'disk%d' % n) for n in range(uses.disks(known))]
        super().__init__(folder, root=self.disks[0], disks=self.disks[1:])

    def fresh(self):
        self.close()
        subprocess.run(['cp', '--sparse=always', plant.machine.ROOT_IMAGE, self.disks[0]],
                       check=True)
        for path in self.disks[1:]:
            subprocess.run(['mke2fs', '-qF', '-t', 'ext2', '-b', '4096', path, '8M'], check=True,
                           stdout=subprocess.DEVNULL)
        super().fresh()


def end(bed):
    """The end of a guest that works: what is wrong on its disks."""
    found = []
    bed.guest.send('poweroff\n')
    bed.guest.wait(60)
    for path in bed.disks:
        done = subprocess.run(['e2fsck', '-fn', path], capture_output=True, text=True)
        if done.returncode:
            found.append(os.path.basename(path) + ': ' + done.stdout)
    bed.close()
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--words', type=int, default=8 if LONG else 1,
                        help='of a service\'s state that are overwritten, one by one')
    parser.add_argument('service', nargs='*')
    options = parser.parse_args()
    seed = take_seed(options.seed)
    known = uses.services()
    chosen = [s for s in known if s.name in options.service] or (
        known if LONG else random.Random(seed).sample(known, AT_ONCE))
    with plant.scratch('manifests') as folder, Disks(folder, known) as bed:
        for service in chosen:
            with scenario('%s is killed, hangs, leaks: who uses it goes on' % service.name):
                wrong = trial(bed, service, known, random.Random('%d %s' % (seed, service.name)))
                assert not wrong, '\n        '.join(wrong)
        with scenario('e2fsck finds nothing on the disks'):
            wrong = end(bed) if bed.guest else []
            assert not wrong, wrong
        # Who answers programs' calls may take programs along: that is told, and no failure.
        if not LONG and not options.service:
            chosen = [s for s in chosen if not s.all('posix')][:CORRUPTED]
        for service in chosen:
            rnd = random.Random('%d corrupt %s' % (seed, service.name))
            if service.all('posix'):
                for _ in range(options.words):
                    print('    ' + (corruption(bed, service, known, rnd) or 'fine'))
                continue
            with scenario('%s dies with a wrong word in its state: the system works afterwards'
                          % service.name):
                wrong = list(filter(None, (corruption(bed, service, known, rnd)
                                           for _ in range(options.words))))
                assert not wrong, '\n        '.join(wrong)


need('gdb')
main()
finish()
