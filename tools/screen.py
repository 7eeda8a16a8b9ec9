# SPDX-License-Identifier: BSD-2-Clause
"""screen.py - the guest's screen and keyboard, as a person at the machine has them.

    from screen import Screen

    with Guest(vga=True) as guest:
        screen = Screen(guest)
        screen.expect(r'# $')
        screen.type('echo hello\\n')
        screen.expect(r'^hello')

The text is read from the pixels: QEMU's screendump is cut into cells, and each is looked up among
the glyphs of the font that was built in.
"""
import os
import re
import struct
import time

import machine
from guest import GuestError

FONT = os.path.join(machine.BUILD, 'lib', 'console.font')
UNKNOWN = '\ufffd'

NAMES = {
    '\n': ('ret',), ' ': ('spc',), '\t': ('tab',), '\x1b': ('esc',), '\x7f': ('backspace',),
    '-': ('minus',), '=': ('equal',), '[': ('bracket_left',), ']': ('bracket_right',),
    ';': ('semicolon',), "'": ('apostrophe',), '`': ('grave_accent',), '\\': ('backslash',),
    ',': ('comma',), '.': ('dot',), '/': ('slash',),
}
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', '1234567890-=[];\'`\\,./'))


def keys_of(character):
    """The keys that are pressed together for a character, by QEMU's names."""
    if character in SHIFTED:
        return ('shift',) + keys_of(SHIFTED[character])
    if character.isupper():
        return 'shift', character.lower()
    if character < ' ' and character not in NAMES:
        return 'ctrl', chr(ord(character) | 0x60)
    return NAMES.get(character, (character,))


class Font:
    """What tools/mkfont has written."""

    def __init__(self, path=FONT):
        with open(path, 'rb') as file:
            data = file.read()
        _, self.width, self.height, count, entries = struct.unpack_from('<5I', data)
        size = (self.width + 7) // 8 * self.height
        start = 20 + 8 * entries
        self.character = {}             # bits of a glyph -> the first character that has it
        for n in range(entries):
            code, glyph = struct.unpack_from('<2I', data, 20 + 8 * n)
            bits = data[start + glyph * size:start + (glyph + 1) * size]
            self.character.setdefault(bits, chr(code))
        self.character[b'\0' * size] = ' '


def read_ppm(path):
    """(width, height, bytes of red, green, blue) of a binary PPM file."""
    with open(path, 'rb') as file:
        data = file.read()
    head = re.match(rb'P6\s(\d+)\s(\d+)\s255\s', data)
    return int(head[1]), int(head[2]), data[head.end():]


class Screen:
    def __init__(self, guest):
        self.guest = guest
        self.font = Font()

    # ---- looking ----

    def pixels(self):
        path = os.path.join(self.guest.workdir, 'screen.ppm')
        self.guest.qmp('screendump', filename=path)
        return read_ppm(path)

    def cell(self, picture, row, column):
        """(character, whether it is drawn light on dark) at a place."""
        width, _, data = picture
        rows = []
        for y in range(row * self.font.height, (row + 1) * self.font.height):
            at = 3 * (y * width + column * self.font.width)
            rows.append(data[at:at + 3 * self.font.width])
        colours = sorted({line[3 * x:3 * x + 3] for line in rows for x in range(self.font.width)},
                         key=sum)
        if len(colours) == 1:
            return ' ', sum(colours[0]) == 0
        for ink in reversed(colours) if len(colours) == 2 else ():
            bits = b''.join(self.pack(line, ink) for line in rows)
            if bits in self.font.character:
                return self.font.character[bits], ink == colours[1]
        return UNKNOWN, True

    def pack(self, line, ink):
        bits = 0
        for x in range(self.font.width):
            bits = bits << 1 | (line[3 * x:3 * x + 3] == ink)
        return bits.to_bytes((self.font.width + 7) // 8, 'big')

    def size(self):
        """(rows, columns)."""
        width, height, _ = self.pixels()
        return height // self.font.height, width // self.font.width

    def text(self):
        """The rows of the screen, without the blanks at their ends."""
        picture = self.pixels()
        rows, columns = picture[1] // self.font.height, picture[0] // self.font.width
        blank = bytes(3 * self.font.width)
        lines = []
        for row in range(rows):
            line = []
            for column in range(columns):
                at = 3 * ((row * self.font.height + self.font.height // 2) * picture[0]
                          + column * self.font.width)
                empty = picture[2][at:at + len(blank)] == blank and self.is_black(
                    picture, row, column, blank)
                line.append(' ' if empty else self.cell(picture, row, column)[0])
            lines.append(''.join(line).rstrip())
        return lines

    def is_black(self, picture, row, column, blank):
        width, _, data = picture
        return all(data[at:at + len(blank)] == blank for at in (
            3 * (y * width + column * self.font.width)
            for y in range(row * self.font.height, (row + 1) * self.font.height)))

    def cursor(self):
        """(row, column) of the one cell that is drawn dark on light, None if there is none."""
        picture = self.pixels()
        found = [(row, column) for row in range(picture[1] // self.font.height)
                 for column in range(picture[0] // self.font.width)
                 if not self.cell(picture, row, column)[1]]
        return found[0] if len(found) == 1 else None

    def expect(self, pattern, timeout=30):
        """Wait until the screen's text has a match of `pattern`; the text."""
        deadline = time.monotonic() + timeout
        while True:
            text = '\n'.join(self.text()).rstrip()
            if re.search(pattern, text, re.M):
                return text
            if time.monotonic() > deadline or not self.guest.alive():
                raise self.guest.failure('no %r on the screen within %g s, but\n%s'
                                         % (pattern, timeout, text))
            self.guest.receive(0.1)

    def answers(self, timeout=30):
        """Whether a shell on /dev/tty1 reads what is typed, and its answer is shown. What had been
        typed is gone."""
        try:
            self.press('ctrl', 'c')
            self.press('ctrl', 'l')
            self.expect(r'\A\S* ?#\Z', timeout)
            self.type('id\n')
            self.expect(r'^uid=0', timeout)
        except GuestError:
            return False
        return True

    # ---- typing ----

    def press(self, *names):
        """Press keys together, by QEMU's names, and let them go."""
        self.guest.keys(*names)
        time.sleep(0.04)                # QEMU holds them down for a while by itself

    def type(self, text):
        for character in text:
            self.press(*keys_of(character))
