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
struct sums sums;
struct kept kept;

enum { QUEUE = 64 };
static uint8_t *disk;
static size_t disk_size;
static struct { unsigned buffer; bool write, summed; unsigned tries; } queue[QUEUE];
static unsigned queued, quiet = 1;
static bool disk_takes_nothing;         /* every write fails */
/* What the disk does one time in four, and says that all is well. */
static enum lie {
	HONEST, OTHER_BYTES, OTHER_BYTES_FOR_GOOD, DROPS_WRITES, WRITES_ELSEWHERE,
	WRITES_OTHER_BYTES
} lie;
static unsigned lies;
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
	queue[queued].summed = !write;
	queue[queued].tries = 0;
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

static void (*at_commit)(void);         /* a test may want to die there */

static uint64_t commits;

void io_commit(void)
{
	if (at_commit != NULL)
		at_commit();
	commits++;
}

uint64_t io_next_commit(void)
{
	return commits + 1;
}

bool io_is_committed(uint64_t stamp)
{
	return stamp <= commits;
}

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

enum verdict { RIGHT, AGAIN, WRONG };

/* As io_publish does. */
static void publish(void)
{
	for (unsigned n = 0; n < queued; n++) {
		if (!queue[n].summed)
			sum_written(&cache.buffer[queue[n].buffer], bytes[queue[n].buffer]);
		queue[n].summed = true;
	}
}

static bool lies_now(enum lie kind)
{
	if (lie != kind || random_below(4) != 0)
		return false;
	lies++;
	return true;
}

static void disk_write(size_t at, const uint8_t *from, size_t len)
{
	if (lies_now(WRITES_ELSEWHERE))
		at = random_below((uint32_t)(disk_size / len)) * len;
	if (!lies_now(DROPS_WRITES))
		memcpy(disk + at, from, len);
	if (lies_now(WRITES_OTHER_BYTES))
		disk[at + random_below((uint32_t)len)] ^= 4;
}

/* What a read answers is right, or tried again, or an error. */
static enum verdict disk_read(size_t at, unsigned buffer, size_t len, unsigned tries)
{
	uint32_t was, is;

	memcpy(bytes[buffer], disk + at, len);
	if (tries == 0 && lies_now(OTHER_BYTES))
		bytes[buffer][random_below((uint32_t)len)] ^= 1;
	if (tries != 0 ? lie == OTHER_BYTES_FOR_GOOD : lies_now(OTHER_BYTES_FOR_GOOD))
		memmove(bytes[buffer], disk + (at < 8 * len ? 8 * len : at - 8 * len), len);
	if (sum_check(cache.buffer[buffer].block, bytes[buffer], &is, &was))
		return RIGHT;
	cache.lost += tries != 0;
	return tries == 0 ? AGAIN : WRONG;
}

/* One transfer, any of those that are open, is done. False: none was. */
static bool disk_step(void)
{
	unsigned n, buffer, tries;
	size_t at, len = state.volume.size;
	enum verdict verdict = RIGHT;
	bool write;

	publish();

	if (queued == 0)
		return false;
	n = random_below(queued);
	buffer = queue[n].buffer;
	write = queue[n].write;
	tries = queue[n].tries;
	queue[n] = queue[--queued];
	at = (size_t)cache.buffer[buffer].block << state.volume.shift;
	if (at + len > disk_size || (write && disk_takes_nothing)) {
		buffer_done(buffer, write, -EIO);
		return true;
	}
	if (write)
		disk_write(at, bytes[buffer], len);
	else
		verdict = disk_read(at, buffer, len, tries);
	if (verdict == AGAIN) {
		begin(buffer, false);
		queue[queued - 1].tries = tries + 1;
		return true;
	}
	buffer_done(buffer, write, verdict == WRONG ? -EBADMSG : 0);
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
	keep_nothing();
	buffers_init();
	err = RUN(volume_open(disk_size, readonly));
	if (err == 0)
		err = RUN_SELF(sums_load());
	if (err == 0 && !state.volume.readonly)
		err = RUN(super_mark(false));
	if (err == 0 && state.volume.sums == SUMS_PLACE)
		flush();
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
	if (err != 0 || state.volume.sums != SUMS_PLACE)
		return err;
	sums_store_begin();
	err = RUN_SELF(sums_store());
	flush();
	if (err == 0)
		err = RUN_SELF(sums_store_head());
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
