/* SPDX-License-Identifier: BSD-2-Clause
 * many_test.c - ext2 where there is more than its buffers hold, or nothing that can be written.
 *
 * Links: fs/ext2/buffer.c fs/ext2/super.c fs/ext2/alloc.c fs/ext2/inode.c fs/ext2/orphan.c
 * Links: fs/ext2/walk.c fs/ext2/map.c fs/ext2/dir.c fs/ext2/index.c fs/ext2/name.c fs/ext2/rename.c
 * Links: fs/ext2/data.c fs/ext2/keep.c fs/ext2/sum.c fs/ext2/sumfile.c lib/sums.c
 */
#include "host.h"
#include "image.h"

static uint64_t make(uint64_t dir, const char *name, uint32_t mode)
{
	struct file_create_request req = { .dir = dir, .mode = mode };
	struct file_attr a = { .file = 0 };

	CHECK_EQ(RUN(fs_create(&req, name, "", &a)), 0);
	return a.file;
}

/* ---- a directory of more blocks than there are buffers, more names than an index holds ---- */

enum { NAMES = 13500 };

static const char *name_of(unsigned n)
{
	static char name[96];

	memset(name, 'n', 80);
	snprintf(name + 70, 20, "%u", n);
	return name;
}

static void t_names(void)
{
	struct file_rename_request move;
	struct file_attr a;
	uint64_t dir, file, replaced;

	image_make(1024, 16384, "");
	CHECK_EQ(mount_it(false), 0);
	file = make(ROOT_INO, "file", TYPE_FILE | 0644);
	dir = make(ROOT_INO, "dir", TYPE_DIR | 0755);
	for (unsigned n = 0; n < NAMES && test_bad == 0; n++)
		CHECK_EQ(RUN(fs_link(dir, file, name_of(n), &a)), 0);
	for (unsigned n = 0; n < NAMES; n += 499)
		CHECK_EQ(RUN(fs_lookup(dir, name_of(n), &a)), 0);
	CHECK_EQ(RUN(fs_lookup(dir, name_of(NAMES), &a)), -ENOENT);
	index_forget();
	CHECK_EQ(RUN(fs_link(dir, file, name_of(NAMES), &a)), 0);
	move = (struct file_rename_request){ .dir = dir, .dir2 = dir };
	CHECK_EQ(RUN(fs_rename(&move, name_of(NAMES), "other", &replaced, &a)), 0);
	CHECK_EQ(RUN(fs_lookup(dir, "other", &a)), 0);
	CHECK_EQ(RUN(fs_unlink(dir, "other", false, &a)), 0);
	for (unsigned n = NAMES; n-- > 0 && test_bad == 0;)
		CHECK_EQ(RUN(fs_unlink(dir, name_of(n), false, &a)), 0);
	CHECK_EQ(RUN(fs_unlink(ROOT_INO, "dir", true, &a)), 0);
	CHECK_EQ(RUN_SELF(orphan_free((uint32_t)dir)), 0);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

/* ---- deeper than there are buffers ---- */

static void t_deep(void)
{
	enum { DEPTH = 1200 };
	struct file_rename_request move = { .dir = ROOT_INO };
	struct file_attr a;
	uint64_t dir = ROOT_INO, middle = 0, replaced;

	image_make(1024, 16384, "");
	CHECK_EQ(mount_it(false), 0);
	(void)make(ROOT_INO, "moved", TYPE_DIR | 0755);
	for (unsigned n = 0; n < DEPTH; n++) {
		dir = make(dir, "d", TYPE_DIR | 0755);
		middle = n == DEPTH / 2 ? dir : middle;
	}
	move.dir2 = dir;
	CHECK_EQ(RUN(fs_rename(&move, "moved", "here", &replaced, &a)), 0);
	move = (struct file_rename_request){ .dir = middle, .dir2 = dir };
	CHECK_EQ(RUN(fs_rename(&move, "d", "below", &replaced, &a)), -EINVAL);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

/* ---- a list of orphans that is longer ---- */

static void t_orphans(void)
{
	enum { ORPHANS = 4500 };
	static uint64_t file[ORPHANS];
	struct file_attr a;
	char name[16];

	image_make(1024, 16384, "-N 8192");
	CHECK_EQ(mount_it(false), 0);
	for (unsigned n = 0; n < ORPHANS; n++) {
		snprintf(name, sizeof(name), "%u", n);
		file[n] = make(ROOT_INO, name, TYPE_FILE | 0644);
		CHECK_EQ(RUN(fs_unlink(ROOT_INO, name, false, &a)), 0);
	}
	for (unsigned n = 0; n < ORPHANS && test_bad == 0; n += 100)
		CHECK_EQ(RUN_SELF(orphan_free((uint32_t)file[n])), 0);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

/* ---- a disk that takes nothing ---- */

static void t_dead(void)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_DIR | 0755 };
	uint64_t file, done = 0;
	struct file_attr a;
	char text[16];
	err_t err = 0;

	image_make(1024, 16384, "");
	CHECK_EQ(mount_it(false), 0);
	file = make(ROOT_INO, "file", TYPE_FILE | 0644);
	CHECK_EQ(write_all(file, 0, (const uint8_t *)"content", 8), 0);
	disk_takes_nothing = true;
	for (unsigned n = 0; err == 0 && n < 5000; n++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", n);
		err = RUN(fs_create(&req, name, "", &a));
	}
	CHECK_EQ(err, -EIO);
	disk_takes_nothing = false;
	write_again();
	flush();
	CHECK_EQ(RUN(fs_read(file, 0, sizeof(text), put, text, &done)), 0);
	CHECK(done == 8 && strcmp(text, "content") == 0);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

int main(void)
{
	folder_make();
	TEST("a directory of more blocks than there are buffers", t_names);
	TEST("a directory is moved below 1200 others, and not below itself", t_deep);
	TEST("thousands of files without a name are freed in any order", t_orphans);
	TEST("what the disk does not take is an error, and written when it does again", t_dead);
	folder_remove();
	return test_result();
}
