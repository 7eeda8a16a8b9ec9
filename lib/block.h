/* SPDX-License-Identifier: BSD-2-Clause
 * block.h - both sides of contracts/block: the class library that a block driver is written with
 * (lib/block_server.c), and what a file server asks disks with (lib/block_client.c).
 */
#ifndef LIB_BLOCK_H
#define LIB_BLOCK_H

#include <contract/block.h>
#include <lib/ring.h>
#include <lib/server.h>

/* A transfer, for both sides. */
struct block_io {
	uint32_t op;                    /* BLOCK_READ, _WRITE, _FLUSH; for clients also _INFO */
	uint32_t disk;
	uint64_t pos;                   /* bytes */
	uint32_t len;
	grant_t grant;                  /* the memory, and where in it */
	uint64_t offset;
};

/* ---- for drivers ----
 *
 * A driver fills a struct block_driver, calls block_server_init in its init, block_server_notified
 * as its on_notify, and in its on_irq block_done for each tag that is done, then block_server_work.
 * Manifest: `serves block`, `talks vm ds log`, `notifies` the clients, `calls grant_copy`.
 *
 * Requests come checked: an existing disk, whole sectors within it, not longer than `max`, writes
 * only if it is not read-only. Several clients, each with its own ring, are served in turn. */

enum { BLOCK_TAGS = 64, BLOCK_CLIENTS = 8 };

struct block_driver {
	/* What a disk is like; NULL: there is none. `depth` tags are in use at most. */
	const struct block_info_reply *(*disk)(uint32_t disk);
	/* Begin a request. 0: block_done(tag) will say when it is done (or has already);
	 * -EAGAIN: not now, it is offered again by the next block_server_work; else its answer. */
	err_t (*begin)(unsigned tag, const struct block_io *io);
	/* Several may have begun: tell the device. NULL: no need. */
	void (*kick)(void);
};

void block_server_init(const struct block_driver *driver, enum start_kind kind);
/* There is a disk, which programs see as /dev/NAME; or there is none (any more). */
void block_server_announce(const char *name, bool there);
void block_server_notified(uint64_t services);
void block_server_work(void);
void block_done(unsigned tag, err_t err);
/* Move the data of a request: all of it, between the client's memory and ours. -ECANCELED: the
 * client has begun anew and does not want it any more. */
err_t block_fetch(unsigned tag, void *to) MUST_CHECK;           /* for BLOCK_WRITE */
err_t block_store(unsigned tag, const void *from) MUST_CHECK;   /* for BLOCK_READ */
unsigned block_in_flight(void);
/* The request of a tag, as given to begin. */
const struct block_io *block_io(unsigned tag);

/* ---- for clients ----
 *
 * A struct block_client is part of the service's state and is zero at first; the ring memory is an
 * object of its own, in `.state` too. A request is named by a cookie of the caller's. What a driver
 * had not answered when it died is handed to its successor by itself: requests are idempotent, if
 * no two that are open overlap and one of them writes. If there is to be none (it was stopped, or
 * given up), they are answered with -EIO, until it is started again.
 *
 *	block_client_open(&c, &ring, "virtio_blk", service_id(), 0)    init, fresh
 *	block_client_region(&c, 0, buffers, sizeof(buffers), dir)      init, fresh
 *	block_client_recovered(&c, &ring)                              init, after a recovery
 *	block_submit(&c, &ring, &io, cookie); block_publish(&c, &ring)
 *	on_notify: block_client_notified(&c, &ring, services);
 *		while (block_next(&c, &ring, &done)) ...
 *
 * Notified, next and publish commit: call them where the state is consistent. The manifest: `talks
 * vm ds rs`, `notifies` and `complains` the driver, `calls grant_create`. BLOCK_REGIONS rows of
 * grants from `first_row` on belong to this. */

enum { BLOCK_REGIONS = 4, BLOCK_NAME = 16 };

struct block_client {
	char name[BLOCK_NAME];          /* of the driver */
	endpoint_t driver;              /* 0: not seen yet */
	uint8_t id, first_row;          /* our privilege id; of our grant rows */
	uint16_t seq;                   /* of our grants */
	uint32_t drivers;               /* how many we have seen: restarts + 1 */
	uint64_t resubmitted;           /* requests handed to a successor */
	uint32_t bad;                   /* answers in a row that were none */
	uint32_t patience;              /* looks that an open request has, less one */
	uint32_t gone;                  /* the driver was given up: what is asked is -EIO */
	struct ring_ages ages;          /* as seen by the last look */
	struct ring_client ring;
	uint64_t cookie[RING_ENTRIES];
	struct { uint64_t base, len; uint32_t dir; } region[BLOCK_REGIONS];
};

struct block_answer {
	uint64_t cookie;
	uint32_t op;
	err_t err;
	struct block_info_reply info;   /* BLOCK_INFO, if err is 0: checked */
};

void block_client_open(struct block_client *c, volatile struct ring_memory *m, const char *driver,
		       unsigned id, unsigned first_row);
/* Memory that requests may name, as grant block_grant(c, n) with an offset. dir: GRANT_READ, what
 * the driver may read, to write it to the disk; GRANT_WRITE. */
void block_client_region(struct block_client *c, unsigned n, void *base, uint64_t len,
			 uint32_t dir);
grant_t block_grant(const struct block_client *c, unsigned n);
void block_client_recovered(struct block_client *c, volatile struct ring_memory *m);
void block_client_notified(struct block_client *c, volatile struct ring_memory *m,
			   uint64_t services);
/* -EAGAIN: RING_ENTRIES are open. The driver sees it with the next block_publish. */
err_t block_submit(struct block_client *c, volatile struct ring_memory *m,
		   const struct block_io *io, uint64_t cookie) MUST_CHECK;
void block_publish(struct block_client *c, volatile struct ring_memory *m);
bool block_next(struct block_client *c, volatile struct ring_memory *m, struct block_answer *a);
/* What it has read is wrong: rs ends this life of the driver, and the next one is asked for all
 * that is open. False: it goes on. Commits. */
bool block_client_complain(struct block_client *c, volatile struct ring_memory *m);
/* A look, every few seconds while requests are open. One that is still open at the next look is
 * never answered, and the driver is complained of likewise; each time in a row it has twice as many
 * looks. */
bool block_client_look(struct block_client *c, volatile struct ring_memory *m);
unsigned block_open_requests(const struct block_client *c);

#endif
