/* SPDX-License-Identifier: BSD-2-Clause
 * ext2_test.c - the core of ext2 on images that mke2fs made, checked by e2fsck.
 *
 * Links: fs/ext2/buffer.c fs/ext2/super.c fs/ext2/alloc.c fs/ext2/inode.c fs/ext2/orphan.c
 * Links: fs/ext2/walk.c fs/ext2/map.c fs/ext2/dir.c fs/ext2/index.c fs/ext2/name.c fs/ext2/rename.c
 * Links: fs/ext2/data.c fs/ext2/keep.c fs/ext2/sum.c fs/ext2/sumfile.c lib/sums.c
 */
#include "host.h"
#include "image.h"

enum { FILES = 120, STEPS = 2500, CONTENT = 300 * 1024 };

static uint64_t inode_of[FILES];        /* 0: none */
static uint32_t version[FILES], length[FILES];
static char name_of[FILES][32];
static uint64_t dir_of[FILES], dirs[4];
static uint8_t content[CONTENT], found[CONTENT];

/* ---- reading what mke2fs wrote ---- */

static uint64_t walk(const char *text)
{
	struct file_attr a = { .file = ROOT_INO };
	char part[64];

	while (*text != '\0') {
		size_t len = strcspn(text, "/");

		snprintf(part, sizeof(part), "%.*s", (int)len, text);
		text += len + (text[len] == '/');
		if (RUN(fs_lookup(a.file, part, &a)) != 0)
			return 0;
	}
	return a.file;
}

static void check_file(const char *name)
{
	static uint8_t buffer[1 << 20], expected[1 << 20];
	char where[128];
	uint64_t file = walk(name), done = 0;
	FILE *f;
	size_t size;

	snprintf(where, sizeof(where), "%s/tree/%s", folder, name);
	f = fopen(where, "rb");
	if (f == NULL || file == 0) {
		CHECK(!"the file is there");
		return;
	}
	size = fread(expected, 1, sizeof(expected), f);
	fclose(f);
	CHECK_EQ(RUN(fs_read(file, 0, sizeof(buffer), put, buffer, &done)), 0);
	CHECK_EQ(done, size);
	CHECK(memcmp(buffer, expected, size) == 0);
}

static unsigned count_entries(uint64_t dir)
{
	static char room[65536];
	uint64_t pos = 0;
	unsigned n = 0;

	for (;;) {
		struct file_dirents d = { .at = room, .room = 500 };

		CHECK_EQ(RUN((d.used = 0, dir_list(dir, pos, &d))), 0);
		if (d.used == 0)
			return n;
		for (size_t at = 0; at < d.used; n++) {
			memcpy(&pos, room + at + 8, 8);
			at += 16 + strlen(room + at + 16) + 1;
		}
	}
}

static void read_tree(unsigned block)
{
	char target[BUFFER_SIZE];
	uint32_t len = 0;
	struct file_stat_fs_reply fs;

	image_make(block, 16384, "-d tree");
	CHECK_EQ(mount_it(false), 0);
	check_file("small");
	check_file("big");
	check_file("sparse");
	check_file("a/b/c/deep");
	CHECK_EQ(walk("a/none"), 0);
	CHECK_EQ(count_entries(walk("many")), 302);
	CHECK_EQ(RUN(fs_readlink(walk("fast"), target, &len)), 0);
	CHECK(len == 5 && memcmp(target, "small", 5) == 0);
	CHECK_EQ(RUN(fs_readlink(walk("slow"), target, &len)), 0);
	CHECK_EQ(len, 100);
	CHECK_EQ(RUN(fs_stat(&fs)), 0);
	CHECK(fs.block == block && fs.free < fs.blocks);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

static void t_read(void)
{
	for (unsigned block = 1024; block <= 4096; block *= 2)
		read_tree(block);
}

/* ---- changing, beside a model ---- */

static void fill(uint32_t n)
{
	for (uint32_t k = 0; k < length[n]; k++)
		content[k] = (uint8_t)(k * 7 + k / 251 + n * 13 + version[n] * 101);
}

static void step_create(unsigned n)
{
	struct file_create_request req = { .mode = TYPE_FILE | 0640, .uid = 70000, .gid = 5 };
	static unsigned made;           /* a name may live on as another file's */
	struct file_attr a;

	dir_of[n] = dirs[random_below(4)];
	snprintf(name_of[n], sizeof(name_of[n]), "file-%u-%u", n, made++);
	req.dir = dir_of[n];
	CHECK_EQ(RUN(fs_create(&req, name_of[n], "", &a)), 0);
	CHECK_EQ(RUN(fs_create(&req, name_of[n], "", &a)), -EEXIST);
	inode_of[n] = a.file;
	CHECK_EQ(a.uid, 70000);
	length[n] = 0;
}

static void step_write(unsigned n)
{
	length[n] = 1 + random_below(random_below(8) == 0 ? CONTENT : 9000);
	version[n]++;
	fill(n);
	CHECK_EQ(RUN_SELF(fs_set_attr(inode_of[n], FILE_SET_SIZE, &(struct file_attr){ .size = 0 },
				      &(struct file_attr){ .file = 0 })), 0);
	CHECK_EQ(write_all(inode_of[n], 0, content, length[n]), 0);
}

static void step_truncate(unsigned n)
{
	struct file_attr to = { .size = length[n] == 0 ? 0 : random_below(length[n]) }, a;

	CHECK_EQ(RUN_SELF(fs_set_attr(inode_of[n], FILE_SET_SIZE, &to, &a)), 0);
	length[n] = (uint32_t)to.size;
	CHECK_EQ(a.size, to.size);
}

static void step_rename(unsigned n)
{
	struct file_rename_request req = { .dir = dir_of[n], .dir2 = dirs[random_below(4)] };
	unsigned other = random_below(FILES);
	struct file_attr a;
	uint64_t replaced;
	char to[32];

	snprintf(to, sizeof(to), "moved-%u-%u", n, random_below(1u << 24));
	if (random_below(2) == 0 && inode_of[other] != 0 && other != n) {
		strcpy(to, name_of[other]);
		req.dir2 = dir_of[other];
	} else {
		other = FILES;
	}
	CHECK_EQ(RUN(fs_rename(&req, name_of[n], to, &replaced, &a)), 0);
	dir_of[n] = req.dir2;
	strcpy(name_of[n], to);
	if (other == FILES)
		return;
	CHECK_EQ(replaced, inode_of[other]);
	CHECK_EQ(RUN_SELF(orphan_free((uint32_t)inode_of[other])), 0);
	inode_of[other] = 0;
}

static void step_remove(unsigned n)
{
	struct file_attr a;

	CHECK_EQ(RUN(fs_unlink(dir_of[n], name_of[n], true, &a)), -ENOTDIR);
	CHECK_EQ(RUN(fs_unlink(dir_of[n], name_of[n], false, &a)), 0);
	CHECK_EQ(a.links, 0);
	if (random_below(4) != 0)       /* else it is freed at the unmount */
		CHECK_EQ(RUN_SELF(orphan_free((uint32_t)inode_of[n])), 0);
	inode_of[n] = 0;
}

static void compare(void)
{
	for (unsigned n = 0; n < FILES; n++) {
		struct file_attr a = { .file = 0 };
		uint64_t done;

		if (inode_of[n] == 0)
			continue;
		fill(n);
		CHECK_EQ(RUN(fs_lookup(dir_of[n], name_of[n], &a)), 0);
		CHECK_EQ(a.file, inode_of[n]);
		CHECK_EQ(a.size, length[n]);
		CHECK_EQ(RUN(fs_read(a.file, 0, CONTENT, put, found, &done)), 0);
		CHECK(done == length[n] && memcmp(found, content, done) == 0);
	}
}

static void make_dirs(void)
{
	dirs[0] = ROOT_INO;
	for (unsigned k = 1; k < 4; k++) {
		struct file_create_request req = { .dir = dirs[k - 1], .mode = TYPE_DIR | 0755 };
		struct file_attr a;

		CHECK_EQ(RUN(fs_create(&req, "dir", "", &a)), 0);
		dirs[k] = a.file;
	}
}

static void change(unsigned block)
{
	image_make(block, 32768, block == 2048 ? "-d tree -I 128" : "-d tree -O dir_index");
	memset(inode_of, 0, sizeof(inode_of));
	CHECK_EQ(mount_it(false), 0);
	make_dirs();
	for (unsigned step = 0; step < STEPS && test_bad == 0; step++) {
		unsigned n = random_below(FILES), what = random_below(10);

		if (inode_of[n] == 0)
			step_create(n);
		else if (what < 5)
			step_write(n);
		else if (what < 7)
			step_truncate(n);
		else if (what < 8)
			step_remove(n);
		else
			step_rename(n);
		if (random_below(50) == 0)
			write_some();
	}
	compare();
	CHECK_EQ(unmount_it(), 0);
	check_clean();
	CHECK_EQ(mount_it(false), 0);
	compare();
}

static void t_change(void)
{
	for (unsigned block = 1024; block <= 4096; block *= 2)
		change(block);
}

/* ---- directories, links, the full disk ---- */

static void t_names(void)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_DIR | 0755 };
	struct file_rename_request move = { .dir = ROOT_INO };
	struct file_attr a, d, l;
	char name[300];
	uint64_t replaced;

	image_make(1024, 16384, "-d tree");
	CHECK_EQ(mount_it(false), 0);
	CHECK_EQ(RUN(fs_create(&req, "d", "", &d)), 0);
	req.dir = d.file;
	CHECK_EQ(RUN(fs_create(&req, "e", "", &a)), 0);
	CHECK_EQ(RUN(fs_unlink(ROOT_INO, "d", true, &l)), -ENOTEMPTY);
	move.dir2 = a.file;
	CHECK_EQ(RUN(fs_rename(&move, "d", "x", &replaced, &a)), -EINVAL);
	for (unsigned n = 0; n < 400; n++) {
		req.mode = n % 3 == 0 ? TYPE_LINK | 0777 : n % 3 == 1 ? TYPE_CHAR | 0600 :
			   TYPE_FILE | 0644;
		req.rdev = 5ull << 32 | 300;
		memset(name, 'a' + (int)(n % 26), 280);
		snprintf(name + 60 + n % 190, 5, "%u", n);
		CHECK_EQ(RUN(fs_create(&req, name, n % 2 ? "short" : path, &l)), 0);
		if (n % 3 == 1)
			CHECK_EQ(l.rdev, req.rdev);
		if (n % 3 == 2)
			CHECK_EQ(RUN(fs_link(ROOT_INO, l.file, name, &l)), 0);
		if (n % 5 == 0)
			CHECK_EQ(RUN(fs_unlink(d.file, name, false, &l)), 0);
	}
	move = (struct file_rename_request){ .dir = d.file, .dir2 = ROOT_INO };
	CHECK_EQ(RUN(fs_rename(&move, "e", "many", &replaced, &a)), -ENOTEMPTY);
	CHECK_EQ(RUN(fs_rename(&move, "e", "f", &replaced, &a)), 0);
	move = (struct file_rename_request){ .dir = ROOT_INO, .dir2 = d.file, .flags = 2 };
	strcpy(name, "g");
	req.mode = TYPE_FILE | 0600;
	CHECK_EQ(RUN(fs_create(&req, "g", "", &l)), 0);
	CHECK_EQ(RUN(fs_rename(&move, "f", "g", &replaced, &a)), 0);
	CHECK_EQ(walk("d/g"), a.file);
	CHECK_EQ(RUN(fs_unlink(d.file, "g", true, &l)), 0);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

/* ---- directories of many blocks ---- */

enum { MANY = 1500, CHURN = 12000, LARGE_DIRS = 3 };
static bool is_there[LARGE_DIRS][MANY];
static uint64_t large[LARGE_DIRS];

/* Names of all lengths, always the same for a number. */
static const char *many_name(unsigned n)
{
	static char name[256];
	unsigned len = n % 4 == 0 ? 200 : n % 23;

	memset(name, 'n', sizeof(name) - 1);
	snprintf(name + len, 8, "%u", n);
	return name;
}

static void churn_one(void)
{
	unsigned d = random_below(LARGE_DIRS), to = random_below(LARGE_DIRS);
	unsigned n = random_below(MANY);
	struct file_rename_request move = { .dir = large[d], .dir2 = large[to] };
	uint64_t replaced;
	struct file_attr a;

	CHECK_EQ(RUN(fs_lookup(large[d], many_name(n), &a)), is_there[d][n] ? 0 : -ENOENT);
	if (!is_there[d][n]) {
		CHECK_EQ(RUN(fs_link(large[d], inode_of[0], many_name(n), &a)), 0);
		is_there[d][n] = true;
	} else if (!is_there[to][n] && random_below(2) == 0) {
		CHECK_EQ(RUN(fs_rename(&move, many_name(n), many_name(n), &replaced, &a)), 0);
		is_there[d][n] = false;
		is_there[to][n] = true;
	} else if (random_below(2) == 0) {
		CHECK_EQ(RUN(fs_unlink(large[d], many_name(n), false, &a)), 0);
		is_there[d][n] = false;
	}
}

static void check_large(void)
{
	struct file_attr a;

	for (unsigned d = 0; d < LARGE_DIRS; d++) {
		unsigned there = 2;

		for (unsigned n = 0; n < MANY; n++) {
			there += is_there[d][n];
			CHECK_EQ(RUN(fs_lookup(large[d], many_name(n), &a)),
				 is_there[d][n] ? 0 : -ENOENT);
		}
		CHECK_EQ(count_entries(large[d]), there);
	}
}

/* A rename that fails after it has added the entry leaves nothing behind. */
static void fail_rename(void)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_DIR | 0755 };
	struct file_rename_request move = { .dir = ROOT_INO, .dir2 = large[0] };
	struct ext2_inode *i;
	struct file_attr a;
	unsigned entries = count_entries(large[0]);
	uint64_t replaced;
	uint16_t links;

	CHECK_EQ(RUN(fs_create(&req, "moved", "", &a)), 0);
	CHECK_EQ(RUN(fs_lookup(large[0], "target", &a)), -ENOENT);
	CHECK_EQ(RUN(inode_get(large[0], &i)), 0);
	links = i->links;
	i->links = LINKS_MAX;
	CHECK_EQ(RUN(fs_rename(&move, "moved", "target", &replaced, &a)), -EMLINK);
	i->links = links;
	CHECK_EQ(RUN(fs_lookup(large[0], "target", &a)), -ENOENT);
	req = (struct file_create_request){ .dir = large[0], .mode = TYPE_FILE | 0644 };
	CHECK_EQ(RUN(fs_create(&req, "target", "", &a)), 0);
	CHECK_EQ(count_entries(large[0]), entries + 1);
	CHECK_EQ(RUN(fs_unlink(large[0], "target", false, &a)), 0);
	CHECK_EQ(RUN_SELF(orphan_free((uint32_t)a.file)), 0);
}

/* The number of a directory that had an index goes to a new one. */
static void reuse_number(void)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_DIR | 0755 };
	struct file_attr a, d;
	uint64_t before = 0;
	char name[16];

	for (unsigned round = 0; round < 3; round++) {
		CHECK_EQ(RUN(fs_create(&req, "again", "", &d)), 0);
		CHECK(round == 0 || d.file == before);
		before = d.file;
		for (unsigned n = 0; n < 100; n++) {
			snprintf(name, sizeof(name), "%u-%u", n, round);
			CHECK_EQ(RUN(fs_link(d.file, inode_of[0], name, &a)), 0);
		}
		CHECK_EQ(count_entries(d.file), 102);
		for (unsigned n = 0; n < 100; n++) {
			snprintf(name, sizeof(name), "%u-%u", n, round);
			CHECK_EQ(RUN(fs_unlink(d.file, name, false, &a)), 0);
		}
		CHECK_EQ(RUN(fs_unlink(ROOT_INO, "again", true, &a)), 0);
		CHECK_EQ(RUN_SELF(orphan_free((uint32_t)d.file)), 0);
	}
}

static void t_large(void)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_FILE | 0644 };
	struct file_attr a;
	char name[16];

	image_make(1024, 16384, "-d tree");
	CHECK_EQ(mount_it(false), 0);
	memset(is_there, 0, sizeof(is_there));
	CHECK_EQ(RUN(fs_create(&req, "file", "", &a)), 0);
	inode_of[0] = a.file;
	req.mode = TYPE_DIR | 0755;
	for (unsigned d = 0; d < LARGE_DIRS; d++) {
		snprintf(name, sizeof(name), "large-%u", d);
		CHECK_EQ(RUN(fs_create(&req, name, "", &a)), 0);
		large[d] = a.file;
	}
	for (unsigned n = 0; n < CHURN && test_bad == 0; n++)
		churn_one();
	check_large();
	fail_rename();
	reuse_number();
	for (unsigned n = 0; n < CHURN / 4 && test_bad == 0; n++)
		churn_one();
	check_large();
	CHECK_EQ(unmount_it(), 0);
	check_clean();
	CHECK_EQ(mount_it(true), 0);
	check_large();
}

static void t_full(void)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_FILE | 0644 };
	struct file_attr a;
	err_t err = 0;

	image_make(1024, 4096, "-d tree -N 400");
	CHECK_EQ(mount_it(false), 0);
	CHECK_EQ(RUN(fs_create(&req, "full", "", &a)), 0);
	for (uint64_t at = 0; err == 0; at += CONTENT)
		err = write_all(a.file, at, content, CONTENT);
	CHECK_EQ(err, -ENOSPC);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
	CHECK_EQ(mount_it(false), 0);
	CHECK_EQ(RUN(fs_unlink(ROOT_INO, "full", false, &a)), 0);
	err = 0;
	for (unsigned n = 0; err == 0; n++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", n);
		err = RUN(fs_create(&req, name, "", &a));
	}
	CHECK_EQ(err, -ENOSPC);
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

/* Holes up to the third level of the map, and back to nothing. */
static void t_sparse(void)
{
	struct file_create_request req = { .dir = ROOT_INO, .mode = TYPE_FILE | 0644 };
	struct file_attr a;

	for (unsigned block = 1024; block <= 4096; block *= 2) {
		image_make(block, 16384, "-d tree");
		CHECK_EQ(mount_it(false), 0);
		CHECK_EQ(RUN(fs_create(&req, "holes", "", &a)), 0);
		for (uint64_t at = 0; at < 14ull << 30; at = at * 5 + 100000)
			CHECK_EQ(write_all(a.file, at, content, 5000), 0);
		flush();
		check_clean();
		CHECK_EQ(RUN_SELF(fs_set_attr(a.file, FILE_SET_SIZE,
					      &(struct file_attr){ .size = 12345 }, &a)), 0);
		CHECK_EQ(unmount_it(), 0);
		check_clean();
	}
}

static void t_features(void)
{
	image_make(1024, 8192, "-d tree -O extents");
	CHECK_EQ(mount_it(true), -EINVAL);
	image_make(1024, 8192, "-d tree -O metadata_csum");
	CHECK_EQ(mount_it(false), 0);
	CHECK(state.volume.readonly);
	check_file("big");
	image_make(1024, 8192, "-d tree -r 0 -O none -I 128");
	CHECK_EQ(mount_it(false), 0);
	check_file("big");
	CHECK_EQ(unmount_it(), 0);
	check_clean();
}

int main(void)
{
	folder_make();
	if (run("cd %s && mkdir -p tree/a/b/c tree/many && echo small > tree/small && "
		"seq 1 60000 > tree/big && head -c 700000 /dev/zero > tree/sparse && "
		"echo end >> tree/sparse && seq 1 5000 > tree/a/b/c/deep && "
		"ln -s small tree/fast && "
		"ln -s $(printf %%0100d 0) tree/slow && for i in $(seq 300); do echo $i > "
		"tree/many/file-with-a-long-name-$i; done", folder) != 0)
		return 1;
	TEST("trees that mke2fs made are read, with 1, 2 and 4 KiB blocks", t_read);
	TEST("thousands of changes agree with a model and with e2fsck", t_change);
	TEST("directories, links, devices and long names", t_names);
	TEST("directories of many blocks have just the names that a model has", t_large);
	TEST("a full disk is an error and stays consistent", t_full);
	TEST("sparse files use all levels of the map", t_sparse);
	TEST("features that are not known refuse the mount, or writing", t_features);
	folder_remove();
	return test_result();
}
