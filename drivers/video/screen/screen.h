/* SPDX-License-Identifier: BSD-2-Clause
 * screen.h - what the files of the screen share.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include "state.h"

/* ---- cells.c: the grid ---- */
uint32_t *cell_row(unsigned y);
uint32_t cell_of(uint32_t code, const struct pen *pen);
void cells_erase(unsigned y, unsigned from, unsigned end);      /* [from, end) of row y */
void cells_erase_rows(unsigned y, unsigned end);
void cells_erase_alternate(void);
void cells_insert(unsigned n);          /* at the cursor; the row's end is lost */
void cells_delete(unsigned n);
/* Rows [y, end) move n up or down; what comes in is blank. May commit; can be done again. */
void cells_scroll_up(unsigned y, unsigned end, unsigned n);
void cells_scroll_down(unsigned y, unsigned end, unsigned n);

/* ---- terminal.c: what bytes mean ---- */
void terminal_reset(void);
void terminal_put(uint8_t byte);
bool terminal_is_ground(void);          /* not within an escape sequence or a character */
void write_code(uint32_t code);
void line_feed(void);
void reverse_feed(void);
void go_to(unsigned row, unsigned column);      /* within the screen, whatever is asked */
void save_cursor(struct cursor *to);
void restore_cursor(const struct cursor *from);

/* ---- csi.c, sgr.c: control sequences ---- */
void csi(uint8_t final);
void pen_reset(struct pen *pen);
void select_rendition(void);

/* ---- font.c ---- */
struct glyph { const uint8_t *bits; unsigned row_bytes; };
bool font_open(unsigned *width, unsigned *height);      /* false: what was built in is no font */
struct glyph font_glyph(uint32_t code);

/* ---- draw.c ---- */
struct picture {
	volatile uint8_t *at;
	uint32_t width, height;         /* 0: there is no screen */
	uint32_t pitch, bytes;          /* bytes: of a pixel, 2 to 4 */
};

void draw_open(const struct picture *p);
void draw(void);                        /* what differs from what is shown */

/* ---- display.c ---- */
void display_find(struct picture *p);

#endif
