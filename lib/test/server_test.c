/* SPDX-License-Identifier: BSD-2-Clause
 * server_test.c - the main loop against a kernel that is a script: checks of the contract, replies,
 * heartbeats, and recovery after a crash in a handler. A crash is a longjmp out of a handler;
 * what a recovery zeroes is zeroed by hand.
 *
 * Links: lib/server.c lib/undo.c lib/peer.c gen/contract/toy_server.c gen/contract/toy_client.c
 * Links: gen/contract/ds_client.c gen/contract/summary_server.c lib/format.c
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <contract/ds.h>
#include <contract/toy.h>
#include <lib/args.h>
#include <lib/peer.h>
#include <lib/server.h>
#include <lib/service_ids.h>

struct state { uint32_t key, value, pad[1022]; };
struct state state SECTION_STATE;
__asm__(".globl state_start, state_end\n.set state_start, state\n.set state_end, state + 4096\n");

uint32_t start_kind;

/* Deaths in ipc.S, and before each instruction: tests/model/moments.c. */
const char ipc_receive_begin[1], ipc_receive_end[1];
const char ipc_replyreceive_begin[1], ipc_replyreceive_end[1];

void server_doubt(endpoint_t client, uint32_t serial, uint32_t type, int64_t result, bool unusual)
{
	(void)client, (void)serial, (void)type, (void)result, (void)unusual;
}

struct user_regs *service_last_regs(void)
{
	static struct user_regs none;

	return &none;
}

static int failures;
static jmp_buf out;
static bool lost;
enum { SCRIPT_ENDED = 1, CRASHED = 2, LOST = 3 };

/* ---- the kernel ---- */

static const struct delivery *script;
static unsigned script_left;
static struct message replies[64];
static uint32_t reply_serials[64];
static unsigned nr_replies, nr_beats;

static void play(const struct delivery *d, unsigned count)
{
	script = d;
	script_left = count;
	nr_replies = nr_beats = 0;
}

uint64_t clock_monotonic_ns(void)
{
	return 1;
}

err_t ipc_receive(struct delivery *d, endpoint_t from)
{
	(void)from;
	if (script_left == 0)
		longjmp(out, SCRIPT_ENDED);
	*d = *script++;
	script_left--;
	return 0;
}

err_t ipc_reply(const struct message *m, uint32_t serial)
{
	replies[nr_replies] = *m;
	reply_serials[nr_replies++] = serial;
	return 0;
}

static unsigned faults;                 /* how many replies' copies meet a missing page */

err_t ipc_replyreceive(struct delivery *d, const struct copy *copies, uint32_t n,
		       struct copy_stop *stop)
{
	(void)copies;
	if (n > 0 && faults > 0) {
		faults--;
		*stop = (struct copy_stop){ .address = 0x5000 };
		return -EFAULT;
	}
	ipc_reply(&d->m, d->serial);
	return ipc_receive(d, ENDPOINT_ANY);
}

err_t ipc_notify(endpoint_t to)
{
	nr_beats += endpoint_slot(to) == ID_RS;
	return 0;
}

/* Clients: the peer's answers are scripted too. */
static err_t send_result[16];
static uint32_t send_answer;
static unsigned nr_sends;
static struct message sent[16];

struct ipc_used ipc_used;

err_t ipc_sendrec(struct message *m, const volatile void *range, uint64_t lend)
{
	(void)range;
	(void)lend;
	sent[nr_sends] = *m;
	if (m->type == DS_WAIT)
		m->w[0] = 0x9000 + nr_sends;
	m->type = send_answer;
	return send_result[nr_sends++];
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	return (size_t)snprintf(to, size, "%s", from);
}

void print(const char *text, ...)
{
	(void)text;
}

void assert_failed(const char *what, const char *file, int line)
{
	printf("FAIL assertion: %s:%d: %s\n", file, line, what);
	failures++;
	longjmp(out, CRASHED);
}

void state_lost(void)
{
	lost = true;
	longjmp(out, LOST);
}

/* ---- the server ---- */

enum { DEADLY = 6 };                            /* key of requests that crash each time */
static unsigned crash_before, crash_after;      /* crashes left */
static bool bad_state;
static unsigned attempts_seen;

static err_t do_toy_put(const struct call *c, const struct toy_put_request *req,
			struct toy_put_reply *reply)
{
	uint32_t value = (uint32_t)req->value;

	attempts_seen = server_attempt();
	reply->old = state.value;
	state_memcpy(&state.key, &req->key, sizeof(req->key));
	if (crash_before > 0 || req->key == DEADLY) {
		crash_before -= crash_before > 0;
		longjmp(out, CRASHED);
	}
	state_memcpy(&state.value, &value, sizeof(value));
	return 0;
}

static err_t do_toy_get(const struct call *c, const struct toy_get_request *req,
			struct toy_get_reply *reply)
{
	return NO_REPLY;
}

static err_t check_state(void)
{
	return bad_state ? -EINVAL : 0;
}

static int64_t linux_call(const struct delivery *d)
{
	if (d->m.type == 0)
		reply_copy(COPY_OUT, d->m.w[1], &state, 8);
	if (d->m.type == 2 && crash_after > 0) {
		crash_after--;
		longjmp(out, CRASHED);
	}
	return d->m.type == 3 ? -EBADF : 42;
}

static unsigned populated;

static err_t populate(const struct delivery *d, uint64_t address, bool write)
{
	(void)d;
	populated += address == 0x5000 && write;
	return populated > 2 ? -EFAULT : 0;
}

static uint64_t heard_services, heard_lines;
static unsigned alarms;

static void on_notify(uint64_t services) { heard_services = services; }
static void on_irq(uint64_t lines) { heard_lines = lines; }
static void on_alarm(void) { alarms++; }

static const struct toy_ops ops = { .put = do_toy_put, .get = do_toy_get };
static const struct server server = {
	.name = "toy", .serves = { { .contract = &toy_contract, .ops = &ops } },
	.check = check_state, .linux_call = linux_call, .populate = populate,
	.on_notify = on_notify, .on_irq = on_irq, .on_alarm = on_alarm,
};

/* Until the script ends (true) or the server crashes. */
static bool run(uint32_t kind)
{
	int how;

	start_kind = kind;
	undo_enable(false);                     /* as zeroed bss */
	how = setjmp(out);
	if (how == 0)
		server_run(&server);
	return how == SCRIPT_ENDED;
}

static void check(bool good, const char *sentence)
{
	printf(good ? "ok %s\n" : "FAIL %s: it is not so\n", sentence);
	failures += !good;
}

/* ---- messages ---- */

static struct delivery toy(uint32_t type, uint32_t serial, uint32_t key, int64_t value)
{
	struct toy_put_request req = { .key = key, .value = value };
	struct delivery d = { .m = { .peer = ENDPOINT(1, 100), .type = type }, .serial = serial };

	memcpy(d.m.w, &req, sizeof(req));
	return d;
}

static struct delivery linux_message(uint32_t type, uint32_t serial)
{
	return (struct delivery){ .m = { .peer = ENDPOINT(1, 100), .type = type },
				  .serial = serial };
}

static struct delivery notification(uint64_t services, uint64_t lines, uint64_t events)
{
	return (struct delivery){ .m = { .peer = ENDPOINT_KERNEL, .type = TYPE_NOTIFY,
					 .w = { services, lines, events } } };
}

static err_t answer(unsigned n)
{
	return (err_t)replies[n].type;
}

static void test_requests(void)
{
	struct delivery d[] = {
		toy(TOY_PUT, 1, 7, 70), toy(TOY_PUT, 2, 8, 80), toy(0x4ff, 3, 0, 0),
		toy(0x800, 4, 0, 0), toy(TOY_SUM, 5, 0, 0), toy(TOY_GET, 6, 0, 0),
		linux_message(1, 7), linux_message(3, 8), toy(TOY_PUT, 0, 9, 90),
	};

	play(d, COUNT(d));
	check(run(START_FRESH) && nr_beats == 1, "a service says that it is ready");
	check(nr_replies == 7, "a withheld reply and a message without a call are not answered");
	check(answer(0) == 0 && replies[1].w[0] == 70, "a request reaches its handler");
	check(answer(2) == -ENOSYS && answer(3) == -ENOSYS && answer(4) == -ENOSYS,
	      "an operation that nobody handles is answered with ENOSYS");
	check(replies[5].w[0] == 42 && answer(5) == 0 && (int64_t)replies[6].w[0] == -EBADF,
	      "a Linux call is answered in its first word");
	check(state.key == 9, "a message that wants no reply is handled all the same");
	check(reply_serials[5] == 7 && replies[5].peer.v == ENDPOINT(1, 100).v,
	      "a reply names its call");
}

static void test_checks(void)
{
	struct toy_crash_request req = { .kind = 9, .when = 0 };
	struct delivery d = toy(TOY_CRASH, 1, 0, 0);

	memcpy(d.m.w, &req, sizeof(req));
	play(&d, 1);
	run(START_FRESH);
	check(answer(0) == -ENOSYS, "an operation without a handler is refused before its checks");
}

static void test_notifications(void)
{
	struct delivery d[] = {
		notification(BIT(ID_RS) | BIT(5), 0x30, EVENT_ALARM),
		notification(BIT(ID_RS), 0, 0),
	};

	play(d, COUNT(d));
	run(START_FRESH);
	check(nr_beats == 3, "each heartbeat is answered");
	check(heard_services == BIT(5) && heard_lines == 0x30 && alarms == 1,
	      "notifications reach their hooks, without rs's bit");
}

static void test_copies(void)
{
	struct delivery d[] = { linux_message(0, 1), linux_message(1, 2), linux_message(0, 3) };

	play(d, 1);
	faults = 2;
	run(START_FRESH);
	check(populated == 2 && nr_replies == 1 && replies[0].w[0] == 42,
	      "a copy that meets a missing page is repeated");
	faults = 1;
	play(d, 2);
	run(START_FRESH);
	check((int64_t)replies[0].w[0] == -EFAULT && replies[1].w[0] == 42,
	      "a copy that cannot be done becomes EFAULT, and the loop goes on");
}

static void test_recovery(void)
{
	struct delivery d[] = { toy(TOY_PUT, 1, 1, 10), toy(TOY_PUT, 2, 2, 20),
				toy(TOY_PUT, 3, 3, 30) };

	play(d, 3);
	state = (struct state){ 0 };
	undo_commit();
	crash_before = 0;
	play(d, 1);
	run(START_FRESH);

	play(d + 1, 2);
	crash_before = 1;
	check(!run(START_FRESH) && state.key == 2, "a handler crashes half way");
	check(run(START_RECOVER), "the service comes back");
	check(nr_replies == 2 && answer(0) == 0 && replies[0].w[0] == 10 && reply_serials[0] == 2,
	      "the interrupted request is done again, from where it began");
	check(reply_serials[1] == 3 && state.key == 3 && state.value == 30,
	      "the queue behind it is served");

	play(d + 1, 2);
	crash_before = 2;
	check(!run(START_FRESH) && !run(START_RECOVER) && attempts_seen == 1,
	      "the second attempt is told that it is one");
	check(run(START_RECOVER) && answer(0) == -ERECOVERED && reply_serials[0] == 2,
	      "a request that crashes twice is refused");
	check(replies[1].w[0] == 30, "and has changed nothing");
}

static void test_recovery_idle(void)
{
	struct delivery d = toy(TOY_PUT, 9, 1, 10), l = linux_message(2, 5);

	play(&d, 1);
	run(START_FRESH);
	play(NULL, 0);
	check(run(START_RECOVER) && nr_replies == 1 && reply_serials[0] == 9 && state.value == 10,
	      "after a reply is made, recovery repeats it and undoes nothing");
	play(&l, 1);
	crash_after = 2;
	check(!run(START_FRESH) && !run(START_RECOVER) && run(START_RECOVER) &&
	      (int64_t)replies[0].w[0] == -EIO, "a Linux call that crashes twice becomes EIO");
}

/* Lives with requests, every n-th of which is done and the others are deadly. */
static void live(unsigned requests, unsigned every)
{
	struct delivery d[40];
	uint32_t kind = START_FRESH;

	for (unsigned i = 0; i < requests; i++)
		d[i] = toy(TOY_PUT, i + 1, (i + 1) % every == 0 ? 1 : DEADLY, 5);
	play(d, requests);
	lost = false;
	while (!run(kind) && !lost)
		kind = START_RECOVER;
}

static void test_recovery_row(void)
{
	live(1, 1);                     /* what came before is no part of the row */
	live(REFUSALS_IN_A_ROW + 2, 100);
	check(lost && nr_replies == REFUSALS_IN_A_ROW + 1,
	      "a server that refuses one request after the other gives its state up");
	live(1, 1);
	live(40, 8);
	check(!lost && nr_replies == 40 && answer(7) == 0 && answer(8) == -ERECOVERED,
	      "not if it does something in between");
}

/* ---- the client's side ---- */

static void test_client(void)
{
	struct peer to = { .name = "toy", .at = ENDPOINT(1, 20) };
	struct toy_put_request req = { .key = 1, .value = 2 };
	struct toy_put_reply reply;
	struct toy_crash_request crash = { .key = 1 };
	struct toy_crash_reply crashed;

	memset((char *)&req + 4, 0xee, 4);
	nr_sends = 0;
	memset(send_result, 0, sizeof(send_result));
	check(toy_put(&to, &req, &reply) == 0 && nr_sends == 1 && sent[0].type == TOY_PUT,
	      "a stub sends its message");
	check(sent[0].w[0] == 1 && sent[0].w[1] == 2 && sent[0].w[6] == 0,
	      "padding and unused payload are zero");
	nr_sends = 0;
	send_answer = (uint32_t)-EDEADPEER;
	check(toy_put(&to, &req, &reply) == -ESRCH && nr_sends == 1 && !to.dead,
	      "a server that says of another that it is dead lives");
	send_answer = 0;
	nr_sends = 0;
	send_result[0] = -EDEADPEER;
	check(toy_put(&to, &req, &reply) == 0 && nr_sends == 3 && sent[1].type == DS_WAIT &&
	      sent[2].peer.v == 0x9001, "an idempotent call finds the successor of a dead server");
	nr_sends = 0;
	check(toy_crash(&to, &crash, &crashed) == -EDEADPEER && nr_sends == 1,
	      "another call returns the error");
	send_result[0] = 0;
	nr_sends = 0;
	check(toy_crash(&to, &crash, &crashed) == 0 && nr_sends == 2 && sent[0].type == DS_WAIT,
	      "and the next call finds the successor");
	for (unsigned i = 0; i < 16; i++)
		send_result[i] = i % 2 == 0 ? 0 : -EDEADPEER;
	to = (struct peer){ .name = "toy" };
	nr_sends = 0;
	check(toy_put(&to, &req, &reply) == -EDEADPEER && nr_sends == 16,
	      "a server that dies of the call each time is given up");
}

static uint32_t next_answer;
static bool is_ended;
static unsigned judged;

static bool judge(endpoint_t who, uint64_t asked_ns, uint32_t type, err_t err)
{
	(void)asked_ns;
	(void)type;
	check(who.v == ENDPOINT(1, 20).v && (uint32_t)err == send_answer,
	      "the judge is told of whom, and of what");
	judged++;
	send_answer = next_answer;
	return is_ended;
}

static bool fits_errors(err_t err, const void *request, const void *reply, uint64_t lent)
{
	(void)request;
	(void)reply;
	(void)lent;
	return err == -ENOENT;
}

/* An answer, and what is answered to the same call then. */
static err_t ask_judged(bool idempotent, int first, int second, bool ended)
{
	struct peer to = { .name = "toy", .at = ENDPOINT(1, 20) };
	struct stub stub = { .type = TOY_PUT, .idempotent = idempotent, .fits = fits_errors };

	judged = nr_sends = 0;
	memset(send_result, 0, sizeof(send_result));
	send_answer = (uint32_t)first;
	next_answer = (uint32_t)second;
	is_ended = ended;
	return peer_call(&to, &stub, NULL, NULL, NULL, 0);
}

static void test_judged(void)
{
	check(ask_judged(true, -ENOSYS, -ENOENT, true) == -ENOSYS && judged == 0,
	      "without a judge an answer that the contract does not allow is handed on");
	peer_judge_answers(judge);
	check(ask_judged(true, -ENOENT, 0, true) == -ENOENT && judged == 0,
	      "one that it allows is not judged");
	check(ask_judged(true, -ERECOVERED, 0, true) == -ERECOVERED && judged == 0,
	      "nor is a request refused that the server has died of");
	check(ask_judged(true, -ENOSYS, -ENOENT, true) == -ENOENT && judged == 1 && nr_sends == 2,
	      "one that it does not allow is judged, and the server asked again");
	check(ask_judged(true, -EDEADPEER, -ENOENT, true) == -ENOENT && judged == 1,
	      "so is the kernel's word in a server's mouth");
	check(ask_judged(true, -ENOSYS, -ENOSYS, true) == -EIO && judged == 1 && nr_sends == 2,
	      "the second time it is an error, and nobody is told");
	check(ask_judged(true, -ENOSYS, -ENOENT, false) == -EIO && judged == 1 && nr_sends == 1,
	      "if nothing comes of it it is an error at once");
	check(ask_judged(false, -ENOSYS, -ENOENT, true) == -ENOENT && nr_sends == 2,
	      "a call that may not be repeated is, after an error: nothing was done");
	check(ask_judged(false, 0, -ENOENT, true) == -EIO && judged == 1 && nr_sends == 1,
	      "but not after none");
	check(ask_judged(true, 0, -ENOENT, true) == -ENOENT && nr_sends == 2,
	      "one that may be is");
	peer_judge_answers(NULL);
}

int main(void)
{
	test_requests();
	test_checks();
	test_notifications();
	test_copies();
	test_recovery();
	test_recovery_idle();
	test_recovery_row();
	test_client();
	test_judged();
	return failures != 0;
}
