/* SPDX-License-Identifier: BSD-2-Clause
 * buffer.c - a line's two buffers.
 *
 * Job:      rings of bytes; input remembers which bytes are ends of file.
 * Speaks:   nothing.
 * Touches:  rows of state.line.
 * Trusts:   its callers.
 * On crash: buffers are state.
 */
#include "tty.h"

#include <lib/assert.h>

uint32_t in_used(const struct line *l)
{
	uint32_t used = l->in.head - l->in.tail;

	assert(used <= IN_SIZE);
	return used;
}

uint32_t out_used(const struct line *l)
{
	uint32_t used = l->out.head - l->out.tail;

	assert(used <= OUT_SIZE);
	return used;
}

uint32_t out_room(const struct line *l)
{
	return OUT_SIZE - out_used(l);
}

bool in_put(struct line *l, uint8_t byte, bool mark)
{
	uint32_t at = l->in.head % IN_SIZE;

	if (in_used(l) == IN_SIZE)
		return false;
	l->in_byte[at] = byte;
	l->in_mark[at] = mark;
	l->in.head++;
	return true;
}

uint8_t in_peek(const struct line *l, uint32_t n)
{
	return l->in_byte[(l->in.tail + n) % IN_SIZE];
}

bool in_is_mark(const struct line *l, uint32_t n)
{
	return l->in_mark[(l->in.tail + n) % IN_SIZE];
}

void in_drop(struct line *l, uint32_t n)
{
	l->in.tail += n;
}

bool out_put(struct line *l, uint8_t byte)
{
	if (out_room(l) == 0)
		return false;
	l->out_byte[l->out.head++ % OUT_SIZE] = byte;
	return true;
}
