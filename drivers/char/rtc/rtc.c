/* SPDX-License-Identifier: BSD-2-Clause
 * rtc.c - the battery-backed clock of every PC (MC146818 and clones).
 *
 * Job:      sets the system's wall clock at start; answers clock.get, to the second.
 * Speaks:   contracts/clock.
 * Touches:  I/O ports 0x70-0x71; the kernel's clock page, by clock_set. No interrupt, no DMA.
 * Trusts:   nothing in a request; the chip only to answer.
 * On crash: holds no state. clock.get is idempotent; the clock is set again, to the same time.
 * Spec:     MC146818A data sheet, "Time, calendar and alarm locations"; ACPI 5.2.9 (century).
 */
#include <contract/clock.h>
#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/print.h>
#include <lib/server.h>

enum { PORT_INDEX = 0x70, PORT_DATA = 0x71, TRIES = 1000 };
enum { REG_SECONDS = 0, REG_MINUTES = 2, REG_HOURS = 4, REG_DAY = 7, REG_MONTH = 8, REG_YEAR = 9,
       REG_A = 10, REG_B = 11, REG_CENTURY = 0x32 };
enum { A_UPDATING = 0x80, B_24_HOURS = 2, B_BINARY = 4, HOUR_PM = 0x80 };

struct date { uint32_t second, minute, hour, day, month, year, century; };

static uint32_t reg(unsigned index)
{
	struct port_op op[2] = {
		{ .port = PORT_INDEX, .width = 1, .write = 1, .value = index },
		{ .port = PORT_DATA, .width = 1 },
	};
	struct port_io_request req = { .address = (uint64_t)op, .count = 2 };
	struct port_io_reply reply;

	assert(sys_port_io(&req, &reply) == 0);
	return op[1].value;
}

static struct date read_once(void)
{
	return (struct date){
		.second = reg(REG_SECONDS), .minute = reg(REG_MINUTES), .hour = reg(REG_HOURS),
		.day = reg(REG_DAY), .month = reg(REG_MONTH), .year = reg(REG_YEAR),
		.century = reg(REG_CENTURY),
	};
}

/* Twice the same, and not while the chip updates it. */
static err_t read_stable(struct date *d)
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct date again;

		if (reg(REG_A) & A_UPDATING)
			continue;
		*d = read_once();
		again = read_once();
		if (memcmp(d, &again, sizeof(again)) == 0)
			return 0;
	}
	return -EIO;
}

static uint32_t from_bcd(uint32_t v)
{
	return (v >> 4) * 10 + (v & 15);
}

static err_t decode(struct date *d)
{
	uint32_t b = reg(REG_B);
	bool pm = !(b & B_24_HOURS) && d->hour & HOUR_PM;

	d->hour &= ~(uint32_t)HOUR_PM;
	if (!(b & B_BINARY)) {
		d->second = from_bcd(d->second);
		d->minute = from_bcd(d->minute);
		d->hour = from_bcd(d->hour);
		d->day = from_bcd(d->day);
		d->month = from_bcd(d->month);
		d->year = from_bcd(d->year);
		d->century = from_bcd(d->century);
	}
	if (!(b & B_24_HOURS))
		d->hour = d->hour % 12 + (pm ? 12 : 0);
	d->year += (d->century >= 19 && d->century <= 21 ? d->century : 20) * 100;
	return d->second < 60 && d->minute < 60 && d->hour < 24 && d->day >= 1 && d->day <= 31 &&
	       d->month >= 1 && d->month <= 12 && d->year >= 1970 ? 0 : -EIO;
}

/* Days since 1970-01-01 in the Gregorian calendar; the year begins in March, so that
 * leap days are last. */
static uint64_t days_of(const struct date *d)
{
	uint64_t y = d->year - (d->month <= 2), m = (d->month + 9) % 12;
	uint64_t day_of_year = (153 * m + 2) / 5 + d->day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static err_t read_clock(uint64_t *seconds)
{
	struct date d;
	err_t err = read_stable(&d);

	if (err == 0)
		err = decode(&d);
	if (err == 0)
		*seconds = days_of(&d) * 86400 + d.hour * 3600 + d.minute * 60 + d.second;
	return err;
}

static err_t do_clock_get(const struct call *c, struct clock_get_reply *reply)
{
	return read_clock(&reply->seconds);
}

static void init(enum start_kind kind)
{
	struct clock_set_request req;
	uint64_t seconds;

	if (read_clock(&seconds) != 0) {
		print("the clock does not settle: the time is not set\n");
		return;
	}
	req.realtime_ns = seconds * 1000000000ull - clock_monotonic_ns();
	assert(sys_clock_set(&req) == 0);
}

int main(void)
{
	static const struct clock_ops ops = { .get = do_clock_get };
	static const struct server rtc = {
		.name = "rtc", .serves = { { .contract = &clock_contract, .ops = &ops } },
		.init = init,
	};

	server_run(&rtc);
}
