/* SPDX-License-Identifier: BSD-2-Clause
 * outbox.c - what rs tells others, who may never make it wait.
 *
 * Job:      publishes endpoints in ds, tells log the names of services and what rs has to say (also
 *           by print(), in place of the library's), and sched their priorities. All by sendnb: if
 *           the receiver is busy, later. Answers who waits for ds to know a name.
 * Speaks:   ds.publish, log.name, log.text, sched.service, as messages that want no reply.
 * Touches:  a ring of text, which is not taken back: it is said after a crash.
 * Trusts:   nobody.
 * On crash: `published` and `named` are state, so nothing is forgotten; saying it twice
 *           is harmless.
 */
#include "rs.h"
#include <contract/ds.h>
#include <contract/log.h>
#include <contract/sched.h>
#include <lib/print.h>
#include <lib/service_ids.h>
#include <lib/undo.h>

enum { RING = 4096, LINE = 160 };

static struct {
	char text[RING];
	uint32_t head, tail;            /* bytes written, bytes sent */
} ring SECTION_UNDO;
static bool heard = true;               /* ds has, of a name; who has just died does not know */

/* Bytes. Of counts that cannot be, as after a fault, none. */
static uint32_t unsaid(void)
{
	if (ring.head - ring.tail > RING)
		ring.tail = ring.head;
	return ring.head - ring.tail;
}

static void say_list(const char *text, va_list ap)
{
	char line[LINE];
	size_t n = format_list(line, sizeof(line) - 1, text, ap);

	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	if (n == 0 || line[n - 1] != '\n')
		line[n++] = '\n';
	if (unsaid() + n > RING)
		return;                 /* log is far behind: this line is lost */
	for (size_t i = 0; i < n; i++)
		ring.text[(ring.head + i) % RING] = line[i];
	__asm__ volatile("" : : : "memory");
	ring.head += (uint32_t)n;
}

void say(const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	say_list(text, ap);
	va_end(ap);
	outbox_flush();
}

/* One message without a reply. False: the receiver is busy or not there yet. */
bool post(unsigned to, uint32_t type, const void *payload, size_t size)
{
	struct message m = { .peer = service_endpoint(to), .type = type };

	memcpy(m.w, payload, size);
	return ipc_sendnb(&m) == 0;
}

static bool post_publish(struct service *s, unsigned id)
{
	struct ds_publish_request req = { .who = service_endpoint(id) };

	strlcpy(req.name, s->name, sizeof(req.name));
	return post(ID_DS, DS_PUBLISH, &req, sizeof(req));
}

static bool post_unpublish(struct service *s)
{
	struct ds_unpublish_request req = { 0 };

	strlcpy(req.name, s->name, sizeof(req.name));
	return post(ID_DS, DS_UNPUBLISH, &req, sizeof(req));
}

static bool ended(const struct service *s)
{
	return s->phase == RS_STATE_STOPPED || s->phase == RS_STATE_GONE ||
	       s->phase == RS_STATE_DEGRADED;
}

static bool post_name(struct service *s, unsigned id)
{
	struct log_name_request req = { .slot = id };

	strlcpy(req.name, s->name, sizeof(req.name));
	return post(ID_LOG, LOG_NAME, &req, sizeof(req));
}

static bool post_schedule(unsigned id)
{
	const struct manifest *m = manifest_of(id);
	struct sched_service_request req = {
		.proc = service_endpoint(id), .priority = m->priority, .quantum = m->quantum,
		.called = m->serves.count != 0 || m->serves_programs || answers_programs(m),
	};

	return post(ID_SCHED, SCHED_SERVICE, &req, sizeof(req));
}

static bool post_text(void)
{
	struct log_text_request req = { 0 };
	uint32_t n = unsaid();

	req.len = n < sizeof(req.text) ? n : (uint32_t)sizeof(req.text);
	for (uint32_t i = 0; i < req.len; i++)
		req.text[i] = ring.text[(ring.tail + i) % RING];
	if (!post(ID_LOG, LOG_TEXT, &req, sizeof(req)))
		return false;
	ring.tail += req.len;
	return true;
}

static bool flush_text(void)
{
	while (unsaid() != 0)
		if (!post_text())
			return false;
	return true;
}

/* Instead of the library's, which waits for log: nobody but rs ends a death of log. It may be the
 * last word of this life. */
void print(const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	say_list(text, ap);
	va_end(ap);
	(void)flush_text();
}

void outbox_flush(void)
{
	bool ds_there = state.service[ID_DS].phase == RS_STATE_RUNNING;
	bool log_there = state.service[ID_LOG].phase == RS_STATE_RUNNING;
	bool sched_there = state.service[ID_SCHED].phase == RS_STATE_RUNNING;
	bool ds_busy = !ds_there, log_busy = !log_there, sched_busy = !sched_there;

	for (unsigned id = 0; id < NR_SERVICES; id++) {
		struct service *s = &state.service[id];

		if (manifest_of(id) == NULL)
			continue;
		if (!s->named && !log_busy) {
			s->named = post_name(s, id);
			log_busy = !s->named;
		}
		if (s->phase == RS_STATE_RUNNING && !s->published && !ds_busy) {
			s->published = post_publish(s, id);
			heard |= s->published;
			ds_busy = !s->published;
		}
		if (ended(s) && s->published && !ds_busy) {
			s->published = !post_unpublish(s);
			ds_busy = s->published;
		}
		if (s->phase == RS_STATE_RUNNING && !s->scheduled && !sched_busy) {
			s->scheduled = post_schedule(id);
			sched_busy = !s->scheduled;
		}
		if (can_be_found(id) && id != ID_DS)
			waiter_answer(s, 0);
	}
	if (can_be_found(ID_DS) && !ds_busy)    /* with all names: one that is new knew none */
		waiter_answer(&state.service[ID_DS], 0);
	if (!log_busy)
		log_busy = !flush_text();
	state.retry = (ds_there && ds_busy) || (log_there && log_busy) ||
		      (sched_there && sched_busy);
}

bool outbox_published(void)
{
	bool any = heard;

	heard = false;
	return any;
}
