/* SPDX-License-Identifier: BSD-2-Clause
 * pci.h - what the files of pci share.
 */
#ifndef PCI_H
#define PCI_H

#include "state.h"

/* config.c: configuration space, by mechanism #1. */
uint32_t config_read(uint32_t fn, unsigned offset);             /* a word of 32 bits */
void config_write(uint32_t fn, unsigned offset, unsigned width, uint32_t value);
/* Words of several functions or offsets, in one go. */
void config_read_many(const uint32_t *fn, const uint16_t *offset, uint32_t *word, unsigned n);
/* What each BAR answers when ones are written to it; undisturbed by whoever uses the device. */
void config_size_bars(uint32_t fn, unsigned bars, uint32_t *answer);
void reset_control(unsigned value);

/* scan.c */
void scan(void);

#endif
