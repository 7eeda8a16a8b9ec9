/* SPDX-License-Identifier: BSD-2-Clause
 * lie_test.c - a disk that lies: what a program reads is what it wrote, or an error.
 *
 * Links: fs/ext2/buffer.c fs/ext2/super.c fs/ext2/alloc.c fs/ext2/inode.c fs/ext2/orphan.c
 * Links: fs/ext2/walk.c fs/ext2/map.c fs/ext2/dir.c fs/ext2/index.c fs/ext2/name.c fs/ext2/rename.c
 * Links: fs/ext2/data.c fs/ext2/keep.c fs/ext2/sum.c fs/ext2/sumfile.c lib/sums.c
 */
#include "host.h"

enum { FILES = 60, LENGTH = 20000, FILLER = 10 << 20, PART = 65536, ROUNDS = 12 };

static char path[64], mksums[512];
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

/* ---- sums that the disk brings along ---- */

static void set_up_sums(unsigned block)
{
	char command[1024];
	FILE *f;

	set_up(block);
	CHECK_EQ(unmount_it(), 0);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(disk, 1, disk_size, f) != disk_size || fclose(f) != 0)
		abort();
	snprintf(command, sizeof(command), "%s %s && e2fsck -fn %s > /dev/null 2>&1", mksums,
		 path, path);
	CHECK_EQ(system(command), 0);
	image_load(path);
	CHECK_EQ(mount_it(false), 0);
	CHECK_EQ(state.volume.sums, SUMS_PLACE);
	refused = wrong = right = 0;
}

static void check_image(void)
{
	char command[256];
	FILE *f = fopen(path, "wb");

	if (f == NULL || fwrite(disk, 1, disk_size, f) != disk_size || fclose(f) != 0)
		abort();
	snprintf(command, sizeof(command), "e2fsck -fn %s > /dev/null 2>&1", path);
	CHECK_EQ(system(command), 0);
}

static err_t map_of(uint64_t ino, uint64_t k, uint32_t *block)
{
	struct ext2_inode *i;
	err_t err = table_get((uint32_t)ino, &i);

	return err != 0 ? err : map_get(i, k, block);
}

static uint32_t block_of(uint64_t ino, uint64_t k)
{
	uint32_t block = 0;

	CHECK_EQ(RUN(map_of(ino, k, &block)), 0);
	return block;
}

static void change(unsigned n)
{
	disk[((size_t)block_of(files[n], 3) << state.volume.shift) + 77] ^= 16;
}

static void read_all(unsigned eio)
{
	refused = right = 0;
	for (unsigned n = 0; n < FILES; n++)
		read_file(n);
	CHECK_EQ(refused, eio);
	CHECK_EQ(wrong, 0);
}

/* From the image's maker to the first mount, and from each mount to the next. */
static void t_brought(void)
{
	for (unsigned block = 2048; block <= 4096; block *= 2) {
		set_up_sums(block);
		change(5);
		read_all(1);
		CHECK_EQ(cache.lost, 1);
		for (unsigned n = 0; n < FILES; n += 2)
			write_file(n);
		write_file(5);
		flush();
		for (unsigned round = 0; round < 3; round++) {
			CHECK_EQ(unmount_it(), 0);
			check_image();
			CHECK_EQ(mount_it(round == 1), 0);
			CHECK(sums.known > state.volume.blocks / 2);
			change(6 + round);
			read_all(1);
			change(6 + round);
			evict();
			read_all(0);
			if (round == 1) {
				buffers_forget();
				CHECK_EQ(mount_it(false), 0);
			}
			write_file(20 + round);
		}
	}
}

/* Another system, or this one without power, has written the disk. */
static void t_other_time(void)
{
	struct ext2_super *s = (void *)(disk + SUPER_AT);

	set_up_sums(4096);
	s = (void *)(disk + SUPER_AT);
	write_file(7);
	flush();
	CHECK_EQ(mount_it(false), 0);
	read_all(0);
	CHECK_EQ(unmount_it(), 0);
	CHECK_EQ(mount_it(false), 0);
	CHECK(sums.known > 0);
	CHECK_EQ(unmount_it(), 0);
	s->mounts++;
	change(9);                              /* with what is in memory still */
	version[9] = 0;
	CHECK_EQ(mount_it(false), 0);
	read_all(0);
	CHECK_EQ(cache.wrong, 0);
}

/* What the sums are in is itself changed. */
static void t_sums_damaged(void)
{
	for (uint32_t page = 0; page < 4; page++) {
		uint32_t block;

		set_up_sums(4096);
		block = block_of(SUMS_INO, page);
		CHECK_EQ(unmount_it(), 0);
		disk[((size_t)block << 12) + 40] ^= 1;
		CHECK_EQ(mount_it(false), 0);
		read_all(0);
		CHECK_EQ(cache.wrong, 0);
	}
}

int main(int argc, char **argv)
{
	char *end = strstr(argv[0], "/host/");

	(void)argc;
	strcpy(path, "/tmp/skink-lie-XXXXXX");
	close(mkstemp(path));
	snprintf(mksums, sizeof(mksums), "%.*s/tools/mksums",
		 (int)(end != NULL ? end - argv[0] : 0), argv[0]);
	TEST("bytes that come wrong once are read again, and no program notices", t_other_bytes);
	TEST("what comes wrong twice is an error, not wrong bytes", t_for_good);
	TEST("a write that is dropped is an error when it is read", t_dropped);
	TEST("so is a write that goes elsewhere, and what it went over", t_elsewhere);
	TEST("so is a write of other bytes", t_other_bytes_written);
	TEST("a write that failed says nothing, nor does an earlier mount", t_failed);
	TEST("sums that the disk brings along hold for the first read, from mount to mount",
	     t_brought);
	TEST("they are not used if the disk was written by others, or lost its power",
	     t_other_time);
	TEST("nor if they are damaged", t_sums_damaged);
	unlink(path);
	return test_result();
}
