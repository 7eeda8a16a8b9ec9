/* SPDX-License-Identifier: BSD-2-Clause
 * log.c - keeps what services print.
 *
 * Job:      answers write on descriptors 1 and 2 of services; numbers the lines and keeps the last
 *           LINES of them; tells the consoles' drivers, and pm, that there are new ones.
 * Speaks:   contracts/log; the Linux call write of the service personality.
 * Touches:  nothing but its state.
 * Trusts:   rs to tell names. Nothing else in a request.
 * On crash: recovers in place; no line is lost or kept twice.
 *
 * It waits for nobody, so everybody may print at any time.
 */
#include "state.h"

#include <lib/clock.h>
#include <lib/complain.h>
#include <lib/linux.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum {
	TAKE = 1024,                    /* bytes of one write; the rest is the writer's to repeat */
	TAKE_LINES = 64,                /* lines of one write: bounds what the undo log must hold */
	STDOUT = 1, STDERR = 2,
};

static bool fresh_lines;                /* the consoles' drivers are to be told */
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

/* "<N>" in front of a text is its level. */
static unsigned level_of(const struct partial *p)
{
	if (p->len >= 3 && p->text[0] == '<' && p->text[1] >= '0' &&
	    p->text[1] < '0' + LEVELS && p->text[2] == '>')
		return (unsigned)(p->text[1] - '0');
	return LEVELS;
}

/* The slot's partial line is complete. */
static void end_line(unsigned slot)
{
	struct partial *p = &state.partial[slot];
	struct line *l = &state.line[state.next % LINES];
	unsigned level = level_of(p), skip = level < LEVELS ? 3 : 0;

	if (state.next - state.first == LINES)
		state.first++;                          /* L1, L3 */
	l->time_ns = clock_monotonic_ns();
	l->slot = (uint8_t)slot;
	l->level = (uint8_t)(level < LEVELS ? level : LOG_LEVEL);
	l->len = (uint8_t)(p->len - skip);
	memcpy(l->text, p->text + skip, l->len);
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

/* A line as Linux's kernel log has it: level, time, text. */
static size_t stamped(char *to, size_t size, const struct line *l)
{
	size_t n = format(to, size, "<%u>[%5lu.%06lu] ", l->level,
			  (unsigned long)(l->time_ns / 1000000000),
			  (unsigned long)(l->time_ns / 1000 % 1000000));

	return n + prefixed(to + n, size - n, l);
}

/* Whoever shows the log fetches new lines himself; a notification never waits. */
static void tell(void)
{
	for (unsigned i = 0; i < VIEWERS && fresh_lines; i++)
		if (state.viewer[i].who.v != 0)
			ipc_notify(state.viewer[i].who);
	if (state.wanted != 0 && state.next > state.wanted - 1) {
		state.wanted = 0;
		ipc_notify(state.reader);
	}
	fresh_lines = false;
}

static int64_t linux_call(const struct delivery *d)
{
	int64_t result = d->m.type == LINUX_WRITE ? linux_write(d) : -ENOSYS;

	tell();
	return result;
}

/* ---- contracts/log ---- */

typedef size_t line_maker(char *to, size_t size, const struct line *l);

/* Whole lines from *n on, into the buffer; below: leave out what is not below this level. */
static size_t collect(uint64_t *n, size_t size, line_maker *make, unsigned below)
{
	char text[LOG_RECORD];
	size_t used = 0;

	for (; *n < state.next; (*n)++) {
		const struct line *l = &state.line[*n % LINES];
		size_t len = l->level < below ? make(text, sizeof(text), l) : 0;

		if (used + len > size)
			break;
		memcpy(buffer + used, text, len);
		used += len;
	}
	return used;
}

static uint64_t from_oldest(uint64_t seq)
{
	return seq < state.first ? state.first : seq;
}

/* The driver of a console that asks as such; NULL: it is none. */
static struct viewer *viewer_of(const struct call *c, uint64_t seq)
{
	static const uint8_t id[VIEWERS] = { ID_UART, ID_SCREEN };

	for (unsigned i = 0; i < VIEWERS; i++)
		if (seq == UINT64_MAX && endpoint_slot(c->client) == id[i])
			return &state.viewer[i];
	return NULL;
}

static err_t do_log_read(const struct call *c, const struct log_read_request *req,
			 struct log_read_reply *reply)
{
	struct viewer *viewer = viewer_of(c, req->seq);
	uint64_t n = from_oldest(viewer ? viewer->shown : req->seq);
	size_t size = c->lent < sizeof(buffer) ? c->lent : sizeof(buffer);

	reply->first = n;
	reply->done = (uint32_t)collect(&n, size, prefixed, viewer && state.console != 0 ?
					state.console : LEVELS);
	reply->next = n;
	if (viewer) {
		viewer->who = c->client;
		viewer->shown = n;
	}
	return call_write(c, 0, buffer, reply->done);
}

static err_t do_log_records(const struct call *c, const struct log_records_request *req,
			    struct log_records_reply *reply)
{
	uint64_t n = from_oldest(req->seq);

	reply->first = n;
	reply->done = (uint32_t)collect(&n, c->lent < sizeof(buffer) ? c->lent : sizeof(buffer),
					stamped, LEVELS);
	reply->next = n;
	return call_write(c, 0, buffer, reply->done);
}

static err_t do_log_fit(const struct call *c, const struct log_fit_request *req,
			struct log_fit_reply *reply)
{
	uint64_t from = from_oldest(req->from);

	reply->seq = state.next;
	while (reply->seq > from) {
		char text[LOG_RECORD];
		size_t len = stamped(text, sizeof(text), &state.line[(reply->seq - 1) % LINES]);

		if (len > req->len - reply->bytes)
			break;
		reply->bytes += len;
		reply->seq--;
	}
	return 0;
}

static err_t do_log_watch(const struct call *c, const struct log_watch_request *req)
{
	if (endpoint_slot(c->client) != ID_PM)
		return -EPERM;
	state.reader = c->client;
	state.wanted = req->seq + 1;
	tell();
	return 0;
}

static err_t do_log_console(const struct call *c, const struct log_console_request *req)
{
	if (endpoint_slot(c->client) != ID_PM)
		return -EPERM;
	state.console = req->level;
	return 0;
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
	if (state.partial[req->slot].len != 0)          /* the end of a life */
		end_line(req->slot);
	tell();
	return 0;
}

/* ---- start ---- */

static void init(enum start_kind kind)
{
	if (kind != START_FRESH)
		return;
	/* Whoever has read lines of an earlier life goes on with ours: numbers never go back. */
	state.first = state.next = clock_monotonic_ns() / 1000;
	state.console = LOG_LEVEL + 1;          /* as on Linux, debugging is not shown */
	strlcpy(state.name[ID_RS], "rs", NAME);
	strlcpy(state.name[ID_LOG], "log", NAME);
	strlcpy(state.name[PRIV_PROGRAM], "program", NAME);
}

static unsigned repaired;               /* by check() */

/* A line that cannot be is empty: its number stays. */
static unsigned check_lines(void)
{
	unsigned wrong = 0;

	if (state.next - state.first > LINES) {                                 /* L1 */
		state.first = state.next > LINES ? state.next - LINES : 0;
		wrong++;
	}
	for (uint64_t n = state.first; n < state.next; n++) {
		struct line *l = &state.line[n % LINES];

		if (l->len <= LOG_LINE && l->slot < SLOTS && l->level < LEVELS)
			continue;
		*l = (struct line){ .time_ns = l->time_ns, .level = LOG_LEVEL };
		wrong++;
	}
	return wrong;
}

static unsigned check_slot(unsigned i)
{
	unsigned wrong = 0;

	if (state.partial[i].len > LOG_LINE) {
		state.partial[i].len = 0;
		wrong++;
	}
	if (state.name[i][NAME - 1] != '\0') {
		state.name[i][NAME - 1] = '\0';
		wrong++;
	}
	return wrong;
}

static err_t check(void)
{
	unsigned wrong = check_lines();

	for (unsigned i = 0; i < VIEWERS; i++)
		if (state.viewer[i].shown > state.next) {                       /* L3 */
			state.viewer[i].shown = state.next;
			wrong++;
		}
	for (unsigned i = 0; i < SLOTS; i++)
		wrong += check_slot(i);
	if (state.console > LEVELS) {
		state.console = LOG_LEVEL + 1;
		wrong++;
	}
	repaired = wrong;
	return 0;
}

static void recovered(void)
{
	static const char name[] = "<4>recovery: %u words of the log were wrong\n";
	char text[sizeof(name) + 10];

	if (repaired == 0)
		return;
	add(ID_LOG, text, format(text, sizeof(text), name, repaired));
	tell();
}

static const struct log_ops ops = {
	.read = do_log_read, .write = do_log_write, .status = do_log_status, .name = do_log_name,
	.text = do_log_text, .records = do_log_records, .fit = do_log_fit, .watch = do_log_watch,
	.console = do_log_console,
};

static size_t summary(char *to, size_t size)
{
	return format(to, size, "lines %lu to %lu, the serial line has shown those below %lu\n",
		      (unsigned long)state.first, (unsigned long)state.next,
		      (unsigned long)state.viewer[0].shown);
}

static const struct server server = {
	.name = "log", .serves = { { .contract = &log_contract, .ops = &ops } },
	.init = init, .check = check, .recovered = recovered, .linux_call = linux_call,
	.summary = summary, .offended = complain_of_request_from_below,
};

int main(void)
{
	server_run(&server);
}
