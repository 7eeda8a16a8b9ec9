/* SPDX-License-Identifier: BSD-2-Clause
 * io.c - the disk's side: buffers go to and from a block driver.
 *
 * Job:      submits transfers, takes answers, asks what the disk is like, flushes.
 * Speaks:   contracts/block, through lib/block.h.
 * Touches:  state.disk, the ring.
 * Trusts:   the driver for what is on the disk.
 * On crash: the ring says what is open; a buffer that is not under way any more is found out.
 */
#include "io.h"

#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/print.h>
#include <lib/service_ids.h>

enum { COOKIE_INFO = NR_BUFFERS };

static uint64_t flush_next, flush_done;
static err_t flush_err;

static bool submit(const struct block_io *io, uint64_t cookie)
{
	if (undo_used() > UNDO_ENTRIES / 2)
		undo_commit();          /* state is consistent between any two submissions */
	return block_submit(&state.disk, &ring, io, cookie) == 0;
}

static bool transfer(uint32_t op, unsigned buffer)
{
	const struct volume *v = &state.volume;
	struct block_io io = {
		.op = op, .pos = (uint64_t)cache.buffer[buffer].block << v->shift, .len = v->size,
		.grant = block_grant(&state.disk, 0), .offset = (uint64_t)buffer * BUFFER_SIZE,
	};

	return submit(&io, buffer);
}

bool io_read(unsigned buffer)
{
	return transfer(BLOCK_READ, buffer);
}

bool io_write(unsigned buffer)
{
	return transfer(BLOCK_WRITE, buffer);
}

void io_commit(void)
{
	undo_commit();
}

int64_t io_now(void)
{
	return (int64_t)clock_realtime_ns();
}

void io_say(const char *what, uint64_t number)
{
	print(what, (unsigned long)number);
	print("\n");
}

void io_publish(void)
{
	block_publish(&state.disk, &ring);
}

/* ---- the disk as a whole ---- */

err_t disk_info(struct block_info_reply *info)
{
	struct block_io io = { .op = BLOCK_INFO };
	err_t err = state.info_err;

	if (state.disk.driver.v == 0)
		return -ENODEV;
	if (state.info.size != 0) {
		*info = state.info;
		return 0;
	}
	state.info_err = 0;
	if (err != 0)
		return err;
	if (!state.info_asked && submit(&io, COOKIE_INFO))
		state.info_asked = 1;
	return WAIT;
}

bool disk_flush(uint64_t *number)
{
	struct block_io io = { .op = BLOCK_FLUSH };

	if (!submit(&io, COOKIE_INFO + 1 + flush_next))
		return false;
	*number = flush_next++;
	return true;
}

/* Flushes are answered in any order; a later one covers an earlier. */
bool disk_flushed(uint64_t number, err_t *err)
{
	*err = flush_err;
	return flush_done > number;
}

static void take_answer(const struct block_answer *a)
{
	if (a->op == BLOCK_INFO) {
		state.info_asked = 0;
		state.info_err = a->err;
		if (a->err == 0)
			state.info = a->info;
	} else if (a->op == BLOCK_FLUSH) {
		uint64_t number = a->cookie - COOKIE_INFO - 1;

		if (number < flush_next && number >= flush_done) {
			flush_done = number + 1;
			flush_err = a->err;
		}
	} else if (a->cookie < NR_BUFFERS) {
		buffer_done((unsigned)a->cookie, a->op == BLOCK_WRITE, a->err);
	}
}

bool io_notified(uint64_t services)
{
	struct block_answer a;
	bool any = false;

	block_client_notified(&state.disk, &ring, services);
	while (block_next(&state.disk, &ring, &a)) {
		take_answer(&a);
		any = true;
	}
	return any;
}

/* ---- start ---- */

void io_init(void)
{
	const char *driver = service_arg(0);

	flush_next = flush_done = clock_monotonic_ns();
	buffers_init();
	block_client_open(&state.disk, &ring, driver != NULL ? driver : "virtio_blk",
			  service_id(), 0);
	block_client_region(&state.disk, 0, bytes, sizeof(bytes));
}

void io_recovered(void)
{
	const struct ring_client *r = &state.disk.ring;

	flush_next = flush_done = clock_monotonic_ns();
	buffers_recover();
	for (unsigned n = 0; n < RING_ENTRIES; n++)
		if ((r->used | r->returned) & BIT(n) && state.disk.cookie[n] < NR_BUFFERS)
			buffer_open((unsigned)state.disk.cookie[n],
				    r->pending[n].type == BLOCK_WRITE);
	buffers_settle();
	block_client_recovered(&state.disk, &ring);
}
