/* SPDX-License-Identifier: BSD-2-Clause
 * lie_test.c - a disk that lies: what a program reads is what it wrote, or an error.
 *
 * Links: fs/ext2/buffer.c fs/ext2/super.c fs/ext2/alloc.c fs/ext2/inode.c fs/ext2/orphan.c
 * Links: fs/ext2/walk.c fs/ext2/map.c fs/ext2/dir.c fs/ext2/index.c fs/ext2/name.c fs/ext2/rename.c
 * Links: fs/ext2/data.c fs/ext2/sum.c lib/sums.c
 */
#include "host.h"

enum { FILES = 60, LENGTH = 20000, FILLER = 10 << 20, PART = 65536, ROUNDS = 12 };

static char path[64];
static uint64_t files[FILES], filler;
static uint32_t version[FILES];
static uint8_t content[LENGTH], found[PART];
static unsigned right, refused, wrong;

static void fill(unsigned n)
{
	for (uint32_t k = 0; k < LENGTH; k++)
		content[k] = (uint8_t)(k * 7 + k / 251 + n * 13 + version[n] * 101);
}

static void write_file(unsigned n)
{
	version[n]++;
	fill(n);
	if (write_all(files[n], 0, content, LENGTH) != 0)
		version[n] = 0;                 /* any part of it may be there */
}

/* No buffer holds what is read next. */
static void evict(void)
{
	uint64_t done;

	for (uint64_t at = 0; at < FILLER; at += PART)
		(void)RUN(fs_read(filler, at, PART, put, found, &done));
}

static void read_file(unsigned n)
{
	uint64_t done = 0;
	err_t err = RUN(fs_read(files[n], 0, LENGTH, put, found, &done));

	fill(n);
	if (err != 0)
		refused++;
	else if (version[n] != 0 && memcmp(found, content, LENGTH) != 0)
		wrong++;
	else
		right++;
	CHECK(err == 0 || err == -EIO);
}

static void set_up(unsigned block)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_FILE | 0644 };
	char name[16], command[256];
	struct file_attr a;

	snprintf(command, sizeof(command), "rm -f %s; mke2fs -q -t ext2 -b %u %s 24m > /dev/null",
		 path, block, path);
	if (system(command) != 0)
		abort();
	lie = HONEST;
	lies = right = refused = wrong = 0;
	image_load(path);
	CHECK_EQ(mount_it(false), 0);
	for (unsigned n = 0; n < FILES; n++) {
		snprintf(name, sizeof(name), "%u", n);
		CHECK_EQ(RUN(fs_create(&req, name, "", &a)), 0);
		files[n] = a.file;
		write_file(n);
	}
	CHECK_EQ(RUN(fs_create(&req, "filler", "", &a)), 0);
	filler = a.file;
	for (uint64_t at = 0; at < FILLER; at += PART)
		CHECK_EQ(write_all(filler, at, found, PART), 0);
	flush();
}

/* What is written, or what is read. */
static void lies_of(enum lie kind)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned k = 0; k < 4; k++)
			write_file(random_below(FILES));
		lie = kind;
		flush();
		lie = HONEST;
		evict();
		lie = kind == OTHER_BYTES || kind == OTHER_BYTES_FOR_GOOD ? kind : HONEST;
		for (unsigned k = 0; k < 10; k++)
			read_file(random_below(FILES));
		lie = HONEST;
	}
	CHECK(lies >= ROUNDS);
	CHECK_EQ(wrong, 0);
	printf("    %u lies: %u files read right, %u times EIO; %u reads of wrong bytes\n", lies,
	       right, refused, cache.wrong);
}

static void t_other_bytes(void)
{
	for (unsigned block = 1024; block <= 4096; block *= 2) {
		set_up(block);
		lies_of(OTHER_BYTES);
		CHECK(cache.wrong > 0);
		CHECK_EQ(refused, 0);
	}
}

static void t_for_good(void)
{
	set_up(4096);
	lies_of(OTHER_BYTES_FOR_GOOD);
	CHECK(refused > 0 && cache.lost > 0);
}

static void writes_lie(enum lie kind)
{
	set_up(4096);
	lies_of(kind);
	CHECK(refused > 0 && right > 0);
}

static void t_dropped(void)
{
	writes_lie(DROPS_WRITES);
}

static void t_elsewhere(void)
{
	writes_lie(WRITES_ELSEWHERE);
}

static void t_other_bytes_written(void)
{
	writes_lie(WRITES_OTHER_BYTES);
}

/* A write that failed may have come through, or half of it. */
static void t_failed(void)
{
	uint64_t done;

	set_up(1024);
	write_file(3);
	disk_takes_nothing = true;
	write_some();
	while (disk_step())
		;
	disk_takes_nothing = false;
	memset(found, 0, LENGTH);
	CHECK_EQ(RUN(fs_read(files[3], 0, LENGTH, put, found, &done)), 0);
	CHECK(memcmp(found, content, LENGTH) == 0);
	write_again();
	flush();
	evict();
	read_file(3);
	CHECK_EQ(refused + wrong, 0);
	CHECK_EQ(unmount_it(), 0);
	buffers_forget();
	disk[700 * 1024] ^= 1;                  /* another system has written it */
	CHECK_EQ(mount_it(false), 0);
	for (unsigned n = 0; n < FILES; n++)
		read_file(n);
	CHECK_EQ(refused, 0);
	CHECK_EQ(cache.wrong, 0);
}

int main(void)
{
	strcpy(path, "/tmp/skink-lie-XXXXXX");
	close(mkstemp(path));
	TEST("bytes that come wrong once are read again, and no program notices", t_other_bytes);
	TEST("what comes wrong twice is an error, not wrong bytes", t_for_good);
	TEST("a write that is dropped is an error when it is read", t_dropped);
	TEST("so is a write that goes elsewhere, and what it went over", t_elsewhere);
	TEST("so is a write of other bytes", t_other_bytes_written);
	TEST("a write that failed says nothing, nor does an earlier mount", t_failed);
	unlink(path);
	return test_result();
}
