/* SPDX-License-Identifier: BSD-2-Clause
 * text.c - the text of the dump being made.
 *
 * Job:      a buffer, formatted output into it, lists that wrap.
 * Speaks:   nothing.
 * Touches:  its buffer.
 * Trusts:   its callers' formats.
 * On crash: holds no state.
 */
#include "is.h"

#include <lib/print.h>

enum { ROOM = 192 * 1024, WIDTH = 96 };

static char buffer[ROOM];
static size_t used;
static size_t indent, column;           /* of the list being made */

void text_clear(void)
{
	used = 0;
}

void put_bytes(const char *bytes, size_t len)
{
	if (len > ROOM - used)
		len = ROOM - used;
	memcpy(buffer + used, bytes, len);
	used += len;
}

static void put_va(const char *what, va_list ap)
{
	char line[256];
	size_t n = format_list(line, sizeof(line), what, ap);

	put_bytes(line, n < sizeof(line) ? n : sizeof(line) - 1);
}

void put(const char *what, ...)
{
	va_list ap;

	va_start(ap, what);
	put_va(what, ap);
	va_end(ap);
}

void put_list(const char *head)
{
	put("%s", head);
	indent = column = strlen(head);
}

void put_item(const char *what, ...)
{
	size_t before;
	va_list ap;

	if (column >= WIDTH - NAME) {
		put("\n%*s", (int)indent, "");
		column = indent;
	}
	before = used;
	if (column != indent)
		put(" ");
	va_start(ap, what);
	put_va(what, ap);
	va_end(ap);
	column += used - before;
}

void put_list_end(void)
{
	if (column == indent)
		put("-");
	put("\n");
}

const char *text(size_t *len)
{
	*len = used;
	return buffer;
}
