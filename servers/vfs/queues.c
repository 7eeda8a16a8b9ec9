/* SPDX-License-Identifier: BSD-2-Clause
 * queues.c - after a crash: do the rows that wait stand in their queues? (note 0026)
 *
 * Job:      if a queue is not what its rows say, empties all of them; each row that waits is then
 *           done again (rows_recover), and waits where it should. Counts rows with a deadline.
 * Speaks:   nothing; prints what it repaired.
 * Touches:  links of state.row, the heads of queues, state.timed.
 * Trusts:   a row's phase, and what it says of its call.
 * On crash: is done anew.
 *
 * All is right if each queue's rows agree with their neighbours and name that queue (those that are
 * ready: any), and each row that is in a queue has been met once.
 */
#include "vfs.h"

static bool met[NR_PROCS];

static unsigned objects(unsigned queue)
{
	switch (queue) {
	case QUEUE_PIPE_READ:
	case QUEUE_PIPE_WRITE:
		return NR_PIPES;
	case QUEUE_LINE:
		return NR_SERVERS * BOARD_WORDS;
	case QUEUE_SERVER:
		return NR_SERVERS;
	case QUEUE_INODE:
		return NR_INODES;
	case QUEUE_SOCKET_READ:
	case QUEUE_SOCKET_WRITE:
		return NR_SOCKETS;
	default:
		return 1;
	}
}

static bool stands(unsigned n, unsigned queue, unsigned object)
{
	const struct row *r;

	if (n == 0 || n >= NR_PROCS || met[n])
		return false;
	r = &state.row[n];
	if (r->phase == ROW_FREE || r->queue == QUEUE_NONE)
		return false;
	met[n] = true;
	return (queue == QUEUE_READY || (r->queue == queue && r->object == object)) &&
	       r->next < NR_PROCS && state.row[r->next].prev == n;
}

static bool queue_is_right(unsigned queue, unsigned object)
{
	unsigned head = *queue_head(queue, object), n = head;

	if (head == 0)
		return true;
	do {
		if (!stands(n, queue, object))
			return false;
		n = state.row[n].next;
	} while (n != head);
	return true;
}

static bool queues_are_right(void)
{
	memset(met, 0, sizeof(met));
	for (unsigned q = QUEUE_READY; q < NR_QUEUES; q++)
		for (unsigned object = 0; object < objects(q); object++)
			if (!queue_is_right(q, object))
				return false;
	for (unsigned n = 0; n < NR_PROCS; n++)
		if (state.row[n].queue != QUEUE_NONE && !met[n])
			return false;
	return true;
}

/* Rows last: as long as one is in a queue that has none, the next look finds it. */
static void queues_empty(void)
{
	for (unsigned q = QUEUE_READY; q < NR_QUEUES; q++)
		for (unsigned object = 0; object < objects(q); object++)
			*queue_head(q, object) = 0;
	for (unsigned n = 0; n < NR_PROCS; n++)
		state.row[n].queue = QUEUE_NONE;
}

void queues_check(void)
{
	uint32_t timed = 0;
	unsigned strange = 0;

	for (unsigned n = 0; n < NR_PROCS; n++) {
		struct row *r = &state.row[n];

		if (r->phase > ROW_READY) {
			r->phase = ROW_WAITS;
			strange++;
		}
		timed += r->phase != ROW_FREE && r->deadline != 0;
	}
	if (strange != 0)
		print("recovery: %u rows were in phases that there are not\n", strange);
	if (!queues_are_right()) {
		print("recovery: queues of rows are made anew\n");
		queues_empty();
	}
	if (state.timed != timed) {
		print("recovery: %u rows have a deadline, not %u\n", timed, state.timed);
		state.timed = timed;
	}
}
