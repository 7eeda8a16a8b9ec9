/* SPDX-License-Identifier: BSD-2-Clause
 * shared.c - memory that the server shares with others, who write anything into it.
 *
 * Job:      boards and rings (lib/board.h, lib/ring.h), played from their other side.
 * Speaks:   contracts/file, chardev, block, serial: requests to a server, answers to one that asks.
 * Touches:  what the server has lent, and what it has borrowed here.
 * Trusts:   nothing.
 * On crash: it is the server's fault.
 */
#include <stdlib.h>
#include <string.h>

#include <contract/block.h>
#include <contract/serial.h>
#include <lib/chardev.h>
#include <lib/file.h>
#include <lib/ring.h>
#include <tests/messages/messages.h>

enum { LENT_MOST = 4 * 65536, SHARE_BYTES = SHARED_BYTES, LENDS = 16 };

unsigned boards_done, boards_good;

/* Memory that the server borrows (boards, rings of its clients) and that it lends. */
static struct { uint32_t key; endpoint_t owner; void *at; } borrowed[4];
static struct { uint32_t key; endpoint_t to; void *at; } lent[LENDS];

static const char *const some_names[] = {
	"a", "b", "dir", "null", "1", "self", "..", ".", "", "a/b", "tty", "status", "ptmx",
};

const char *some_name(void)
{
	return some_names[below(COUNT(some_names))];
}

void *borrow(uint32_t key, endpoint_t owner)
{
	for (unsigned n = 0; n < COUNT(borrowed); n++) {
		if (borrowed[n].at != NULL && borrowed[n].key == key)
			return borrowed[n].at;
		if (borrowed[n].at != NULL)
			continue;
		borrowed[n].key = key;
		borrowed[n].owner = owner;
		borrowed[n].at = aligned_alloc(PAGE_SIZE, SHARE_BYTES);
		memset(borrowed[n].at, 0, SHARE_BYTES);
		((struct board *)borrowed[n].at)->magic = BOARD_MAGIC;
		((struct board *)borrowed[n].at)->asker = owner;
		return borrowed[n].at;
	}
	return NULL;
}

static void name(char *to)
{
	if (one_in(4))
		fill(to, FILE_NAME);
	else
		strcpy(to, some_name());
}

uint64_t some_number(void)
{
	switch (below(6)) {
	case 0:
		return any();
	case 1:
		return below(1 << 16) << 8 | below(64);
	default:
		return below(12);
	}
}

static int32_t error_of(struct board *b, unsigned n, bool files)
{
	const struct file_entry *e = board_entry(b, n, sizeof(*e));
	const struct chardev_entry *d = board_entry(b, n, sizeof(*d));

	return files ? e->err : d->err;
}

static void board_ask(struct board *b, bool files)
{
	static uint64_t number = 1;
	unsigned n = (unsigned)below(BOARD_ENTRIES);

	if (one_in(1000)) {             /* another life of vfs, which has asked nothing */
		b->asker = ENDPOINT(1 + below(9), endpoint_slot(b->asker));
		memset((void *)(uintptr_t)b->phase, BOARD_FREE, sizeof(b->phase));
	}
	if (b->phase[n] == BOARD_DONE) {
		boards_done++;
		boards_good += error_of(b, n, files) == 0;
	}
	if (b->phase[n] == BOARD_DONE || one_in(50))
		b->phase[n] = BOARD_FREE;
	if (b->phase[n] != BOARD_FREE)
		return;
	if (files) {
		struct file_entry *e = board_entry(b, n, sizeof(*e));

		fill(&e->attr, sizeof(e->attr));
		e->type = one_in(30) ? (uint32_t)any() : FILE_MOUNT + (uint32_t)below(17);
		e->tree = (uint32_t)(one_in(9) ? any() : below(4));
		e->data.v = (uint32_t)below(4);
		e->len = one_in(9) ? any() : below(LENT_MOST);
		for (unsigned w = 0; w < MESSAGE_WORDS; w++)
			e->w[w] = some_number();
		if (e->type == FILE_CREATE)     /* dir, mode */
			e->w[1] = (1 + below(13)) << 12 | (any() & 07777) | any() << 32;
		name(e->name);
		name(e->name2);
	} else {
		struct chardev_entry *e = board_entry(b, n, sizeof(*e));
		static const uint32_t device[] = {
			0x440, 0x401, 0x502, 0x500, 0x501, 0x8800, 0xa87,
		};

		fill(e->arg, sizeof(e->arg));
		e->type = one_in(30) ? (uint32_t)any() : CHARDEV_OPEN + (uint32_t)below(6);
		e->data.v = (uint32_t)below(4);
		e->len = one_in(9) ? any() : below(PAGE_SIZE);
		e->arg_len = one_in(9) ? (uint32_t)any() : (uint32_t)below(CHARDEV_ARG);
		for (unsigned w = 0; w < MESSAGE_WORDS; w++)
			e->w[w] = some_number();
		if (e->type == CHARDEV_OPEN)
			e->w[0] = device[below(COUNT(device))] + (one_in(3) ? below(40) : 0);
		if (e->type == CHARDEV_IOCTL)   /* line, request */
			e->w[0] = below(64) | (0x5400 + below(64)) << 32;
	}
	b->number[n] = one_in(20) ? any() : ++number;
	b->phase[n] = one_in(50) ? (uint8_t)any() : BOARD_ASKED;
}

/* The other side of a ring that the server lends: answers to what it asked, or to nothing. */
static void ring_answer(volatile struct ring_memory *r)
{
	struct ring_entry e = { .id = 0 };

	if (r->server_epoch != r->client_epoch || one_in(100)) {
		r->completed = 0;
		r->server_epoch = one_in(9) ? any() : r->client_epoch;
		return;
	}
	if (r->completed - r->submitted == 0 && !one_in(9))
		return;
	for (unsigned w = 0; w < MESSAGE_WORDS; w++)
		e.w[w] = one_in(2) ? some_number() : any();
	e.id = one_in(20) ? (uint32_t)any() : r->request[r->completed % RING_ENTRIES].id;
	e.type = one_in(2) ? 0 : one_in(20) ? (uint32_t)any() : (uint32_t)-EIO;
	memcpy((void *)(uintptr_t)&r->answer[r->completed % RING_ENTRIES], &e, sizeof(e));
	r->completed += one_in(40) ? (uint32_t)any() : 1;
}

/* The other side of a board that vfs lends: a tree in which everything is there, or nothing. */
static void answer_file(struct file_entry *e)
{
	static const uint32_t type[] = { 4, 4, 8, 8, 8, 2, 6, 10, 12, 1 };
	uint64_t asked = e->type == FILE_LINK ? e->w[1] : e->w[0];
	uint64_t file = e->type == FILE_GET_ATTR || e->type == FILE_SET_ATTR ||
			e->type == FILE_LINK ? asked : 1 + below(60);

	memset(e->answer, 0, sizeof(e->answer));
	e->attr_now = (struct file_attr){
		.file = file, .mode = type[file % COUNT(type)] << 12 | 0777, .links = 1 + file % 2,
		.size = file * 3000, .rdev = 1ull << 32 | (3 + 2 * (file % 3)),
	};
	if (e->type == FILE_CREATE)
		e->attr_now.mode = (uint32_t)e->w[1];
	if (e->type == FILE_MOUNT) {
		e->answer[0] = 10;
		e->answer[1] = 4096 | below(16) << 32;
		e->attr_now.mode = 040777;
	} else if (e->type == FILE_STAT_FS) {
		e->answer[4] = 4096 | 255ull << 32;
		e->answer[5] = 1;
	} else {
		e->answer[0] = one_in(3) ? below(e->len + 1) : e->len;
	}
	strcpy(e->name2, e->type == FILE_READLINK ? "dir/a" : "");
	e->err = one_in(5) ? -ENOENT : one_in(40) ? (int32_t)any() : 0;
	if (one_in(30))
		fill(&e->attr_now, sizeof(e->attr_now));
	if (one_in(30))
		fill(e->answer, sizeof(e->answer));
}

static void answer_device(struct chardev_entry *e)
{
	for (unsigned w = 0; w < MESSAGE_WORDS; w++)
		e->answer[w] = one_in(9) ? any() : below(e->len + 1);
	if (e->type == CHARDEV_OPEN && !one_in(5))
		e->answer[0] = below(64) | 0x440ull << 32;
	e->err = one_in(3) ? -EAGAIN : one_in(9) ? -EIO : 0;
}

static void board_answer(struct board *b, bool files)
{
	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		if (b->phase[n] != BOARD_ASKED || one_in(4))
			continue;
		if (files)
			answer_file(board_entry(b, n, sizeof(struct file_entry)));
		else
			answer_device(board_entry(b, n, sizeof(struct chardev_entry)));
		boards_done++;
		b->phase[n] = one_in(200) ? (uint8_t)any() : BOARD_DONE;
	}
	b->poll[below(BOARD_WORDS)].seq++;
	b->poll[below(BOARD_WORDS)].events = (uint32_t)below(32);
}

/* The client of a ring that the server borrows. */
static void ring_ask(volatile struct ring_memory *r, bool blocks)
{
	struct ring_entry e = { .id = (uint32_t)any() };
	uint32_t base = blocks ? BLOCK_INFO : SERIAL_WRITE;

	if (r->client_epoch == 0 || one_in(60)) {
		r->submitted = 0;
		r->client_epoch = one_in(20) ? 0 : 1 + below(1000);
	}
	if (r->submitted - r->completed >= RING_ENTRIES && !one_in(30))
		return;
	for (unsigned w = 0; w < MESSAGE_WORDS; w++)
		e.w[w] = one_in(2) ? some_number() : any();
	e.w[0] = one_in(9) ? any() : below(64) << 32;           /* disk or line 0; a length */
	if (blocks && one_in(2)) {      /* whole sectors, of any disk */
		e.w[2] = below(256) * PAGE_SIZE;
		e.w[3] = below(18) * PAGE_SIZE;
	}
	e.type = one_in(20) ? (uint32_t)any() : base + (uint32_t)below(4);
	memcpy((void *)(uintptr_t)&r->request[r->submitted % RING_ENTRIES], &e, sizeof(e));
	r->submitted += one_in(40) ? (uint32_t)any() : 1;
}

uint64_t others_work(void)
{
	uint64_t who = 0;

	for (unsigned n = 0; n < COUNT(borrowed) && borrowed[n].at != NULL; n++) {
		if (borrowed[n].key == FILE_BOARD_KEY || borrowed[n].key == CHARDEV_BOARD_KEY)
			board_ask(borrowed[n].at, borrowed[n].key == FILE_BOARD_KEY);
		else
			ring_ask(borrowed[n].at, borrowed[n].key == BLOCK_RING_KEY);
		who |= BIT(endpoint_slot(borrowed[n].owner) % 64);
	}
	for (unsigned n = 0; n < LENDS && lent[n].at != NULL; n++) {
		if (lent[n].key == FILE_BOARD_KEY || lent[n].key == CHARDEV_BOARD_KEY)
			board_answer(lent[n].at, lent[n].key == FILE_BOARD_KEY);
		else
			ring_answer(lent[n].at);
		who |= BIT(endpoint_slot(lent[n].to) % 64);
	}
	return who;
}

void lend(uint32_t key, endpoint_t to, void *at)
{
	for (unsigned n = 0; n < LENDS; n++) {
		if (lent[n].at != NULL && lent[n].at != at)
			continue;
		lent[n].at = at;
		lent[n].to = to;
		lent[n].key = key;
		return;
	}
}
