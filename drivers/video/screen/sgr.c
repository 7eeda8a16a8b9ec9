/* SPDX-License-Identifier: BSD-2-Clause
 * sgr.c - how characters look: ESC [ ... m.
 *
 * Job:      sets the pen; brings 256 and true colours to the sixteen there are.
 * Speaks:   nothing.
 * Touches:  the pen.
 * Trusts:   no parameter.
 * On crash: the pen is state.
 * Spec:     console_codes(4), "ECMA-48 Set Graphics Rendition".
 */
#include "screen.h"

enum { FG = 7, BG = 0, BRIGHT = 8 };

/* Linux counts colours as ANSI does: black red green yellow blue magenta cyan white. */

void pen_reset(struct pen *pen)
{
	*pen = (struct pen){ .fg = FG, .bg = BG };
}

/* Which of red, green and blue are more than half as strong as the strongest; how strong it is. */
static uint8_t nearest(unsigned r, unsigned g, unsigned b)
{
	unsigned most = r > g ? r : g;
	uint8_t hue;

	most = most > b ? most : b;
	if (most < 0x30)
		return 0;
	hue = (uint8_t)((r > most / 2 ? 1 : 0) | (g > most / 2 ? 2 : 0) | (b > most / 2 ? 4 : 0));
	if (hue == 7 && most <= 0x80)
		return BRIGHT;          /* dark grey */
	return hue | (most > 0xaa ? BRIGHT : 0);
}

static uint8_t of_256(unsigned n)
{
	static const uint8_t level[] = { 0, 95, 135, 175, 215, 255 };

	if (n < 16)
		return (uint8_t)n;
	if (n >= 232)
		return nearest((n - 232) * 10 + 8, (n - 232) * 10 + 8, (n - 232) * 10 + 8);
	n -= 16;
	return nearest(level[n / 36], level[n / 6 % 6], level[n % 6]);
}

/* 38 or 48 at parameter n: 5;N or 2;R;G;B. How many parameters follow it. */
static unsigned extended(const struct parser *p, unsigned n, uint8_t *colour)
{
	unsigned left = p->count < PARAMS ? p->count - n : PARAMS - 1 - n;

	if (left >= 2 && p->param[n + 1] == 5) {
		if (p->param[n + 2] < 256)
			*colour = of_256(p->param[n + 2]);
		return 2;
	}
	if (left >= 4 && p->param[n + 1] == 2) {
		*colour = nearest(p->param[n + 2], p->param[n + 3], p->param[n + 4]);
		return 4;
	}
	return left;
}

static void set_look(struct pen *pen, unsigned what)
{
	switch (what) {
	case 0:
		pen_reset(pen);
		break;
	case 1:
		pen->bold = 1;
		break;
	case 2:
		pen->dim = 1;
		break;
	case 4:
	case 21:
		pen->underline = 1;
		break;
	case 5:
		pen->blink = 1;
		break;
	case 7:
		pen->reverse = 1;
		break;
	case 8:
		pen->hidden = 1;
		break;
	case 22:
		pen->bold = pen->dim = 0;
		break;
	case 24:
		pen->underline = 0;
		break;
	case 25:
		pen->blink = 0;
		break;
	case 27:
		pen->reverse = 0;
		break;
	case 28:
		pen->hidden = 0;
		break;
	}
}

static void set_colour(struct pen *pen, unsigned what)
{
	if (what >= 30 && what <= 37)
		pen->fg = (uint8_t)(what - 30);
	else if (what == 39)
		pen->fg = FG;
	else if (what >= 40 && what <= 47)
		pen->bg = (uint8_t)(what - 40);
	else if (what == 49)
		pen->bg = BG;
	else if (what >= 90 && what <= 97)
		pen->fg = (uint8_t)(what - 90 + BRIGHT);
	else if (what >= 100 && what <= 107)
		pen->bg = (uint8_t)(what - 100 + BRIGHT);
}

void select_rendition(void)
{
	const struct parser *p = &state.parser;
	struct pen pen = state.now.pen;

	for (unsigned n = 0; n <= p->count && n < PARAMS; n++) {
		unsigned what = p->param[n];

		if (what == 38)
			n += extended(p, n, &pen.fg);
		else if (what == 48)
			n += extended(p, n, &pen.bg);
		else if (what < 30)
			set_look(&pen, what);
		else
			set_colour(&pen, what);
	}
	state.now.pen = pen;
}
