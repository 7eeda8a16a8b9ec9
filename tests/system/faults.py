# SPDX-License-Identifier: BSD-2-Clause
"""The faults that ./skink inject plants are what their class says: objdump reads the changed
instructions of all services and agrees; payloads fit. No guest.
"""
import ctypes
import glob
import os
import random
import re
import subprocess
import tempfile

import machine
import mutate
import payload
import plant
from guest import finish, scenario, take_seed

SAMPLE = 150                    # instructions of a service and class
CHANGED = 12                    # of one instruction
SEED = take_seed()

# (class, code, what it may become)
KNOWN = (
    ('branch', '7405', {'7505'}),                       # je: jne
    ('branch', '0f8210000000', {'0f8310000000'}),       # jb: jae
    ('loop', '72f0', {'76f0'}),                         # jb back: jbe
    ('loop', '7210', set()),                            # jb forward
    ('delete', '4889e5', {'0f1f00'}),
    ('source', '4889d8', {'4889d0', '4889c8', '4889f8'}),     # mov %rbx,%rax: %rdx %rcx %rdi
    ('dest', '4889d8', {'4889d9', '4889da', '4889dc'}),       # %rcx %rdx %rsp
    ('source', '39d8', {'39d0', '39c8', '39f8', '39d9', '39da', '39dc'}),    # cmp has two
    ('dest', '39d8', set()),
    ('dest', '8b07', {'8b0f', '8b17', '8b27'}),         # mov (%rdi),%eax
    ('source', '8b07', set()),
    ('pointer', '488b07', {'488b06', '488b03'}),        # (%rdi): (%rsi) (%rbx), not disp32(%rip)
    ('pointer', '89d8', set()),                         # no memory
    ('stale', '8b4708', {'0f1f00'}),
    ('stale', '894708', set()),                         # a store
    ('init', 'c70000000000', {'660f1f440000'}),         # movl $0,(%rax)
    ('init', '31c0', {'6690'}),
    ('init', '31c8', set()),                            # xor %ecx,%eax
    ('stop', '4889e5', {'f4'}),
    ('hang', '4889e5', {'ebfe'}),
    ('hang', '55', set()),                              # no room
)


def of_code(code, kind):
    """What an instruction becomes that stands alone, at the beginning of a function."""
    (_, text), = mutate.disassemble([code])
    program = mutate.Program.__new__(mutate.Program)
    program.insns = [mutate.Insn(0x1000, code, text, 0)]
    if kind == 'loop':          # relative to 0 there, to 0x1000 here
        target = re.search(r'0x(\w+)', text)[1]
        signed = int(target, 16) - (1 << 64 if target.startswith('f' * 8) else 0)
        program.insns[0].text = 'jb %x <f>' % (0x1000 + signed)
    program.index = {0x1000: 0}
    return {after.hex() for after in mutate.mutations(program, 0x1000, kind)}


def name(text):
    return re.sub(r'^rex(\.\w+)? ', '', text).split(' ')[0]


def sample(program, kind, rnd):
    """[(number of the instruction, what it becomes)]"""
    found = []
    for number in rnd.sample(range(len(program.insns)), len(program.insns)):
        changed = mutate.mutations(program, program.insns[number].at, kind)
        found += [(number, after) for after in rnd.sample(changed, min(CHANGED, len(changed)))]
        if len(found) > SAMPLE:
            break
    return found


def check(kind, insn, after, length, text):
    """Whether this may have become of it: None, or what is wrong."""
    if kind == 'bit':
        bits = bin(int.from_bytes(insn.code, 'little') ^ int.from_bytes(after, 'little'))
        return None if bits.count('1') == 1 and len(after) == len(insn.code) else 'not one bit'
    if kind in ('stop', 'hang'):
        return None if name(text) == {'stop': 'hlt', 'hang': 'jmp'}[kind] else 'another'
    if len(after) != len(insn.code) or length != len(after):
        return 'another length: %d' % length
    if after == insn.code or '(bad)' in text:
        return 'not changed, or no instruction'
    if kind in ('delete', 'stale', 'init'):
        return None if 'nop' in text or text == 'xchg %ax,%ax' else 'not deleted'
    if kind in ('branch', 'loop'):
        return None if text[0] == 'j' and name(text) != name(insn.text) else 'not a branch'
    if kind in ('source', 'dest', 'pointer') and not re.match('nop|xchg|data16', insn.text):
        return None if name(text) == name(insn.text) else 'another operation'
    return None


programs = {}
with scenario('the lengths of all instructions of all services are those that objdump reads'):
    for path in sorted(glob.glob(os.path.join(machine.BUILD, 'services/*/*.elf'))):
        program = mutate.Program(path)
        programs[os.path.basename(path)] = program
        unknown = 0
        for insn in program.insns:
            if insn.form.op is None:
                unknown += 1
            else:
                assert insn.form.length == len(insn.code), (path, hex(insn.at), insn.text)
        assert unknown <= 2 or 'outcast' in path, '%s: %d unknown' % (path, unknown)
    assert len(programs) > 15, sorted(programs)
with scenario("and those that the service inject finds, and its conditional jumps"), \
        tempfile.TemporaryDirectory() as folder:
    library = os.path.join(folder, 'insn.so')
    subprocess.run(['gcc', '-shared', '-fPIC', '-O2', '-I', machine.ROOT, '-o', library,
                    os.path.join(machine.ROOT, 'servers/inject/insn.c')], check=True)
    insns = ctypes.CDLL(library)
    for path, program in programs.items():
        for number, insn in enumerate(program.insns):
            code = b''.join(i.code for i in program.insns[number:number + 16])[:16]
            got = insns.insn_length(code, len(code))
            assert got in (len(insn.code), 0), (path, hex(insn.at), insn.text, got)
            assert got or insn.form.op is None, (path, hex(insn.at), insn.text)
            assert not insns.insn_length(code, len(insn.code) - 1), (path, hex(insn.at))
            where = mutate.condition_at(insn.form) if insn.form.op is not None else None
            assert insns.insn_condition(code, len(code)) == (-1 if where is None else where), \
                (path, hex(insn.at), insn.text)
with scenario('known instructions become what is known'):
    for kind, code, expected in KNOWN:
        got = of_code(bytes.fromhex(code), kind)
        assert got == expected, '%s of %s: %s' % (kind, code, sorted(got))
for kind in mutate.CLASSES:
    with scenario('%s: what becomes of instructions is that, and as long' % kind):
        checked = 0
        for where, program in programs.items():
            found = sample(program, kind, random.Random('%d %s %s' % (SEED, where, kind)))
            read = mutate.disassemble([after for _, after in found])
            for (number, after), (length, text) in zip(found, read):
                insn = program.insns[number]
                wrong = check(kind, insn, after, length, text)
                assert not wrong, '%s at %#x of %s: %s became %s (%s)' % (
                    wrong, insn.at, where, insn.text, text, after.hex())
            checked += len(found)
        assert checked > 100, checked


def ill(name):
    """A service whose first half of the code a run has reached."""
    code = plant.Code(name)
    code.program = mutate.Program(code.path)
    code.reached = code.all[:len(code.all) // 2]
    code.run = set(code.reached)
    return code


with scenario('a call of a service can become any payload that is there for it, and nothing else '
              'changes'):
    kinds = set()
    for code in map(ill, ('vfs', 'virtio_blk', 'uart', 'rs')):
        for kind in payload.CLASSES[:-1]:
            places = payload.places(code, kind)
            if not places:
                continue
            kinds.add(kind)
            one = payload.make(code, places[0], kind, SEED)
            again = payload.make(code, places[0], kind, SEED)
            (length, text), = mutate.disassemble([one.call])
            assert length == 5 and text.startswith('call'), text
            assert one.new == again.new and len(one.new) == len(one.old), kind
            assert not code.run & set(range(one.at, one.at + len(one.new))), hex(one.at)
            target = payload.calls(code)[places[0]][0]
            assert one.new[8:16] == target.to_bytes(8, 'little'), hex(target)
    assert kinds == set(payload.CLASSES[:-1]), kinds
with scenario('who has no queue, no line, nobody to ask has no such faults'):
    assert not payload.places(ill('vfs'), 'dma') and not payload.places(ill('vfs'), 'irq')
    assert not payload.places(ill('log'), 'garbage') and payload.places(ill('uart'), 'irq')
finish()
