/* SPDX-License-Identifier: BSD-2-Clause
 * io.c - the disk's side: buffers go to and from a block driver.
 *
 * Job:      submits transfers, takes answers, asks what the disk is like, flushes; reads again what
 *           was not what it had been.
 * Speaks:   contracts/block, through lib/block.h.
 * Touches:  state.disk, state.place, the ring.
 * Trusts:   the driver for blocks that are not known by their sum (sum.c), for nothing else.
 * On crash: the ring says what is open; a buffer that is not under way any more is found out. What
 *           is about to be written is summed once more.
 */
#include "io.h"

#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/print.h>
#include <lib/service_ids.h>

enum { LANDING, BYTES };                /* regions */
enum { BEFORE, ONCE, ELSEWHERE };       /* wrong: not yet; once; and the next driver is asked */
#define BELIEVED_NS 10000000000ull
enum { PLACE_SHIFT = 16, BLOCK_SHIFT = 32 };
_Static_assert(NR_BUFFERS <= 1 << PLACE_SHIFT, "a cookie has room");

static uint64_t flush_next, flush_done;
static err_t flush_err;
static uint16_t unsummed[RING_ENTRIES]; /* buffers whose writing the driver has not heard of */
static unsigned nr_unsummed;

static bool submit(const struct block_io *io, uint64_t cookie)
{
	if (undo_used() > UNDO_ENTRIES / 2)
		undo_commit();          /* state is consistent between any two submissions */
	return block_submit(&state.disk, &ring, io, cookie) == 0;
}

static bool transfer(uint32_t op, unsigned buffer, unsigned place)
{
	const struct volume *v = &state.volume;
	uint64_t block = cache.buffer[buffer].block;
	unsigned region = op == BLOCK_READ ? LANDING : BYTES;
	struct block_io io = {
		.op = op, .pos = block << v->shift, .len = v->size,
		.grant = block_grant(&state.disk, region),
		.offset = (uint64_t)(region == LANDING ? place : buffer) * BUFFER_SIZE,
	};

	return submit(&io, block << BLOCK_SHIFT | place << PLACE_SHIFT | buffer);
}

bool io_read(unsigned buffer)
{
	unsigned place = (unsigned)__builtin_ffsll((int64_t)~state.places);

	if (place-- == 0 || !transfer(BLOCK_READ, buffer, place))
		return false;
	state.places |= BIT(place);
	state.place[place].buffer = buffer;
	state.place[place].block = cache.buffer[buffer].block;
	state.place[place].tries = 0;
	return true;
}

bool io_write(unsigned buffer)
{
	if (nr_unsummed == RING_ENTRIES || !transfer(BLOCK_WRITE, buffer, 0))
		return false;
	unsummed[nr_unsummed++] = (uint16_t)buffer;
	return true;
}

/* Now, and not when it was submitted: an operation may have gone on to change it (T1). */
static void sum_what_is_written(void)
{
	while (nr_unsummed != 0) {
		unsigned buffer = unsummed[nr_unsummed - 1];

		sum_written(&cache.buffer[buffer], bytes[buffer]);
		nr_unsummed--;
	}
}

void io_commit(void)
{
	undo_commit();
}

uint64_t io_next_commit(void)
{
	return undo_next_commit();
}

bool io_is_committed(uint64_t stamp)
{
	return undo_is_committed(stamp);
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

static void say_wrong(uint32_t block, uint32_t found, uint32_t known, const char *so)
{
	const char *disk = service_arg(1);

	print("<3>/dev/%s: block %u: wrong bytes (their sum is %x, not %x)%s\n",
	      disk != NULL ? disk : state.disk.name, block, found, known, so);
}

/* Reads whose answer was wrong. Those that find no room are tried again with the next answer. */
static void read_again(void)
{
	for (uint64_t left = state.again; left != 0; left &= left - 1) {
		unsigned place = (unsigned)__builtin_ctzll(left);

		if (transfer(BLOCK_READ, state.place[place].buffer, place))
			state.again &= ~BIT(place);
	}
}

void io_publish(void)
{
	sum_what_is_written();
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
	if (!state.info_asked && submit(&io, 0))
		state.info_asked = 1;
	return WAIT;
}

bool disk_flush(uint64_t *number)
{
	struct block_io io = { .op = BLOCK_FLUSH };

	if (!submit(&io, flush_next))
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

/* Twice the same driver has brought wrong bytes: let its next life read them. If those are the
 * same, it is the disk, and for a while nobody is complained of: other blocks may be as bad. */
static bool read_elsewhere(unsigned place)
{
	if (state.cleared != 0 && clock_monotonic_ns() - state.cleared < BELIEVED_NS)
		return false;
	state.place[place].tries = ELSEWHERE;
	state.again |= BIT(place);
	sum_what_is_written();
	if (block_client_complain(&state.disk, &ring))
		return true;
	state.again &= ~BIT(place);
	return false;
}

/* Wrong bytes: are they read again? */
static bool again(unsigned place, uint32_t block, uint32_t found, uint32_t known)
{
	uint32_t before = state.place[place].found, tries = state.place[place].tries;

	state.place[place].found = found;
	if (tries == BEFORE) {
		say_wrong(block, found, known, ": read again");
		state.place[place].tries = ONCE;
		state.again |= BIT(place);
		return true;
	}
	if (tries == ONCE && read_elsewhere(place)) {
		say_wrong(block, found, known, " once more: read by its next driver");
		return true;
	}
	if (tries == ELSEWHERE && found == before)
		state.cleared = clock_monotonic_ns();
	cache.lost++;
	say_wrong(block, found, known, " once more: EIO");
	return false;
}

static void take_read(const struct block_answer *a)
{
	unsigned buffer = (uint16_t)a->cookie, place = (uint16_t)(a->cookie >> PLACE_SHIFT);
	uint32_t block = (uint32_t)(a->cookie >> BLOCK_SHIFT), found, known;
	err_t err = a->err;

	/* Else the buffer was given away, before a crash took back that this had come. */
	if (buffer_waits(buffer, block)) {
		if (err == 0) {
			memcpy(bytes[buffer], landing[place], state.volume.size);
			if (!sum_check(block, bytes[buffer], &found, &known))
				err = again(place, block, found, known) ? WAIT : -EBADMSG;
		}
		if (err == WAIT)
			return;
		buffer_done(buffer, false, err);
	}
	state.places &= ~BIT(place);
}

static void take_write(const struct block_answer *a)
{
	unsigned buffer = (uint16_t)a->cookie;

	if (cache.buffer[buffer].block == a->cookie >> BLOCK_SHIFT)
		buffer_done(buffer, true, a->err);
}

static void take_answer(const struct block_answer *a)
{
	if (a->op == BLOCK_INFO) {
		state.info_asked = 0;
		state.info_err = a->err;
		if (a->err == 0)
			state.info = a->info;
	} else if (a->op == BLOCK_FLUSH) {
		uint64_t number = a->cookie;

		if (number < flush_next && number >= flush_done) {
			flush_done = number + 1;
			flush_err = a->err;
		}
	} else if (a->op == BLOCK_READ) {
		take_read(a);
	} else {
		take_write(a);
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
	read_again();
	return any;
}

/* ---- start ---- */

void io_init(void)
{
	const char *driver = service_arg(0);

	flush_next = flush_done = clock_monotonic_ns();
	buffers_init();
	keep_start();
	block_client_open(&state.disk, &ring, driver != NULL ? driver : "virtio_blk",
			  service_id(), 0);
	block_client_region(&state.disk, LANDING, landing, sizeof(landing), GRANT_WRITE);
	block_client_region(&state.disk, BYTES, bytes, sizeof(bytes), GRANT_READ);
}

bool io_is_idle(void)
{
	const struct ring_client *r = &state.disk.ring;

	return state.disk.driver.v != 0 && (r->used | r->returned | state.again) == 0;
}

/* What is open is what the ring says. */
void io_recovered(void)
{
	const struct ring_client *r = &state.disk.ring;
	uint64_t places = state.again;
	bool asked = false;

	flush_next = flush_done = clock_monotonic_ns();
	buffers_recover();
	for (unsigned n = 0; n < RING_ENTRIES; n++) {
		uint64_t cookie = state.disk.cookie[n];
		uint32_t op = (r->used | r->returned) & BIT(n) ? r->pending[n].type : 0;

		if (op == BLOCK_READ || op == BLOCK_WRITE)
			buffer_open((uint16_t)cookie, (uint32_t)(cookie >> BLOCK_SHIFT),
				    op == BLOCK_WRITE);
		if (op == BLOCK_READ)
			places |= BIT((uint16_t)(cookie >> PLACE_SHIFT) % RING_ENTRIES);
		asked |= op == BLOCK_INFO;
		if (op == BLOCK_WRITE &&
		    cache.buffer[(uint16_t)cookie].block == cookie >> BLOCK_SHIFT)
			unsummed[nr_unsummed++] = (uint16_t)cookie;
		if (state.again & BIT(n))
			buffer_open(state.place[n].buffer, state.place[n].block, false);
	}
	state.places = places;
	state.info_asked = asked;
	buffers_settle();
	sum_what_is_written();
	block_client_recovered(&state.disk, &ring);
}
