/* SPDX-License-Identifier: BSD-2-Clause
 * program_peer_test.c - a program calls a service that dies, forgets, answers what cannot be or
 * does not run; rs says where it is, or is not there either. The kernel is ipc_sendrec() here.
 *
 * Links: gen/contract/toy_client.c gen/contract/rs_client.c
 */
#include <string.h>
#include <unistd.h>

#include <contract/rs.h>
#include <contract/toy.h>
#include <lib/ipc.h>
#include <lib/peer.h>
#include <tests/unit.h>

static unsigned waited;

static int sleeps(useconds_t us)
{
	waited += us / 1000;
	return 0;
}

#define usleep sleeps
#include "../../commands/peer.c"
#undef usleep

enum { NOT_THERE = 0, OLD = 0x1040, NEW = 0x2040, STEPS = 16 };

/* What toy does with its next calls: a status, or what the kernel says of its death. */
enum { DIES = 1 };
static struct { int err; uint32_t value; } step[STEPS];
static unsigned calls;
static uint32_t lives, comes_at;        /* toy's endpoint; when rs has it started, in ms */
static bool has_rs;

static err_t rs_answers(struct message *m)
{
	struct rs_status_reply r = { .state = RS_STATE_RUNNING };

	if (!has_rs)
		return -EDEADPEER;
	if (lives == NOT_THERE)
		r.state = comes_at == 0 ? RS_STATE_STOPPED : RS_STATE_DEAD;
	if (lives == NOT_THERE && comes_at != 0 && waited >= comes_at) {
		lives = NEW;
		r.state = RS_STATE_RUNNING;
	}
	r.who.v = lives != NOT_THERE ? lives : ENDPOINT_NONE.v;
	m->type = 0;
	memcpy(m->w, &r, sizeof(r));
	return 0;
}

err_t ipc_sendrec(struct message *m, const volatile void *range, uint64_t lend)
{
	struct toy_get_reply r;

	(void)range, (void)lend;
	if (endpoint_slot(m->peer) == ID_RS)
		return rs_answers(m);
	if (m->peer.v != lives)
		return -EDEADPEER;
	r.value = step[calls % STEPS].value;
	if (step[calls % STEPS].err == DIES)
		lives = NOT_THERE;
	m->type = (uint32_t)step[calls % STEPS].err;
	memcpy(m->w, &r, sizeof(r));
	calls++;
	return lives == NOT_THERE ? -EDEADPEER : 0;
}

static struct peer toy;

static void begin(uint32_t where, uint32_t back_ms)
{
	toy = PEER("toy");
	memset(step, 0, sizeof(step));
	calls = waited = 0;
	lives = where;
	comes_at = back_ms;
	has_rs = true;
}

static err_t get(int64_t *value)
{
	struct toy_get_request req = { .key = 1 };
	struct toy_get_reply r = { .value = -1 };
	err_t err = toy_get(&toy, &req, &r);

	*value = r.value;
	return err;
}

static void t_found(void)
{
	int64_t value;

	begin(OLD, 0);
	step[0].value = 7;
	CHECK_EQ(get(&value), 0);
	CHECK_EQ(value, 7);
	step[1].err = -ENOENT;
	CHECK_EQ(get(&value), -ENOENT);
	CHECK_EQ(calls, 2);
	CHECK_EQ(waited, 0);
}

static void t_death(void)
{
	struct toy_crash_request crash = { .key = 1 };
	struct toy_crash_reply old;
	int64_t value;

	begin(OLD, 200);
	step[0].err = DIES;
	step[1].value = 3;
	CHECK_EQ(get(&value), 0);               /* idempotent: asked again, when it is there */
	CHECK_EQ(value, 3);
	CHECK_EQ(toy.at.v, NEW);
	CHECK(waited >= 200 && waited < 1000);
	begin(OLD, 200);
	step[0].err = DIES;
	CHECK_EQ(toy_crash(&toy, &crash, &old), -EDEADPEER);
	CHECK_EQ(get(&value), 0);               /* and the next call finds the successor */
	CHECK_EQ(calls, 2);
}

/* rs has not noticed, and then it is another. */
static void t_not_noticed(void)
{
	int64_t value;

	begin(OLD, 0);
	CHECK_EQ(get(&value), 0);
	lives = NOT_THERE;
	comes_at = 100;
	CHECK_EQ(get(&value), 0);
	CHECK_EQ(toy.at.v, NEW);
}

static void t_not_there(void)
{
	int64_t value;

	begin(NOT_THERE, 0);
	CHECK_EQ(get(&value), -ENOLINK);        /* it is stopped */
	CHECK_EQ(waited, 0);
	begin(NOT_THERE, 60000);
	CHECK_EQ(get(&value), -ENOLINK);
	CHECK(waited >= 5000 && waited < 6000);
	begin(OLD, 0);
	has_rs = false;
	CHECK_EQ(get(&value), -ENOLINK);
	begin(OLD, 0);
	strcpy(toy.name, "a name of 20 letters");
	CHECK_EQ(get(&value), -ENOLINK);
}

static void t_forgotten(void)
{
	int64_t value;

	begin(OLD, 0);
	step[0].err = -EDEADPEER;
	step[1].value = 5;
	CHECK_EQ(get(&value), 0);
	CHECK_EQ(value, 5);
	begin(OLD, 0);
	for (unsigned i = 0; i < STEPS; i++)
		step[i].err = -EDEADPEER;
	CHECK_EQ(get(&value), -EDEADPEER);
	CHECK_EQ(calls, 5);
	CHECK(!toy.dead);
}

static void t_nonsense(void)
{
	struct toy_crash_request crash = { .key = 1 };
	struct toy_crash_reply old;
	int64_t value;

	begin(OLD, 0);
	step[0].err = -EPERM;                   /* not an error of get */
	CHECK_EQ(get(&value), 0);
	CHECK_EQ(calls, 2);
	begin(OLD, 0);
	for (unsigned i = 0; i < STEPS; i++)
		step[i].err = -EPERM;
	CHECK_EQ(get(&value), -EPROTO);
	CHECK_EQ(calls, 5);
	begin(OLD, 0);
	step[0].err = -EPERM;
	CHECK_EQ(toy_crash(&toy, &crash, &old), -EPROTO);
	CHECK_EQ(calls, 1);
	begin(OLD, 0);
	step[0].err = -ERECOVERED;              /* that any server may say */
	CHECK_EQ(get(&value), -ERECOVERED);
}

/* Another thread has found the successor meanwhile. */
static void t_threads(void)
{
	int64_t value;

	begin(NEW, 0);
	toy.at.v = OLD;
	toy.dead = true;
	CHECK_EQ(peer_refresh(&toy), 0);
	CHECK_EQ(find(&toy, (endpoint_t){ OLD }), 0);   /* the other one */
	CHECK_EQ(toy.at.v, NEW);
	CHECK(!toy.dead);
	CHECK_EQ(get(&value), 0);
	CHECK_EQ(waited, 0);
}

int main(void)
{
	TEST("a service is found, and its errors are its answers", t_found);
	TEST("one that dies is found again, and asked again what is idempotent", t_death);
	TEST("a death that rs has not noticed is waited for", t_not_noticed);
	TEST("one that does not run, or nobody who knows", t_not_there);
	TEST("a lost question is asked again", t_forgotten);
	TEST("an answer that its contract does not know is none", t_nonsense);
	TEST("two threads find the same successor", t_threads);
	return test_result();
}
