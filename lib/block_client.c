/* SPDX-License-Identifier: BSD-2-Clause
 * block_client.c - what a file server asks disks with.
 *
 * Job:      requests on a ring to a block driver; finds the driver, and its successors, by name,
 *           and hands them what was not answered.
 * Speaks:   contracts/block on a ring; ds (subscribe, retrieve); vm.lend; kernel call grant_create.
 * Touches:  the ring; the caller's struct block_client, in its state.
 * Trusts:   the driver for what is on the disk, not for the form of its answers.
 * On crash: the struct goes with the caller's state; block_client_recovered goes on from there.
 *
 * C1  cookie[slot] belongs to the request in that slot of the ring, open or handed back.
 * C2  A request handed back is submitted again before anything else is.
 *
 * Files of lib/ are not compiled with the logging of stores: hence undo_before() in front of each.
 */
#include <contract/ds.h>
#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/assert.h>
#include <lib/block.h>
#include <lib/clock.h>
#include <lib/complain.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/service_ids.h>

enum { COMMIT_EACH = 16, SLOT_OF_ID = 0xff };
enum { BAD_MOST = 3 };                  /* answers in a row that are no answers */
enum { PATIENCE_MOST = 11 };

static struct peer ds = PEER("ds"), vm = PEER("vm");

grant_t block_grant(const struct block_client *c, unsigned n)
{
	return GRANT(c->seq, c->id, c->first_row + n);
}

/* Lend a region to the driver that there is now. A driver that is dead already: its successor's
 * coming brings us here again. */
static void grant_region(const struct block_client *c, unsigned n)
{
	struct grant_create_request req = {
		.grant = block_grant(c, n), .borrower = c->driver, .base = c->region[n].base,
		.len = c->region[n].len, .dir = c->region[n].dir, .client = ENDPOINT_NONE,
	};

	if (c->region[n].len != 0 && c->driver.v != 0) {
		err_t err = sys_grant_create(&req);

		assert(err == 0 || err == -EDEADPEER);
	}
}

void block_client_region(struct block_client *c, unsigned n, void *base, uint64_t len,
			 uint32_t dir)
{
	assert(n < BLOCK_REGIONS);
	undo_before(&c->region[n], sizeof(c->region[n]));
	c->region[n].base = (uint64_t)(uintptr_t)base;
	c->region[n].len = len;
	c->region[n].dir = dir;
	grant_region(c, n);
}

/* ---- submitting ---- */

static err_t submit(struct block_client *c, volatile struct ring_memory *m, uint32_t type,
		    const void *payload, size_t size, uint64_t cookie)
{
	uint32_t id;
	err_t err = ring_submit(&c->ring, m, type, payload, size, &id);
	uint64_t *at = &c->cookie[id % RING_ENTRIES];

	if (err != 0)
		return err;
	undo_before(at, sizeof(*at));
	*at = cookie;                                   /* C1 */
	return 0;
}

err_t block_submit(struct block_client *c, volatile struct ring_memory *m,
		   const struct block_io *io, uint64_t cookie)
{
	struct block_read_request transfer = {
		.disk = io->disk, .grant = io->grant, .offset = io->offset, .pos = io->pos,
		.len = io->len,
	};
	struct block_info_request disk = { .disk = io->disk };

	_Static_assert(sizeof(struct block_read_request) == sizeof(struct block_write_request) &&
		       sizeof(struct block_info_request) == sizeof(struct block_flush_request),
		       "requests of one form");
	if (io->op == BLOCK_READ || io->op == BLOCK_WRITE)
		return submit(c, m, io->op, &transfer, sizeof(transfer), cookie);
	if (io->op == BLOCK_INFO || io->op == BLOCK_FLUSH)
		return submit(c, m, io->op, &disk, sizeof(disk), cookie);
	return -EINVAL;
}

static void publish(struct block_client *c, volatile struct ring_memory *m)
{
	ring_client_publish(&c->ring, m);
	if (c->driver.v != 0)
		ipc_notify(c->driver);
}

void block_publish(struct block_client *c, volatile struct ring_memory *m)
{
	if (m->submitted != c->ring.submitted)
		publish(c, m);
}

/* What a reset has handed back goes out again (C2). Any part of it may be committed. */
static void submit_again(struct block_client *c, volatile struct ring_memory *m)
{
	struct ring_entry e;
	unsigned n = 0;

	while (ring_client_returned(&c->ring, &e)) {
		uint64_t cookie = c->cookie[(e.id & SLOT_OF_ID) % RING_ENTRIES];
		err_t err = submit(c, m, e.type, e.w, sizeof(e.w), cookie);

		assert(err == 0);                       /* it has left a slot free */
		undo_before(&c->resubmitted, sizeof(c->resubmitted));
		c->resubmitted++;
		if (++n % COMMIT_EACH == 0)
			undo_commit();
	}
	publish(c, m);
	if (n != 0)
		print("%s: %u requests handed in again\n", c->name, n);
}

static void begin_anew(struct block_client *c, volatile struct ring_memory *m)
{
	ring_client_reset(&c->ring, m, clock_monotonic_ns());
	submit_again(c, m);
}

/* ---- the driver comes, goes, comes again ---- */

static void attach(struct block_client *c, volatile struct ring_memory *m, endpoint_t driver)
{
	struct vm_lend_request lend = {
		.to = driver, .key = BLOCK_RING_KEY, .address = (uint64_t)(uintptr_t)m,
		.len = sizeof(*m),
	};
	err_t err = vm_lend(&vm, &lend);

	if (err != 0)
		return;                         /* vm has no room: at the next notification */
	undo_before(c, offsetof(struct block_client, ring));
	c->driver = driver;
	c->gone = false;
	c->drivers++;
	for (unsigned n = 0; n < BLOCK_REGIONS; n++)
		grant_region(c, n);
	publish(c, m);          /* it refuses our epoch: block_next begins anew */
}

/* A name ends with the last life of its service. A ds that has begun afresh may not know it yet. */
static bool is_over(const struct block_client *c, err_t err)
{
	return err == -ENOENT && c->driver.v != 0 && ipc_notify(c->driver) == -EDEADPEER;
}

static void give_up(struct block_client *c)
{
	print("%s is gone, and %u requests with it\n", c->name, ring_client_pending(&c->ring));
	undo_before(c, offsetof(struct block_client, ring));
	c->driver = (endpoint_t){ 0 };
	c->gone = true;
	undo_commit();
}

static void look_for_driver(struct block_client *c, volatile struct ring_memory *m)
{
	struct ds_retrieve_request req = { .name = "" };
	struct ds_retrieve_reply reply;
	err_t err;

	strlcpy(req.name, c->name, sizeof(req.name));
	err = ds_retrieve(&ds, &req, &reply);
	if (err == 0 && !endpoint_eq(reply.who, c->driver))
		attach(c, m, reply.who);
	else if (is_over(c, err))
		give_up(c);
}

/* A ds that has begun afresh knows of no subscription. */
static err_t subscribe(const struct block_client *c)
{
	struct ds_subscribe_request req = { .pattern = "" };

	strlcpy(req.pattern, c->name, sizeof(req.pattern));
	return ds_subscribe(&ds, &req);
}

void block_client_notified(struct block_client *c, volatile struct ring_memory *m,
			   uint64_t services)
{
	if (services & BIT(ID_DS) && subscribe(c) != 0)
		print("ds does not tell of %s\n", c->name);
	if (services & BIT(ID_DS) || c->driver.v == 0)
		look_for_driver(c, m);
}

void block_client_open(struct block_client *c, volatile struct ring_memory *m, const char *driver,
		       unsigned id, unsigned first_row)
{
	uint64_t now = clock_monotonic_ns();
	err_t err;

	undo_before(c, offsetof(struct block_client, ring));
	strlcpy(c->name, driver, sizeof(c->name));
	c->id = (uint8_t)id;
	c->first_row = (uint8_t)first_row;
	c->seq = (uint16_t)(now >> 16 | 1);             /* an earlier life's grants are not ours */
	ring_client_reset(&c->ring, m, now);
	err = subscribe(c);
	assert(err == 0);
	look_for_driver(c, m);
}

void block_client_recovered(struct block_client *c, volatile struct ring_memory *m)
{
	submit_again(c, m);                             /* and publishes in any case */
	look_for_driver(c, m);
}

/* ---- answers ---- */

/* What the contract cannot say of it. */
static bool info_makes_sense(const struct block_info_reply *i)
{
	return i->size % i->sector == 0 && i->size <= INT64_MAX && i->max % i->sector == 0;
}

/* An answer to nothing, or one that the contract does not allow: rs ends this life of the driver,
 * and its next one is asked for all that is open; but not for ever. taken: whose answer it was. */
static bool asked_again(struct block_client *c, volatile struct ring_memory *m, uint64_t taken)
{
	undo_before(&c->bad, sizeof(c->bad));
	if (c->bad == BAD_MOST ||
	    complain(c->driver, RS_COMPLAINT_PROTOCOL, "an answer on its ring is none") != 0)
		return false;
	c->bad++;
	undo_before(&c->ring.returned, sizeof(c->ring.returned));
	c->ring.returned |= taken;
	begin_anew(c, m);
	return true;
}

bool block_client_complain(struct block_client *c, volatile struct ring_memory *m)
{
	err_t err = complain(c->driver, RS_COMPLAINT_DATA, "it reads wrong bytes");

	if (err != 0 && err != -ESRCH)          /* -ESRCH: it has died of something else */
		return false;
	begin_anew(c, m);
	return true;
}

bool block_client_look(struct block_client *c, volatile struct ring_memory *m)
{
	if (!ring_client_late(&c->ring, &c->ages, c->patience) || c->driver.v == 0 ||
	    complain(c->driver, RS_COMPLAINT_SILENCE, "a request is not answered") != 0)
		return false;
	undo_before(&c->patience, sizeof(c->patience));
	c->patience = c->patience * 2 + 1 < PATIENCE_MOST ? c->patience * 2 + 1 : PATIENCE_MOST;
	begin_anew(c, m);
	return true;
}

static bool is_answer(const struct ring_entry *request, const struct ring_entry *e)
{
	return block_answer_fits(request->type, (err_t)e->type, request->w, e->w, 0);
}

static void is_good(struct block_client *c)
{
	if (c->bad == 0 && c->patience == 0)
		return;
	undo_before(&c->bad, sizeof(c->bad));
	c->bad = 0;
	undo_before(&c->patience, sizeof(c->patience));
	c->patience = 0;
}

/* One that no driver will answer. */
static bool next_lost(struct block_client *c, volatile struct ring_memory *m,
		      struct block_answer *a)
{
	struct ring_entry e;

	if (ring_client_pending(&c->ring) != 0)
		ring_client_reset(&c->ring, m, clock_monotonic_ns());
	if (!ring_client_returned(&c->ring, &e))
		return false;
	*a = (struct block_answer){
		.cookie = c->cookie[(e.id & SLOT_OF_ID) % RING_ENTRIES], .op = e.type, .err = -EIO,
	};
	return true;
}

bool block_next(struct block_client *c, volatile struct ring_memory *m, struct block_answer *a)
{
	uint32_t refused = c->ring.refused;
	struct ring_entry e = { .id = 0 };
	const struct ring_entry *request;
	bool good;
	unsigned slot;
	err_t err;

	if (c->gone)
		return next_lost(c, m, a);
	err = ring_client_next(&c->ring, m, &e);
	slot = (e.id & SLOT_OF_ID) % RING_ENTRIES;
	request = &c->ring.pending[slot];
	good = c->ring.refused == refused && (err != 0 || is_answer(request, &e));
	if (!good && asked_again(c, m, err == 0 ? BIT(slot) : 0))
		return false;
	if (err == -EDEADPEER)
		begin_anew(c, m);
	if (err != 0)
		return false;
	if (good)
		is_good(c);
	*a = (struct block_answer){
		.cookie = c->cookie[slot], .op = request->type,
		.err = is_answer(request, &e) ? (err_t)e.type : -EIO,
	};
	if (a->op != BLOCK_INFO || a->err != 0)
		return true;
	memcpy(&a->info, e.w, sizeof(a->info));
	if (!info_makes_sense(&a->info))
		a->err = -EIO;
	return true;
}

unsigned block_open_requests(const struct block_client *c)
{
	return ring_client_pending(&c->ring);
}
