# SPDX-License-Identifier: BSD-2-Clause
"""elfedit.py - a service's program with fields or instructions changed, for tests.

    Elf(path).put('Q', 24, 0x1234).bytes        # another entry
"""
import struct

PT_LOAD, PF_X = 1, 1
HEADER = 56                             # bytes of a program header


class Elf:
    def __init__(self, path):
        with open(path, 'rb') as file:
            self.bytes = bytearray(file.read())
        self.entry, self.phoff = struct.unpack_from('<QQ', self.bytes, 24)
        self.count, = struct.unpack_from('<H', self.bytes, 56)

    def put(self, form, offset, value):
        """A number (struct's form) at an offset of the file."""
        struct.pack_into('<' + form, self.bytes, offset, value)
        return self

    def segment(self, n):
        """Where program header n is."""
        return self.phoff + HEADER * n

    def fields(self, n):
        """Type, flags, offset, address."""
        return struct.unpack_from('<IIQQ', self.bytes, self.segment(n))

    def loaded(self, n):
        size, = struct.unpack_from('<Q', self.bytes, self.segment(n) + 40)
        return self.fields(n)[0] == PT_LOAD and size != 0

    def address(self, n):
        return self.fields(n)[3]

    def code(self, code):
        """Other instructions where it begins."""
        for n in range(self.count):
            kind, flags, offset, address = self.fields(n)
            if kind == PT_LOAD and flags & PF_X:
                at = offset + self.entry - address
                self.bytes[at:at + len(code)] = code
        return self
