/* SPDX-License-Identifier: BSD-2-Clause
 * image.h - images that mke2fs makes and e2fsck looks at; for tests of ext2, after host.h.
 */
#ifndef EXT2_TEST_IMAGE_H
#define EXT2_TEST_IMAGE_H

#include <stdarg.h>

static char folder[64], path[128];      /* of the image, which is in that folder */

/* A shell command's exit status, as system() has it. */
__attribute__((format(printf, 1, 2))) static inline int run(const char *format, ...)
{
	char command[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof(command), format, list);
	va_end(list);
	return system(command);
}

static inline void folder_make(void)
{
	strcpy(folder, "/tmp/skink-ext2-XXXXXX");
	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/disk", folder);
}

static inline void folder_remove(void)
{
	if (run("rm -rf %s", folder) != 0)
		abort();
}

/* options: mke2fs's, after which names stand as the folder is the current one. */
static inline void image_make(unsigned block, unsigned kib, const char *options)
{
	if (run("cd %s && rm -f disk && mke2fs -q -t ext2 -b %u %s disk %uk >/dev/null 2>&1",
		folder, block, options, kib) != 0)
		abort();
	image_load(path);
}

static inline void image_save(void)
{
	FILE *f = fopen(path, "wb");

	if (f == NULL || fwrite(disk, 1, disk_size, f) != disk_size || fclose(f) != 0)
		abort();
}

static inline void check_clean(void)
{
	image_save();
	CHECK_EQ(run("cd %s; e2fsck -fn disk > log 2>&1 || { tail -25 log; false; }", folder), 0);
}

#endif
