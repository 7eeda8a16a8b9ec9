# SPDX-License-Identifier: BSD-2-Clause
"""The kill storm: real programs whose outputs are known run while a service chosen at random, core
servers included, is killed each second, then each 100 ms, then wherever it is just computing. And
services are killed one by one while a fork bomb fills every table.

Limit: 400

With SKINK_LONG=1 for minutes. It reports programs run and failed, services killed by name, requests
in flight at each kill, and how much slower the programs were than without kills.
"""
import os
import random
import re
import subprocess
import time

import count
import machine
import plant
import uses
from guest import Guest, finish, need, scenario, take_seed, until

HERE = os.path.dirname(os.path.abspath(__file__))
LONG = bool(os.environ.get('SKINK_LONG'))
ROUNDS = 200 if LONG else 12
FOLDERS = ('/root/storm/work', '/tmp/storm/work')       # a disk, and memory
STRIKE = 'strike'                # not by a call to rs: it dies of its next instruction
PHASES = (((0, 60, None), (1000, 480, 'kill'), (100, 480, 'kill'), (100, 480, STRIKE)) if LONG else
          ((0, 8, None), (1000, 15, 'kill'), (100, 20, 'kill'), (100, 15, STRIKE)))
HLT = b'\xf4'                   # a program may not: exception 13
PATIENCE_S = 0.3                # a service that does nothing for so long is left alone
FROZEN, CALLS = 32, 2 | 4                               # abi/kernel.h: STATE_
ASKED = 1                                               # lib/board.h
LEAST_KILLS = 0.25              # of those that there is time for,
LEAST_STRIKES = 5               # and of those that somebody must run into


# ---- requests in flight ----

class Flight:
    """How many requests a service has not answered yet, when it is found frozen: callers that wait
    in the kernel, and what vfs has asked on boards."""

    def __init__(self, memory, known):
        self.memory, self.known = memory, known
        self.frozen, self.seen = set(), []      # [(service, requests)]
        words = ('&((struct proc *)0)->partner', 'sizeof(procs) / sizeof(procs[0])',
                 '&((struct proc *)0)->regs.rip')
        self.partner_at, self.nr_procs, self.rip_at = count.numbers(count.KERNEL, *words)
        self.board, self.board_size, self.phase_at, self.entries = count.numbers(
            count.elf_of('vfs'), '&board', 'sizeof(board[0])', '&((struct board *)0)->phase',
            'sizeof(((struct board *)0)->phase)')
        with open(os.path.join(machine.ROOT, 'servers/vfs/server.c')) as file:
            names = re.findall(r'\{ "(\w*)", SERVER_', file.read())
        self.boards = {name: n for n, name in enumerate(names)}
        self.vfs = next(s.slot for s in known if s.name == 'vfs')

    def proc(self, slot):
        return self.memory.procs + slot * self.memory.proc_size

    def state(self, slot):
        return self.memory.word(self.proc(slot) + self.memory.state_at, 2)

    def asked(self, name):
        if name not in self.boards:
            return 0
        at = self.memory.physical(self.vfs, self.board + self.boards[name] * self.board_size
                                  + self.phase_at)
        return 0 if at is None else self.memory.ram[at:at + self.entries].count(ASKED)

    def look(self):
        for service in self.known:
            if not self.state(service.slot) & FROZEN:
                self.frozen.discard(service.slot)
            elif service.slot not in self.frozen:
                self.frozen.add(service.slot)
                here = count.KERNEL_BASE + self.proc(service.slot)
                calls = sum(self.memory.word(self.proc(n) + self.partner_at) == here
                            and self.state(n) & CALLS != 0 for n in range(self.nr_procs))
                self.seen.append((service.name, calls + self.asked(service.name)))

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(0.0005)

    # ---- deaths at the next instruction ----

    def strike(self, stub, service):
        """Where it went into the kernel, or was interrupted, it finds hlt when it is back: most
        often with the next request in its hands. True: it has died."""
        memory, place = self.memory, None
        stub.stop()
        if not self.state(service.slot) & FROZEN:
            place = memory.physical(service.slot,
                                    memory.word(self.proc(service.slot) + self.rip_at))
        if place is not None:
            was = memory.ram[place:place + 1]
            stub.write(place, HLT)
        stub.go()
        until = time.monotonic() + PATIENCE_S
        while place is not None and time.monotonic() < until:
            self.look()
            if service.slot in self.frozen or memory.ram[place:place + 1] != HLT:
                return True
        if place is not None:
            stub.stop()
            if memory.ram[place:place + 1] == HLT:
                stub.write(place, was)
            stub.go()
        return False

    def strikes(self, guest, pause, seconds, rnd):
        """{service: deaths}. Those that start afresh are left out: dying without a request to do so
        they wait longer each time before they are started again."""
        stub, killed = plant.Stub(guest), {}
        able = [s for s in self.known if s.recovers]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            service = rnd.choice(able)
            if self.strike(stub, service):
                killed[service.name] = killed.get(service.name, 0) + 1
            self.watch(pause / 1000)
        stub.close()
        return killed


# ---- the storm ----

def expected(folder):
    """What the programs print here: busybox's own, as in the guest."""
    tools = os.path.join(folder, 'tools')
    os.mkdir(tools)
    subprocess.run(['/bin/busybox', '--install', '-s', tools], check=True)
    return subprocess.run([os.path.join(tools, 'sh'), os.path.join(HERE, 'storm.sh'),
                           os.path.join(folder, 'work')], env={'PATH': tools}, check=True,
                          capture_output=True, text=True).stdout


def put(guest, folder, text):
    guest.run('mkdir -p ' + folder)
    plant.put(guest, folder + '/expected', text.rstrip('\n'))


def begin(guest, seconds):
    guest.run('for f in %s; do sh /root/storm.sh $f $(($(cut -d . -f 1 /proc/uptime) + %d)) & '
              'done > /tmp/storm/out 2>&1' % (' '.join(FOLDERS), seconds))


def end(guest, seconds):
    """(rounds, what went wrong) once the programs have ended."""
    guest.run('for f in %s; do while [ ! -e $f.end ]; do sleep 1; done; rm $f.end; done' % (
        ' '.join(FOLDERS)), seconds)
    rounds = int(guest.run("cat %s 2> /dev/null | grep -c ''" % ' '.join(
        f + '.done' for f in FOLDERS))[1])
    bad = guest.run('cat /tmp/storm/out %s 2> /dev/null; rm -f %s' % (
        ' '.join(os.path.dirname(f) + '/bad' for f in FOLDERS),
        ' '.join(f + '.done' for f in FOLDERS)))[1]
    return rounds, bad


def phase(bed, known, pause, seconds, how, seed):
    """(rounds, bad, {service: kills}, [(service, requests in flight)])"""
    guest, flight, killed = bed.guest, Flight(bed.memory, known), {}
    begin(guest, seconds)
    if how == STRIKE:
        killed = flight.strikes(guest, pause, seconds, random.Random(seed))
    elif pause:
        guest.run('(/usr/lib/skink/assassin -r %d %d %d %s; echo over) > /tmp/killed 2>&1 & true'
                  % (seed, pause, seconds, ' '.join(s.name for s in known)))
        flight.watch(seconds)
    rounds, bad = end(guest, seconds + 120)
    if pause and how != STRIKE:
        until(lambda: guest.run('grep over /tmp/killed')[0] == 0)       # it may take longer
        out = guest.run('cat /tmp/killed')[1]
        killed = {name: int(n) for name, n in re.findall(r'^killed (\w+) (\d+)', out, re.M)}
    return rounds, bad, killed, flight.seen


def storm(folder, seed):
    known = uses.services()
    wanted = expected(folder)
    lines = len(wanted.split('\n')) - 1
    bed = plant.Bed(folder, root=machine.ROOT_IMAGE, root_option=',snapshot=on')
    bed.fresh()
    guest = bed.guest
    with open(os.path.join(HERE, 'storm.sh')) as file:
        plant.put(guest, '/root/storm.sh', file.read())
    for name in FOLDERS:
        put(guest, os.path.dirname(name), wanted)
    for service in known:
        if service.loaded:
            guest.run('service start ' + service.name)
    before, memory_before = plant.counts(guest, bed.memory)
    pace = None
    for pause, seconds, how in PHASES:
        what = ('without kills' if not pause else 'while a service is killed each %d ms' % pause
                if how != STRIKE else 'while services die wherever they are, %d ms apart' % pause)
        with scenario('real programs print what they should ' + what):
            begun = time.monotonic()
            rounds, bad, killed, seen = phase(bed, known, pause, seconds, how, seed)
            kills = sum(killed.values())
            now = (time.monotonic() - begun) / max(rounds, 1)
            pace = pace or now
            print('    %d s, %d programs, %d failed; %d services killed; a round takes %.2f of '
                  'what it does without' % (seconds, rounds * lines, bad.count('\n+'), kills,
                                            now / pace))
            if pause:
                tell(killed, seen)
            assert not bad, bad[:3000]
            assert rounds >= 1, 'no round has ended'
            if pause:
                assert kills >= (LEAST_STRIKES if how == STRIKE else
                                 LEAST_KILLS * seconds * 1000 / pause), killed
    with scenario('after the storm all services run and nothing is left over'):
        out = guest.run('service list')[1]
        assert out.count(' running ') == len(known), out
        after, memory_after = plant.counts(guest, bed.memory)
        assert after == before, (before, after)
        assert memory_after + 1024 >= memory_before, (memory_before, memory_after)
    bed.close()


def tell(killed, seen):
    flights = {}
    for name, requests in seen:
        flights.setdefault(name, []).append(requests)
    print('    killed: ' + ', '.join('%s %d' % pair for pair in sorted(killed.items())))
    print('    requests in flight at the kills that were seen: ' + ', '.join(
        '%s %s' % (name, ' '.join(map(str, found))) for name, found in sorted(flights.items())))
    print('    %d of %d kills were seen, %d of them with requests in flight' % (
        len(seen), sum(killed.values()), sum(n > 0 for _, n in seen)), flush=True)


need('gdb')
with plant.scratch('storm') as where:
    storm(where, take_seed())
# A shell that cannot fork forgets the rest of its line: the bombs kill their own before it goes on.
BOMBS = ('/usr/lib/skink/assassin 20 %d vfs pm vm rs sched rsguard log ds tty uart tmpfs procfs '
         'ext2 virtio_blk pci devfs is acpi rtc screen keyboard & '
         'for i in 1 2 3; do /usr/lib/skink/fair bomb 1 || echo BAD; done; wait; echo ov""er\n')
with Guest(name='storm') as guest:
    guest.shell()
    with scenario('nothing stands still while services are killed and nobody can fork'):
        guest.send(BOMBS % ROUNDS)
        killed = guest.expect(r'\n(\d+) killed(?s:.*)\nover\r?\n', 150)
        assert b'BAD' not in killed[0] and int(killed[1]) >= 30, killed[0]
        out = guest.run("ps | grep -c '[/]fair'; service list | grep -vc ' running '")[1]
        assert out == '0\n1\n', out
finish()
