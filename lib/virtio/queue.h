/* SPDX-License-Identifier: BSD-2-Clause
 * queue.h - a split virtqueue, driver's side (virtio 1.0, 2.4). No device is touched here: memory
 * only, so it runs on the host as well.
 *
 * A request is a chain of segments, the readable before the writable ones, named by a token that
 * the caller chooses below VIRTQ_TOKENS and that is free. With indirect descriptors a request
 * takes one descriptor of the ring, else one for each segment.
 *
 *	virtq_init(&q, size, memory, indirect)
 *	virtq_add(&q, token, segments, readable, writable)      -EAGAIN: no descriptors
 *	if (virtq_publish(&q)) tell the device
 *	on its interrupt: while (virtq_next(&q, &token, &len)) ...
 *
 * The device is not trusted: what it writes is checked against what was asked of it; what makes no
 * sense is counted in q->refused and ignored. virtq_broken(): it was too much, reset the device.
 *
 * Q1  head[h] is the token whose chain begins at descriptor h, VIRTQ_FREE if none does.
 * Q2  Free descriptors are a list through `next`, and nr_free their number.
 * Q3  A token is in flight from virtq_add to virtq_next, once.
 */
#ifndef LIB_VIRTIO_QUEUE_H
#define LIB_VIRTIO_QUEUE_H

#include <abi/errors.h>
#include <abi/types.h>

enum {
	VIRTQ_MAX = 256,                /* descriptors; a power of two */
	VIRTQ_TOKENS = 64,
	VIRTQ_SEGMENTS = 32,            /* of one request: size of its indirect table */
	VIRTQ_FREE = 0xff,
	VIRTQ_REFUSED_MAX = 16,
};

/* 2.4.5 */
struct virtq_desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
enum { VIRTQ_DESC_NEXT = 1, VIRTQ_DESC_WRITE = 2, VIRTQ_DESC_INDIRECT = 4 };

/* 2.4.6 */
struct virtq_avail { uint16_t flags, idx, ring[VIRTQ_MAX]; };
enum { VIRTQ_AVAIL_NO_INTERRUPT = 1 };

/* 2.4.8 */
struct virtq_used {
	uint16_t flags, idx;
	struct { uint32_t id, len; } ring[VIRTQ_MAX];
};
enum { VIRTQ_USED_NO_NOTIFY = 1 };

/* Each part of a queue lies within a page, so it has one physical address. */
struct virtq_memory {
	struct virtq_desc desc[VIRTQ_MAX] __attribute__((aligned(PAGE_SIZE)));
	struct virtq_avail avail __attribute__((aligned(PAGE_SIZE)));
	struct virtq_used used __attribute__((aligned(PAGE_SIZE)));
	struct virtq_desc table[VIRTQ_TOKENS][VIRTQ_SEGMENTS] __attribute__((aligned(PAGE_SIZE)));
};
enum { VIRTQ_PAGES = sizeof(struct virtq_memory) / PAGE_SIZE };

struct virtq_segment { uint64_t physical; uint32_t len; };

struct virtq {
	volatile struct virtq_memory *m;
	uint64_t table[VIRTQ_TOKENS];   /* physical addresses of the indirect tables */
	uint16_t size;                  /* as agreed with the device */
	bool indirect;
	uint16_t free, nr_free;         /* Q2 */
	uint16_t next[VIRTQ_MAX];       /* our own copy: the device may read, not change it */
	uint8_t head[VIRTQ_MAX];        /* Q1 */
	uint16_t chain[VIRTQ_TOKENS];   /* descriptors that a token has taken */
	uint32_t writable[VIRTQ_TOKENS];        /* bytes that the device may write */
	uint64_t in_flight;             /* bit: token */
	uint16_t added, published, taken;
	uint32_t refused;
};

/* size: a power of two up to VIRTQ_MAX. physical: of each page of the memory, which is cleared: the
 * device does not use it yet, or no longer. */
void virtq_init(struct virtq *q, volatile struct virtq_memory *m, const uint64_t *physical,
		uint16_t size, bool indirect);
/* -EAGAIN: too few descriptors; -EINVAL: a token that is not free, no or too many segments. */
err_t virtq_add(struct virtq *q, unsigned token, const struct virtq_segment *s, unsigned readable,
		unsigned writable) MUST_CHECK;
/* Let the device see what was added. True: it wants to be told. */
bool virtq_publish(struct virtq *q);
/* The next request that the device has done, and how many bytes it says it has written. */
bool virtq_next(struct virtq *q, unsigned *token, uint32_t *written);
bool virtq_broken(const struct virtq *q);
unsigned virtq_in_flight(const struct virtq *q);

#endif
