/* SPDX-License-Identifier: BSD-2-Clause
 * syslog.c - syslog(2): the log, for dmesg and for who writes it to a file.
 *
 * Job:      gives programs the lines that log keeps; remembers what was read and what was cleared.
 * Speaks:   Linux's syslog; contracts/log as a client.
 * Touches:  the caller's buffer; state.log_*.
 * Trusts:   log for its lines.
 * On crash: a line that was being given is given again.
 * Spec:     syslog(2).
 *
 * Not log itself: log has the lowest rank, so it cannot have a page of a program brought in.
 */
#include "pm.h"

#include <contract/log.h>

enum { CLOSE, OPEN, READ, READ_ALL, READ_CLEAR, CLEAR, CONSOLE_OFF, CONSOLE_ON, CONSOLE_LEVEL,
       SIZE_UNREAD, SIZE_BUFFER, NR_ACTIONS };
enum { BUFFER = 128 * 1024, CHUNK = 4096, DEFAULT_LEVEL = 7, MIN_LEVEL = 1, MAX_LEVEL = 8 };

static struct peer log = PEER("log");

/* Bytes of whole lines that fit; *lines counts them. */
static size_t whole_lines(const char *text, size_t n, size_t room, uint64_t *lines)
{
	size_t used = 0;

	*lines = 0;
	while (used < n) {
		const char *end = memchr(text + used, '\n', n - used);
		size_t next = end != NULL ? (size_t)(end - text) + 1 : n;

		if (next > room)
			break;
		used = next;
		(*lines)++;
	}
	return used;
}

/* Lines from *seq on, to the program: bytes, or an error. A first line that is longer than all the
 * room is cut. */
static int64_t give(struct thread *t, uint64_t *seq, uint64_t at, uint64_t len)
{
	static char text[CHUNK];
	uint64_t done = 0, lines;

	for (;;) {
		struct log_records_request req = { .seq = *seq };
		struct log_records_reply r;
		size_t n;

		if (log_records(&log, &req, text, sizeof(text), &r) != 0)
			return -EIO;
		*seq = r.first;
		n = whole_lines(text, r.done, len - done, &lines);
		if (n == 0 && done == 0 && r.done > 0) {
			n = len;
			lines = 1;
		}
		if (n == 0)
			return (int64_t)done;
		if (user_write(t, at + done, text, n) != 0)
			return -EFAULT;
		done += n;
		*seq += lines;
		if (n < r.done)
			return (int64_t)done;
	}
}

static int64_t read_next(struct thread *t, uint64_t at, uint64_t len)
{
	uint64_t seq = state.log_unread;
	int64_t n = give(t, &seq, at, len);

	if (n > 0)
		state.log_unread = seq;
	return n;
}

static int64_t read_or_wait(struct thread *t, const struct delivery *d)
{
	struct log_watch_request req;
	int64_t n = read_next(t, d->m.w[1], d->m.w[2]);

	if (n != 0)
		return n;
	req.seq = state.log_unread;
	if (log_watch(&log, &req) != 0)
		return -EIO;
	t->wait = WAIT_LOG;
	t->serial = d->serial;
	t->wait_arg[0] = d->m.w[1];
	t->wait_arg[1] = d->m.w[2];
	return NO_REPLY;
}

void log_more(void)
{
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];
		int64_t n;

		if (!t->alive || t->wait != WAIT_LOG)
			continue;
		n = read_next(t, t->wait_arg[0], t->wait_arg[1]);
		if (n == 0) {
			struct log_watch_request req = { .seq = state.log_unread };

			if (log_watch(&log, &req) == 0)
				continue;
			n = -EIO;
		}
		t->wait = WAIT_NOT;
		call_reply_linux(endpoint_of(t), t->serial, finish(t, n));
	}
}

static int64_t read_latest(struct thread *t, uint64_t at, uint64_t len)
{
	struct log_fit_request req = { .from = state.log_cleared, .len = len };
	struct log_fit_reply r;
	uint64_t seq;

	if (log_fit(&log, &req, &r) != 0)
		return -EIO;
	seq = r.seq;
	return r.bytes == 0 ? 0 : give(t, &seq, at, r.bytes);
}

static int64_t size_unread(void)
{
	struct log_fit_request req = { .from = state.log_unread, .len = BUFFER };
	struct log_fit_reply r;

	return log_fit(&log, &req, &r) == 0 ? (int64_t)r.bytes : -EIO;
}

static int64_t clear(void)
{
	struct log_status_reply r;

	if (log_status(&log, &r) != 0)
		return -EIO;
	state.log_cleared = r.next;
	return 0;
}

static int64_t set_level(uint32_t level)
{
	struct log_console_request req = { .level = level };

	if (log_console(&log, &req) != 0)
		return -EIO;
	state.log_level = level;
	return 0;
}

static int64_t console_off(void)
{
	if (state.log_saved == 0)
		state.log_saved = state.log_level != 0 ? state.log_level : DEFAULT_LEVEL;
	return set_level(MIN_LEVEL);
}

static int64_t console_on(void)
{
	uint32_t level = state.log_saved;

	state.log_saved = 0;
	return level != 0 ? set_level(level) : 0;
}

static int64_t console_level(uint64_t level)
{
	if (level < MIN_LEVEL || level > MAX_LEVEL)
		return -EINVAL;
	state.log_saved = 0;
	return set_level((uint32_t)level);
}

static int64_t read_clear(struct thread *t, uint64_t at, uint64_t len)
{
	int64_t n = read_latest(t, at, len);

	return n >= 0 && clear() != 0 ? -EIO : n;
}

int64_t call_syslog(struct thread *t, const struct delivery *d)
{
	uint32_t action = (uint32_t)d->m.w[0];
	int32_t len = (int32_t)d->m.w[2];
	bool reads = action >= READ && action <= READ_CLEAR;

	if (action >= NR_ACTIONS)
		return -EINVAL;
	if (process_of(t)->euid != 0 && action != READ_ALL && action != SIZE_BUFFER)
		return -EPERM;
	if (reads && (d->m.w[1] == 0 || len < 0))
		return -EINVAL;
	if (reads && len == 0)
		return 0;
	switch (action) {
	case READ:
		return read_or_wait(t, d);
	case READ_ALL:
		return read_latest(t, d->m.w[1], (uint64_t)len);
	case READ_CLEAR:
		return read_clear(t, d->m.w[1], (uint64_t)len);
	case CLEAR:
		return clear();
	case CONSOLE_OFF:
		return console_off();
	case CONSOLE_ON:
		return console_on();
	case CONSOLE_LEVEL:
		return console_level(d->m.w[2]);
	case SIZE_UNREAD:
		return size_unread();
	case SIZE_BUFFER:
		return BUFFER;
	default:
		return 0;               /* OPEN, CLOSE */
	}
}
