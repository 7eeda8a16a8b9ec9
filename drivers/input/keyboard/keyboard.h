/* SPDX-License-Identifier: BSD-2-Clause
 * keyboard.h - what the files of the keyboard driver share.
 */
#ifndef KEYBOARD_H
#define KEYBOARD_H

#include "state.h"

enum { HELD_SHIFT_LEFT = 1, HELD_SHIFT_RIGHT = 2, HELD_CONTROL_LEFT = 4, HELD_CONTROL_RIGHT = 8,
       HELD_ALT_LEFT = 16, HELD_ALT_RIGHT = 32 };
enum { LOCK_NUM = 2, LOCK_CAPS = 4 };           /* as in the command that sets the LEDs */

/* ---- keys.c: scan codes to bytes ---- */
void keys_scan(uint8_t byte);           /* as it comes from the controller */

/* ---- i8042.c: the controller. Everything is bounded by time-outs. ---- */
/* False: there is none. *untranslated: its keyboard's codes come as set 2. */
bool i8042_init(bool *untranslated);
bool i8042_read(uint8_t *byte);         /* false: nothing there */
bool i8042_send(uint8_t byte);          /* to the keyboard; false: not taken in time */

/* ---- keyboard.c ---- */
void keyboard_lights(void);             /* the LEDs are to show state.locks */

#endif
