/* SPDX-License-Identifier: BSD-2-Clause
 * ramdisk.c - a disk in memory.
 *
 * Job:      holds the boot archive's entry `ramdisk.img`, or zeros, and serves it as a disk.
 * Speaks:   contracts/block, through lib/block.h.
 * Touches:  its own memory; no device.
 * Trusts:   no client.
 * On crash: recovers in place: the content is kept, clients hand in again what was not answered. A
 *           fresh restart begins with the archive's image again.
 *
 * args SIZE: bytes of the disk, at most RAMDISK_MAX; the image's size if that is larger.
 */
#include <lib/args.h>
#include <lib/block.h>
#include <lib/image.h>
#include <lib/print.h>

enum { RAMDISK_MAX = 64 << 20, SECTOR = 512, DEPTH = 8 };

/* Kept over a recovery, but not logged: a request that was under way is done again. */
static uint8_t content[RAMDISK_MAX] SECTION_STATE;
static struct { uint64_t size; } disk_state SECTION_STATE;

static struct block_info_reply disk;

static const struct block_info_reply *disk_of(uint32_t n)
{
	return n == 0 && disk.size != 0 ? &disk : NULL;
}

static err_t begin(unsigned tag, const struct block_io *io)
{
	err_t err = 0;

	if (io->op == BLOCK_READ)
		err = block_store(tag, content + io->pos);
	else if (io->op == BLOCK_WRITE)
		err = block_fetch(tag, content + io->pos);
	block_done(tag, err);
	return 0;
}

static void load(void)
{
	uint64_t size = service_arg_number(0, 0);
	struct image i = { .size = 0 };

	if (image_find("ramdisk.img", &i) == 0 && i.size <= RAMDISK_MAX) {
		memcpy(content, i.elf, i.size);
		print("%lu KiB from the boot archive\n", (unsigned long)(i.size / 1024));
	}
	size = size > i.size ? size : i.size;
	size = size < RAMDISK_MAX ? size : RAMDISK_MAX;
	disk_state.size = size / SECTOR * SECTOR;
}

static void init(enum start_kind kind)
{
	static const struct block_driver driver = { .disk = disk_of, .begin = begin };

	if (kind == START_FRESH)
		load();
	disk = (struct block_info_reply){
		.size = disk_state.size, .sector = SECTOR, .max = BLOCK_SIZE_MAX, .depth = DEPTH,
	};
	print("a disk of %lu KiB\n", (unsigned long)(disk.size / 1024));
	block_server_init(&driver, kind);
	block_server_announce("ram0", true);
}

static err_t check(void)
{
	return disk_state.size <= RAMDISK_MAX && disk_state.size % SECTOR == 0 ? 0 : -EINVAL;
}

int main(void)
{
	static const struct server ramdisk = {
		.name = "ramdisk", .init = init, .check = check, .on_notify = block_server_notified,
	};

	server_run(&ramdisk);
}
