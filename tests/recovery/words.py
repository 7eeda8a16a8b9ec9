# SPDX-License-Identifier: BSD-2-Clause
"""A word of rs's state is overwritten, and rs dies: it comes back, knows who is there, and goes on
repairing them.

Limit: 200

    words.py [--seed N] [--words N] [--value HEX] [--zeros] [FIELD...]

Without arguments some of the words that are in use are taken, by the seed (tests/README.md), each
with a value at random or zeros; with SKINK_LONG=1 all of them, with both. FIELD: only words whose
name begins so, as service.beat_ns, loading. --zeros: those, too, that are zero.
Each has a guest of its own, all of which go on where the first was saved.
"""
import argparse
import os
import random
import re
import subprocess

import count
import machine
import plant
from guest import GuestError, finish, need, scenario, take_seed

LONG = bool(os.environ.get('SKINK_LONG'))
SOME, HALVES = (0, 40) if LONG else (40, 3)
RS = 0
ELF = count.elf_of('rs')
SYMBOLS = count.Symbols(ELF).address
HLT = b'\xf4'                   # where it begins with a message. A program may not: exception 13
# Programs do their work; who is killed or hangs comes back, also $1, whose row it was; a service is
# taken out and loaded. What stands still the test ends.
CHECK = r'''
fail() { echo "BAD $*"; }
back() {
	n=0
	until service status $1 | grep -q running; do
		n=$((n + 1))
		[ $n -lt 100 ] || { fail $1 is not back; service status $1; return; }
		usleep 50000
	done
}
killed() {
	service kill $2 $1 || fail kill $1 $2
	back $1
}
work() {
	cp /bin/busybox /root/w && cp /root/w /mnt/w && cmp /mnt/w /bin/busybox &&
		rm /root/w /mnt/w || fail copy
	ls -l /dev | grep -q null && ps | grep -q init && dmesg | grep -q . || fail look
}
list() { service list | awk '{ print $1, $2, $3, $4 }'; }
work
service status rs | grep -q 'repaired in' || fail rs has not died
for s in rsguard ds virtio_blk tmpfs $1; do killed $s; done
if [ -n "$2" ]; then
	killed $2 -STOP
	until service status $2 | grep -q 'last defect: hung'; do usleep 100000; done
	back $2
fi
list > /tmp/after
diff /tmp/before /tmp/after || fail list
work
service stop semaphore && service remove semaphore && service start semaphore || fail semaphore
semaphore open w$$ 1 && semaphore down w$$ || fail semaphore is not used
dmesg | grep -o 'rs: recovery.*'
'''


def fields(name, *more):
    """[offset of each], [name] of a structure's fields; and what else is asked, as numbers."""
    out = subprocess.run(['gdb', '-q', '-nx', '-batch', '-ex', 'ptype struct ' + name, ELF],
                         capture_output=True, text=True, check=True,
                         stdin=subprocess.DEVNULL).stdout
    names = re.findall(r'^    .*?(\w+)(?:\[\d+\])*;$', out, re.M)
    found = count.numbers(ELF, *('&((struct %s *)0)->%s' % (name, n) for n in names), *more)
    return found[:len(names)], names, found[len(names):]


class State:
    """Where what is."""

    def __init__(self):
        self.parts = fields('state', '&state', 'sizeof(state)')
        self.row = fields('service', 'sizeof(struct service)')
        self.begin, self.size = self.parts[2]
        self.services = {slot: pair[0] for slot, pair in count.service_names().items()}

    @staticmethod
    def fields_at(table, offset):
        fields = list(zip(*table[:2]))
        return ([n for o, n in fields if offset <= o < offset + 8]
                or [n for o, n in fields if o < offset][-1:])

    def slot(self, at):
        """Whose row it is; None: nobody's."""
        rows = self.parts[0][1]         # where the field behind them begins
        return (at - self.begin) // self.row[2][0] if at - self.begin < rows else None

    def names(self, at):
        """Of the fields that begin in this word; else of that which it is in."""
        offset = at - self.begin
        if self.slot(at) is None:
            return self.fields_at(self.parts, offset)
        return ['service.' + name for name in self.fields_at(self.row, offset % self.row[2][0])]

    def text(self, at):
        slot = self.slot(at)
        return '%s, %s, %#x' % ('rs itself' if slot is None else self.services.get(slot, slot),
                                ' '.join(self.names(at)).replace('service.', ''), at)


class Trials:
    def __init__(self, bed):
        self.bed, self.state = bed, State()
        self.bed.fresh()
        guest = self.bed.guest
        plant.put(guest, '/tmp/check', CHECK)
        assert guest.run('service start semaphore')[0] == 0
        out = guest.run("service list | awk '{ print $1, $2, $3, $4 }' | tee /tmp/before; sync")[1]
        self.there = re.findall(r'^(\w+) .* running$', out, re.M)
        with plant.standing(guest):
            self.words = {at: self.word(at) for at in range(
                self.state.begin, self.state.begin + self.state.size, 8)}
        self.bed.save()

    def word(self, at):
        place = self.bed.memory.physical(RS, at)
        return bytes(8) if place is None else self.bed.memory.ram[place:place + 8]

    def die(self):
        """By a kill; or, if rs does not do that any more, by what it runs into."""
        guest = self.bed.guest
        if guest.run('service kill rs', 20)[0] != 0:
            with plant.standing(guest) as stub:
                stub.write(self.bed.memory.physical(RS, SYMBOLS['undo_commit']), HLT)
            guest.run('sleep 2')

    def one(self, at, value):
        """Whether all went well, and what was said."""
        who = self.state.services.get(self.state.slot(at), '')
        if who not in self.there or who == 'rs':
            who = ''
        hang = who if 'service.beat_ns' in self.state.names(at) and who != 'rsguard' else ''
        return self.many([(at, value)], who, hang)

    def many(self, changes, who='', hang='', at_once=False):
        self.bed.restore()
        guest = self.bed.guest
        with plant.standing(guest) as stub:
            for at, value in changes + ([(SYMBOLS['undo_commit'], HLT)] if at_once else []):
                stub.write(self.bed.memory.physical(RS, at), value)
        try:
            if at_once:
                guest.run('sleep 2')
            else:
                self.die()
            out = guest.run('sh /tmp/check "%s" %s' % (who, hang), 40)[1]
        except GuestError as error:
            return False, str(error)
        return 'BAD' not in out, '; '.join(out.split('\n'))

    def unlivable(self):
        """An undo log with more in it than there can be."""
        return self.many([(SYMBOLS['undo_mark'], b'\xff\xff')], at_once=True)


def single(trials, options, rnd):
    every = LONG or options.field != ['']
    words = [at for at, old in trials.words.items() if (options.zeros or any(old))
             and any(name.startswith(tuple(options.field)) for name in trials.state.names(at))]
    wrong = []
    for at in words if every else rnd.sample(words, options.words):
        two = [rnd.randbytes(8), bytes(8)]
        for value in [options.value] if options.value else two if every else [rnd.choice(two)]:
            fine, said = trials.one(at, value)
            what = '%s was %s, is %s: %s' % (trials.state.text(at), trials.words[at].hex(),
                                             value.hex(), said)
            print('    ' + what, flush=True)
            wrong += [] if fine else [what]
    assert not wrong, '\n        '.join(wrong)


def main(bed):
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--words', type=int, default=SOME)
    parser.add_argument('--value', type=bytes.fromhex)
    parser.add_argument('--zeros', action='store_true')
    parser.add_argument('field', nargs='*', default=[''])
    options = parser.parse_args()
    rnd = random.Random(take_seed(options.seed))
    trials = Trials(bed)
    with scenario('rs dies with a wrong word in its state: the system works, and all that rs '
                  'knew of services it knows again'):
        single(trials, options, rnd)
    rows = [at for at, old in trials.words.items() if any(old)
            and trials.state.slot(at) is not None]
    with scenario('half of what it knows of all services is wrong'):
        for _ in range(HALVES):
            fine, said = trials.many([(at, rnd.randbytes(8)) for at in
                                      rnd.sample(rows, len(rows) // 2)], at_once=True)
            assert fine, said
    with scenario('what it cannot live with is taken from it, and it learns who is there'):
        fine, said = trials.unlivable()
        assert fine, said
        said = bed.guest.run('service status rs; dmesg | tail -n 90')[1]
        assert '1 restarts' in said, said


need('gdb')
with plant.scratch('words') as where:
    root = os.path.join(where, 'root.img')
    plant.copy(machine.ROOT_IMAGE, root)
    with plant.Bed(where, disk=root) as only:
        main(only)
finish()
