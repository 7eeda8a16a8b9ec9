/* SPDX-License-Identifier: BSD-2-Clause
 * virtio_blk.c - a virtio disk on PCI.
 *
 * Job:      reads, writes and flushes one disk; many requests at a time.
 * Speaks:   contracts/block, through lib/block.h, to whoever lends it a ring; pci and vm at the
 *           start.
 * Touches:  the device's registers and queue; DMA to and from its own buffers only.
 * Trusts:   no client, and of the device no index, length or status: what makes no sense is
 *           refused, and a device that goes on like that ends this process, whose successor
 *           resets it.
 * On crash: started afresh; until the device is reset it does what it was asked, in memory that the
 *           start leaves alone; clients hand in again what was not answered. A write that was
 *           answered is in the device.
 * Spec:     Virtual I/O Device (VIRTIO) 1.0, 5.2 (block device), 4.1 (PCI).
 *
 * args N: the device to take, 0 the first on the bus, which is /dev/vda.
 */
#include "virtio_blk_hw.h"

#include <lib/args.h>
#include <lib/assert.h>
#include <lib/block.h>
#include <lib/dma.h>
#include <lib/print.h>
#include <lib/virtio/device.h>

enum { DEPTH = 32, QUEUE = 0, IRQ_BIT = 0, DISKS = 26 };
enum { BUFFER_PAGES = BLOCK_SIZE_MAX / PAGE_SIZE };
enum { STATUS_UNSET = 0xff };

/* What the device reads and writes of a request besides its data. */
struct note {
	struct blk_header header;
	uint8_t status;
	uint8_t unused[15];
};

static uint8_t buffer[DEPTH][BLOCK_SIZE_MAX] SECTION_DMA;
static volatile struct note note[DEPTH] SECTION_DMA;
static volatile struct virtq_memory queue_memory SECTION_DMA;
static uint64_t buffer_at[DEPTH * BUFFER_PAGES], note_at;
_Static_assert(sizeof(note) <= PAGE_SIZE, "one page has one address");
_Static_assert(BUFFER_PAGES + 2 <= VIRTQ_SEGMENTS, "a request fits its table");

static struct virtio_device device;
static struct virtq queue;
static struct block_info_reply disk;            /* size 0: there is none */
static bool can_flush;

/* ---- requests ---- */

static uint64_t note_part(unsigned tag, size_t offset)
{
	return note_at + tag * sizeof(struct note) + offset;
}

/* Header, data, status (5.2.6). Returns how many segments there are. */
static unsigned segments_of(unsigned tag, const struct block_io *io, struct virtq_segment *s)
{
	unsigned n = 0;

	s[n++] = (struct virtq_segment){
		note_part(tag, offsetof(struct note, header)), sizeof(struct blk_header),
	};
	for (uint32_t done = 0; done < io->len; done += PAGE_SIZE)
		s[n++] = (struct virtq_segment){
			buffer_at[tag * BUFFER_PAGES + done / PAGE_SIZE],
			io->len - done < PAGE_SIZE ? io->len - done : (uint32_t)PAGE_SIZE,
		};
	s[n++] = (struct virtq_segment){ note_part(tag, offsetof(struct note, status)), 1 };
	return n;
}

static void fill_note(unsigned tag, const struct block_io *io)
{
	note[tag].header.type = io->op == BLOCK_READ ? BLK_IN : io->op == BLOCK_WRITE ? BLK_OUT
										       : BLK_FLUSH;
	note[tag].header.zero = 0;
	note[tag].header.sector = io->pos / BLK_SECTOR;
	note[tag].status = STATUS_UNSET;
}

static err_t begin(unsigned tag, const struct block_io *io)
{
	struct virtq_segment s[VIRTQ_SEGMENTS];
	unsigned n;
	err_t err = 0;

	if (io->op == BLOCK_FLUSH && !can_flush) {
		block_done(tag, 0);             /* 5.2.5.2: writes through by itself */
		return 0;
	}
	if (io->op == BLOCK_WRITE)
		err = block_fetch(tag, buffer[tag]);
	if (err != 0)
		return err;
	fill_note(tag, io);
	n = segments_of(tag, io, s);
	if (io->op == BLOCK_READ)
		return virtq_add(&queue, tag, s, 1, n - 1);
	return virtq_add(&queue, tag, s, n - 1, 1);
}

static void finish(unsigned tag)
{
	uint8_t status = note[tag].status;
	err_t err = status == BLK_S_OK ? 0 : -EIO;

	if (err == 0 && block_io(tag)->op == BLOCK_READ)
		err = block_store(tag, buffer[tag]);
	block_done(tag, err);
}

static void kick(void)
{
	if (virtq_publish(&queue))
		virtio_kick(&device, QUEUE);
}

static const struct block_info_reply *disk_of(uint32_t n)
{
	return n == 0 && disk.size != 0 ? &disk : NULL;
}

/* ---- what happens ---- */

static void on_irq(uint64_t bits)
{
	uint32_t written;
	unsigned tag;

	if (disk.size == 0)
		return;
	while (virtq_next(&queue, &tag, &written))
		finish(tag);
	if (virtq_broken(&queue) || virtio_needs_reset(&device)) {
		print("the device answers nonsense: starting over\n");
		die(1);
	}
	block_server_work();
}

/* ---- start ---- */

/* What the device says it is, as far as it can be true. */
static err_t take_config(void)
{
	struct blk_config c;
	uint32_t sector = BLK_SECTOR, max = BLOCK_SIZE_MAX;

	if (!virtio_config(&device, &c, sizeof(c)))
		return -EIO;
	if (device.features & BLK_F_BLK_SIZE)
		sector = c.blk_size;
	if (sector < BLK_SECTOR || sector > PAGE_SIZE || (sector & (sector - 1)) != 0 ||
	    c.capacity == 0 || c.capacity > INT64_MAX / BLK_SECTOR)
		return -EIO;
	if (device.features & BLK_F_SIZE_MAX && c.size_max < PAGE_SIZE)
		return -ENOTSUP;
	if (device.features & BLK_F_SEG_MAX && c.seg_max < BUFFER_PAGES)
		max = c.seg_max * (uint32_t)PAGE_SIZE;
	if (max == 0)
		return -EIO;
	can_flush = device.features & BLK_F_FLUSH;
	disk = (struct block_info_reply){
		.size = c.capacity * BLK_SECTOR / sector * sector, .sector = sector, .max = max,
		.flags = (device.features & BLK_F_RO ? BLOCK_READ_ONLY : 0u) |
			 (can_flush ? BLOCK_CACHED : 0u),
		.depth = DEPTH,
	};
	return 0;
}

static err_t set_up(unsigned index)
{
	err_t err = virtio_open(&device, VIRTIO_ID_BLOCK, index,
				BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_RO | BLK_F_BLK_SIZE |
				BLK_F_FLUSH | VIRTIO_F_INDIRECT_DESC);

	if (err == 0)
		err = dma_pages(buffer, COUNT(buffer_at), buffer_at);
	if (err == 0)
		err = dma_pages(note, 1, &note_at);
	if (err == 0)
		err = virtio_queue(&device, QUEUE, &queue, &queue_memory, index, IRQ_BIT);
	if (err == 0)
		err = take_config();
	if (err == 0)
		err = virtio_start(&device);
	if (err != 0)
		disk.size = 0;
	return err;
}

static void init(enum start_kind kind)
{
	static const struct block_driver driver = { .disk = disk_of, .begin = begin, .kick = kick };
	unsigned index = (unsigned)service_arg_number(0, 0) % DISKS;
	char name[] = "vda";
	err_t err = set_up(index);

	if (err != 0 && err != -ENOENT) /* a disk that is not there is nothing to tell */
		print("disk %u cannot be used: error %d\n", index, -err);
	else if (err == 0)
		print("disk %u: %lu KiB, sectors of %u, queue of %u%s\n", index,
		      (unsigned long)(disk.size / 1024), disk.sector, queue.size,
		      disk.flags & BLOCK_READ_ONLY ? ", read-only" : "");
	block_server_init(&driver, kind);
	name[2] = (char)('a' + index);
	block_server_announce(name, err == 0);
}

int main(void)
{
	static const struct server virtio_blk = {
		.name = "virtio_blk", .init = init, .on_irq = on_irq,
		.on_notify = block_server_notified,
	};

	server_run(&virtio_blk);
}
