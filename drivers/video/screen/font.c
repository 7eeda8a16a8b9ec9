/* SPDX-License-Identifier: BSD-2-Clause
 * font.c - the font that was built in.
 *
 * Job:      finds the glyph of a code point.
 * Speaks:   the format of tools/mkfont.
 * Touches:  read-only data.
 * Trusts:   the build, but checks that the numbers fit the size.
 * On crash: holds nothing that is not found again.
 */
#include "screen.h"

enum { MAGIC = 0x746e6f66, REPLACEMENT = 0xfffd };

struct font {
	uint32_t magic, width, height, glyphs, entries;
	struct { uint32_t code, glyph; } map[];
};

extern const uint8_t font_start[], font_end[];
static const struct font *const font = (const struct font *)font_start;
static const uint8_t *bits;
static unsigned row_bytes, otherwise;

static bool find(uint32_t code, unsigned *glyph)
{
	unsigned low = 0, high = font->entries;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (font->map[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == font->entries || font->map[low].code != code ||
	    font->map[low].glyph >= font->glyphs)
		return false;
	*glyph = font->map[low].glyph;
	return true;
}

bool font_open(unsigned *width, unsigned *height)
{
	size_t size = (size_t)(font_end - font_start), head;

	if (size < sizeof(*font) || font->magic != MAGIC || font->width < 1 || font->width > 32 ||
	    font->height < 1 || font->height > 64 || font->glyphs == 0)
		return false;
	row_bytes = (font->width + 7) / 8;
	head = sizeof(*font) + (size_t)font->entries * sizeof(font->map[0]);
	if (size != head + (size_t)font->glyphs * font->height * row_bytes)
		return false;
	bits = font_start + head;
	if (!find(REPLACEMENT, &otherwise) && !find('?', &otherwise))
		otherwise = 0;
	*width = font->width;
	*height = font->height;
	return true;
}

struct glyph font_glyph(uint32_t code)
{
	unsigned glyph = otherwise;

	find(code, &glyph);
	return (struct glyph){ bits + (size_t)glyph * font->height * row_bytes, row_bytes };
}
