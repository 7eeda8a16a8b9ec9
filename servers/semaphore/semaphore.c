/* SPDX-License-Identifier: BSD-2-Clause
 * semaphore.c - counting semaphores that programs share by their names.
 *
 * Job:      open, down, up, list, remove. Who must wait is answered later, the first come first.
 * Speaks:   contracts/semaphore, to programs.
 * Touches:  nothing.
 * Trusts:   nothing in a request. Any program may use any semaphore whose name it knows.
 * On crash: recovers in place: values stay, and who waits goes on waiting. The request that was
 *           under way is done again.
 */
#include "state.h"

#include <contract/kernel.h>
#include <lib/clock.h>
#include <lib/server.h>

/* ---- semaphores ---- */

static uint32_t id_of(unsigned n)
{
	return state.semaphore[n].generation * SEMAPHORE_MOST + n;
}

/* NULL: there is none with that id, or not any more. */
static struct semaphore *find(uint32_t id)
{
	struct semaphore *s = &state.semaphore[id % SEMAPHORE_MOST];

	return s->name[0] != '\0' && id_of(id % SEMAPHORE_MOST) == id ? s : NULL;
}

static unsigned find_name(const char *name)
{
	unsigned n = 0;

	while (n < SEMAPHORE_MOST && strcmp(state.semaphore[n].name, name) != 0)
		n++;
	return n;
}

static err_t do_semaphore_open(const struct call *c, const struct semaphore_open_request *req,
			       struct semaphore_open_reply *reply)
{
	unsigned n = find_name(req->name);
	struct semaphore *s;

	if (req->name[0] == '\0')
		return -EINVAL;
	if (n == SEMAPHORE_MOST) {
		n = find_name("");
		if (n == SEMAPHORE_MOST)
			return -ENOSPC;
		s = &state.semaphore[n];
		strlcpy(s->name, req->name, sizeof(s->name));
		s->value = req->value;
		s->generation++;
	}
	reply->id = id_of(n);
	return 0;
}

/* ---- who waits ---- */

static void answer(struct waiter *w, err_t err)
{
	call_reply(w->client, w->serial, err, NULL, 0);
	w->semaphore = 0;
}

/* Is its call still there? The program may have been killed: nobody tells us. To read a byte that
 * it has not lent is refused, but not for that reason. */
static bool is_there(const struct waiter *w)
{
	uint8_t byte;
	struct call_copy_request req = {
		.client = w->client, .serial = w->serial, .dir = COPY_IN,
		.local = (uint64_t)(uintptr_t)&byte, .len = sizeof(byte),
	};
	struct call_copy_reply reply;

	return sys_call_copy(&req, &reply) != -EDEADPEER;
}

static void forget_the_dead(void)
{
	for (unsigned i = 0; i < NR_WAITERS; i++)
		if (state.waiter[i].semaphore != 0 && !is_there(&state.waiter[i]))
			state.waiter[i].semaphore = 0;
}

/* Who has waited longest for s, or NULL. */
static struct waiter *first(const struct semaphore *s)
{
	uint32_t semaphore = (uint32_t)(s - state.semaphore) + 1;
	struct waiter *found = NULL;

	for (unsigned i = 0; i < NR_WAITERS; i++) {
		struct waiter *w = &state.waiter[i];

		if (w->semaphore == semaphore && (found == NULL || w->ticket < found->ticket))
			found = w;
	}
	return found;
}

static struct waiter *find_unused(void)
{
	for (unsigned i = 0; i < NR_WAITERS; i++)
		if (state.waiter[i].semaphore == 0)
			return &state.waiter[i];
	return NULL;
}

static err_t do_semaphore_down(const struct call *c, const struct semaphore_down_request *req)
{
	struct semaphore *s = find(req->id);
	struct waiter *w;

	if (s == NULL)
		return -EIDRM;
	if (s->value > 0) {
		s->value--;
		return 0;
	}
	if (!req->wait)
		return -EAGAIN;
	w = find_unused();
	if (w == NULL) {
		forget_the_dead();
		w = find_unused();
	}
	if (w == NULL)
		return -ENOSPC;
	*w = (struct waiter){
		.semaphore = (uint32_t)(s - state.semaphore) + 1, .client = c->client,
		.serial = c->serial, .ticket = state.tickets++,
	};
	return NO_REPLY;
}

static err_t do_semaphore_up(const struct call *c, const struct semaphore_up_request *req)
{
	struct semaphore *s = find(req->id);
	struct waiter *w;

	if (s == NULL)
		return -EIDRM;
	if (s->value == UINT32_MAX)
		return -EOVERFLOW;
	for (w = first(s); w != NULL && !is_there(w); w = first(s))
		w->semaphore = 0;
	if (w != NULL)
		answer(w, 0);
	else
		s->value++;
	return 0;
}

/* ---- the rest ---- */

static err_t do_semaphore_list(const struct call *c, const struct semaphore_list_request *req,
			       struct semaphore_list_reply *reply)
{
	unsigned n = req->index;

	while (n < SEMAPHORE_MOST && state.semaphore[n].name[0] == '\0')
		n++;
	if (n >= SEMAPHORE_MOST)
		return -ENOENT;
	forget_the_dead();
	reply->index = n;
	reply->id = id_of(n);
	reply->value = state.semaphore[n].value;
	for (unsigned i = 0; i < NR_WAITERS; i++)
		reply->waiting += state.waiter[i].semaphore == n + 1;
	strlcpy(reply->name, state.semaphore[n].name, sizeof(reply->name));
	return 0;
}

static err_t do_semaphore_remove(const struct call *c, const struct semaphore_remove_request *req)
{
	struct semaphore *s = find(req->id);
	uint32_t semaphore = req->id % SEMAPHORE_MOST + 1;

	if (s == NULL)
		return -EIDRM;
	s->name[0] = '\0';
	s->value = 0;
	for (unsigned i = 0; i < NR_WAITERS; i++)
		if (state.waiter[i].semaphore == semaphore)
			answer(&state.waiter[i], -EIDRM);
	return 0;
}

/* Signals to programs that wait. */
static void on_cancel(void)
{
	struct call_cancelled_reply who;

	while (sys_call_cancelled(&who) == 0)
		for (unsigned i = 0; i < NR_WAITERS; i++) {
			struct waiter *w = &state.waiter[i];

			if (w->semaphore != 0 && endpoint_eq(w->client, who.client) &&
			    w->serial == who.serial)
				answer(w, -EINTR);
		}
}

/* What programs still hold of the life before shall be nobody's. */
static void init(enum start_kind kind)
{
	if (kind != START_FRESH)
		return;
	for (unsigned n = 0; n < SEMAPHORE_MOST; n++)
		state.semaphore[n].generation = (uint32_t)(clock_monotonic_ns() >> 20);
}

/* S1..S3, after a crash: not 0 means that the state cannot be used, and a fresh start follows. */
static err_t check(void)
{
	for (unsigned n = 0; n < SEMAPHORE_MOST; n++) {
		const struct semaphore *s = &state.semaphore[n];

		if (memchr(s->name, '\0', NAME) == NULL ||
		    (s->name[0] != '\0' && find_name(s->name) != n))
			return -EINVAL;                                         /* S1 */
	}
	for (unsigned i = 0; i < NR_WAITERS; i++) {
		const struct waiter *w = &state.waiter[i];
		const struct semaphore *s = &state.semaphore[(w->semaphore - 1) % SEMAPHORE_MOST];

		if (w->semaphore == 0)
			continue;
		if (w->semaphore > SEMAPHORE_MOST || s->name[0] == '\0' || s->value != 0)
			return -EINVAL;                                         /* S2 */
		if (w->ticket >= state.tickets)
			return -EINVAL;                                         /* S3 */
	}
	return 0;
}

static const struct semaphore_ops ops = {
	.open = do_semaphore_open, .down = do_semaphore_down, .up = do_semaphore_up,
	.list = do_semaphore_list, .remove = do_semaphore_remove,
};

static const struct server server = {
	.name = "semaphore",
	.serves = { { .contract = &semaphore_contract, .ops = &ops } },
	.init = init, .check = check, .on_cancel = on_cancel,
};

int main(void)
{
	server_run(&server);
}
