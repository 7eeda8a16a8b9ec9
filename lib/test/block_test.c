/* SPDX-License-Identifier: BSD-2-Clause
 * block_test.c - both sides of the block protocol: over deaths of the driver, and with peers that
 * write anything into the ring. The kernel and vm are played here.
 *
 * Links: lib/ring.c lib/undo.c lib/block_client.c lib/format.c gen/contract/block_server.c 
 * Links: gen/contract/block_answer.c
 */
#include <stdlib.h>
#include <string.h>

#include <tests/unit.h>

size_t strlcpy(char *restrict to, const char *restrict from, size_t size);

#include <lib/block_server.c>

#include <contract/ds.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/complain.h>
#include <lib/service_ids.h>

char state_start[1];
extern char state_end[1] __attribute__((alias("state_start")));         /* there is no state here */

enum { DISK = 256 * 1024, SLOTS = 40, PART = 8192, CLIENT_SLOT = 29, DEVICE_DEPTH = 16 };

static uint8_t content[DISK], expected[DISK], buffer[SLOTS][PART];
static struct ring_memory mem __attribute__((aligned(PAGE_SIZE)));
static struct block_client c;
static struct block_info_reply what;
static uint64_t now = 1 << 20;
static uint32_t generation;
static bool asked;              /* the client has notified the driver */

/* ---- what the kernel, vm and ds would do ---- */

size_t strlcpy(char *restrict to, const char *restrict from, size_t size)
{
	snprintf(to, size, "%s", from);
	return strlen(from);
}

void assert_failed(const char *condition, const char *file, int line)
{
	printf("    %s:%d: assert %s\n", file, line, condition);
	abort();
}

uint64_t clock_monotonic_ns(void)
{
	return now += 1 << 16;
}

err_t ipc_notify(endpoint_t to)
{
	asked = asked || endpoint_slot(to) != CLIENT_SLOT;
	return 0;
}

err_t vm_lend(struct peer *to, const struct vm_lend_request *req)
{
	(void)to;
	return req->address == (uint64_t)(uintptr_t)&mem ? 0 : -EINVAL;
}

err_t vm_borrow(struct peer *to, const struct vm_borrow_request *req, struct vm_borrow_reply *reply)
{
	(void)to;
	if (endpoint_slot(req->from) != CLIENT_SLOT)
		return -ENOENT;
	*reply = (struct vm_borrow_reply){
		.address = (uint64_t)(uintptr_t)&mem, .len = sizeof(mem),
		.owner = ENDPOINT(1, CLIENT_SLOT),
	};
	return 0;
}

err_t ds_subscribe(struct peer *to, const struct ds_subscribe_request *req)
{
	(void)to;
	return strcmp(req->pattern, "disk") == 0 ? 0 : -EINVAL;
}

/* Names of disks are nobody's business here. */
err_t ds_publish(struct peer *to, const struct ds_publish_request *req)
{
	return to != NULL && req->who.v == 0 ? 0 : -EPERM;
}

err_t ds_unpublish(struct peer *to, const struct ds_unpublish_request *req)
{
	return to != NULL && req->name[0] != '\0' ? 0 : -ENOENT;
}

void print(const char *text, ...)
{
	puts(text);
}

err_t ds_retrieve(struct peer *to, const struct ds_retrieve_request *req,
		  struct ds_retrieve_reply *reply)
{
	(void)to;
	(void)req;
	reply->who = ENDPOINT(generation, 24);
	return generation != 0 ? 0 : -ENOENT;
}

static unsigned complaints;
static err_t complaint_answer = -EPERM;
static uint32_t expected_reason = RS_COMPLAINT_PROTOCOL;

err_t complain(endpoint_t accused, uint32_t reason, const char *text)
{
	CHECK(endpoint_slot(accused) == 24 && reason == expected_reason &&
	      text[0] != '\0');
	complaints += complaint_answer == 0;
	return complaint_answer;
}

err_t sys_grant_create(const struct grant_create_request *req)
{
	CHECK(req->base == (uint64_t)(uintptr_t)buffer && req->len == sizeof(buffer));
	return 0;
}

err_t sys_grant_copy(const struct grant_copy_request *req, struct grant_copy_reply *reply)
{
	uint8_t *there = (uint8_t *)buffer + req->offset;

	(void)reply;
	if (req->grant.v != block_grant(&c, 0).v)
		return -EDEADPEER;
	if (req->offset > sizeof(buffer) || req->len > sizeof(buffer) - req->offset)
		return -EPERM;
	if (req->dir == COPY_IN)
		memcpy((void *)(uintptr_t)req->local, there, req->len);
	else
		memcpy(there, (const void *)(uintptr_t)req->local, req->len);
	return 0;
}

/* ---- a driver, whose device does things in any order ---- */

static bool busy[BLOCK_TAGS];
static unsigned nr_busy, device_room;

static const struct block_info_reply *disk_of(uint32_t n)
{
	return n == 0 ? &what : NULL;
}

static err_t device_begin(unsigned tag, const struct block_io *io)
{
	CHECK(tag < what.depth && !busy[tag]);
	CHECK(io->op == BLOCK_FLUSH || (io->pos <= DISK && io->len <= DISK - io->pos &&
					io->len % what.sector == 0 && io->len <= what.max));
	if (nr_busy == device_room)
		return -EAGAIN;
	busy[tag] = true;
	nr_busy++;
	return 0;
}

static void device_finish(void)
{
	unsigned tag = (unsigned)rand() % BLOCK_TAGS;
	const struct block_io *io;
	err_t err = 0;

	while (!busy[tag])
		tag = (tag + 1) % BLOCK_TAGS;
	io = block_io(tag);
	if (io->op == BLOCK_READ)
		err = block_store(tag, content + io->pos);
	else if (io->op == BLOCK_WRITE)
		err = block_fetch(tag, content + io->pos);
	busy[tag] = false;
	nr_busy--;
	block_done(tag, err);
}

static const struct block_driver disk_driver = { .disk = disk_of, .begin = device_begin };

/* The driver dies; its successor knows nothing. */
static void driver_starts(void)
{
	memset(row, 0, sizeof(row));
	memset(client, 0, sizeof(client));
	memset(busy, 0, sizeof(busy));
	nr_begun = nr_busy = 0;
	generation++;
	block_server_init(&disk_driver, START_FRESH);
}

static void setup(void)
{
	memset(&mem, 0, sizeof(mem));
	memset(&c, 0, sizeof(c));
	memset(content, 0, sizeof(content));
	memset(expected, 0, sizeof(expected));
	what = (struct block_info_reply){ .size = DISK, .sector = 512, .max = PART, .depth = 24 };
	device_room = DEVICE_DEPTH;
	generation = 0;
	driver_starts();
	block_client_open(&c, &mem, "disk", CLIENT_SLOT, 0);
	block_client_region(&c, 0, buffer, sizeof(buffer), GRANT_READ | GRANT_WRITE);
}

static void driver_runs(void)
{
	if (asked)
		block_server_notified(BIT(CLIENT_SLOT));
	asked = false;
}

static err_t ask(uint32_t op, uint64_t pos, uint32_t len, unsigned slot)
{
	struct block_io io = {
		.op = op, .pos = pos, .len = len, .grant = block_grant(&c, 0),
		.offset = (uint64_t)slot * PART,
	};

	return block_submit(&c, &mem, &io, slot);
}

/* One request, to its answer. */
static struct block_answer one(uint32_t op, uint64_t pos, uint32_t len)
{
	struct block_answer a = { .err = 1 };

	CHECK_EQ(ask(op, pos, len, 0), 0);
	block_publish(&c, &mem);
	for (unsigned i = 0; i < 10; i++) {
		driver_runs();
		while (nr_busy != 0)
			device_finish();
		block_server_work();
		if (block_next(&c, &mem, &a))
			return a;
		asked = true;
	}
	CHECK(!"no answer");
	return a;
}

static void t_checks(void)
{
	setup();
	CHECK_EQ(one(BLOCK_INFO, 0, 0).info.size, DISK);
	CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
	CHECK_EQ(one(BLOCK_READ, 100, 512).err, -EINVAL);
	CHECK_EQ(one(BLOCK_READ, 0, 100).err, -EINVAL);
	CHECK_EQ(one(BLOCK_READ, 0, 0).err, -EINVAL);
	CHECK_EQ(one(BLOCK_READ, 0, PART + 512).err, -EINVAL);
	CHECK_EQ(one(BLOCK_READ, 0, UINT32_MAX).err, -EINVAL);
	CHECK_EQ(one(BLOCK_READ, DISK, 512).err, -ERANGE);
	CHECK_EQ(one(BLOCK_READ, DISK - 512, 1024).err, -ERANGE);
	CHECK_EQ(one(BLOCK_READ, UINT64_MAX - 511, 512).err, -ERANGE);
	CHECK_EQ(one(BLOCK_FLUSH, 0, 0).err, 0);
	what.flags = BLOCK_READ_ONLY;
	CHECK_EQ(one(BLOCK_WRITE, 0, 512).err, -EROFS);
	CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
}

static void t_nonsense_info(void)
{
	setup();
	what.sector = 1000;
	CHECK_EQ(one(BLOCK_INFO, 0, 0).err, -EIO);
	what.sector = 512;
	what.max = 0;
	CHECK_EQ(one(BLOCK_INFO, 0, 0).err, -EIO);
}

/* ---- many requests, each slot on its own part of the disk ---- */

static struct { bool open; uint32_t op; uint64_t pos; uint32_t len; } job[SLOTS];

static void begin_job(unsigned n)
{
	uint64_t base = (uint64_t)n * (DISK / SLOTS / 512) * 512;
	uint32_t op = (rand() & 1) ? BLOCK_READ : BLOCK_WRITE;

	job[n].pos = base + 512 * (uint64_t)(rand() % 4);
	job[n].len = 512 * (1 + (uint32_t)rand() % 8);
	job[n].op = op;
	for (uint32_t i = 0; op == BLOCK_WRITE && i < job[n].len; i++)
		expected[job[n].pos + i] = buffer[n][i] = (uint8_t)rand();
	job[n].open = ask(op, job[n].pos, job[n].len, n) == 0;
	CHECK(job[n].open);
}

static void end_job(const struct block_answer *a)
{
	unsigned n = (unsigned)a->cookie % SLOTS;

	CHECK(a->cookie < SLOTS && job[n].open && job[n].op == a->op && a->err == 0);
	job[n].open = false;
	if (job[n].op == BLOCK_READ)
		CHECK(memcmp(buffer[n], expected + job[n].pos, job[n].len) == 0);
}

static void t_deaths(void)
{
	unsigned deaths = 0;

	setup();
	for (unsigned round = 0; round < 20000; round++) {
		struct block_answer a;

		for (unsigned n = 0; n < SLOTS; n++)
			if (!job[n].open && rand() % 3 == 0)
				begin_job(n);
		block_publish(&c, &mem);
		if (rand() % 4)
			driver_runs();
		for (int k = rand() % 12; k > 0 && nr_busy != 0; k--)
			device_finish();
		CHECK(nr_busy <= DEVICE_DEPTH && block_in_flight() == nr_busy);
		if (rand() % 3)
			block_server_work();
		if (rand() % 40 == 0) {
			driver_starts();
			block_client_notified(&c, &mem, BIT(ID_DS));
			deaths++;
		}
		while (block_next(&c, &mem, &a))
			end_job(&a);
	}
	CHECK(deaths > 300 && c.drivers == deaths + 1 && c.resubmitted > deaths);
	CHECK_EQ(c.ring.refused, 0);
}

/* What a device still does for a client that has begun anew goes nowhere. */
static void t_orphan(void)
{
	setup();
	memset(job, 0, sizeof(job));
	CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
	content[0] = 77;
	CHECK_EQ(ask(BLOCK_READ, 0, 512, 0), 0);
	block_publish(&c, &mem);
	driver_runs();
	CHECK_EQ(nr_busy, 1);
	memset(&c.ring, 0, sizeof(c.ring));             /* a new life of the client */
	ring_client_reset(&c.ring, &mem, clock_monotonic_ns());
	buffer[0][0] = 1;
	device_finish();
	CHECK_EQ(buffer[0][0], 1);
	block_server_work();
	CHECK_EQ(block_in_flight(), 0);
	CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
	CHECK_EQ(buffer[0][0], 77);
}

/* Nor does its end count as the end of something that the new life asked for. */
static void t_orphan_counts_for_nothing(void)
{
	struct block_answer a;
	unsigned answers = 0;

	setup();
	CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
	for (unsigned n = 0; n < 3; n++)
		CHECK_EQ(ask(BLOCK_READ, 0, 512, n), 0);
	block_publish(&c, &mem);
	driver_runs();
	memset(&c.ring, 0, sizeof(c.ring));
	ring_client_reset(&c.ring, &mem, clock_monotonic_ns());
	for (unsigned n = 10; n < 14; n++)
		CHECK_EQ(ask(BLOCK_READ, 0, 512, n), 0);
	block_publish(&c, &mem);
	driver_runs();
	CHECK_EQ(nr_busy, 3);           /* what is asked later waits for them */
	while (nr_busy != 0)
		device_finish();
	block_server_work();
	CHECK_EQ(nr_busy, 4);
	while (nr_busy != 0)
		device_finish();
	block_server_work();
	while (block_next(&c, &mem, &a)) {
		CHECK(a.err == 0 && a.cookie >= 10);
		answers++;
	}
	CHECK_EQ(answers, 4);
	CHECK_EQ(c.ring.refused, 0);
}

static void scribble(void *at, size_t n)
{
	for (unsigned k = 0; k < 8; k++)
		((unsigned char *)at)[(size_t)rand() % n] = (unsigned char)rand();
}

static void t_hostile_client(void)
{
	setup();
	for (unsigned round = 0; round < 100000; round++) {
		scribble(mem.request, sizeof(mem.request));
		if (round % 5 == 0)
			scribble(&mem, 64);
		else
			mem.submitted = client[0].ring.accepted + (unsigned)rand() % 66;
		for (unsigned k = 0; k < 4; k++)
			mem.request[rand() % RING_ENTRIES].type = BLOCK_INFO + (unsigned)rand() % 5;
		block_server_notified(BIT(CLIENT_SLOT) | BIT(rand() % 64));
		while (nr_busy != 0 && rand() % 8)
			device_finish();                /* device_begin checks what it is given */
	}
	while (nr_busy != 0)
		device_finish();
	CHECK_EQ(block_in_flight(), 0);
}

static void t_hostile_driver(void)
{
	uint64_t open = 0;

	setup();
	for (unsigned round = 0; round < 100000; round++) {
		struct block_answer a;
		unsigned steps = 0;

		for (unsigned n = 0; n < SLOTS; n++)
			if (!(open & BIT(n)) &&
			    ask(BLOCK_INFO + (unsigned)rand() % 4, 0, 512, n) == 0)
				open |= BIT(n);
		block_publish(&c, &mem);
		scribble(&mem.server_epoch, 64);
		if (round % 2)
			mem.server_epoch = mem.client_epoch;
		mem.completed = c.ring.taken + (unsigned)rand() % 70;
		for (unsigned k = 0; k < RING_ENTRIES; k++)
			mem.answer[k].id = c.ring.pending[rand() % RING_ENTRIES].id;
		scribble(mem.answer, sizeof(mem.answer));
		while (block_next(&c, &mem, &a)) {
			CHECK(a.cookie < SLOTS && open & BIT(a.cookie));
			CHECK(a.err <= 0);
			CHECK(a.op != BLOCK_INFO || a.err != 0 || a.info.sector >= 512);
			open &= ~BIT(a.cookie);
			CHECK(++steps <= RING_ENTRIES);
		}
	}
}

/* One request is open; the driver answers with this number and error, which is none. */
static bool answers_badly(uint32_t id, uint32_t err)
{
	struct block_answer a;

	driver_runs();
	mem.answer[mem.completed % RING_ENTRIES].id = id;
	mem.answer[mem.completed % RING_ENTRIES].type = err;
	mem.completed++;
	return block_next(&c, &mem, &a);
}

static struct block_answer answered(void)
{
	struct block_answer a = { .err = 1 };

	for (unsigned i = 0; i < 10; i++) {
		asked = true;
		driver_runs();
		while (nr_busy != 0)
			device_finish();
		block_server_work();
		if (block_next(&c, &mem, &a))
			break;
	}
	return a;
}

/* rs lets it die when it is told; here the driver comes back at once. */
static void replaced(void)
{
	driver_starts();
	block_client_notified(&c, &mem, BIT(ID_DS));
}

static void t_complaint(void)
{
	setup();
	complaints = 0;
	complaint_answer = 0;
	content[0] = 5;
	CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
	for (unsigned kind = 0; kind < 2; kind++) {
		buffer[0][0] = 0;
		CHECK_EQ(ask(BLOCK_READ, 0, 512, 0), 0);
		block_publish(&c, &mem);
		CHECK(!answers_badly(kind == 0 ? 99 : c.ring.pending[0].id, kind == 0 ? 0 : 77));
		CHECK_EQ(complaints, kind + 1);
		replaced();
		CHECK_EQ(answered().err, 0);
		CHECK_EQ(buffer[0][0], 5);
		CHECK_EQ(c.bad, 0);
	}
	complaint_answer = -EPERM;
}

/* The answer that came was none the client wants; another request is open. */
static void t_wrong_bytes(void)
{
	const err_t answers[] = { 0, -ESRCH, -EPERM };
	uint64_t before;

	for (unsigned n = 0; n < COUNT(answers); n++) {
		setup();
		content[512] = 7;
		CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
		buffer[0][0] = 0;
		CHECK_EQ(ask(BLOCK_READ, 512, 512, 0), 0);
		block_publish(&c, &mem);
		before = c.resubmitted;
		complaint_answer = answers[n];
		expected_reason = RS_COMPLAINT_DATA;
		CHECK_EQ(block_client_complain(&c, &mem), answers[n] != -EPERM);
		if (answers[n] != -EPERM)
			replaced();
		CHECK_EQ(answered().err, 0);
		CHECK_EQ(buffer[0][0], 7);
		CHECK_EQ(c.resubmitted != before, answers[n] != -EPERM);
	}
	expected_reason = RS_COMPLAINT_PROTOCOL;
	complaint_answer = -EPERM;
}

/* A request that the driver has lost, among others that it answers. */
static void t_silence(void)
{
	setup();
	content[512] = 7;
	CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
	complaint_answer = 0;
	expected_reason = RS_COMPLAINT_SILENCE;
	for (unsigned n = 0; n < 3; n++) {      /* each time in a row it may take twice as long */
		complaints = 0;
		buffer[0][0] = 0;
		c.patience = n;
		CHECK_EQ(ask(BLOCK_READ, 512, 512, 0), 0);
		for (unsigned looks = 0; looks <= n; looks++)
			CHECK(!block_client_look(&c, &mem));
		CHECK(block_client_look(&c, &mem));
		CHECK_EQ(complaints, 1);
		CHECK_EQ(c.patience, 2 * n + 1);
		replaced();
		CHECK(!block_client_look(&c, &mem));
		CHECK_EQ(answered().err, 0);
		CHECK_EQ(buffer[0][0], 7);
		CHECK_EQ(c.patience, 0);
	}
	for (unsigned n = 0; n < 10; n++) {     /* never the same one twice */
		CHECK(!block_client_look(&c, &mem));
		CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
	}
	expected_reason = RS_COMPLAINT_PROTOCOL;
	complaint_answer = -EPERM;
}

static void t_complaints_end(void)
{
	setup();
	complaints = 0;
	complaint_answer = 0;
	CHECK_EQ(one(BLOCK_READ, 0, 512).err, 0);
	CHECK_EQ(ask(BLOCK_READ, 0, 512, 0), 0);
	block_publish(&c, &mem);
	for (unsigned n = 0; n < 3; n++) {
		CHECK(!answers_badly(c.ring.pending[0].id, 77));
		replaced();
		block_client_notified(&c, &mem, 0);
		block_server_notified(BIT(CLIENT_SLOT));
		mem.server_epoch = mem.client_epoch;
	}
	CHECK(answers_badly(c.ring.pending[0].id, 77));
	CHECK_EQ(complaints, 3);
	complaint_answer = -EPERM;
}

int main(void)
{
	srand(1);
	TEST("requests beyond the disk or not of whole sectors are refused", t_checks);
	TEST("a disk that cannot be is an error to the client", t_nonsense_info);
	TEST("no request is lost or wrong over hundreds of deaths of the driver", t_deaths);
	TEST("data for an earlier life of the client goes nowhere", t_orphan);
	TEST("and its end is not taken for that of a later request", t_orphan_counts_for_nothing);
	TEST("an answer that is none: a complaint, and the next life of the driver is asked",
	     t_complaint);
	TEST("wrong bytes: a complaint, and the next life is asked for what is open",
	     t_wrong_bytes);
	TEST("a request that is lost: a complaint, and the next life is asked for it", t_silence);
	TEST("after three such answers in a row the request fails", t_complaints_end);
	TEST("a client that writes anything gets only checked requests to the device",
	     t_hostile_client);
	TEST("a driver that writes anything answers only what is open", t_hostile_driver);
	return test_result();
}
