/* SPDX-License-Identifier: BSD-2-Clause
 * wire.c - the lines' other ends: the drivers of the serial port, the screen and the keyboard.
 *
 * Job:      hands output to the drivers and keeps a read request with them, on a ring each.
 * Speaks:   contracts/serial, as the client; ds, which says when a driver comes; pm.info and
 *           pm.signal for Ctrl-Alt-Del.
 * Touches:  the ring memories, lent to the drivers.
 * Trusts:   the drivers for nothing: lengths are checked.
 * On crash: both sides go on where they were; if a driver starts afresh, what it had not answered
 *           is handed in again.
 *
 * A line may have two wires: what is written goes to the screen, what is read comes from the
 * keyboard, and from the screen too, which answers to some escape sequences.
 */
#include "tty.h"

#include <contract/ds.h>
#include <contract/pm.h>
#include <contract/serial.h>
#include <contract/vm.h>
#include <lib/clock.h>
#include <lib/complain.h>
#include <lib/print.h>
#include <lib/service_ids.h>

enum { SI_KERNEL_ = 0x80, PID_INIT = 1 };
enum { WRITES = 16 };                   /* that a driver is given at a time, of RING_ENTRIES */
enum { BAD_MOST = 3 };                  /* answers in a row that are none */
enum { LATE = 20 };                     /* heartbeats: a read is answered, if with nothing */

static const struct {
	uint8_t line, id;
	bool writes, has_window;
} kind[NR_WIRES] = {
	[WIRE_UART] = { .line = LINE_SERIAL, .id = ID_UART, .writes = true },
	[WIRE_SCREEN] = {
		.line = LINE_SCREEN, .id = ID_SCREEN, .writes = true, .has_window = true,
	},
	[WIRE_KEYBOARD] = { .line = LINE_SCREEN, .id = ID_KEYBOARD },
};

static struct peer vm = PEER("vm"), pm = PEER("pm"), ds = PEER("ds");
static struct peer driver[NR_WIRES] = { PEER("uart"), PEER("screen"), PEER("keyboard") };

static struct line *line_at(unsigned w)
{
	return &state.line[kind[w].line];
}

/* For a driver that is not there now, ds will say when it is. */
static void tell(unsigned w)
{
	if (driver[w].at.v != 0 && ipc_notify(driver[w].at) == 0)
		return;
	if (peer_find(&driver[w]) == 0)
		ipc_notify(driver[w].at);
}

static bool submit(unsigned w, uint32_t type, const void *request, size_t size)
{
	uint32_t id;

	return ring_submit(&state.wire[w].ring, &wire_memory[w], type, request, size, &id) == 0;
}

/* Requests of a kind that the driver has. */
static unsigned under_way(unsigned w, uint32_t type)
{
	const struct ring_client *ring = &state.wire[w].ring;
	unsigned n = 0;

	for (uint64_t used = ring->used; used != 0; used &= used - 1)
		n += ring->pending[__builtin_ctzll(used)].type == type;
	return n;
}

/* One, if the line can take what may come: else the sender waits instead. */
static void submit_read(unsigned w)
{
	struct wire *x = &state.wire[w];
	struct serial_read_request req = { .line = 0, .number = x->number };

	if (under_way(w, SERIAL_READ) == 0 && !x->refused && takes(line_at(w), SERIAL_BYTES))
		submit(w, SERIAL_READ, &req, sizeof(req));
}

static void ask_window(unsigned w)
{
	struct serial_window_request req = { .line = 0 };

	if (kind[w].has_window && !state.wire[w].window_asked)
		state.wire[w].window_asked = submit(w, SERIAL_WINDOW, &req, sizeof(req));
}

/* A few at a time: the read comes behind them, and ^C has to be read. */
static void submit_writes(unsigned w)
{
	struct serial_write_request req;
	struct line *l = line_at(w);

	while (kind[w].writes && !l->stopped && out_used(l) != 0 &&
	       under_way(w, SERIAL_WRITE) < WRITES) {
		uint32_t n = out_used(l);

		req = (struct serial_write_request){ .len = n < sizeof(req.byte) ? n
								: (uint32_t)sizeof(req.byte) };
		for (uint32_t i = 0; i < req.len; i++)
			req.byte[i] = l->out_byte[(l->out.tail + i) % OUT_SIZE];
		if (!submit(w, SERIAL_WRITE, &req, sizeof(req)))
			break;
		l->out.tail += req.len;
	}
}

/* ---- answers ---- */

/* As Linux does when init has said that it wants to be asked (reboot(2), LINUX_REBOOT_CMD_CAD_OFF):
 * what follows is init's policy. */
static void ask_reboot(void)
{
	struct pm_info_request req = { .pid = PID_INIT };
	struct pm_info_reply init;
	struct pm_signal_request signal = { .signal = SIG_INT_, .code = SI_KERNEL_ };

	if (pm_info(&pm, &req, &init) != 0)
		return;
	signal.proc = init.proc;
	if (pm_signal(&pm, &signal) != 0)
		return;                 /* there is no init any more */
}

static void received(unsigned w, const struct serial_read_reply *r)
{
	struct wire *x = &state.wire[w];

	x->number += r->len != 0 || r->flags != 0;
	if (r->flags & SERIAL_REBOOT && w == WIRE_KEYBOARD)
		ask_reboot();
	if (r->flags & SERIAL_GOT_BREAK)
		input_break(line_at(w));
	x->got = *r;
	x->got_taken = 0;
}

/* Byte by byte, for one may change much of the line. */
static void take_bytes(unsigned w)
{
	struct wire *x = &state.wire[w];

	while (x->got_taken < x->got.len && x->got_taken < sizeof(x->got.byte)) {
		input_byte(line_at(w), x->got.byte[x->got_taken]);
		x->got_taken++;
		if (undo_used() > UNDO_ENTRIES / 4)
			undo_commit();
	}
}

/* What the driver held when it died is asked again; reads and the window anyway. */
static void resubmit(unsigned w)
{
	struct wire *x = &state.wire[w];
	struct ring_entry e;

	ring_client_reset(&x->ring, &wire_memory[w], clock_monotonic_ns());
	x->window_asked = false;
	while (ring_client_returned(&x->ring, &e))
		if (e.type == SERIAL_WRITE && !submit(w, e.type, e.w, sizeof(e.w)))
			return;
}

/* What cannot be an answer: rs ends this life of the driver, and the next one is asked for all that
 * is open. If that does not help (false), the answer is dropped. */
static bool accuse(unsigned w, const struct ring_entry *taken)
{
	struct wire *x = &state.wire[w];
	unsigned slot = taken != NULL ? (unsigned)(taken - x->ring.pending) : 0;
	err_t err = x->bad == BAD_MOST ? -EAGAIN :
		    complain(driver[w].at, RS_COMPLAINT_PROTOCOL, "an answer to tty is none");

	if (err != 0 && err != -ESRCH) {        /* -ESRCH: it has died of something else */
		print("%s answers nonsense\n", driver[w].name);
		if (taken != NULL && taken->type == SERIAL_READ)
			x->number++;            /* or it is given once more */
		x->refused = 1;
		return false;
	}
	x->bad++;
	x->ring.returned |= taken != NULL ? BIT(slot) : 0;
	resubmit(w);
	return true;
}

static const struct ring_entry *request_of(const struct ring_client *ring,
					   const struct ring_entry *e)
{
	return &ring->pending[(e->id & RING_ID_SLOTS) % RING_ENTRIES];
}

static bool is_answer(const struct ring_entry *request, const struct ring_entry *e)
{
	return serial_answer_fits(request->type, (err_t)e->type, request->w, e->w, 0);
}

static bool take_answer(unsigned w)
{
	struct wire *x = &state.wire[w];
	struct ring_client *ring = &x->ring;
	uint32_t refused = ring->refused;
	const struct serial_window_reply *size;
	const struct serial_read_request *read;
	struct ring_entry e;
	err_t err = ring_client_next(ring, &wire_memory[w], &e);

	if (ring->refused != refused || (err == 0 && !is_answer(request_of(ring, &e), &e))) {
		if (!accuse(w, err == 0 ? request_of(ring, &e) : NULL) && err == -EDEADPEER)
			resubmit(w);
		return true;
	}
	if (err == -ENOENT)
		return false;
	if (err == -EDEADPEER) {
		resubmit(w);
		return true;
	}
	x->bad = 0;
	if ((err_t)e.type != 0) {
		x->refused |= request_of(ring, &e)->type == SERIAL_READ;
		return true;
	}
	read = (const struct serial_read_request *)request_of(ring, &e)->w;
	size = (const struct serial_window_reply *)e.w;
	switch (request_of(ring, &e)->type) {
	case SERIAL_READ:
		if (read->number == x->number)  /* the one that was asked for last */
			received(w, (const struct serial_read_reply *)e.w);
		break;
	case SERIAL_WINDOW:
		resize(line_at(w), &(struct winsize_){ size->rows, size->columns, size->xpixels,
						       size->ypixels });
		break;
	}
	return true;
}

/* ---- what goes on when ---- */

/* Lets the driver see what was submitted since; true: there was something. */
static bool hand_in(unsigned w, uint32_t since)
{
	const struct ring_client *ring = &state.wire[w].ring;

	if (ring->submitted == since)
		return false;
	ring_client_publish(ring, &wire_memory[w]);
	tell(w);
	return true;
}

/* Programs may have written, or made room: what the sender held back can come now. Only when their
 * requests are done: handing in commits, and none of them is to be committed half way. */
void wire_served(void)
{
	for (unsigned w = 0; w < NR_WIRES; w++) {
		uint32_t submitted = state.wire[w].ring.submitted;

		submit_read(w);
		submit_writes(w);
		hand_in(w, submitted);
	}
}

/* Everything that can go on with one driver. Each answer is taken and committed for itself. */
static bool pump(unsigned w)
{
	struct wire *x = &state.wire[w];
	uint32_t submitted;
	bool any = false, more;

	do {
		take_bytes(w);
		undo_commit();
		more = take_answer(w);
		any |= more;
	} while (more);
	submitted = x->ring.submitted;
	ask_window(w);
	submit_read(w);
	submit_writes(w);
	return hand_in(w, submitted) || any;
}

void wire_pump(void)
{
	bool any[LINE_PTY] = { false };

	/* What came from one driver may have to be echoed by another. */
	for (unsigned w = NR_WIRES; w-- > 0;)
		any[kind[w].line] |= pump(w);
	for (unsigned i = 0; i < LINE_PTY; i++)
		if (any[i])
			events(&state.line[i]);
}

/* Again if ds has begun afresh. */
static void subscribe(unsigned w)
{
	struct ds_subscribe_request req;

	strlcpy(req.pattern, driver[w].name, sizeof(req.pattern));
	if (ds_subscribe(&ds, &req) != 0)
		print("ds does not tell of %s\n", driver[w].name);
}

/* Names have changed: drivers that are new there do not know that there is something for them. */
void wire_drivers_changed(void)
{
	struct ds_event_next_reply event;

	for (unsigned w = 0; w < NR_WIRES; w++)
		subscribe(w);
	while (ds_event_next(&ds, &event) == 0)
		for (unsigned w = 0; w < NR_WIRES; w++)
			if (strcmp(event.name, driver[w].name) == 0) {
				driver[w].at = event.who;
				ipc_notify(event.who);
			}
}

void wire_open(void)
{
	for (unsigned w = 0; w < NR_WIRES; w++) {
		struct vm_lend_request req = {
			.to = ENDPOINT(0, kind[w].id), .key = SERIAL_RING_KEY,
			.address = (uint64_t)&wire_memory[w], .len = sizeof(wire_memory[w]),
		};

		if (vm_lend(&vm, &req) != 0)
			continue;
		ring_client_reset(&state.wire[w].ring, &wire_memory[w], clock_monotonic_ns());
		state.wire[w].number = (uint32_t)clock_monotonic_ns();  /* no earlier tty's */
		subscribe(w);
	}
}

/* Y4. Also what the driver has refused is asked again. */
static void check_wire(unsigned w)
{
	struct wire *x = &state.wire[w];

	x->refused = 0;
	if (x->got.len > sizeof(x->got.byte) || x->got_taken > x->got.len) {
		print("recovery: %u of %u bytes of %s were taken\n", x->got_taken, x->got.len,
		      driver[w].name);
		x->got.len = x->got_taken = 0;
	}
}

/* Is there a driver, of which nothing stands in the way of reads? What the other end of a line does
 * not take is no fault of the driver, and reads wait behind it. */
static bool has_to_answer(unsigned w)
{
	return under_way(w, SERIAL_WRITE) == 0 && driver[w].at.v != 0 &&
	       !endpoint_eq(driver[w].at, ENDPOINT_NONE) && state.wire[w].ring.seen;
}

/* At each heartbeat. A driver answers its read at each of its own: one that stays open it has
 * forgotten. */
void wire_audit(void)
{
	static struct ring_ages ages[NR_WIRES];

	for (unsigned w = 0; w < NR_WIRES; w++)
		check_wire(w);
	wire_pump();
	for (unsigned w = 0; w < NR_WIRES; w++) {
		if (!has_to_answer(w)) {
			memset(&ages[w], 0, sizeof(ages[w]));
			continue;
		}
		if (!ring_client_late(&state.wire[w].ring, &ages[w], LATE) ||
		    complain(driver[w].at, RS_COMPLAINT_SILENCE, "a read is not answered") != 0)
			continue;
		pump(w);                        /* what it had answered */
		resubmit(w);
	}
	wire_pump();
}

/* The crash may have come before wire_served, a publication, or before the drivers were told. */
void wire_recovered(void)
{
	for (unsigned w = 0; w < NR_WIRES; w++) {
		check_wire(w);
		submit_writes(w);
		ring_client_publish(&state.wire[w].ring, &wire_memory[w]);
		tell(w);
	}
}
