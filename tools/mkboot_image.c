/* SPDX-License-Identifier: BSD-2-Clause
 * mkboot_image.c - the boot image: rs as it lies in memory when it starts.
 *
 * Job:      lays out the segments of rs and its stack as whole pages, with the header that tells
 *           the kernel where each run of them belongs. So the kernel need not know ELF.
 * Speaks:   abi/boot.h, struct boot_image; ELF-64, checked by mkboot_elf.c before.
 * Touches:  nothing.
 * Trusts:   the program: check_program() has looked, also at what is archived.
 * On crash: nothing is written yet.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include <abi/boot.h>
#include <lib/image.h>

#include "mkboot.h"

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static void add_run(struct boot_image *image, uint64_t va, unsigned flags, uint64_t pages)
{
	image->run[image->count++] = (struct map_run){ va | flags, image->pages, (uint32_t)pages };
	image->pages += (uint32_t)pages;
}

uint8_t *boot_image(const struct item *program, const struct item *svc, size_t *size)
{
	const Elf64_Ehdr *h = (const void *)program->data;
	const Elf64_Phdr *p = (const void *)(program->data + h->e_phoff);
	uint64_t stack = pages_of(svc->manifest.stack), pages = 1 + stack;
	struct boot_image *image;

	for (unsigned i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			pages += pages_of(p[i].p_memsz);
	*size = pages * PAGE_SIZE;
	image = calloc(pages, PAGE_SIZE);
	if (image == NULL || h->e_phnum >= PAGE_SIZE / sizeof(image->run[0]) - 2) {
		complain(program->path, 0, "too large for a boot image");
		exit(1);
	}
	*image = (struct boot_image){
		.magic = BOOT_MAGIC, .entry = h->e_entry, .stack = IMAGE_STACK_TOP, .pages = 1,
	};
	for (unsigned i = 0; i < h->e_phnum; i++) {
		if (p[i].p_type != PT_LOAD || p[i].p_memsz == 0)
			continue;
		memcpy((uint8_t *)image + (size_t)image->pages * PAGE_SIZE,
		       program->data + p[i].p_offset, p[i].p_filesz);
		add_run(image, p[i].p_vaddr, (p[i].p_flags & PF_W ? MAP_WRITE : 0u) |
			(p[i].p_flags & PF_X ? MAP_EXEC : 0u), pages_of(p[i].p_memsz));
	}
	add_run(image, IMAGE_STACK_TOP - stack * PAGE_SIZE, MAP_WRITE, stack);
	return (uint8_t *)image;
}
