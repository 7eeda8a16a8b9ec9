/* SPDX-License-Identifier: BSD-2-Clause
 * image_fit.h - whether a program is fit to be a service, by its headers alone.
 *
 * Used by the image tool and, for what is loaded while everything runs, by rs. No allocation.
 */
#ifndef LIB_IMAGE_FIT_H
#define LIB_IMAGE_FIT_H

#include <stdbool.h>

#include <abi/errors.h>
#include <abi/types.h>

struct image_error {
	bool of_memory;                 /* its manifest gives too little memory */
	char text[96];
};

/* `program`: its name, for the text. -ENOEXEC: e says why. */
err_t image_fits(const void *elf, uint64_t size, const char *program, uint64_t stack,
		 uint64_t memory, struct image_error *e) MUST_CHECK;

#endif
