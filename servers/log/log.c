/* SPDX-License-Identifier: BSD-2-Clause
 * log.c - keeps what services print.
 *
 * Job:      answers write on descriptors 1 and 2 of services; numbers the lines and keeps the last
 *           LINES of them; tells the console's driver that there are new ones.
 * Speaks:   contracts/log; the Linux call write of the service personality.
 * Touches:  nothing but its state.
 * Trusts:   rs to tell names. Nothing else in a request.
 * On crash: recovers in place; no line is lost or kept twice.
 *
 * It waits for nobody, so everybody may print at any time.
 */
#include "state.h"

#include <lib/clock.h>
#include <lib/linux.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum {
	TAKE = 1024,                    /* bytes of one write; the rest is the writer's to repeat */
	TAKE_LINES = 64,                /* lines of one write: bounds what the undo log must hold */
	STDOUT = 1, STDERR = 2,
};

static bool fresh_lines;                /* the console's driver is to be told */
static char buffer[4096];               /* of no interest between two requests */

/* ---- lines ---- */

static size_t prefixed(char *to, size_t size, const struct line *l)
{
	size_t n;

	if (state.name[l->slot][0] != '\0')
		n = format(to, size, "%s: %.*s\n", state.name[l->slot], l->len, l->text);
	else
		n = format(to, size, "#%u: %.*s\n", l->slot, l->len, l->text);
	return n < size ? n : size - 1;
}

/* The slot's partial line is complete. */
static void end_line(unsigned slot)
{
	struct partial *p = &state.partial[slot];
	struct line *l = &state.line[state.next % LINES];

	if (state.next - state.first == LINES)
		state.first++;                          /* L1, L3 */
	l->time_ns = clock_monotonic_ns();
	l->slot = (uint8_t)slot;
	l->len = p->len;
	memcpy(l->text, p->text, p->len);
	state.next++;
	p->len = 0;
	fresh_lines = true;
}

/* Add text of a slot; returns the bytes taken: all, or up to the end of line TAKE_LINES. */
static size_t add(unsigned slot, const char *text, size_t n)
{
	struct partial *p = &state.partial[slot];
	size_t done = 0;

	for (unsigned lines = 0; done < n && lines < TAKE_LINES;) {
		size_t room = sizeof(p->text) - p->len;
		size_t part = n - done < room ? n - done : room;
		const char *end = memchr(text + done, '\n', part);

		if (end != NULL)
			part = (size_t)(end - (text + done));
		memcpy(p->text + p->len, text + done, part);
		p->len = (uint8_t)(p->len + part);
		done += part;
		if (end != NULL)
			done++;
		if (end != NULL || p->len == sizeof(p->text)) {
			end_line(slot);
			lines++;
		}
	}
	return done;
}

static unsigned slot_of(endpoint_t client)
{
	unsigned slot = endpoint_slot(client);

	return slot < FIRST_PROGRAM ? slot : PRIV_PROGRAM;
}

/* ---- write(fd, address, len) of services ---- */

static int64_t linux_write(const struct delivery *d)
{
	struct call c = call_of(d);
	size_t n = d->m.w[2] < TAKE ? d->m.w[2] : TAKE;
	err_t err;

	if (d->m.w[0] != STDOUT && d->m.w[0] != STDERR)
		return -EBADF;
	err = call_read(&c, d->m.w[1], buffer, n);
	if (err != 0)
		return err;
	return (int64_t)add(slot_of(c.client), buffer, n);
}

/* ---- syslog(type, address, len) of programs: dmesg ---- */

enum { SYSLOG_CLOSE, SYSLOG_OPEN, SYSLOG_READ, SYSLOG_READ_ALL, SYSLOG_READ_CLEAR, SYSLOG_CLEAR,
       SYSLOG_CONSOLE_OFF, SYSLOG_CONSOLE_ON, SYSLOG_CONSOLE_LEVEL, SYSLOG_SIZE_UNREAD,
       SYSLOG_SIZE_BUFFER, LINUX_SYSLOG = 103, STAMP = 24 };

/* A line as Linux's kernel log has it: level, time, text. */
static size_t stamped(char *to, size_t size, const struct line *l)
{
	size_t n = format(to, size, "<6>[%5lu.%06lu] ", (unsigned long)(l->time_ns / 1000000000),
			  (unsigned long)(l->time_ns / 1000 % 1000000));

	return n + prefixed(to + n, size - n, l);
}

/* The latest lines that fit into len bytes. */
static int64_t syslog_read(const struct delivery *d)
{
	char text[STAMP + NAME + LOG_LINE + 8];
	struct call c = call_of(d);
	uint64_t from = state.first > state.cleared ? state.first : state.cleared;
	uint64_t n = state.next, left = d->m.w[2], at = d->m.w[1];

	while (n > from) {
		size_t len = stamped(text, sizeof(text), &state.line[(n - 1) % LINES]);

		if (len > left)
			break;
		left -= len;
		n--;
	}
	for (; n < state.next; n++) {
		size_t len = stamped(text, sizeof(text), &state.line[n % LINES]);
		err_t err = call_write(&c, at, text, len);

		if (err != 0)
			return err;
		at += len;
	}
	return (int64_t)(at - d->m.w[1]);
}

static int64_t linux_syslog(const struct delivery *d)
{
	int64_t result;

	switch (d->m.w[0]) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_READ_ALL:
		return syslog_read(d);
	case SYSLOG_READ_CLEAR:
		result = syslog_read(d);
		if (result >= 0)
			state.cleared = state.next;
		return result;
	case SYSLOG_CLEAR:
		state.cleared = state.next;
		return 0;
	case SYSLOG_SIZE_BUFFER:
		return LINES * (STAMP + NAME + LOG_LINE);
	default:
		return d->m.w[0] <= SYSLOG_SIZE_UNREAD ? -EPERM : -EINVAL;
	}
}

/* Whoever shows the log fetches new lines himself; a notification never waits. */
static void tell(void)
{
	if (fresh_lines && state.watcher.v != 0)
		ipc_notify(state.watcher);
	fresh_lines = false;
}

static int64_t linux_call(const struct delivery *d)
{
	int64_t result = -ENOSYS;

	if (d->m.type == LINUX_WRITE)
		result = linux_write(d);
	else if (d->m.type == LINUX_SYSLOG)
		result = linux_syslog(d);
	tell();
	return result;
}

/* ---- contracts/log ---- */

static err_t do_log_read(const struct call *c, const struct log_read_request *req,
			 struct log_read_reply *reply)
{
	bool console = req->seq == UINT64_MAX && endpoint_slot(c->client) == ID_UART;
	uint64_t seq = console ? state.shown : req->seq;
	uint64_t n = seq < state.first ? state.first : seq;
	size_t size = c->lent < sizeof(buffer) ? c->lent : sizeof(buffer);
	size_t used = 0;
	char text[NAME + LOG_LINE + 8];

	reply->first = n;
	for (; n < state.next; n++) {
		size_t len = prefixed(text, sizeof(text), &state.line[n % LINES]);

		if (used + len > size)
			break;
		memcpy(buffer + used, text, len);
		used += len;
	}
	reply->next = n;
	reply->done = (uint32_t)used;
	if (console) {
		state.watcher = c->client;
		state.shown = n;
	}
	return call_write(c, 0, buffer, used);
}

static err_t do_log_write(const struct call *c, struct log_write_reply *reply)
{
	size_t n = c->lent < TAKE ? c->lent : TAKE;
	err_t err = call_read(c, 0, buffer, n);

	if (err != 0)
		return err;
	reply->done = (uint32_t)add(slot_of(c->client), buffer, n);
	tell();
	return 0;
}

static err_t do_log_text(const struct call *c, const struct log_text_request *req)
{
	if (endpoint_slot(c->client) != ID_RS)
		return -EPERM;
	add(ID_RS, (const char *)req->text, req->len);  /* fewer bytes than TAKE_LINES: takes all */
	tell();
	return 0;
}

static err_t do_log_status(const struct call *c, struct log_status_reply *reply)
{
	*reply = (struct log_status_reply){ .first = state.first, .next = state.next };
	return 0;
}

static err_t do_log_name(const struct call *c, const struct log_name_request *req)
{
	if (endpoint_slot(c->client) != ID_RS)
		return -EPERM;
	memcpy(state.name[req->slot], req->name, NAME);
	return 0;
}

/* ---- start ---- */

static void init(enum start_kind kind)
{
	if (kind != START_FRESH)
		return;
	strlcpy(state.name[ID_RS], "rs", NAME);
	strlcpy(state.name[ID_LOG], "log", NAME);
	strlcpy(state.name[PRIV_PROGRAM], "program", NAME);
}

static err_t check(void)
{
	if (state.next - state.first > LINES || state.shown > state.next)      /* L1, L3 */
		return -EINVAL;
	for (unsigned i = 0; i < SLOTS; i++)
		if (state.partial[i].len > LOG_LINE || state.name[i][NAME - 1] != '\0')
			return -EINVAL;
	for (uint64_t n = state.first; n < state.next; n++)
		if (state.line[n % LINES].len > LOG_LINE || state.line[n % LINES].slot >= SLOTS)
			return -EINVAL;
	return 0;
}

static const struct log_ops ops = {
	.read = do_log_read, .write = do_log_write, .status = do_log_status, .name = do_log_name,
	.text = do_log_text,
};

static size_t summary(char *to, size_t size)
{
	return format(to, size, "lines %lu to %lu, the console has seen those below %lu\n",
		      (unsigned long)state.first, (unsigned long)state.next,
		      (unsigned long)state.shown);
}

static const struct server server = {
	.name = "log", .serves = { { .contract = &log_contract, .ops = &ops } },
	.init = init, .check = check, .linux_call = linux_call, .summary = summary,
};

int main(void)
{
	server_run(&server);
}
