/* SPDX-License-Identifier: BSD-2-Clause
 * block_server.c - the class library of block drivers.
 *
 * Job:      takes requests off the clients' rings, checks them, hands them to the driver under
 *           tags, answers what is done.
 * Speaks:   contracts/block on rings; vm.borrow, ds.publish; the kernel call grant_copy.
 * Touches:  rings that clients lend; memory that they grant.
 * Trusts:   no client: entries are copied, then checked by the generated decoder and here.
 * On crash: only which services are clients is remembered, and only by drivers that recover in
 *           place. To the clients every new life of the driver begins anew: they hand in again.
 *
 * B1  row[tag] is free, or holds a request of client row.client in its epoch row.epoch.
 * B2  An answer and data go to a client only in the epoch in which it asked.
 */
#include <contract/ds.h>
#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/assert.h>
#include <lib/block.h>
#include <lib/peer.h>
#include <lib/print.h>

enum row_state { ROW_FREE, ROW_WAITING, ROW_BEGUN };

struct row {
	uint8_t state;                  /* enum row_state */
	uint8_t client;
	uint32_t id;                    /* in the ring */
	uint64_t epoch;
	struct block_io io;
};

struct client {
	volatile struct ring_memory *memory;    /* NULL: unused */
	struct ring_server ring;
	endpoint_t who;
	uint8_t slot;
	bool changed;                   /* something to tell it */
};

static const struct block_driver *driver;
static struct peer vm = PEER("vm"), ds = PEER("ds");
static struct row row[BLOCK_TAGS];
static struct client client[BLOCK_CLIENTS];
static unsigned turn;                   /* whose request is looked at first */
static unsigned nr_begun;

/* Bit: slot of a service whose ring we have. All that a recovery in place needs. */
static uint64_t known SECTION_STATE;

/* ---- clients ---- */

static bool borrow(unsigned slot, struct vm_borrow_reply *reply)
{
	struct vm_borrow_request req = { .from = ENDPOINT(0, slot), .key = BLOCK_RING_KEY };

	return vm_borrow(&vm, &req, reply) == 0 && reply->len >= sizeof(struct ring_memory);
}

static struct client *find(unsigned slot)
{
	for (unsigned i = 0; i < BLOCK_CLIENTS; i++)
		if (client[i].memory != NULL && client[i].slot == slot)
			return &client[i];
	return NULL;
}

/* Its ring, if it lends one and there is room. */
static void meet(unsigned slot)
{
	struct vm_borrow_reply reply;
	struct client *c = NULL;

	for (unsigned i = 0; i < BLOCK_CLIENTS && c == NULL; i++)
		if (client[i].memory == NULL)
			c = &client[i];
	if (c == NULL || !borrow(slot, &reply))
		return;
	*c = (struct client){
		.memory = (volatile struct ring_memory *)(uintptr_t)reply.address,
		.who = reply.owner, .slot = (uint8_t)slot, .changed = true,
	};
	ring_server_reset(&c->ring, c->memory);
	undo_before(&known, sizeof(known));
	known |= BIT(slot);
}

/* A new epoch: perhaps a new life of that service, with another endpoint. */
static void meet_again(struct client *c)
{
	struct vm_borrow_reply reply;

	if (borrow(c->slot, &reply))
		c->who = reply.owner;
	c->changed = true;
}

/* B2 */
static bool current(const struct row *r)
{
	const struct client *c = &client[r->client];

	return c->ring.epoch == r->epoch && c->memory->client_epoch == r->epoch;
}

/* ---- requests ---- */

static void answer(struct client *c, uint32_t id, err_t err, const void *payload, size_t size)
{
	c->changed = true;
	if (ring_complete(&c->ring, c->memory, id, err, payload, size) != 0)
		c->ring.refused++;
}

/* The checks that need the disk. */
static err_t check(const struct block_io *io)
{
	const struct block_info_reply *d = driver->disk(io->disk);

	if (d == NULL)
		return -ENODEV;
	if (io->op == BLOCK_FLUSH)
		return 0;
	if (io->pos % d->sector != 0 || io->len % d->sector != 0 || io->len > d->max)
		return -EINVAL;
	if (io->pos > d->size || io->len > d->size - io->pos)
		return -ERANGE;
	if (io->op == BLOCK_WRITE && d->flags & BLOCK_READ_ONLY)
		return -EROFS;
	return 0;
}

static unsigned take_tag(const struct block_io *io)
{
	const struct block_info_reply *d = driver->disk(io->disk);
	unsigned depth = d->depth < BLOCK_TAGS ? d->depth : BLOCK_TAGS, tag = 0;

	while (tag < depth && row[tag].state != ROW_FREE)
		tag++;
	return tag < depth ? tag : BLOCK_TAGS;
}

static void begin(unsigned tag)
{
	struct row *r = &row[tag];
	err_t err;

	r->state = ROW_BEGUN;
	nr_begun++;
	err = driver->begin(tag, &r->io);
	if (err == 0)
		return;
	if (err == -EAGAIN) {
		r->state = ROW_WAITING;
		nr_begun--;
	} else {
		block_done(tag, err);
	}
}

static err_t enter(const struct call *c, const struct block_io *io)
{
	const struct client *from = &client[c->owner.v];
	err_t err = check(io);
	unsigned tag;

	if (err != 0)
		return err;
	tag = take_tag(io);
	if (tag == BLOCK_TAGS)
		return -EAGAIN;
	row[tag] = (struct row){
		.state = ROW_WAITING, .client = (uint8_t)(from - client), .id = c->serial,
		.epoch = from->ring.epoch, .io = *io,
	};
	begin(tag);
	return NO_REPLY;
}

static err_t do_block_info(const struct call *c, const struct block_info_request *req,
			   struct block_info_reply *reply)
{
	const struct block_info_reply *d = driver->disk(req->disk);

	if (d == NULL)
		return -ENODEV;
	*reply = *d;
	return 0;
}

static err_t do_block_read(const struct call *c, const struct block_read_request *req)
{
	struct block_io io = {
		.op = BLOCK_READ, .disk = req->disk, .pos = req->pos, .len = req->len,
		.grant = req->grant, .offset = req->offset,
	};

	return enter(c, &io);
}

static err_t do_block_write(const struct call *c, const struct block_write_request *req)
{
	struct block_io io = {
		.op = BLOCK_WRITE, .disk = req->disk, .pos = req->pos, .len = req->len,
		.grant = req->grant, .offset = req->offset,
	};

	return enter(c, &io);
}

static err_t do_block_flush(const struct call *c, const struct block_flush_request *req)
{
	struct block_io io = { .op = BLOCK_FLUSH, .disk = req->disk };

	return enter(c, &io);
}

/* Is there a tag for whatever may come? Requests stay in the ring until there is. */
static bool room(void)
{
	unsigned used = 0, least = BLOCK_TAGS;

	for (uint32_t n = 0; n < BLOCK_TAGS && driver->disk(n) != NULL; n++)
		if (driver->disk(n)->depth < least)
			least = driver->disk(n)->depth;
	for (unsigned tag = 0; tag < BLOCK_TAGS; tag++) {
		used += row[tag].state != ROW_FREE;
		if (row[tag].state == ROW_WAITING)
			return false;           /* the driver is full */
	}
	return used < least;
}

/* Is the device still at work on what it asked in an earlier epoch? A write of that time must not
 * come after one of this. */
static bool has_earlier(const struct client *c)
{
	for (unsigned tag = 0; tag < BLOCK_TAGS; tag++)
		if (row[tag].state == ROW_BEGUN && &client[row[tag].client] == c &&
		    row[tag].epoch != c->memory->client_epoch)
			return true;
	return false;
}

/* One request of a client, if it has one. */
static bool serve_one(struct client *c)
{
	static const struct block_ops ops = {
		.info = do_block_info, .read = do_block_read, .write = do_block_write,
		.flush = do_block_flush,
	};
	struct call call = { .client = c->who, .owner = { (uint32_t)(c - client) } };
	uint64_t reply[MESSAGE_WORDS] = { 0 };
	struct ring_entry e;
	err_t err = has_earlier(c) ? -EAGAIN : ring_accept(&c->ring, c->memory, &e);

	if (err == -ECONNRESET) {
		meet_again(c);
		err = ring_accept(&c->ring, c->memory, &e);
	}
	if (err != 0)
		return false;
	call.serial = e.id;
	call.type = e.type;
	err = block_contract.dispatch(&ops, &call, e.w, reply);
	if (err != NO_REPLY)
		answer(c, e.id, err, reply, sizeof(reply));
	return true;
}

/* ---- for the driver ---- */

err_t block_fetch(unsigned tag, void *to)
{
	const struct block_io *io = &row[tag].io;
	struct grant_copy_request req = {
		.grant = io->grant, .dir = COPY_IN, .offset = io->offset,
		.local = (uint64_t)(uintptr_t)to, .len = io->len,
	};
	struct grant_copy_reply reply;

	if (!current(&row[tag]))
		return -ECANCELED;
	return sys_grant_copy(&req, &reply) == 0 ? 0 : -EFAULT;
}

err_t block_store(unsigned tag, const void *from)
{
	const struct block_io *io = &row[tag].io;
	struct grant_copy_request req = {
		.grant = io->grant, .dir = COPY_OUT, .offset = io->offset,
		.local = (uint64_t)(uintptr_t)from, .len = io->len,
	};
	struct grant_copy_reply reply;

	if (!current(&row[tag]))
		return -ECANCELED;
	return sys_grant_copy(&req, &reply) == 0 ? 0 : -EFAULT;
}

const struct block_io *block_io(unsigned tag)
{
	return &row[tag].io;
}

unsigned block_in_flight(void)
{
	return nr_begun;
}

void block_done(unsigned tag, err_t err)
{
	struct row *r = &row[tag % BLOCK_TAGS];

	if (r->state != ROW_BEGUN)
		return;
	nr_begun--;
	r->state = ROW_FREE;
	if (current(r))
		answer(&client[r->client], r->id, err, NULL, 0);
}

/* Whatever can go on goes on. */
void block_server_work(void)
{
	unsigned idle = 0;

	for (unsigned tag = 0; tag < BLOCK_TAGS; tag++)
		if (row[tag].state == ROW_WAITING)
			begin(tag);
	while (idle < BLOCK_CLIENTS && room()) {
		struct client *c = &client[turn++ % BLOCK_CLIENTS];

		idle = c->memory != NULL && serve_one(c) ? 0 : idle + 1;
	}
	if (driver->kick != NULL)
		driver->kick();
	for (unsigned i = 0; i < BLOCK_CLIENTS; i++) {
		struct client *c = &client[i];

		if (c->memory == NULL || !c->changed)
			continue;
		c->changed = false;
		ring_server_publish(&c->ring, c->memory);
		ipc_notify(c->who);
	}
}

void block_server_notified(uint64_t services)
{
	for (; services != 0; services &= services - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(services);

		if (find(slot) == NULL)
			meet(slot);
	}
	block_server_work();
}

void block_server_init(const struct block_driver *d, enum start_kind kind)
{
	driver = d;
	if (kind == START_RECOVER)
		block_server_notified(known);
}

void block_server_announce(const char *name, bool there)
{
	struct ds_publish_request on = { .who = { 0 } };
	struct ds_unpublish_request off;
	err_t err;

	format(on.name, sizeof(on.name), "dev/%s", name);
	memcpy(off.name, on.name, sizeof(off.name));
	err = there ? ds_publish(&ds, &on) : ds_unpublish(&ds, &off);
	if (err != 0 && there)
		print("<4>%s is not announced: error %d\n", on.name, -err);
}
