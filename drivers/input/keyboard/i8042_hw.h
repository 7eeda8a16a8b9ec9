/* SPDX-License-Identifier: BSD-2-Clause
 * i8042_hw.h - the PC's keyboard controller and its keyboard (IBM PS/2 Hardware Interface Technical
 * Reference, "Keyboard and Auxiliary Device Controller").
 */
#ifndef I8042_HW_H
#define I8042_HW_H

enum { I8042_DATA = 0x60, I8042_STATUS = 0x64, I8042_COMMAND = 0x64, I8042_LINE = 1 };
enum { STATUS_OUTPUT = 1, STATUS_INPUT = 2, STATUS_AUX = 0x20, STATUS_NOTHING = 0xff };
enum { CONTROLLER_READ = 0x20, CONTROLLER_WRITE = 0x60, CONTROLLER_AUX_OFF = 0xa7,
       CONTROLLER_TEST = 0xaa, CONTROLLER_KEYBOARD_TEST = 0xab, CONTROLLER_KEYBOARD_OFF = 0xad,
       CONTROLLER_KEYBOARD_ON = 0xae };
enum { TEST_PASSED = 0x55 };
enum { CONFIG_IRQ = 1, CONFIG_AUX_IRQ = 2, CONFIG_KEYBOARD_OFF = 0x10, CONFIG_AUX_OFF = 0x20,
       CONFIG_TRANSLATE = 0x40 };
enum { KEYBOARD_LIGHTS = 0xed, KEYBOARD_SET = 0xf0, KEYBOARD_RATE = 0xf3, KEYBOARD_ON = 0xf4,
       KEYBOARD_OFF = 0xf5 };
enum { KEYBOARD_ACK = 0xfa, KEYBOARD_AGAIN = 0xfe };

#endif
