/* SPDX-License-Identifier: BSD-2-Clause
 * queues_test.c - rows in queues, with each link wrong in turn: all queues come out empty, every
 * row that waits in none, and what is right is left alone.
 *
 * Links: servers/vfs/queues.c servers/vfs/state.c
 */
#include <stdarg.h>
#include <string.h>

#include <servers/vfs/vfs.h>
#include <tests/unit.h>

enum { PIPE = 3, INODE = 77, SOCKET = 9, LINE = 5 };

static struct state right;
static unsigned said;

char state_start[1];
uint64_t undo_span;
void undo_log(const volatile void *at, size_t n) { (void)at; (void)n; }

void print(const char *text, ...)
{
	(void)text;
	said++;
}

uint16_t *queue_head(unsigned queue, unsigned object)
{
	static uint16_t none;

	switch (queue) {
	case QUEUE_READY:
		return &state.ready;
	case QUEUE_PIPE_READ:
		return &state.pipe[object].read_queue;
	case QUEUE_INODE:
		return &state.inode[object].queue;
	case QUEUE_SOCKET_WRITE:
		return &state.socket[object].write_queue;
	case QUEUE_POLL:
		return &state.poll_all;
	default:
		none = 0;
		return &none;
	}
}

/* Rows [first, first + count) in one ring; ready: under the ready head, with their old queue. */
static void ring(unsigned first, unsigned count, unsigned queue, unsigned object, bool ready)
{
	for (unsigned i = 0; i < count; i++) {
		struct row *r = &state.row[first + i];

		r->phase = ROW_WAITS;
		r->queue = (uint16_t)queue;
		r->object = (uint16_t)object;
		r->next = (uint16_t)(first + (i + 1) % count);
		r->prev = (uint16_t)(first + (i + count - 1) % count);
	}
	*queue_head(ready ? (unsigned)QUEUE_READY : queue, object) = (uint16_t)first;
}

static void begin(void)
{
	memset(&state, 0, sizeof(state));
	ring(100, 1, QUEUE_PIPE_READ, PIPE, false);
	ring(110, 3, QUEUE_INODE, INODE, false);
	ring(120, 2, QUEUE_SOCKET_WRITE, SOCKET, true);
	ring(130, 4, QUEUE_POLL, 0, false);
	state.row[140].phase = ROW_ASKED;
	state.row[110].deadline = 5;
	state.timed = 1;
	right = state;
	said = 0;
}

static bool all_are_empty(void)
{
	for (unsigned n = 0; n < NR_PROCS; n++)
		if (state.row[n].queue != QUEUE_NONE || state.row[n].phase != right.row[n].phase)
			return false;
	return state.ready == 0 && state.poll_all == 0 && state.pipe[PIPE].read_queue == 0 &&
	       state.inode[INODE].queue == 0 && state.socket[SOCKET].write_queue == 0;
}

#define WRONG(place, value) do {                                        \
	begin();                                                        \
	state.place = (value);                                          \
	queues_check();                                                 \
	CHECK(said == 1 && all_are_empty());                            \
	queues_check();                                                 \
	CHECK(said == 1);                                               \
} while (0)

static void t_links(void)
{
	WRONG(row[111].next, 113);
	WRONG(row[111].next, 0);
	WRONG(row[111].next, 0x6d00);
	WRONG(row[111].prev, 0x6d00);
	WRONG(row[111].next, 111);
	WRONG(row[112].next, 111);
	WRONG(row[100].next, 120);
	WRONG(row[121].prev, 133);
	WRONG(row[111].queue, QUEUE_PIPE_READ);
	WRONG(row[111].queue, 40000);
	WRONG(row[111].object, INODE + 1);
	WRONG(row[111].queue, QUEUE_NONE);
}

static void t_heads(void)
{
	WRONG(ready, 0);
	WRONG(ready, 0x6d00);
	WRONG(ready, 110);
	WRONG(poll_all, 110);
	WRONG(poll_all, 140);
	WRONG(poll_all, 0);
	WRONG(inode[INODE].queue, 0);
	WRONG(inode[INODE + 1].queue, 110);
	WRONG(pipe[PIPE].read_queue, 101);
}

static void t_counts(void)
{
	begin();
	state.timed = 0x1234;
	queues_check();
	CHECK(said == 1 && state.timed == 1);
	state.row[140].phase = 77;
	queues_check();
	CHECK(said == 2 && state.row[140].phase == ROW_WAITS);
}

static void t_right(void)
{
	begin();
	queues_check();
	CHECK(said == 0 && memcmp(&state, &right, sizeof(state)) == 0);
}

int main(void)
{
	TEST("queues that are right stay as they are", t_right);
	TEST("a wrong link empties all queues", t_links);
	TEST("so does a wrong head", t_heads);
	TEST("phases and deadlines are counted anew", t_counts);
	return test_result();
}
