# SPDX-License-Identifier: BSD-2-Clause
"""mutate.py - faults in x86-64 instructions, for tools/inject.py.

    program = Program('build/services/vfs/vfs.elf')
    for change in mutations(program, address, 'branch'):        # [(bytes, what)]
        ...

What is changed keeps its length: what stands behind it is reached as before. docs/notes/0020 says
what the classes are. tests/system/mutate.py compares all this with what objdump reads.
"""
import re
import subprocess
import tempfile

CLASSES = ('source', 'dest', 'pointer', 'branch', 'delete', 'loop', 'init', 'bit', 'parameter',
           'stale', 'stop', 'hang')
HLT, JUMP_SELF = b'\xf4', b'\xeb\xfe'
FIRST_INSNS = 16                # the beginning of a function
BEFORE_CALL = 6                 # instructions among which arguments are set
ARGUMENTS = (7, 6, 2, 1, 8, 9)  # rdi rsi rdx rcx r8 r9
PREFIXES = b'\x66\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65'
NOPS = (b'', b'\x90', b'\x66\x90', b'\x0f\x1f\x00', b'\x0f\x1f\x40\x00', b'\x0f\x1f\x44\x00\x00',
        b'\x66\x0f\x1f\x44\x00\x00', b'\x0f\x1f\x80\x00\x00\x00\x00',
        b'\x0f\x1f\x84\x00\x00\x00\x00\x00', b'\x66\x0f\x1f\x84\x00\x00\x00\x00\x00')
# Conditions by their number: `below` becomes `below or equal` and so on; others are inverted.
NEXT = {2: 6, 6: 2, 3: 7, 7: 3, 12: 14, 14: 12, 13: 15, 15: 13}
TWO = 0x0f00                    # opcodes of two bytes


def nop(length):
    """One instruction that does nothing."""
    longest = len(NOPS) - 1
    return b'\x66' * (length - longest) + NOPS[min(length, longest)]


# ---- the parts of an instruction ----

def has_modrm(op):
    if op >= TWO:
        low = op & 0xff
        return not (low in (0x05, 0x0b, 0x31, 0xa2) or 0x80 <= low <= 0x8f or 0xc8 <= low <= 0xcf)
    return (op < 0x40 and op & 7 < 4 or op in (0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc6, 0xc7, 0xf6, 0xf7,
                                               0xfe, 0xff)
            or 0x80 <= op <= 0x8f or 0xd0 <= op <= 0xd3)


def known(op):
    low = op & 0xff
    if op >= TWO:
        return (0x40 <= low <= 0x4f or 0x80 <= low <= 0x9f or 0xa2 <= low <= 0xa5
                or 0xab <= low <= 0xcf
                or low in (0x05, 0x0b, 0x18, 0x1e, 0x1f, 0x31))
    return not (op < 0x40 and op & 7 > 5 or 0x60 <= op <= 0x62 or op in (0x82, 0x9a, 0xc4, 0xc5)
                or 0x40 <= op <= 0x4f or op == 0xd6 or 0x64 <= op <= 0x67 or 0xd8 <= op <= 0xdf
                or op in (0xa0, 0xa1, 0xa2, 0xa3, 0xc8, 0xce, 0xd4, 0xd5, 0xea, 0xf1))


def immediate(op, extension, word, wide):
    """Bytes of the immediate or the relative address. extension: the middle field of ModRM."""
    z = 2 if word and not wide else 4
    if op >= TWO:
        low = op & 0xff
        return 4 if 0x80 <= low <= 0x8f else 1 if low in (0xa4, 0xac, 0xba) else 0
    if op < 0x40:
        return {4: 1, 5: z}.get(op & 7, 0)
    if op in (0xf6, 0xf7) and extension < 2:
        return 1 if op == 0xf6 else z
    if 0xb8 <= op <= 0xbf:
        return 8 if wide else z
    if (0x70 <= op <= 0x7f or 0xb0 <= op <= 0xb7 or 0xe0 <= op <= 0xe7
            or op in (0x6a, 0x6b, 0x80, 0x83, 0xa8, 0xc0, 0xc1, 0xc6, 0xcd, 0xeb)):
        return 1
    return {0x68: z, 0x69: z, 0x81: z, 0xa9: z, 0xc7: z, 0xe8: 4, 0xe9: 4, 0xc2: 2}.get(op, 0)


class Form:
    """Where the parts of an instruction are. op: None if it is not known here."""

    def __init__(self, code):
        self.op = self.modrm = self.sib = None
        self.rex, self.disp, self.disp_size, at = 0, 0, 0, 0
        while at < len(code) and code[at] in PREFIXES:
            at += 1
        word = b'\x66' in code[:at]
        if at < len(code) and code[at] & 0xf0 == 0x40:
            self.rex = code[at]
            at += 1
        op = code[at] if at < len(code) else 0x0f
        if op == 0x0f and at + 1 < len(code):
            at += 1
            op = TWO | code[at]
        if not known(op):
            return
        self.op, self.op_at = op, at
        at += 1
        if has_modrm(op):
            at = self.address(code, at)
        self.imm = at
        self.imm_size = immediate(op, self.reg if self.modrm else 0, word, bool(self.rex & 8))
        self.length = at + self.imm_size

    def address(self, code, at):
        """ModRM and what belongs to it; where it ends."""
        self.modrm = at
        self.mod, self.reg, self.rm = code[at] >> 6, code[at] >> 3 & 7, code[at] & 7
        at += 1
        base = self.rm
        if self.mod != 3 and self.rm == 4:
            self.sib, base = at, code[at] & 7
            at += 1
        self.base = base
        self.disp = at
        if self.mod == 1:
            self.disp_size = 1
        elif self.mod == 2 or self.mod == 0 and base == 5:
            self.disp_size = 4
        return at + self.disp_size

    def memory(self):
        return self.modrm is not None and self.mod != 3

    def registers(self):
        """([(byte, shift)] of sources, of destinations): fields that name a register."""
        op, low = self.op, (self.op_at, 0)
        if 0x50 <= op <= 0x57:
            return [low], []
        if 0x58 <= op <= 0x5f or 0xb0 <= op <= 0xbf:
            return [], [low]
        if self.modrm is None:
            return [], []
        reg = [(self.modrm, 3)]
        rm = [(self.modrm, 0)] if self.mod == 3 else []
        if op in (0x84, 0x85) or op < 0x40 and op >> 3 == 7:
            return reg + rm, []
        if op < 0x40 and op & 2 or op in (0x63, 0x69, 0x6b, 0x8a, 0x8b) or op >= TWO and (
                0x40 <= op & 0xff <= 0x4f
                or op & 0xff in (0xaf, 0xb6, 0xb7, 0xbc, 0xbd, 0xbe, 0xbf)):
            return rm, reg
        if op < 0x40 or op in (0x88, 0x89):
            return reg, rm
        if op == 0x8d:
            return [], reg
        if op in (0x80, 0x81, 0x83):
            return (rm, []) if self.reg == 7 else ([], rm)
        if op in (0xf6, 0xf7):
            return ([], rm) if self.reg in (2, 3) else (rm, [])
        if op in (0xfe, 0xff):
            return ([], rm) if self.reg < 2 else (rm, [])
        if op in (0xc0, 0xc1, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3) or TWO + 0x90 <= op <= TWO + 0x9f:
            return [], rm
        return [], []

    def loads(self):
        """Whether it only takes a register's new value from memory."""
        return self.memory() and self.op in (0x8a, 0x8b, 0x63, TWO + 0xb6, TWO + 0xb7, TWO + 0xbe,
                                             TWO + 0xbf)

    def sets_constant(self, code):
        """Whether it writes an immediate, or zero: to memory or a register."""
        return (self.op in (0xc6, 0xc7) or 0xb0 <= self.op <= 0xbf
                or self.op in (0x31, 0x33) and self.mod == 3 and self.reg == self.rm
                and self.rex & 1 == self.rex >> 2 & 1 and len(code) <= 3)

    def target(self):
        """The register it writes as a whole (mov, lea, xor of itself), or None."""
        if 0xb8 <= self.op <= 0xbf:
            return (self.op & 7) + (self.rex & 1) * 8
        if self.op in (0x89, 0xc7, 0x31) and self.mod == 3:
            return self.rm + (self.rex & 1) * 8
        if self.op in (0x8b, 0x8d, 0x63, TWO + 0xb6, TWO + 0xb7):
            return self.reg + (self.rex >> 2 & 1) * 8
        return None


class Insn:
    def __init__(self, at, code, text, function):
        self.at, self.code, self.text, self.function = at, code, text, function
        self.form = Form(code)

    def jumps_to(self):
        """Where a conditional jump goes, or None."""
        found = re.match(r'j[^m]\w* +([0-9a-f]+)', self.text)
        return found and int(found[1], 16)


class Program:
    """The instructions of an ELF file, as objdump reads them."""

    def __init__(self, path):
        out = subprocess.run(['objdump', '-d', '--insn-width=15', path], capture_output=True,
                             text=True, check=True).stdout
        self.insns, function = [], 0
        for line in out.split('\n'):
            begun = re.match(r'([0-9a-f]{16}) <', line)
            found = re.match(r' *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t?(.*)', line)
            if begun:
                function = len(self.insns)
            elif found:
                text = re.sub(r' +', ' ', found[3].split('#')[0]).strip()
                self.insns.append(Insn(int(found[1], 16), bytes.fromhex(found[2]), text, function))
        self.index = {insn.at: n for n, insn in enumerate(self.insns)}

    def at(self, address):
        return self.insns[self.index[address]]

    def is_first(self, number):
        """Whether it is among the first instructions of a function."""
        return number - self.insns[number].function < FIRST_INSNS

    def is_argument(self, number):
        """Whether it sets a register for a call that follows."""
        if self.insns[number].form.target() not in ARGUMENTS:
            return False
        for insn in self.insns[number + 1:number + 1 + BEFORE_CALL]:
            if insn.text.startswith('call'):
                return True
            if insn.text.startswith(('j', 'ret')):
                return False
        return False


# ---- the changes ----

def flip(code, bits):
    """The code with each of these bits (byte, bit) changed alone."""
    for at, bit in bits:
        yield code[:at] + bytes((code[at] ^ 1 << bit,)) + code[at + 1:]


def register_bits(fields):
    return [(at, shift + n) for at, shift in fields for n in range(3)]


def base_bits(form):
    """Bits of the base register of an address that change it alone."""
    if not form.memory() or form.mod == 0 and form.base == 5:
        return []
    at = form.modrm if form.sib is None else form.sib
    return [(at, n) for n in range(3)
            if not (form.sib is None and form.base ^ 1 << n == 4)
            and not (form.mod == 0 and form.base ^ 1 << n == 5)]


def number_bits(at, size):
    return [(at + n // 8, n % 8) for n in range(8 * size)]


def condition_at(form):
    """Where the condition of a conditional jump is, or None."""
    short, near = 0x70 <= form.op <= 0x7f, TWO + 0x80 <= form.op <= TWO + 0x8f
    return form.op_at if short or near else None


def with_condition(code, at, condition):
    return code[:at] + bytes((code[at] & 0xf0 | condition,)) + code[at + 1:]


def garbled(code, form):
    """Another value for a parameter: a bit of a constant, another register, another place; what is
    made zero stays what it was."""
    if form.op == 0x31:
        if form.reg == form.rm:         # xor becomes or
            yield code[:form.op_at] + b'\x09' + code[form.op_at + 1:]
    elif form.imm_size:
        yield from flip(code, number_bits(form.imm, form.imm_size))
    elif form.memory():
        yield from flip(code, base_bits(form) + number_bits(form.disp, form.disp_size))
    else:
        yield from flip(code, register_bits(form.registers()[0]))


def mutations(program, address, kind):
    """All that an instruction can become by this class of fault."""
    number = program.index[address]
    insn = program.insns[number]
    code, form = insn.code, insn.form
    if kind == 'stop':
        return [HLT]
    if kind == 'hang':
        return [JUMP_SELF] if len(code) >= len(JUMP_SELF) else []
    if kind == 'bit':
        return list(flip(code, number_bits(0, len(code))))
    if form.op is None or re.match(r'.*\bnop|xchg %ax,%ax', insn.text):
        return []
    if kind == 'delete':
        return [nop(len(code))]
    if kind in ('source', 'dest'):
        return list(flip(code, register_bits(form.registers()[kind == 'dest'])))
    if kind == 'pointer':
        return list(flip(code, base_bits(form) + number_bits(form.disp, form.disp_size)))
    if kind == 'parameter':
        return list(garbled(code, form)) if program.is_argument(number) else []
    if kind == 'stale':
        return [nop(len(code))] if form.loads() else []
    if kind == 'init':
        return [nop(len(code))] if form.sets_constant(code) and program.is_first(number) else []
    at = condition_at(form)
    if at is None:
        return []
    condition = code[at] & 15
    if kind == 'branch':
        return [with_condition(code, at, condition ^ 1)]
    back = insn.jumps_to() is not None and insn.jumps_to() <= address
    return [with_condition(code, at, NEXT.get(condition, condition ^ 1))] if back else []


def disassemble(codes):
    """[(length, text)] of what stands at the beginning of each of these."""
    room = 32
    blob = b''.join(code + b'\x90' * (room - len(code)) for code in codes)
    with tempfile.NamedTemporaryFile() as file:
        file.write(blob)
        file.flush()
        out = subprocess.run(['objdump', '-D', '-z', '-b', 'binary', '-m', 'i386:x86-64',
                              '--insn-width=15', file.name], capture_output=True, text=True,
                             check=True).stdout
    found = {}
    for line in out.split('\n'):
        match = re.match(r' *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t?(.*)', line)
        if match:
            text = re.sub(r' +', ' ', match[3].split('#')[0]).strip()
            found[int(match[1], 16)] = len(match[2].split()), text
    return [found.get(n * room, (0, '(bad)')) for n in range(len(codes))]
