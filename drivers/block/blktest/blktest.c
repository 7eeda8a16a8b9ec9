/* SPDX-License-Identifier: BSD-2-Clause
 * blktest.c - reads, writes and checks a disk while its driver is killed again and again.
 *
 * Job:      keeps many requests open, on units of 4 KiB whose content it knows; kills the driver at
 *           random moments; at the end reads all and prints a checksum. Only in images of tests.
 * Speaks:   contracts/block through lib/block.h; rs.kill.
 * Touches:  the disk, all of it.
 * Trusts:   nothing: every byte is compared.
 * On crash: the test has failed.
 *
 * args DRIVER KILLS SIZE OTHER START ID: the driver, how often it is to die, bytes of the disk to
 * use, a service that dies now and then as well, where to begin, our id. The disk is zero at first.
 */
#include <contract/kernel.h>
#include <contract/rs.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/block.h>
#include <lib/clock.h>
#include <lib/peer.h>
#include <lib/print.h>

enum { ID_BLKTEST = 29, SLOTS = 48, UNIT = 4096, UNITS_MAX = 16384 };
enum { UNITS_OF_SLOT = BLOCK_SIZE_MAX / UNIT, FLUSH_ONE_IN = 64, OTHER_ONE_IN = 8 };
enum { GAP_MIN_US = 1000, GAP_US = 30000 };
enum phase { STARTING, WORKING, ENDING, READING, DONE };

struct slot {
	bool busy;
	uint32_t op, unit, units;       /* units that it has to itself */
	uint64_t pos;
	uint32_t len;
};

static struct block_client disk;
static struct ring_memory ring __attribute__((aligned(PAGE_SIZE)));
static uint8_t buffer[SLOTS][BLOCK_SIZE_MAX] __attribute__((aligned(PAGE_SIZE)));
static struct slot slot[SLOTS];
static uint32_t version[UNITS_MAX], units, sector;
static uint64_t start;                          /* of unit 0 on the disk */
static bool taken[UNITS_MAX];
static struct peer rs = PEER("rs");
static enum phase phase;
static uint32_t kills, deaths, deaths_busy, deaths_other, most_open, next_unit, crc = ~0u;
static uint64_t reads, writes, flushes;
static uint32_t repairs, repair_us, repair_max_us;      /* time from a death to ready again */
static uint64_t seed = 88172645463325252ull;

static uint32_t random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % n;
}

__attribute__((noreturn)) static void fail(const char *what, uint64_t a, int64_t b)
{
	print("FAIL %s: %lu, %ld\n", what, (unsigned long)a, (long)b);
	die(1);
}

/* ---- content ---- */

/* Word i of a unit. Version 0 is what a new disk holds. */
static uint64_t word_of(uint32_t unit, uint32_t i)
{
	uint64_t x = ((uint64_t)unit << 32 | version[unit]) * 0x9e3779b97f4a7c15ull + i;

	return version[unit] == 0 ? 0 : (x ^ x >> 29) * 0xbf58476d1ce4e5b9ull;
}

static void fill(uint64_t *to, uint32_t unit)
{
	for (uint32_t i = 0; i < UNIT / 8; i++)
		to[i] = word_of(unit, i);
}

static void check(const uint8_t *bytes, uint64_t pos, uint32_t len)
{
	for (uint32_t done = 0; done < len; done += 8) {
		uint64_t at = pos + done, got;

		memcpy(&got, bytes + done, 8);
		if (got != word_of((uint32_t)(at / UNIT), (uint32_t)(at % UNIT / 8)))
			fail("wrong byte at", at, version[at / UNIT]);
	}
}

static void sum(const uint8_t *bytes, uint32_t len)
{
	static uint32_t table[256];

	for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	for (uint32_t i = 0; i < len; i++)
		crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
}

/* ---- requests ---- */

static void submit(unsigned n)
{
	struct block_io io = {
		.op = slot[n].op, .pos = start + slot[n].pos, .len = slot[n].len,
		.grant = block_grant(&disk, 0), .offset = (uint64_t)n * BLOCK_SIZE_MAX,
	};
	err_t err = block_submit(&disk, &ring, &io, n);

	if (err != 0)
		fail("submit", n, err);
	slot[n].busy = true;
}

static bool units_free(uint32_t first, uint32_t count)
{
	for (uint32_t u = first; u < first + count; u++)
		if (taken[u])
			return false;
	return true;
}

/* A write of whole units, or a read of any sectors in them. */
static void begin_random(unsigned n)
{
	struct slot *s = &slot[n];
	uint32_t count = 1 + random_below(UNITS_OF_SLOT), unit = random_below(units - count + 1);
	uint32_t skip = sector * random_below(UNIT / sector);

	if (random_below(FLUSH_ONE_IN) == 0) {
		*s = (struct slot){ .op = BLOCK_FLUSH };
		submit(n);
		return;
	}
	if (!units_free(unit, count))
		return;
	*s = (struct slot){ .op = BLOCK_READ, .unit = unit, .units = count };
	s->pos = (uint64_t)unit * UNIT + skip;
	s->len = count * UNIT - skip;
	if (random_below(2) == 0) {
		s->op = BLOCK_WRITE;
		s->pos -= skip;
		s->len += skip;
	}
	for (uint32_t u = 0; u < count; u++) {
		taken[unit + u] = true;
		if (s->op == BLOCK_WRITE) {
			version[unit + u]++;
			fill((uint64_t *)(buffer[n] + u * UNIT), unit + u);
		}
	}
	submit(n);
}

/* The next part of all there is, at the end; one after the other, for the sum. */
static void begin_next(void)
{
	uint32_t count = units - next_unit < UNITS_OF_SLOT ? units - next_unit
							    : (uint32_t)UNITS_OF_SLOT;

	slot[0] = (struct slot){
		.op = BLOCK_READ, .unit = next_unit, .units = count, .len = count * UNIT,
		.pos = (uint64_t)next_unit * UNIT,
	};
	next_unit += count;
	submit(0);
}

static void report(void)
{
	phase = DONE;
	print("done: %u deaths, %u with requests in flight, at most %u open; %u deaths of others\n",
	      deaths, deaths_busy, most_open, deaths_other);
	print("%lu reads, %lu writes, %lu flushes, %lu handed in again, %u drivers seen\n",
	      (unsigned long)reads, (unsigned long)writes, (unsigned long)flushes,
	      (unsigned long)disk.resubmitted, disk.drivers);
	print("ready again after %u us on average, %u us at most\n",
	      repairs != 0 ? repair_us / repairs : 0, repair_max_us);
	print("every sum right, crc %08x of %u KiB\n", ~crc, units * (UNIT / 1024));
}

static void go_on(void)
{
	if (phase == WORKING) {
		for (unsigned n = 0; n < SLOTS; n++)
			if (!slot[n].busy)
				begin_random(n);
	} else if (phase == ENDING && block_open_requests(&disk) == 0) {
		phase = READING;
		slot[0] = (struct slot){ .op = BLOCK_FLUSH };
		submit(0);
	} else if (phase == READING && block_open_requests(&disk) == 0) {
		if (next_unit < units)
			begin_next();
		else
			report();
	}
	if (block_open_requests(&disk) > most_open)
		most_open = block_open_requests(&disk);
	block_publish(&disk, &ring);
}

static void set_alarm(void)
{
	struct alarm_set_request req = {
		.deadline_ns = clock_monotonic_ns() + 1000ull * (GAP_MIN_US + random_below(GAP_US)),
	};

	if (sys_alarm_set(&req) != 0)
		fail("alarm", 0, 0);
}

static void take_info(const struct block_answer *a)
{
	uint64_t size = service_arg_number(2, 16 << 20);

	if (a->err == -ENODEV || a->err == -EIO)
		fail("no disk", 0, a->err);
	sector = a->info.sector;
	if (start > a->info.size || sector > UNIT)
		fail("cannot test this disk", start, sector);
	if (size > a->info.size - start)
		size = a->info.size - start;
	units = (uint32_t)(size / UNIT < UNITS_MAX ? size / UNIT : UNITS_MAX);
	print("%lu KiB of a disk of %lu KiB, sectors of %u\n", (unsigned long)units * UNIT / 1024,
	      (unsigned long)(a->info.size / 1024), a->info.sector);
	phase = WORKING;
	set_alarm();
}

static void take_answer(const struct block_answer *a)
{
	struct slot *s = &slot[a->cookie % SLOTS];

	if (a->op == BLOCK_INFO) {
		take_info(a);
		return;
	}
	if (a->err != 0 || !s->busy || a->op != s->op)
		fail("answer", a->cookie, a->err);
	s->busy = false;
	for (uint32_t u = 0; u < s->units; u++)
		taken[s->unit + u] = false;
	if (a->op == BLOCK_READ)
		check(buffer[a->cookie], s->pos, s->len);
	if (a->op == BLOCK_READ && phase == READING)
		sum(buffer[a->cookie], s->len);
	reads += a->op == BLOCK_READ;
	writes += a->op == BLOCK_WRITE;
	flushes += a->op == BLOCK_FLUSH;
}

static void on_notify(uint64_t services)
{
	struct block_answer a;

	block_client_notified(&disk, &ring, services);
	while (block_next(&disk, &ring, &a))
		take_answer(&a);
	go_on();
}

/* ---- killing ---- */

/* How long the latest repair took. */
static void ask_repair(void)
{
	struct rs_status_request req = { .name = "" };
	struct rs_status_reply reply;

	strlcpy(req.name, service_arg(0), sizeof(req.name));
	if (deaths == 0 || rs_status(&rs, &req, &reply) != 0 || reply.repaired_us == 0)
		return;
	repairs++;
	repair_us += reply.repaired_us;
	if (reply.repaired_us > repair_max_us)
		repair_max_us = reply.repaired_us;
}

static void on_alarm(void)
{
	struct rs_kill_request req = { .signal = 9 };
	bool other = service_arg(3) != NULL && random_below(OTHER_ONE_IN) == 0;
	uint32_t open = block_open_requests(&disk);

	ask_repair();
	if (deaths == kills) {
		phase = ENDING;
		go_on();
		return;
	}
	strlcpy(req.name, service_arg(other ? 3 : 0), sizeof(req.name));
	if (rs_kill(&rs, &req) == 0) {
		deaths += !other;
		deaths_other += other;
		deaths_busy += !other && open != 0;
		if (!other && deaths % 20 == 0)
			print("%u deaths, %lu reads, %lu writes\n", deaths, (unsigned long)reads,
			      (unsigned long)writes);
	}
	set_alarm();
}

static void init(enum start_kind kind)
{
	struct block_io info = { .op = BLOCK_INFO };
	const char *driver = service_arg(0);

	kills = (uint32_t)service_arg_number(1, 10);
	start = service_arg_number(4, 0);
	block_client_open(&disk, &ring, driver != NULL ? driver : "virtio_blk",
			  (unsigned)service_arg_number(5, ID_BLKTEST), 0);
	block_client_region(&disk, 0, buffer, sizeof(buffer), GRANT_READ | GRANT_WRITE);
	if (block_submit(&disk, &ring, &info, 0) != 0)
		fail("submit", 0, 0);
	block_publish(&disk, &ring);
}

int main(void)
{
	static const struct server blktest = {
		.name = "blktest", .init = init, .on_notify = on_notify, .on_alarm = on_alarm,
	};

	server_run(&blktest);
}
