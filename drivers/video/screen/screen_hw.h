/* SPDX-License-Identifier: BSD-2-Clause
 * screen_hw.h - registers of QEMU's and Bochs' display (QEMU docs/specs/standard-vga.rst).
 */
#ifndef SCREEN_HW_H
#define SCREEN_HW_H

enum { BOCHS_VENDOR = 0x1234, BOCHS_DEVICE = 0x1111 };
enum { BOCHS_MEMORY_BAR = 0, BOCHS_REGISTERS_BAR = 2, BOCHS_REGISTERS = 0x600 };
enum { BOCHS_VGA = 0x400, BOCHS_MODE = 0x500 }; /* ports from 0x3c0 on; 16 bits each */
enum { VGA_ATTRIBUTE = 0, ATTRIBUTE_SHOW = 0x20 };
enum { MODE_ID, MODE_WIDTH, MODE_HEIGHT, MODE_BPP, MODE_ENABLE, MODE_BANK, MODE_VIRTUAL_WIDTH,
       MODE_VIRTUAL_HEIGHT, MODE_X, MODE_Y };
enum { MODE_ID_FIRST = 0xb0c0, MODE_ID_LAST = 0xb0c5, ENABLE_ON = 1, ENABLE_LINEAR = 0x40 };

#endif
