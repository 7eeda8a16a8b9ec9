/* SPDX-License-Identifier: BSD-2-Clause
 * serial_server.c - a driver's side of contracts/serial, on tty's ring.
 *
 * Job:      takes requests off the ring, hands bytes to the driver one by one, answers reads with
 *           what the driver has.
 * Speaks:   contracts/serial; contracts/vm (borrow).
 * Touches:  the ring memory, which tty lends; the driver's struct serial_line.
 * Trusts:   nothing in a request: entries are copied and checked.
 * On crash: a write goes on behind the last byte that was committed; answers that were not
 *           published are made again.
 *
 * Stores to the line are made here, in a file that is compiled without the logging of stores: hence
 * undo_before() in front of each.
 */
#include <contract/vm.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/serial.h>
#include <lib/service_ids.h>

static struct serial_line *line;
static const struct serial_driver *driver;
static volatile struct ring_memory *memory;
static struct peer vm = PEER("vm");
static endpoint_t tty;
static bool changed;                    /* there is something to publish */
static const struct serial_read_reply nothing;

static void set(uint32_t *at, uint32_t value)
{
	undo_before(at, sizeof(*at));
	*at = value;
}

static void answer(uint32_t id, err_t err, const void *payload, size_t size)
{
	changed = true;
	if (ring_complete(&line->ring, memory, id, err, payload, size) != 0)
		return;                 /* tty has begun anew and does not want it any more */
}

/* tty lends the ring before its first notification. vm says who tty is: ds may not know yet. */
static void open_ring(bool fresh)
{
	struct vm_borrow_request req = {
		.key = SERIAL_RING_KEY, .from = ENDPOINT(0, ID_TTY),
	};
	struct vm_borrow_reply reply;

	if (vm_borrow(&vm, &req, &reply) != 0 || reply.len < sizeof(struct ring_memory))
		return;
	memory = (volatile struct ring_memory *)reply.address;
	tty = reply.owner;
	if (fresh)
		ring_server_reset(&line->ring, memory);
	changed = true;
}

static void tell(void)
{
	if (ipc_notify(tty) == 0)
		return;
	open_ring(false);               /* it has started afresh, and is another */
	ipc_notify(tty);
}

/* ---- requests ---- */

/* True: all of it is taken. */
static bool take_write(void)
{
	const struct serial_write_request *req = (const void *)line->held.w;

	while (line->taken < req->len) {
		if (driver->put != NULL && !driver->put(req->byte[line->taken]))
			return false;
		set(&line->taken, line->taken + 1);
		if (undo_used() > UNDO_ENTRIES / 2)
			undo_commit();
	}
	set(&line->has_held, 0);
	answer(line->held.id, 0, NULL, 0);
	return true;
}

static void hold_write(const struct ring_entry *e)
{
	const struct serial_write_request *req = (const void *)e->w;

	if (req->line != 0 || req->len > sizeof(req->byte)) {
		answer(e->id, req->line != 0 ? -ENXIO : -EINVAL, NULL, 0);
		return;
	}
	state_memcpy(&line->held, e, sizeof(*e));
	set(&line->taken, 0);
	set(&line->has_held, 1);
}

static void answer_read(const struct serial_read_reply *reply)
{
	answer(line->read, 0, reply, sizeof(*reply));
	set(&line->has_read, 0);
}

static void hold_read(const struct ring_entry *e)
{
	const struct serial_read_request *req = (const void *)e->w;

	if (req->line != 0) {
		answer(e->id, -ENXIO, NULL, 0);
		return;
	}
	if (line->has_read)
		answer_read(&nothing);
	set(&line->read, e->id);
	set(&line->after, req->number);
	set(&line->has_read, 1);
}

static void tell_window(const struct ring_entry *e)
{
	const struct serial_window_request *req = (const void *)e->w;
	struct serial_window_reply reply = { .rows = 0 };

	if (req->line != 0 || driver->window == NULL) {
		answer(e->id, req->line != 0 ? -ENXIO : -ENOSYS, NULL, 0);
		return;
	}
	driver->window(&reply);
	answer(e->id, 0, &reply, sizeof(reply));
}

static void configure(const struct ring_entry *e)
{
	const struct serial_configure_request *req = (const void *)e->w;
	err_t err = -ENOSYS;

	if (req->line != 0)
		err = -ENXIO;
	else if (driver->configure != NULL)
		err = driver->configure(req);
	answer(e->id, err, NULL, 0);
}

static void take(const struct ring_entry *e)
{
	switch (e->type) {
	case SERIAL_WRITE:
		hold_write(e);
		break;
	case SERIAL_READ:
		hold_read(e);
		break;
	case SERIAL_CONFIGURE:
		configure(e);
		break;
	case SERIAL_WINDOW:
		tell_window(e);
		break;
	default:
		answer(e->id, -ENOSYS, NULL, 0);
		break;
	}
}

static bool is_nothing(const struct serial_read_reply *reply)
{
	return reply->len == 0 && reply->flags == 0;
}

/* What was given last is kept until the next read says that it has come: answers get lost. tty does
 * not count an empty one, which is none of ours: it would ask for it for ever. */
static void give(void)
{
	struct serial_read_reply reply = { .len = 0 };

	if (!line->has_read)
		return;
	if (!line->has_given || line->number != line->after + 1 || is_nothing(&line->given)) {
		reply.len = driver->get(reply.byte, sizeof(reply.byte), &reply.flags);
		if (is_nothing(&reply))
			return;
		state_memcpy(&line->given, &reply, sizeof(reply));
		set(&line->number, line->after + 1);
		set(&line->has_given, 1);
	}
	answer_read(&line->given);
}

static void publish(void)
{
	if (!changed)
		return;
	ring_server_publish(&line->ring, memory);
	changed = false;
	tell();
}

void serial_work(void)
{
	struct ring_entry e;
	err_t err = 0;

	if (memory == NULL)
		return;
	while (err != -ENOENT) {
		if (line->has_held && !take_write())
			break;
		err = ring_accept(&line->ring, memory, &e);
		if (err == 0)
			take(&e);
		if (err == -ECONNRESET) {
			set(&line->has_read, 0);
			set(&line->has_held, 0);
			changed = true;
		}
		if (undo_used() > UNDO_ENTRIES / 2)
			undo_commit();
	}
	give();
	publish();
}

/* What was accepted and not answered is held here. If it is not, tty shall ask anew for all; it is
 * told once more if it has not done so since. */
static void count_held(void)
{
	const struct ring_server *ring = &line->ring;
	uint32_t open = ring->accepted - ring->completed, held = line->has_read + line->has_held;

	if (memory == NULL || (ring->fresh == 0 && open == held) ||
	    memory->client_epoch != ring->epoch)        /* tty has done so: ring_accept() sees it */
		return;
	if (ring->fresh != 1)
		print("repaired: of %u requests that are open %u are known\n", open, held);
	set(&line->has_read, 0);
	set(&line->has_held, 0);
	ring_server_reset(&line->ring, memory);
	changed = true;
}

void serial_audit(void)
{
	count_held();
	serial_work();
	if (memory != NULL && line->has_read)
		answer_read(&nothing);
	publish();
}

bool serial_line_fits(const struct serial_line *l)
{
	return l->has_read <= 1 && l->has_given <= 1 &&
	       serial_answer_fits(SERIAL_READ, 0, NULL, &l->given, 0);
}

void serial_notified(uint64_t services)
{
	if (services & BIT(ID_TTY) && memory == NULL)
		open_ring(true);
	serial_work();
}

void serial_server_init(struct serial_line *l, const struct serial_driver *d, enum start_kind kind)
{
	line = l;
	driver = d;
	open_ring(kind == START_FRESH);
	if (kind == START_FRESH || memory == NULL)
		return;
	ring_server_publish(&line->ring, memory);       /* the crash may have come before that */
	tell();
}
