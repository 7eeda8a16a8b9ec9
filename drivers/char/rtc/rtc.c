/* SPDX-License-Identifier: BSD-2-Clause
 * rtc.c - the battery-backed clock of every PC (MC146818 and clones).
 *
 * Job:      sets the system's wall clock at boot, to the second; is /dev/rtc, whose ioctls read
 *           the chip and set it.
 * Speaks:   contracts/chardev.
 * Touches:  I/O ports 0x70-0x71; the kernel's clock page, by clock_set. No interrupt, no DMA.
 * Trusts:   nothing in a request; the chip only to answer. Who may open /dev/rtc may set the chip.
 * On crash: holds no state, but recovers in place: who waits for an answer gets it from the next
 *           life. A clock that has been set stays as it is.
 * Spec:     MC146818A data sheet, "Time, calendar and alarm locations", "Register B"; ACPI 5.2.9
 *           (century); rtc(4).
 */
#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/chardev.h>
#include <lib/clock.h>
#include <lib/print.h>
#include <lib/server.h>

enum { PORT_INDEX = 0x70, PORT_DATA = 0x71, TRIES = 1000 };
enum { REG_SECONDS = 0, REG_MINUTES = 2, REG_HOURS = 4, REG_WEEKDAY = 6, REG_DAY = 7,
       REG_MONTH = 8, REG_YEAR = 9, REG_A = 10, REG_B = 11, REG_CENTURY = 0x32 };
enum { A_UPDATING = 0x80, B_24_HOURS = 2, B_BINARY = 4, B_SET = 0x80, HOUR_PM = 0x80 };
enum { RTC_RD_TIME = 0x80247009, RTC_SET_TIME = 0x4024700a };
#define SECOND 1000000000ull

/* What the ioctls carry: struct rtc_time of linux/rtc.h. */
struct rtc_time { int32_t sec, min, hour, mday, mon, year, wday, yday, isdst; };

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
		struct date one, again;

		if (reg(REG_A) & A_UPDATING)
			continue;
		one = read_once();
		again = read_once();
		*d = one;
		if (memcmp(&one, &again, sizeof(again)) == 0)
			return 0;
	}
	return -EIO;
}

static uint32_t from_bcd(uint32_t v)
{
	return (v >> 4) * 10 + (v & 15);
}

static bool is_date(const struct date *d)
{
	return d->second < 60 && d->minute < 60 && d->hour < 24 && d->day >= 1 && d->day <= 31 &&
	       d->month >= 1 && d->month <= 12 && d->year >= 1970 && d->year < 2100;
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
	return is_date(d) ? 0 : -EIO;
}

/* Days since 1970-01-01 in the Gregorian calendar; the year begins in March, so that
 * leap days are last. */
static uint64_t days_of(const struct date *d)
{
	uint64_t y = d->year - (d->month <= 2), m = (d->month + 9) % 12;
	uint64_t day_of_year = (153 * m + 2) / 5 + d->day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

/* 0: Sunday. 1970 began with a Thursday. */
static uint32_t weekday_of(const struct date *d)
{
	return (uint32_t)((days_of(d) + 4) % 7);
}

static err_t read_date(struct date *d)
{
	err_t err = read_stable(d);

	return err != 0 ? err : decode(d);
}

static err_t read_clock(uint64_t *seconds)
{
	struct date d;
	err_t err = read_date(&d);

	if (err == 0)
		*seconds = days_of(&d) * 86400 + d.hour * 3600 + d.minute * 60 + d.second;
	return err;
}

/* ---- setting the chip ---- */

static uint32_t to_form(uint32_t v, uint32_t b)
{
	return b & B_BINARY ? v : v / 10 << 4 | v % 10;
}

static uint32_t hour_to_form(uint32_t hour, uint32_t b)
{
	if (b & B_24_HOURS)
		return to_form(hour, b);
	return to_form((hour + 11) % 12 + 1, b) | (hour >= 12 ? HOUR_PM : 0);
}

/* The chip does not count while it is being set. One kernel call, done as a whole or not at all: a
 * chip that was left in the middle would stand still. */
static void write_clock(const struct date *d)
{
	uint32_t b = reg(REG_B);
	const struct {
		uint32_t index, value;
	} set[] = {
		{ REG_B, b | B_SET },
		{ REG_SECONDS, to_form(d->second, b) },
		{ REG_MINUTES, to_form(d->minute, b) },
		{ REG_HOURS, hour_to_form(d->hour, b) },
		{ REG_WEEKDAY, to_form(weekday_of(d) + 1, b) },
		{ REG_DAY, to_form(d->day, b) },
		{ REG_MONTH, to_form(d->month, b) },
		{ REG_YEAR, to_form(d->year % 100, b) },
		{ REG_CENTURY, to_form(d->year / 100, b) },
		{ REG_B, b & ~(uint32_t)B_SET },
	};
	struct port_op op[2 * COUNT(set)];
	struct port_io_request req = { .address = (uint64_t)op, .count = 2 * COUNT(set) };
	struct port_io_reply reply;

	for (unsigned i = 0; i < COUNT(set); i++) {
		op[2 * i] = (struct port_op){
			.port = PORT_INDEX, .width = 1, .write = 1, .value = set[i].index,
		};
		op[2 * i + 1] = (struct port_op){
			.port = PORT_DATA, .width = 1, .write = 1, .value = set[i].value,
		};
	}
	assert(sys_port_io(&req, &reply) == 0);
}

/* ---- contracts ---- */

static err_t get_time(struct rtc_time *t)
{
	struct date d, first;
	err_t err = read_date(&d);

	if (err != 0)
		return err;
	first = (struct date){ .year = d.year, .month = 1, .day = 1 };
	*t = (struct rtc_time){
		.sec = (int32_t)d.second, .min = (int32_t)d.minute, .hour = (int32_t)d.hour,
		.mday = (int32_t)d.day, .mon = (int32_t)d.month - 1, .year = (int32_t)d.year - 1900,
		.wday = (int32_t)weekday_of(&d), .yday = (int32_t)(days_of(&d) - days_of(&first)),
	};
	return 0;
}

static err_t set_time(const struct rtc_time *t)
{
	struct date d = {
		.second = (uint32_t)t->sec, .minute = (uint32_t)t->min, .hour = (uint32_t)t->hour,
		.day = (uint32_t)t->mday, .month = (uint32_t)t->mon + 1,
		.year = (uint32_t)t->year + 1900,
	};

	if (!is_date(&d))
		return -EINVAL;
	write_clock(&d);
	return 0;
}

static err_t do_chardev_open(const struct call *c, const struct chardev_open_request *req,
			     struct chardev_open_reply *reply)
{
	reply->device = req->device;
	return 0;
}

static err_t do_chardev_close(const struct call *c, const struct chardev_close_request *req)
{
	return 0;
}

/* It would tell of the chip's interrupts, which nobody has switched on. */
static err_t do_chardev_read(const struct call *c, const struct chardev_read_request *req,
			     struct chardev_read_reply *reply)
{
	return -EIO;
}

static err_t do_chardev_write(const struct call *c, const struct chardev_write_request *req,
			      struct chardev_write_reply *reply)
{
	return -EIO;
}

static err_t do_chardev_ioctl(const struct call *c, const struct chardev_ioctl_request *req,
			      struct chardev_ioctl_reply *reply)
{
	struct chardev_entry *e = chardev_entry(c);

	if (e->arg_len != sizeof(struct rtc_time))
		return -ENOTTY;
	switch (req->request) {
	case RTC_RD_TIME:
		return get_time((struct rtc_time *)e->arg);
	case RTC_SET_TIME:
		return set_time((const struct rtc_time *)e->arg);
	default:
		return -ENOTTY;
	}
}

/* A chip that does not settle, or shows no date, is looked at twice. */
static bool chip_fails(uint32_t type, err_t err)
{
	return type == CHARDEV_IOCTL && err == -EIO;
}

/* ---- start ---- */

/* The kernel's clock begins in 1970. Once it is set it is the programs' affair. */
static void set_wall_clock(void)
{
	uint64_t now = clock_monotonic_ns(), seconds;
	struct clock_set_request req;

	if (clock_realtime_ns() - now > SECOND)
		return;
	if (read_clock(&seconds) != 0) {
		print("the clock does not settle: the time is not set\n");
		return;
	}
	req.realtime_ns = seconds * SECOND - now;
	assert(sys_clock_set(&req) == 0);
}

static void init(enum start_kind kind)
{
	set_wall_clock();
}

int main(void)
{
	static const struct chardev_ops device = {
		.open = do_chardev_open, .close = do_chardev_close, .read = do_chardev_read,
		.write = do_chardev_write, .ioctl = do_chardev_ioctl,
	};
	static const struct server rtc = {
		.name = "rtc", .init = init, .on_notify = chardev_server_notified,
	};

	chardev_server_init(&device, chip_fails);
	server_run(&rtc);
}
