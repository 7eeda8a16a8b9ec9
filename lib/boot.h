/* SPDX-License-Identifier: BSD-2-Clause
 * boot.h - the boot command line: name=value pairs, separated by blanks.
 */
#ifndef LIB_BOOT_H
#define LIB_BOOT_H

#include <abi/boot.h>

/* The value of the last pair with that name, cut to size; false: there is none. */
bool boot_option(const char *cmdline, const char *name, char *value, size_t size);

/* Is this terminal ("ttyS0", "tty1") one that `console=` pairs name, or is there no such pair? */
bool boot_console(const char *cmdline, const char *terminal);

#endif
