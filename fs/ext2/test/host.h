/* SPDX-License-Identifier: BSD-2-Clause
 * host.h - a disk that is an image in memory, answering late; included by the tests of ext2.
 */
#ifndef EXT2_TEST_HOST_H
#define EXT2_TEST_HOST_H

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tests/unit.h>

#include "../ext2.h"
#include <lib/assert.h>

struct state state;
struct cache cache;
uint8_t bytes[NR_BUFFERS][BUFFER_SIZE] __attribute__((aligned(4096)));
uint8_t image[JOURNAL_MAX][BUFFER_SIZE] __attribute__((aligned(4096)));

enum { QUEUE = 64 };
static uint8_t *disk;
static size_t disk_size;
static struct { unsigned buffer; bool write; } queue[QUEUE];
static unsigned queued, quiet = 1;
static bool disk_takes_nothing;         /* every write fails */
static uint32_t seed = 12345;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

void assert_failed(const char *condition, const char *file, int line)
{
	printf("    %s:%d: assert %s\n", file, line, condition);
	abort();
}

static bool begin(unsigned buffer, bool write)
{
	if (queued == QUEUE)
		return false;
	queue[queued].buffer = buffer;
	queue[queued++].write = write;
	return true;
}

bool io_read(unsigned buffer)
{
	return begin(buffer, false);
}

bool io_write(unsigned buffer)
{
	return begin(buffer, true);
}

void io_commit(void) { }

int64_t io_now(void)
{
	return 1700000000123456789;
}

void io_say(const char *what, uint64_t number)
{
	if (quiet)
		return;
	printf(what, (unsigned long)number);
	printf("\n");
}

bool file_dirent(struct file_dirents *d, uint64_t ino, uint64_t next_pos, uint32_t mode,
		 const char *name)
{
	size_t len = strlen(name) + 1;

	(void)mode;
	if (d->room - d->used < 16 + len)
		return false;
	memcpy(d->at + d->used, &ino, 8);
	memcpy(d->at + d->used + 8, &next_pos, 8);
	memcpy(d->at + d->used + 16, name, len);
	d->used += 16 + len;
	return true;
}

/* One transfer, any of those that are open, is done. False: none was. */
static bool disk_step(void)
{
	unsigned n, buffer;
	size_t at, len = state.volume.size;
	bool write;

	if (queued == 0)
		return false;
	n = random_below(queued);
	buffer = queue[n].buffer;
	write = queue[n].write;
	queue[n] = queue[--queued];
	at = (size_t)cache.buffer[buffer].block << state.volume.shift;
	if (at + len > disk_size || (write && disk_takes_nothing)) {
		buffer_done(buffer, write, -EIO);
		return true;
	}
	if (write)
		memcpy(disk + at, bytes[buffer], len);
	else
		memcpy(bytes[buffer], disk + at, len);
	buffer_done(buffer, write, 0);
	return true;
}

/* Run an expression as ext2.c does: until it does not WAIT any more. */
static unsigned long waits;

#define RUN(expr) \
	({ \
		err_t run_err; \
		unsigned long run_steps = 0; \
		for (;;) { \
			op_begin(); \
			run_err = op_end(expr); \
			if (run_err != WAIT) \
				break; \
			waits++; \
			if (!disk_step() || ++run_steps > 1000000) { \
				printf("    waits for nothing\n"); \
				abort(); \
			} \
		} \
		run_err; \
	})

/* The same for what has transactions of its own. */
#define RUN_SELF(expr) \
	({ \
		err_t run_err; \
		while ((run_err = (expr)) == WAIT) \
			if (!disk_step()) \
				abort(); \
		run_err; \
	})

static void flush(void)
{
	while (cache.dirty != 0 || queued != 0) {
		write_some();
		disk_step();
	}
}

static void image_load(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		abort();
	fseek(f, 0, SEEK_END);
	disk_size = (size_t)ftell(f);
	rewind(f);
	disk = realloc(disk, disk_size);
	if (fread(disk, 1, disk_size, f) != disk_size)
		abort();
	fclose(f);
}

static err_t mount_it(bool readonly)
{
	err_t err;

	memset(&state, 0, sizeof(state));
	queued = 0;
	buffers_init();
	err = RUN(volume_open(disk_size, readonly));
	if (err == 0 && !state.volume.readonly)
		err = RUN(super_mark(false));
	if (err == 0)
		state.volume.mounted = 1;
	return err;
}

static void orphans_free(void)
{
	uint32_t ino = 0;

	while (RUN(orphan_next(&ino)) == 0 && ino != 0)
		if (RUN_SELF(orphan_free(ino)) != 0)
			break;
}

static err_t unmount_it(void)
{
	err_t err;

	orphans_free();
	err = RUN(super_mark(true));
	flush();
	return err;
}

/* ---- moving bytes ---- */

static err_t put(void *to, uint64_t offset, void *from, uint32_t len)
{
	memcpy((uint8_t *)to + offset, from, len);
	return 0;
}

static err_t get(void *from, uint64_t offset, void *to, uint32_t len)
{
	memcpy(to, (uint8_t *)from + offset, len);
	return 0;
}

static err_t write_all(uint64_t file, uint64_t pos, const uint8_t *from, uint64_t len)
{
	uint64_t at = 0, done;
	err_t err = 0;

	while (err == 0 && at < len) {
		err = RUN(fs_write(file, pos + at, len - at, pos + len, get,
				   (void *)(uintptr_t)(from + at), &done));
		at += done;
	}
	return err;
}

#endif
