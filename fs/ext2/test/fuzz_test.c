/* SPDX-License-Identifier: BSD-2-Clause
 * fuzz_test.c - the core of ext2 on images with damaged metadata: errors, but no crash and
 * no endless loop.
 *
 * Links: fs/ext2/buffer.c fs/ext2/super.c fs/ext2/alloc.c fs/ext2/inode.c fs/ext2/orphan.c
 * Links: fs/ext2/walk.c fs/ext2/map.c fs/ext2/dir.c fs/ext2/index.c fs/ext2/name.c fs/ext2/rename.c
 * Links: fs/ext2/data.c fs/ext2/keep.c fs/ext2/sum.c fs/ext2/sumfile.c lib/sums.c
 */
#include "host.h"
#include "image.h"

enum { ROUNDS = 400, SEEN_MAX = 200, READ_MAX = 1 << 18 };

static uint8_t *pristine, buffer[READ_MAX];
static size_t pristine_size;
static unsigned seen, refused, failed;

static void note(err_t err)
{
	failed += err != 0;
}

static void look_at(const struct file_attr *a)
{
	uint64_t pos = random_below(2) ? 0 : a->size / 2, done;
	uint32_t len;

	if ((a->mode & TYPE_MASK) == TYPE_LINK)
		note(RUN(fs_readlink(a->file, (char *)buffer, &len)));
	else
		note(RUN(fs_read(a->file, pos, READ_MAX, put, buffer, &done)));
}

/* What `find` would do, to a bounded depth. */
static void explore(uint64_t dir, unsigned depth)
{
	static char rooms[4][4096];
	struct file_dirents d = { .at = rooms[depth], .room = 4000 };
	err_t err = RUN((d.used = 0, dir_list(dir, 0, &d)));

	note(err);
	for (size_t at = 0; err == 0 && at < d.used && seen < SEEN_MAX; seen++) {
		char *name = rooms[depth] + at + 16;
		struct file_attr a;

		at += 16 + strlen(name) + 1;
		if (RUN(fs_lookup(dir, name, &a)) != 0)
			continue;
		if ((a.mode & TYPE_MASK) != TYPE_DIR)
			look_at(&a);
		else if (depth < 3 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			explore(a.file, depth + 1);
	}
}

static void change(void)
{
	static const char *const names[] = { "small", "big", "a", "many", "fast", "new", "a2" };
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_FILE | 0644 };
	struct file_rename_request move = { .dir = ROOT_INO, .dir2 = ROOT_INO };
	struct file_attr a, to = { .size = random_below(100000) };
	const char *other;
	uint64_t replaced;
	bool rmdir;

	for (unsigned k = 0; k < 20; k++) {
		const char *name = names[random_below(7)];

		req.mode = random_below(2) ? TYPE_FILE | 0644 : TYPE_DIR | 0755;
		note(RUN(fs_create(&req, name, "x", &a)));
		other = names[random_below(7)];
		note(RUN(fs_rename(&move, name, other, &replaced, &a)));
		if (RUN(fs_lookup(ROOT_INO, name, &a)) == 0) {
			note(write_all(a.file, random_below(1 << 20), buffer, 20000));
			note(RUN_SELF(fs_set_attr(a.file, FILE_SET_SIZE, &to, &a)));
		}
		rmdir = random_below(2);
		if (RUN(fs_unlink(ROOT_INO, name, rmdir, &a)) == 0 && a.links == 0)
			note(RUN_SELF(orphan_free((uint32_t)a.file)));
	}
}

/* Metadata is at the front: superblock, groups, bitmaps, inodes; then directories. */
static void damage(unsigned round)
{
	unsigned flips = 1 + random_below(round % 4 == 0 ? 400 : 12);

	memcpy(disk, pristine, pristine_size);
	for (unsigned k = 0; k < flips; k++) {
		size_t end = random_below(3) == 0 ? pristine_size / 8 : 300000;
		size_t at = random_below(10) == 0 ? 1024 + random_below(240) :
			    1024 + random_below((uint32_t)end);

		if (random_below(2))
			disk[at] ^= (uint8_t)(1u << random_below(8));
		else
			disk[at] = (uint8_t)random_below(256);
	}
}

static void t_fuzz(void)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		damage(round);
		seen = 0;
		if (mount_it(false) != 0) {
			refused++;
			continue;
		}
		explore(ROOT_INO, 0);
		if (!state.volume.readonly) {
			orphans_free();
			change();
			note(unmount_it());
		}
	}
	printf("    %u of %u refused, %u operations failed\n", refused, (unsigned)ROUNDS, failed);
	CHECK(refused < ROUNDS);
	CHECK(failed > 0);
}

int main(void)
{
	folder_make();
	for (unsigned block = 1024; block <= 4096; block *= 2) {
		if (run("cd %s && rm -rf tree && "
			"mkdir -p tree/a/b/c tree/many && echo small > tree/small && "
			"seq 1 60000 > tree/big && cp tree/big tree/a/b/c && "
			"ln -s small tree/fast && for i in $(seq 99); do "
			"echo $i > tree/many/file-$i; done", folder) != 0)
			return 1;
		image_make(block, 4096, "-N 512 -d tree");
		pristine = realloc(pristine, disk_size);
		pristine_size = disk_size;
		memcpy(pristine, disk, disk_size);
		TEST(block == 1024 ? "damaged images with blocks of 1 KiB do no harm" :
		     block == 2048 ? "damaged images with blocks of 2 KiB do no harm" :
		     "damaged images with blocks of 4 KiB do no harm", t_fuzz);
	}
	folder_remove();
	return test_result();
}
