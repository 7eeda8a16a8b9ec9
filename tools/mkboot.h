/* SPDX-License-Identifier: BSD-2-Clause
 * mkboot.h - what the files of mkboot share.
 */
#ifndef TOOLS_MKBOOT_H
#define TOOLS_MKBOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lib/manifest.h>

struct item {                           /* one file of the archive */
	const char *path;
	char name[32];
	uint8_t *data;                  /* what is archived */
	size_t size;
	uint8_t *checked;               /* a program: the file with its symbols */
	size_t checked_size;
	bool is_manifest;
	struct manifest manifest;
};

/* Says FILE:LINE: text and counts. */
void complain(const char *path, unsigned line, const char *text, ...)
	__attribute__((format(printf, 3, 4)));

/* mkboot_elf.c: a program against its manifest, which is one of a set that has been checked. */
void check_program(const struct item *program, const struct item *svc,
		   const struct manifest *const *set, unsigned count);

/* mkboot_image.c: the boot image of a program that has been checked. */
uint8_t *boot_image(const struct item *program, const struct item *svc, size_t *size);

#endif
