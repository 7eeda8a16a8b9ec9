/* SPDX-License-Identifier: BSD-2-Clause
 * insn.c - lengths of x86-64 instructions.
 *
 * Job:      from bytes to where the next instruction begins.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   nothing; it reads no byte behind `room`.
 * On crash: holds no state.
 * Spec:     Intel SDM vol. 2, 2.1 (format), appendix A (opcode maps).
 */
#include "insn.h"

#include <abi/types.h>

enum { TWO = 0x0f00 };                  /* opcodes of two bytes */

/* Everything up to the opcode. */
struct form {
	unsigned op;                    /* | TWO */
	unsigned at;                    /* of its last byte */
	bool word, wide;                /* operands of 16, of 64 bits */
};

static bool is_prefix(uint8_t byte)
{
	return byte == 0x66 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 || byte == 0x2e ||
	       byte == 0x36 || byte == 0x3e || byte == 0x26 || byte == 0x64 || byte == 0x65;
}

static bool read_form(const uint8_t *code, unsigned room, struct form *f)
{
	unsigned at = 0;

	*f = (struct form){ .op = 0 };
	for (; at < room && is_prefix(code[at]); at++)
		f->word |= code[at] == 0x66;
	if (at < room && (code[at] & 0xf0) == 0x40)
		f->wide = code[at++] & 8;
	if (at < room && code[at] == 0x0f) {
		f->op = TWO;
		at++;
	}
	if (at >= room)
		return false;
	f->op |= code[at];
	f->at = at;
	return true;
}

static bool is_known(unsigned op)
{
	unsigned low = op & 0xff;

	if (op >= TWO)
		return (low >= 0x40 && low <= 0x4f) || (low >= 0x80 && low <= 0x9f) ||
		       (low >= 0xa2 && low <= 0xa5) || (low >= 0xab && low <= 0xcf) ||
		       low == 0x05 || low == 0x0b || low == 0x18 || low == 0x1e || low == 0x1f ||
		       low == 0x31;
	if (op < 0x40)
		return (op & 7) <= 5;
	return op >= 0x50 && (op < 0x60 || op == 0x63 || op >= 0x68) && op != 0x82 && op != 0x9a &&
	       op != 0xc4 && op != 0xc5 && !(op >= 0xa0 && op <= 0xa3) && op != 0xc8 &&
	       op != 0xce && op != 0xd4 && op != 0xd5 && op != 0xd6 &&
	       !(op >= 0xd8 && op <= 0xdf) && op != 0xea && op != 0xf1;
}

static bool has_modrm(unsigned op)
{
	unsigned low = op & 0xff;

	if (op >= TWO)
		return low != 0x05 && low != 0x0b && low != 0x31 && low != 0xa2 &&
		       !(low >= 0x80 && low <= 0x8f) && !(low >= 0xc8 && low <= 0xcf);
	return (op < 0x40 && (op & 7) < 4) || op == 0x63 || op == 0x69 || op == 0x6b ||
	       op == 0xc0 || op == 0xc1 || op == 0xc6 || op == 0xc7 || op == 0xf6 || op == 0xf7 ||
	       op == 0xfe || op == 0xff || (op >= 0x80 && op <= 0x8f) ||
	       (op >= 0xd0 && op <= 0xd3);
}

/* Bytes of the immediate or the relative address. */
static unsigned immediate(const struct form *f, unsigned extension)
{
	unsigned z = f->word && !f->wide ? 2 : 4, op = f->op, low = op & 0xff;

	if (op >= TWO && low >= 0x80 && low <= 0x8f)
		return 4;
	if (op >= TWO)
		return low == 0xa4 || low == 0xac || low == 0xba;
	if (op < 0x40)
		return (op & 7) == 4 ? 1 : (op & 7) == 5 ? z : 0;
	if (op == 0xf6 || op == 0xf7)
		return extension >= 2 ? 0 : op == 0xf6 ? 1 : z;
	if (op >= 0xb8 && op <= 0xbf)
		return f->wide ? 8 : z;
	if ((op >= 0x70 && op <= 0x7f) || (op >= 0xb0 && op <= 0xb7) ||
	    (op >= 0xe0 && op <= 0xe7) || op == 0x6a || op == 0x6b || op == 0x80 || op == 0x83 ||
	    op == 0xa8 || op == 0xc0 || op == 0xc1 || op == 0xc6 || op == 0xcd || op == 0xeb)
		return 1;
	if (op == 0x68 || op == 0x69 || op == 0x81 || op == 0xa9 || op == 0xc7)
		return z;
	return op == 0xe8 || op == 0xe9 ? 4 : op == 0xc2 ? 2 : 0;
}

/* ModRM, SIB, displacement: bytes. 0: there is no room for them. */
static unsigned address_bytes(const uint8_t *code, unsigned room)
{
	unsigned mode, base, n = 1;

	if (room == 0)
		return 0;
	mode = code[0] >> 6;
	base = code[0] & 7;
	if (mode == 3)
		return 1;
	if (base == 4) {
		if (room < 2)
			return 0;
		base = code[1] & 7;
		n = 2;
	}
	return n + (mode == 1 ? 1 : mode == 2 || base == 5 ? 4 : 0);
}

unsigned insn_length(const uint8_t *code, unsigned room)
{
	struct form f;
	unsigned at, n = 0, extension = 0;

	if (!read_form(code, room, &f) || !is_known(f.op))
		return 0;
	at = f.at + 1;
	if (has_modrm(f.op)) {
		n = address_bytes(code + at, room - at);
		if (n == 0)
			return 0;
		extension = code[at] >> 3 & 7;
	}
	at += n + immediate(&f, extension);
	return at <= room ? at : 0;
}

int insn_condition(const uint8_t *code, unsigned room)
{
	struct form f;

	if (!read_form(code, room, &f))
		return -1;
	return (f.op >= 0x70 && f.op <= 0x7f) || (f.op >= TWO + 0x80 && f.op <= TWO + 0x8f)
		       ? (int)f.at : -1;
}
