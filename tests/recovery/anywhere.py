# SPDX-License-Identifier: BSD-2-Clause
"""Each service that keeps state dies at instructions chosen at random, while programs that check
their own work run.

Limit: 300

The instructions are those that a run of the same programs without deaths reaches, as QEMU's plugin
tools/count.c tells. One of a service becomes `hlt` in the running service, which dies there, once:
the guardian writes its program anew. One that is not reached soon becomes again what it was.

    anywhere.py [--seed N] [--seconds N] [SERVICE[:FUNCTION|:ADDRESS]...]

Without arguments some services are taken, by the seed (tests/README.md);
with SKINK_LONG=1 all, a minute each.
"""
import argparse
import os
import random
import re
import time

import plant
from guest import GuestError, finish, need, scenario, take_seed
from plant import Bed, Code, Stub, counts

PARTS = plant.PARTS + ('loads',)
LONG = bool(os.environ.get('SKINK_LONG'))
SERVICES = 'vfs pm vm rs ds log tty ext2 tmpfs devfs procfs pci sched virtio_blk uart'.split()
AT_ONCE = len(SERVICES) if LONG else 6
HLT = 0xf4                      # a program may not: exception 13
PATIENCE_S = 0.4                # an instruction that is not reached by then is given up
IN_A_ROW, LOOP_S = 60, 1.1      # a hundred deaths, each within a second of its start, are too many
GOLDEN_S = 8
# A death that tears nothing leaves rs nothing to repair.
SUSPECT = 'assert|refuses|repaired|rs: recovery'


class Killer:
    """Lets one service die, as long as a load runs."""

    def __init__(self, memory, stub, code, rnd):
        self.memory, self.stub, self.code, self.rnd = memory, stub, code, rnd
        self.deaths, self.planted, self.row, self.last = [], 0, 0, 0

    def byte(self, at):
        physical = self.memory.physical(self.code.slot, at)
        return None if physical is None else self.memory.ram[physical]

    def plant(self, at, byte):
        """Whether it was possible."""
        self.stub.stop()
        possible = self.byte(at) == (HLT if byte != HLT else self.code.first[at])
        if possible:
            self.stub.write(self.memory.physical(self.code.slot, at), bytes((byte,)))
        self.stub.go()
        return possible

    def one(self):
        at = self.rnd.choice(self.code.reached)
        if not self.plant(at, HLT):
            time.sleep(0.02)
            return
        self.planted += 1
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.byte(at) == HLT:
            time.sleep(0.004)
        if self.byte(at) == HLT and self.plant(at, self.code.first[at]):
            return
        now = time.monotonic()
        self.deaths.append((now, at))
        self.row = self.row + 1 if now - self.last < LOOP_S else 0
        self.last = now
        if self.row >= IN_A_ROW:
            time.sleep(LOOP_S)
        # The request that it died of is done again: it must not die of that twice.
        while not self.memory.receives(self.code.slot) and time.monotonic() < now + 2:
            time.sleep(0.001)

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.one()


def campaign(bed, code, seconds, rnd):
    """What went wrong, in words; [] if nothing did."""
    if bed.guest is None:
        bed.fresh()
    guest, wrong = bed.guest, []
    before, memory_before = counts(guest, bed.memory)
    plant.load(guest, PARTS, seconds, code.name, rnd)
    stub, began = Stub(guest), time.monotonic()
    killer = Killer(bed.memory, stub, code, rnd)
    killer.run(seconds)
    stub.close()
    done = {}
    try:
        bad, done = plant.end_of_load(guest, PARTS, 50)
        if bad:
            wrong.append('programs: ' + bad)
        after, memory_after = counts(guest, bed.memory)
        if after != before:
            wrong.append('left over: %s, was %s' % (after, before))
        if memory_after + 512 < memory_before:
            wrong.append('%d KB less memory' % (memory_before - memory_after))
        status = guest.run('service status %s' % code.name)[1]
        said = guest.run('grep -B 8 -iE "%s" /var/log/skink.log' % SUSPECT)[1]
        if said:
            wrong.append('the log: ' + said)
        restarts = int(re.search(r'(\d+) restarts', status)[1])
    except GuestError as error:
        wrong.append('HANG: %s' % str(error)[:1500])
        restarts = -1
    where = [code.where(at) for _, at in killer.deaths]
    print('    %-10s %4d planted of %5d reached, %4d deaths, %d afresh; %s' % (
        code.name, killer.planted, len(code.reached), len(where), restarts,
        ' '.join('%s %d' % pair for pair in sorted(done.items()))), flush=True)
    if wrong:
        wrong.append('died at: ' + '; '.join(
            '%.1f %s' % (t - began, w) for (t, _), w in zip(killer.deaths, where)))
        bed.close()
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--seconds', type=int, default=60 if LONG else 5)
    parser.add_argument('service', nargs='*')
    options = parser.parse_args()
    seed = take_seed(options.seed)
    with plant.scratch('any') as folder, Bed(folder) as bed:
        blocks = plant.golden(folder, random.Random(seed), PARTS, GOLDEN_S)
        for word in options.service or random.Random(seed).sample(SERVICES, AT_ONCE):
            name, _, where = word.partition(':')
            code = Code(name)
            code.take(blocks)
            if where:
                code.only(where)
            with scenario('%s dies anywhere, and no program notices' % name):
                try:
                    wrong = campaign(bed, code, options.seconds,
                                     random.Random('%d %s' % (seed, name)))
                except Exception:
                    bed.close()
                    raise
                assert not wrong, '\n        '.join(wrong)


need('gdb')
main()
finish()
