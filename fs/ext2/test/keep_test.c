/* SPDX-License-Identifier: BSD-2-Clause
 * keep_test.c - a fresh start finds what was not on the disk yet, and knows if it is damaged.
 *
 * Links: fs/ext2/buffer.c fs/ext2/super.c fs/ext2/alloc.c fs/ext2/inode.c fs/ext2/orphan.c
 * Links: fs/ext2/walk.c fs/ext2/map.c fs/ext2/dir.c fs/ext2/index.c fs/ext2/name.c fs/ext2/rename.c
 * Links: fs/ext2/data.c fs/ext2/keep.c fs/ext2/sum.c fs/ext2/sumfile.c lib/sums.c
 */
#include "host.h"
#include "image.h"

#include <setjmp.h>

enum { ROUNDS = 300, FILES = 24, LENGTH = 9000, STARTS = 8 };

static uint64_t file[FILES];
static unsigned version[FILES];
static uint8_t content[LENGTH], found[LENGTH];
static jmp_buf death;

static void volume_make(unsigned block)
{
	image_make(block, 8192, "");
	CHECK_EQ(mount_it(false), 0);
	keep_volume();
}

/* All but what is kept is gone; what was under way to the disk has come there, or not. */
static void begin_afresh(void)
{
	for (unsigned n = random_below(queued + 1); n > 0; n--)
		disk_step();
	queued = 0;
	memset(&state, 0, sizeof(state));
	memset(&sums, 0, sizeof(sums));
	buffers_init();
	keep_start();
	if (state.volume.mounted && !state.volume.lost)
		keep_volume();
}

static void fill(unsigned n)
{
	for (unsigned k = 0; k < LENGTH; k++)
		content[k] = (uint8_t)(k * 7 + k / 251 + n * 13 + version[n] * 101);
}

static const char *name_of(unsigned n)
{
	static char name[16];

	snprintf(name, sizeof(name), "f%u", n);
	return name;
}

static void change(unsigned n)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_FILE | 0644 };
	struct file_attr a = { .file = 0 };

	if (file[n] != 0 && random_below(3) == 0) {
		CHECK_EQ(RUN(fs_unlink(ROOT_INO, name_of(n), false, &a)), 0);
		CHECK_EQ(RUN_SELF(orphan_free((uint32_t)file[n])), 0);
		file[n] = 0;
		return;
	}
	if (file[n] == 0) {
		CHECK_EQ(RUN(fs_create(&req, name_of(n), "", &a)), 0);
		file[n] = a.file;
	}
	version[n]++;
	fill(n);
	CHECK_EQ(write_all(file[n], 0, content, LENGTH), 0);
}

static void dies(void)
{
	at_commit = NULL;
	longjmp(death, 1);
}

static err_t get_half(void *from, uint64_t offset, void *to, uint32_t len)
{
	memcpy(to, (uint8_t *)from + offset, len / 2);
	dies();
	return 0;
}

/* Death in the middle of an operation, at its commit, or while a block is filled, which is asked
 * for once more then. What else it would have changed is as it was. */
static void begin_something(unsigned n)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_DIR | 0755 };
	struct file_attr a = { .file = 0 };
	uint64_t done;

	if (setjmp(death) == 0) {
		op_begin();
		if (file[n] != 0 && fs_write(file[n], 0, LENGTH, LENGTH, get_half, content, &done))
			return;
		if (fs_create(&req, "half", "", &a) != 0)
			return;         /* it waits for a block, and has changed some or none */
		at_commit = random_below(2) == 0 ? dies : NULL;
		if (at_commit != NULL)
			(void)op_end(0);
	}
}

static void check_files(void)
{
	for (unsigned n = 0; n < FILES; n++) {
		struct file_attr a = { .file = 0 };
		uint64_t done = 0;

		CHECK_EQ(RUN(fs_lookup(ROOT_INO, name_of(n), &a)), file[n] != 0 ? 0 : -ENOENT);
		CHECK_EQ(a.file, file[n]);
		if (file[n] == 0)
			continue;
		fill(n);
		while (done < LENGTH) {
			uint64_t part;

			CHECK_EQ(RUN(fs_read(file[n], done, LENGTH - done, put, found + done,
					     &part)), 0);
			done += part;
		}
		CHECK(memcmp(content, found, LENGTH) == 0);
	}
}

static void starts(unsigned block)
{
	unsigned k;

	volume_make(block);
	memset(file, 0, sizeof(file));
	for (unsigned n = 0; n < ROUNDS; n++) {
		change(random_below(FILES));
		if (random_below(4) == 0)
			write_some();
		while (random_below(4) != 0)
			disk_step();
		if (random_below(10) != 0)
			continue;
		k = random_below(FILES);
		if (random_below(4) != 0)
			begin_something(k);
		begin_afresh();
		CHECK(state.volume.mounted && !state.volume.lost);
		CHECK_EQ(state.volume.size, block);
		fill(k);
		if (file[k] != 0)
			CHECK_EQ(write_all(file[k], 0, content, LENGTH), 0);
	}
	check_files();
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

static void t_starts(void)
{
	starts(4096);
	starts(1024);
}

/* A directory is made, up to the commit of its request; then the service dies. */
static void make_and_die(bool committed, bool afresh)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_DIR | 0755 };
	struct file_attr a = { .file = 0 };
	err_t err;

	volume_make(4096);
	do {
		op_begin();
		err = op_finish(fs_create(&req, "made", "", &a));
	} while (err == WAIT && disk_step());
	CHECK_EQ(err, 0);
	if (committed)
		io_commit();
	if (committed && afresh)                /* before anybody is told */
		journal_settle();
	if (afresh) {
		begin_afresh();
	} else {
		buffers_recover();
		buffers_settle();
	}
	CHECK_EQ(RUN(fs_lookup(ROOT_INO, "made", &a)), committed ? 0 : -ENOENT);
	CHECK_EQ(RUN(fs_create(&req, "made", "", &a)), committed ? -EEXIST : 0);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

static void t_finish(void)
{
	make_and_die(false, false);
	make_and_die(true, false);
	make_and_die(false, true);
	make_and_die(true, true);
}

static unsigned a_dirty_one(void)
{
	for (unsigned n = 0; n < NR_BUFFERS; n++)
		if (kept.of[n] != 0)
			return n;
	abort();
}

static void t_damage(void)
{
	struct kept was;
	unsigned n;

	volume_make(4096);
	file[0] = 0;
	change(0);
	n = a_dirty_one();
	was = kept;
	bytes[n][77] ^= 1;
	begin_afresh();
	CHECK(state.volume.mounted && state.volume.lost == 1);
	bytes[n][77] ^= 1;
	kept = was;
	kept.of[n] ^= 1ull << 34;               /* another block */
	begin_afresh();
	CHECK(state.volume.mounted && state.volume.lost == 1);
	kept = was;
	kept.volume.blocks ^= 1;
	begin_afresh();
	CHECK(!state.volume.mounted && cache.dirty == 0);
	kept = was;
	kept.journal_used = 1;
	kept.journal[0].buffer = NR_BUFFERS;
	begin_afresh();
	CHECK(state.volume.mounted && state.volume.lost == 1);
}

static void t_again(void)
{
	volume_make(4096);
	for (unsigned n = 0; n < STARTS; n++) {
		memset(&state, 0, sizeof(state));
		buffers_init();
		keep_start();
		CHECK(state.volume.mounted);
	}
	memset(&state, 0, sizeof(state));
	buffers_init();
	keep_start();
	CHECK(!state.volume.mounted);
}

int main(void)
{
	folder_make();
	TEST("after each fresh start all is there, and e2fsck finds nothing", t_starts);
	TEST("what is done once ends with the commit of its request", t_finish);
	TEST("what is damaged is found, and not used", t_damage);
	TEST("what makes it die again and again is given up", t_again);
	folder_remove();
	return test_result();
}
