/* SPDX-License-Identifier: BSD-2-Clause
 * virtio_blk_hw.h - the block device (virtio 1.0, 5.2).
 */
#ifndef VIRTIO_BLK_HW_H
#define VIRTIO_BLK_HW_H

#include <abi/types.h>

/* 5.2.3: feature bits */
#define BLK_F_SIZE_MAX BIT(1)
#define BLK_F_SEG_MAX BIT(2)
#define BLK_F_RO BIT(5)
#define BLK_F_BLK_SIZE BIT(6)
#define BLK_F_FLUSH BIT(9)

/* 5.2.4: configuration, as far as it is used */
struct blk_config {
	uint64_t capacity;              /* sectors of 512 bytes */
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
};
_Static_assert(sizeof(struct blk_config) == 24, "virtio 1.0, 5.2.4");

/* 5.2.6: a request is this, then data, then one byte of status */
struct blk_header { uint32_t type, zero; uint64_t sector; };
enum { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4 };
enum { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };
enum { BLK_SECTOR = 512 };

#endif
