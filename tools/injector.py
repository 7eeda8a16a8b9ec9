# SPDX-License-Identifier: BSD-2-Clause
"""injector.py - puts faults into the services of a guest under load, and sees what comes of them.

    injector = Injector(folder)
    injector.fresh()
    injector.one(code, fault)           # Ended: the guest is of no use any more
    injector.settle(code, fault)        # do programs go on?
    found = injector.finish()

A fault is one instruction's bytes. It is put back when its service has died of it or some time has
gone by. Who died of what is read from rs's memory (tools/guardian.py); what programs saw they write
to the console as soon as they see it. Both are looked at after each fault. That all parts of the
load still do all they do is seen by settle(), for several faults together.
"""
import mmap
import os
import random
import re
import signal
import struct
import subprocess
import time

import guardian
import machine
import mutate
import plant
from guest import GuestError
from screen import Screen

CONSOLE = ('uart', 'tty')       # the load does not type; what programs say may get lost with them
PARTS = ('files', 'trees', 'calls')
AT_SCREEN = ('keyboard', 'screen', 'tty', 'pci')     # what a person at the machine may notice
SIZE = 60000                    # of the file that the load copies
PATIENCE_S = 1.0                # what is not reached by then is put back
WORK_S = 0.5                    # what is reached stays at least so long, or until its service dies
ANSWER_S = 90                   # no answer for so long, and the console does not work
WATCHDOG_S = 40                 # nothing at all for so long after it, and the system hangs
CALM_S, CALM_MOST_S = 15, 120   # nobody has died for so long; and how long that is waited for
ROUND_S = 15                    # in which who has died is back
LONG_S = 1 << 20                # nothing ends before it is ended
AGAIN_S = 5                     # in which a service does again what it has died of
BEATS_S = 12                    # in which a service that does not beat is found out
BAD = ('error', 'wrong', 'hang', 'panic')
# What the load does too seldom, typed at the console.
USES = {'uart': '\n', 'tty': '\n',
        'rtc': 'hwclock > /dev/null || echo BAD hwclock >> /tmp/any/bad\n',
        'rs': 'service kill toy > /dev/null || echo BAD kill >> /tmp/any/bad\n'}
VICTIM = 'toy'                  # it dies of what is typed for rs, which has to recover it
WATCH = os.path.join(machine.BUILD, 'tools', 'watch.so')
SUMS_DIFFER = 4                 # status of mksums -c


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
        self.suspect = False    # a guest of several was bad: judge it by itself

    def again(self):
        """The same, which has not happened yet."""
        made = Fault(self.service, self.kind, self.at, self.after, self.payload)
        made.where, made.before_text = self.where, self.before_text
        made.after_text = self.after_text
        return made

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

    def left(self, found):
        """What was found when the guest ended that had it last."""
        self.bad += ['at the end: ' + text for text in found if not text.startswith('e2fsck')]
        self.wrong += ['at the end: ' + text for text in found if text.startswith('e2fsck')]

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
    """What programs have said since the last look, and whether all of them go on."""

    def __init__(self, text):
        self.lines = re.findall(r'^(?:BAD|WRONG) .*', text, re.M)
        self.settled = '@settled 0' in text


class Ended(Exception):
    """The guest is of no use any more: its word says why."""


# For the shell at the console, which may be a new one. settle: each part has done all its steps
# since now; it fails if one does none for 20 seconds. Builtins: what programs see is the load's to
# say. revive: a shell ends if it cannot fork.
LOOK = r'''
now() { n=0; read n < /tmp/any/done.$1; } 2> /dev/null
settle() {
	for p in PARTS; do
		until now $p; do usleep 50000; done
	done
	settled STEPS
}
settled() {
	all=
	while [ $# -gt 0 ]; do
		now $1
		all="$all $1 $((n + $2))"
		shift 2
	done
	set -- $all
	while [ $# -gt 0 ]; do
		reaches $1 $2 || return 1
		shift 2
	done
}
reaches() {
	now $1
	end=$2 last=$n tries=0
	until now $1 && [ $n -ge $end ]; do
		[ $n = $last ] || tries=0
		last=$n tries=$((tries + 1))
		[ $tries -lt 400 ] || return 1
		usleep 50000
	done
}
revive() {
	for p in PARTS; do
		kill -0 $(cat /tmp/any/pid.$p) 2> /dev/null && continue
		rm -f /tmp/any/done.$p
		case $p in
		files) rm -rf /tmp/any/d /tmp/any/t.tgz ;;
		trees) rm -rf /mnt/e* ;;
		esac
		sh /tmp/load $p SECONDS none 3>&1 >> /tmp/any/out.$p 2>&1 &
	done
}
look() {
	settle
	echo "@settled $?"
	[ ! -e /tmp/any/bad ] || { mv /tmp/any/bad /tmp/any/bad.1 && cat /tmp/any/bad.1; }
}
'''


class Injector:
    """A guest, and faults in it, one after another."""

    def __init__(self, folder):
        self.watch = Watch(os.path.join(folder, 'watch'))
        self.disk = os.path.join(folder, 'root.img')
        plant.copy(os.path.join(machine.BUILD, 'root.img'), self.disk)
        self.bed = plant.Bed(folder, lambda ram: ['-plugin', 'file=%s,ram=%s,watch=%s' % (
            WATCH, ram, self.watch.path)], disk=self.disk, vga=True)
        self.stub = self.payload = self.table = None
        self.services = {}      # as they were after the last fault
        self.faults = []        # of this guest that were activated

    # -- guests --

    def fresh(self):
        """A guest under load."""
        self.watch.begin(0)
        if self.bed.commands is None:
            self.prepare()
        self.bed.restore()
        self.stub = plant.Stub(self.bed.guest)
        self.table = guardian.Table(self.bed.memory)
        self.services = self.table.look()
        self.faults = []

    def prepare(self):
        """The guest that all others begin as."""
        self.bed.fresh()
        guest = self.bed.guest
        self.before = plant.counts(guest, self.bed.memory)
        steps = ' '.join('%s %d' % (part, plant.STEPS[part] + 1) for part in PARTS)
        plant.put(guest, '/tmp/look', LOOK.replace('PARTS', ' '.join(PARTS))
                  .replace('STEPS', steps).replace('SECONDS', str(LONG_S)))
        plant.load(guest, PARTS, LONG_S, 'none', random.Random(1), SIZE)
        seen = self.look(WATCHDOG_S)
        assert seen and seen.settled, 'the load does not work'
        assert Screen(guest).answers(), 'nobody reads what is typed'
        self.bed.save()

    def close(self):
        self.bed.close()
        self.stub = self.payload = None

    def why_ended(self):
        """Of a guest whose console has ended: in words."""
        status = self.bed.guest.wait(WATCHDOG_S)
        assert status != -signal.SIGKILL, 'somebody killed QEMU'
        return machine.explain_status(status)

    def finish(self):
        """The end of a guest that still works: what is left over, or wrong on the disk."""
        guest = self.bed.guest
        found = []
        try:
            self.stub.close()
            guest.run('touch /tmp/any/stop')
            plant.end_of_load(guest, PARTS, WATCHDOG_S)
            end = time.monotonic() + ROUND_S        # what ends may take a moment
            after, memory = plant.counts(guest, self.bed.memory)
            while after != self.before[0] and time.monotonic() < end:
                after, memory = plant.counts(guest, self.bed.memory)
            if after != self.before[0]:
                found.append('left over: %s, was %s' % (after, self.before[0]))
            if memory + 1024 < self.before[1]:
                found.append('%d KB less memory' % (self.before[1] - memory))
            guest.send('poweroff\n')
            guest.wait(WATCHDOG_S)
            found += self.damage()
        except GuestError as error:
            found.append('the end: ' + str(error).split('\n')[0])
        self.close()
        return found

    def damage(self):
        """Of the disk: what e2fsck says, and of which blocks the sums say that Skink did not write
        them so. That is no excuse: it is wrong data in any case."""
        done = subprocess.run(['e2fsck', '-fn', self.disk], capture_output=True, text=True)
        if done.returncode == 0:
            return []
        sums = subprocess.run([os.path.join(machine.BUILD, 'tools/mksums'), '-c', self.disk],
                              capture_output=True, text=True)
        known = (' (known by the sums: %s)' % ', '.join(sums.stdout.splitlines()[:3])
                 if sums.returncode == SUMS_DIFFER else '')
        return ['e2fsck%s: %s' % (known, ' '.join(done.stdout.split())[:300])]

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
            self.receive(0.2)

    def receive(self, seconds):
        guest = self.bed.guest
        if not guest.receive(seconds) or not guest.alive():
            raise Ended('panic')

    def look(self, seconds, before=''):
        text = self.ask('. /tmp/look; %slook' % before, seconds)
        return text and Seen(text)

    def end_quotation(self):
        """What busybox's shell does not leave by ^C."""
        guest = self.bed.guest
        for text in ('\x03\n', "'\n", '"\n'):
            guest.send(text)
            end = time.monotonic() + 2
            while time.monotonic() < end:
                self.receive(0.2)
            if not guest.buffer.rpartition(b'\n')[2].startswith(b'>'):
                return

    def programs_run(self):
        """Whether programs call services: the console may be what does not work."""
        time.sleep(1)
        memory = self.bed.memory
        first = memory.traced()
        time.sleep(2)
        return any(event == 1 and sender >= 64 for event, sender in memory.trace(first))

    def told(self):
        """Whether a program has said on the console that something is wrong."""
        self.receive(0)
        return plant.TOLD in self.bed.guest.buffer

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

    def put_back(self, code, fault):
        self.swap(code, fault.at, fault.after, code.program.at(fault.at).code[:len(fault.after)])

    def take_back(self):
        """Of the last payload nothing stays."""
        end = time.monotonic() + 5
        while self.payload and time.monotonic() < end:
            self.stub.stop()
            if self.payload.take_back(self.stub, self.bed.memory):
                self.payload = None
            self.stub.go()

    # -- one fault --

    def one(self, code, fault):
        """Inject it, and see what is seen at once. Whether that needs a settle() before the next.
        Ended, if the guest is of no use afterwards."""
        old = code.program.at(fault.at).code[:len(fault.after)]
        self.take_back()
        self.payload = fault.payload
        place = self.swap(code, fault.at, old, fault.after)
        deadline = time.monotonic() + 5
        while place is None and time.monotonic() < deadline:    # it is just being recovered
            place = self.swap(code, fault.at, old, fault.after)
        if place is None:
            return False
        fault.begun = self.reach(code, fault)
        if not fault.begun:
            return False
        self.faults.append(fault)
        ram = self.bed.memory.ram
        until = time.monotonic() + WORK_S
        while time.monotonic() < until and ram[place:place + len(old)] == fault.after:
            time.sleep(0.005)
        if ram[place:place + len(old)] == fault.after:
            self.await_beats(code)
            self.put_back(code, fault)
        return self.note_deaths(code, fault) or self.told() or code.name in CONSOLE

    def reach(self, code, fault):
        """How often it has been, when it has; 0: never, and it is put back."""
        until = time.monotonic() + PATIENCE_S
        if fault.kind == 'irq':
            return fault.payload.blow(self.stub, PATIENCE_S)
        self.bed.guest.send(USES.get(code.name, ''))
        if code.name in AT_SCREEN:
            self.bed.guest.keys('ret')
        while time.monotonic() < until and not self.watch.begun():
            time.sleep(0.005)
        if not self.watch.begun():
            self.put_back(code, fault)
        return self.watch.begun()       # it may have been just then

    def await_beats(self, code):
        """It is not seen to take messages, or owes rs answers to heartbeats: it hangs, and rs finds
        that out, or it goes on."""
        end, receives = time.monotonic() + BEATS_S, False
        while time.monotonic() < end:
            receives = receives or self.bed.memory.receives(code.slot)
            now = self.table.look()
            if (receives and now[code.name].beats_out <= 1 or
                    code.name in guardian.died(self.services, now)):
                return
            time.sleep(0.001)

    def await_receive(self, code):
        """It has done again the request that it has died of, and waits for the next, or is at it
        for long. Another fault before that would be the request's second: it is refused then."""
        end = time.monotonic() + AGAIN_S
        while time.monotonic() < end and not self.bed.memory.receives(code.slot):
            time.sleep(0.001)

    def note_deaths(self, code, fault):
        """Who has died, when all are back. Whether that was another one, too, or somebody is not
        back."""
        now = self.when_back()
        if any(one.phase in guardian.AWAY for one in now.values()):
            fault.end = 'stall'
        dead, before = guardian.died(self.services, now), self.services
        self.services = now
        if code.name in dead:
            one = now[code.name]
            afresh = one.restarts != before[code.name].restarts
            fault.cause, fault.repaired_us = one.cause, one.repaired_us
            fault.recovered = 'afresh' if afresh else 'in place'
            self.await_receive(code)
            if afresh:                          # else each is waited for longer than the last
                self.ask('service kill ' + code.name, ANSWER_S)
                self.services = self.when_back()
                self.await_receive(code)
        killed = code.name == 'rs' and now[VICTIM].cause.startswith('killed')
        others = ['%s too: %s' % (name, now[name].cause) for name in dead
                  if name != code.name and not (name == VICTIM and killed)]
        fault.others += others
        return bool(others or fault.end)

    def when_back(self):
        """The services, when none of them is being recovered any more, or it takes too long."""
        end = time.monotonic() + ROUND_S
        now = self.table.look()
        while time.monotonic() < end and any(one.phase in guardian.AWAY for one in now.values()):
            time.sleep(0.02)
            now = self.table.look()
        return now

    def calm(self):
        """Until nobody has died for a while: a service that hangs time after time is given up after
        half a minute, and then programs begin again."""
        end, since, before = time.monotonic() + CALM_MOST_S, time.monotonic(), self.table.look()
        while time.monotonic() < min(end, since + CALM_S):
            self.receive(0.5)
            now = self.table.look()
            if guardian.died(before, now) or any(o.phase in guardian.AWAY for o in now.values()):
                since, before = time.monotonic(), now

    def settle(self, code, fault):
        """Each part of the load has to do all it does. What programs have said is this fault's."""
        fault.end = fault.end or None
        seen = self.seen(code, fault)
        if not seen.settled:
            fault.end = fault.end or 'stall'
        self.sit(fault)
        self.note_deaths(code, fault)
        if fault.bad or fault.wrong or fault.end:
            self.outlast(code, fault)
        if fault.bad or fault.wrong or fault.end or fault.others:
            raise Ended(fault.end)

    def outlast(self, code, fault):
        """Programs have seen an error. Now that the fault is gone: do they go on to?"""
        told, fault.lasts = len(fault.bad) + len(fault.wrong), True
        seen = self.seen(code, fault, before='revive; ')
        self.sit(fault)
        fault.lasts = not seen.settled or len(fault.bad) + len(fault.wrong) > told

    def sit(self, fault):
        """At the machine, and type: is it read, and is the answer shown?"""
        if fault.service in AT_SCREEN and not Screen(self.bed.guest).answers():
            fault.bad.append('BAD screen')

    def seen(self, code, fault, before=''):
        """A look. Without an answer: do programs call services? Then it is the console that does
        not work; else, if there is no answer for long, the system. What was typed may have come
        in part only, and wait for the end of a quotation."""
        seen = self.look(ANSWER_S, before)
        if not seen:
            fault.end = 'console'
            self.calm()
            run = self.programs_run()
            self.end_quotation()
            seen = self.look(ANSWER_S if run else WATCHDOG_S)
            fault.lasts = seen is None
            if seen is None and run:
                raise Ended(fault.end)
            if seen is None:
                fault.end = ('console' if self.programs_run() else
                             'stall' if self.ask('true', ANSWER_S) is not None else 'hang')
                if fault.end == 'hang' and self.stop(code):
                    fault.end = 'stuck'
                raise Ended(fault.end)
        for line in seen.lines:
            (fault.bad if line.startswith('BAD') else fault.wrong).append(line[:300])
        return seen

    def stop(self, code):
        """End the service where it takes its next message, if only a heartbeat. Whether all goes on
        then: it had lost what programs wait for."""
        at = code.symbols.address.get('ipc_receive')
        if at is None or not self.swap(code, at, code.program.at(at).code[:1], mutate.HLT):
            return False
        return self.answer(ANSWER_S) is not None
