# SPDX-License-Identifier: BSD-2-Clause
"""vfs does not give an answer that it has made, with the bytes that belong to it: who asked has its
call made anew, and reads each byte once. rs and is give none: who asked asks again.

Limit: 120
"""
import re

import campaign
import payload
import plant
from guest import finish, need, scenario, take_seed, until

TIMES = 16
PIPES = r'''
n=0
while [ ! -e /tmp/stop ]; do
	n=$((n + 1))
	[ "$(seq 1 3000 | sha256sum)" = "$1" ] || echo pipe $n
	[ "$(head -c 3000 /bin/busybox | sha256sum)" = "$2" ] || echo short pipe $n
	echo $n > /tmp/rounds.pipes
done
'''
LOAD = r'''
n=0
while [ ! -e /tmp/stop ]; do
	n=$((n + 1))
	head -c 200000 /bin/busybox > /tmp/one
	[ "$(sha256sum < /tmp/one)" = "$1" ] || echo file $n
	[ "$(ls -l /etc /dev | grep -v tty | sha256sum)" = "$2" ] || echo names $n
	cp /tmp/one /tmp/two && cmp /tmp/one /tmp/two || echo copy $n
	dd if=/tmp/one of=/tmp/two bs=700 conv=notrunc 2> /dev/null || echo write $n
	echo $n > /tmp/rounds
done
'''


def code_of(service, not_reached):
    """All its instructions count as reached, but those of one function."""
    code = campaign.take(service)
    code.reached = [insn.at for insn in code.program.insns]
    code.run = {at for at in code.reached if code.symbols.name(at) != not_reached}
    return code


class Answers:
    """Of a service, to whom it was asked by a message. not_reached: a function of it; what is
    planted stands there meanwhile."""

    def __init__(self, bed, service, not_reached):
        self.bed, self.code, self.ill = bed, code_of(service, not_reached), None
        self.at = next(at for at, (_, name) in payload.calls(self.code).items()
                       if name == 'ipc_replyreceive')

    def write(self, stub, text):
        stub.write(self.bed.memory.physical(self.code.slot, self.at), text)

    def omit(self, seed):
        """The next one is."""
        self.ill = payload.make(self.code, self.at, 'mute', seed)
        with plant.standing(self.bed.guest) as stub:
            assert self.ill.plant(stub, self.bed.memory)
            self.write(stub, self.ill.call)

    def omitted(self):
        return self.ill.times(self.bed.memory) > 0

    def give(self):
        done = False
        while not done:
            with plant.standing(self.bed.guest) as stub:
                self.write(stub, self.code.program.at(self.at).code)
                done = self.ill.take_back(stub, self.bed.memory)


def repaired(guest):
    return int(guest.run('dmesg | grep -c "service 6, call .*did not know"')[1])


def rounds(guest):
    """Of both loads. A file is empty for a moment when it is written."""
    return until(lambda: re.fullmatch(r'(\d+)\n(\d+)\n', guest.run(
        'cat /tmp/rounds /tmp/rounds.pipes')[1])).groups()


def main(seed):
    def all_said():
        return guest.run('cat /tmp/said*; dmesg')[1]

    with plant.scratch('unanswered') as folder, plant.Bed(folder) as bed:
        bed.fresh()
        guest, answers = bed.guest, Answers(bed, 'vfs', 'vfs_summary')
        plant.put(guest, '/tmp/load', LOAD)
        plant.put(guest, '/tmp/pipes', PIPES)
        guest.run('a=$(head -c 200000 /bin/busybox | sha256sum) '
                  'b=$(ls -l /etc /dev | grep -v tty | sha256sum) '
                  'c=$(seq 1 3000 | sha256sum) d=$(head -c 3000 /bin/busybox | sha256sum)')
        guest.run('echo 0 > /tmp/rounds; echo 0 > /tmp/rounds.pipes; '
                  'sh /tmp/load "$a" "$b" > /tmp/said 2>&1 & '
                  'sh /tmp/pipes "$c" "$d" > /tmp/said.pipes 2>&1 & true')
        with scenario('%d answers are not given: no program notices' % TIMES):
            for n in range(1, TIMES + 1):
                answers.omit(seed + n)
                until(answers.omitted, said=all_said)
                answers.give()
                before = rounds(guest)
                until(lambda: min(int(now) - int(then) for now, then in
                                  zip(rounds(guest), before)) > 1,
                      said=all_said)
            guest.run('touch /tmp/stop; wait', 30)
            said = guest.run('cat /tmp/said /tmp/said.pipes')[1].strip()
            assert said == '', said
            assert repaired(guest) > 0
        with scenario('rs does not answer is, which asks again: what is shown is whole'):
            answers = Answers(bed, 'rs', 'do_rs_crash_next')
            answers.omit(seed)
            guest.keys('shift', 'f1')
            until(answers.omitted)
            found = until(lambda: re.search(r'is: +24 .*', guest.run('service log is')[1]))
            assert 'virtio_blk' in found[0], found[0]
            answers.give()
        with scenario('is does not answer a program: it is asked again'):
            answers = Answers(bed, 'is', 'dump_rights')
            answers.omit(seed)
            guest.send('service dump services | grep -c virtio_blk; echo "shown"\n')
            until(answers.omitted)
            answers.give()
            guest.expect(r'\n[1-9]\r?\nshown', 15)


need('gdb')
main(take_seed())
finish()
