/* SPDX-License-Identifier: BSD-2-Clause
 * messages.c - the kernel and all other services, played for one server on the host.
 *
 * Job:      sends messages of all kinds: calls by the fuzz tables that the contract compiler makes,
 *           Linux calls, faults, notifications, requests on boards, rings with anything in them;
 *           answers its calls with anything that is not a promise. A sanitizer's report fails, an
 *           assertion, a message that takes too long, a reply to a call that it does not hold.
 * Speaks:   abi/message.h, as the kernel does; lib/board.h and lib/ring.h as the other side.
 * Touches:  memory at the fixed addresses of a service.
 * Trusts:   the tables.
 * On crash: prints the seed and the number of the message: SKINK_SEED=... runs the same again.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <signal.h>
#include <unistd.h>

#include <contract/ds.h>
#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/args.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/server.h>
#include <tests/messages/messages.h>
#include <tests/unit.h>

void __sanitizer_print_stack_trace(void);
int main(void);

enum { LENT_MOST = 4 * 65536, CLIENTS = 24, HANG_S = 20,
       ALL_EVENTS = EVENT_ALARM | EVENT_CANCEL | EVENT_PARKED | EVENT_GUARD,
       AFTER_DAMAGE = 2000, SETTLED = 3000 };                /* messages; then services die, too */

uint32_t start_kind;
char state_start[1];                    /* nothing is logged: nothing is rolled back here */
__asm__(".globl state_end\n.set state_end, state_start\n");
const char ipc_receive_begin[1], ipc_receive_end[1];
const char ipc_replyreceive_begin[1], ipc_replyreceive_end[1];

static uint64_t seed, sequence, clock_ns = 1000000000;
static unsigned sent, limit, replies, good;
unsigned repairs;
static bool holds;                      /* the server works on a call that it may answer */
static struct delivery now;

/* ---- chance ---- */

uint64_t any(void)
{
	sequence ^= sequence << 13;
	sequence ^= sequence >> 7;
	sequence ^= sequence << 17;
	return sequence * 0x2545f4914f6cdd1dull;
}

uint64_t below(uint64_t n)
{
	return any() % n;
}

bool one_in(unsigned n)
{
	return below(n) == 0;
}

void fill(void *at, size_t n)
{
	unsigned char *to = at;

	for (size_t i = 0; i < n; i++)
		to[i] = one_in(3) ? 0 : (unsigned char)any();
}

void *place(uint64_t address, size_t bytes)
{
	void *at = mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		_Exit(2);
	}
	return at;
}

/* ---- what a service has of the library, and the host has not so ---- */

/* lib/doubt.c: a second life would come to the same. */
void server_doubt(endpoint_t client, uint32_t serial, uint32_t type, int64_t result, bool unusual)
{
	(void)client, (void)serial, (void)type, (void)result, (void)unusual;
}

void server_doubt_found(uint32_t kind, const char *what)
{
	(void)kind, (void)what;
}

bool linux_failure_is_unusual(uint32_t type, int64_t result)
{
	(void)type, (void)result;
	return false;
}

void assert_failed(const char *what, const char *file, int line)
{
	printf("FAIL %s asserts: %s:%d: %s (SKINK_SEED=%lu, message %u, type 0x%x)\n", fuzzed.name,
	       file, line, what, (unsigned long)seed, sent, now.m.type);
	fflush(stdout);
	__sanitizer_print_stack_trace();
	abort();
}

void die_of_doubt(void)
{
	assert_failed("it need not begin afresh", __FILE__, __LINE__);
}

void state_lost(void)
{
	assert_failed("its state can be repaired", __FILE__, __LINE__);
}

/* Weak: rs has one of its own. */
__attribute__((weak)) void print(const char *text, ...)
{
	char line[PRINT_MAX];
	va_list ap;

	va_start(ap, text);
	vsnprintf(line, sizeof(line), text, ap);        /* the sanitizers look at its arguments */
	va_end(ap);
	if (strncmp(line, "recovery: ", 10) == 0) {
		repairs++;
		printf("    %s", line);
	}
}

uint64_t clock_monotonic_ns(void)
{
	return clock_ns += below(50) * 100000;
}

uint64_t clock_realtime_ns(void)
{
	return clock_monotonic_ns() + 1700000000ull * 1000000000;
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t len = strlen(from), n = len < size ? len : size - 1;

	if (size != 0) {
		memcpy(to, from, n);
		to[n] = '\0';
	}
	return len;
}

size_t strlcat(char *to, const char *from, size_t size)
{
	size_t at = strnlen(to, size);

	return at + strlcpy(to + at, from, size - at);
}

/* What a server makes of an answer that its contract does not allow is what is asked here. */
void peer_watch_answers(void)
{
}

/* ---- messages ---- */

static uint64_t value(const struct fuzz_field *f)
{
	switch (below(6)) {
	case 0:
		return any();
	case 1:
		return f->min;
	case 2:
		return f->max;
	case 3:
		return f->max + 1 - 2 * below(2);
	default:
		return f->max - f->min < 64 ? f->min + below(f->max - f->min + 1) : below(16);
	}
}

static void set_field(struct message *m, const struct fuzz_field *f)
{
	char *at = (char *)m->w + f->offset;

	if (f->text) {
		fill(at, f->count);
		if (!one_in(8))
			strlcpy(at, some_name(), f->count);
		return;
	}
	for (unsigned k = 0; k < f->count; k++) {
		uint64_t v = value(f);

		memcpy(at + k * f->size, &v, f->size);
	}
}

void fuzz_fields(struct delivery *d, const struct fuzz_call *c)
{
	for (unsigned k = 0; k < c->nr_fields; k++)
		set_field(&d->m, &c->field[k]);
	d->lent = one_in(4) ? below(LENT_MOST) : below(5000);
	d->lent |= one_in(9) ? any() & ~CALL_LEND_LENGTH : c->lend;
}

static void contract_call(struct delivery *d)
{
	unsigned p = (unsigned)below(3);
	const struct fuzz_call *c;

	while (fuzzed.protocol[p].call == NULL)
		p = (unsigned)below(3);
	c = &fuzzed.protocol[p].call[below(*fuzzed.protocol[p].count)];
	d->m.type = one_in(40) ? TYPE_CONTRACT + (uint32_t)below(0xc00) : c->type;
	fuzz_fields(d, c);
}

static void notification(struct delivery *d)
{
	uint64_t who = others_work();

	*d = (struct delivery){ .m = { .peer = ENDPOINT_KERNEL, .type = TYPE_NOTIFY } };
	d->m.w[0] = one_in(3) ? fuzzed.notifiers & any() : who;
	d->m.w[1] = one_in(4) ? BIT(below(4)) : 0;
	d->m.w[2] = one_in(2) ? any() & ALL_EVENTS : 0;
}

static endpoint_t somebody(void)
{
	unsigned slot = (unsigned)(one_in(2) ? 1 + below(CLIENTS) : 64 + below(CLIENTS));

	return ENDPOINT(1 + one_in(20), slot);
}

static void next_message(struct delivery *d)
{
	unsigned what = (unsigned)below(10);

	*d = (struct delivery){ .m = { .peer = somebody() }, .serial = 1 + sent };
	d->owner = d->m.peer;
	if (what < 4 || (what < 8 && fuzzed.protocol[0].call == NULL && !fuzzed.linux_calls)) {
		notification(d);
	} else if (fuzzed.linux_calls && (what < 8 || fuzzed.protocol[0].call == NULL)) {
		d->m.peer = d->owner = ENDPOINT(1, 64 + below(CLIENTS));
		d->m.type = (uint32_t)below(450);
		for (unsigned w = 0; w < MESSAGE_WORDS; w++)
			d->m.w[w] = some_number();
	} else if (fuzzed.faults && one_in(3)) {
		d->m.type = TYPE_FAULT;
		d->m.w[0] = any();
		d->m.w[1] = below(32);
	} else if (fuzzed.protocol[0].call != NULL) {
		contract_call(d);
	}
	if (one_in(30))
		d->serial = 0;
	if (fuzzed.shape != NULL)
		fuzzed.shape(d);
}

/* It dies, and begins anew with what it remembers, of which something is wrong. */
static void damage(void)
{
	static unsigned damaged;

	if (damaged != 0 && !fuzzed.says_nothing)
		CHECK(repairs != 0);
	if (damaged == fuzzed.damages)
		return;
	repairs = 0;
	limit += AFTER_DAMAGE;
	start_kind = START_RECOVER;
	fuzzed.damage(damaged++);
	main();
}

static void finish(void)
{
	damage();
	if (fuzzed.check != NULL)
		CHECK(fuzzed.check());
	printf("    %u replies, %u of them without an error; on boards %u, %u\n", replies, good,
	       boards_done, boards_good);
	printf("%s %s takes %u messages of all kinds, and goes on\n", test_bad == 0 ? "ok" : "FAIL",
	       fuzzed.name, fuzzed.messages);
	fflush(stdout);
	_Exit(test_bad != 0);
}

static void receive(struct delivery *d)
{
	alarm(HANG_S);
	if (sent++ == fuzzed.messages + limit) {
		if (fuzzed.may_die == NULL || fuzzed.may_die())
			finish();
		limit++;
	}
	next_message(d);
	now = *d;
	holds = d->serial != 0;
}

err_t ipc_receive(struct delivery *d, endpoint_t from)
{
	(void)from;
	receive(d);
	return 0;
}

/* So that the sanitizer sees where they are. */
void touch(uint32_t dir, uint64_t local, uint64_t len)
{
	static unsigned char bytes[65536];

	for (uint64_t done = 0, n; done < len; done += n) {
		n = len - done < sizeof(bytes) ? len - done : sizeof(bytes);
		if (dir == COPY_OUT) {
			memcpy(bytes, (const void *)(local + done), n);
			continue;
		}
		fill(bytes, n < 512 ? n : 512);
		if (one_in(2))
			strlcpy((char *)bytes, some_name(), n);
		memcpy((void *)(local + done), bytes, n);
	}
}

err_t ipc_replyreceive(struct delivery *d, const struct copy *copies, uint32_t n,
		       struct copy_stop *stop)
{
	CHECK(holds);
	replies++;
	good += now.m.type < NR_LINUX ? (int64_t)d->m.w[0] >= 0 : d->m.type == 0;
	if (copies == NULL && n == 1 && d->m.w[6] != 0)
		touch((uint32_t)(d->m.w[6] >> 32), d->m.w[5], (uint32_t)d->m.w[6]);
	for (uint32_t k = 0; copies != NULL && k < n; k++)
		touch(copies[k].dir, copies[k].local, copies[k].len);
	if (n != 0 && one_in(20)) {
		*stop = (struct copy_stop){ .address = below(1ull << 47) };
		return -EFAULT;
	}
	if (fuzzed.replied != NULL)
		(void)fuzzed.replied(d->m.peer, d->serial, &d->m);
	receive(d);
	return 0;
}

err_t ipc_reply(const struct message *m, uint32_t serial)
{
	if (fuzzed.replied != NULL)
		return fuzzed.replied(m->peer, serial, m);
	return m->peer.v != 0 && serial != 0 && !one_in(20) ? 0 : -EDEADPEER;
}

err_t ipc_forward(endpoint_t client, uint32_t serial, endpoint_t to)
{
	if (fuzzed.replied != NULL && to.v != 0)
		return fuzzed.replied(client, serial, NULL);
	return client.v != 0 && serial != 0 && to.v != 0 && !one_in(20) ? 0 : -EDEADPEER;
}

err_t ipc_sendnb(const struct message *m)
{
	if (fuzzed.takes != NULL)
		return fuzzed.takes(m->peer, m) ? 0 : -ENOTREADY;
	return m->peer.v != 0 && one_in(2) ? 0 : -ENOTREADY;
}

err_t ipc_notify(endpoint_t to)
{
	if (fuzzed.takes != NULL)
		return fuzzed.takes(to, NULL) ? 0 : -EDEADPEER;
	return to.v != 0 && !one_in(20) ? 0 : -EDEADPEER;
}

/* ---- the other services ---- */

static err_t answer_of_vm(struct message *m)
{
	if (m->type == VM_BORROW) {
		const struct vm_borrow_request *req = (const struct vm_borrow_request *)m->w;
		struct vm_borrow_reply reply = { .len = SHARED_BYTES };

		reply.owner = ENDPOINT(1, endpoint_slot(req->from));
		reply.address = (uint64_t)(uintptr_t)borrow(req->key, reply.owner);
		memcpy(m->w, &reply, sizeof(reply));
		return reply.address == 0 ? -ENOENT : 0;
	}
	if (m->type == VM_LEND) {
		const struct vm_lend_request *req = (const struct vm_lend_request *)m->w;

		lend(req->key, req->to, (void *)req->address);
		return 0;
	}
	return one_in(3) ? -ENOENT : 0;
}

/* A name stands for the same service as a rule, in its first life or another. */
static endpoint_t service(const char *name)
{
	unsigned slot = 1;

	for (; *name != '\0'; name++)
		slot = (slot * 7 + (unsigned char)*name) % 40;
	return ENDPOINT(1 + (sent > SETTLED && one_in(30)), 1 + slot);
}

static err_t answer_of_ds(struct message *m)
{
	static const char *const some[] = { "tty", "virtio_blk", "tmpfs", "ext2", "uart" };
	struct ds_event_next_reply event = { .who = ENDPOINT_NONE };
	struct ds_retrieve_reply reply;
	bool other = sent > SETTLED && one_in(9);

	if (m->type == DS_EVENT_NEXT && one_in(2) && sent > SETTLED) {
		strcpy(event.name, some[below(COUNT(some))]);
		if (!other)
			event.who = service(event.name);
		memcpy(m->w, &event, sizeof(event));
		return 0;
	}
	if (m->type == DS_RETRIEVE || m->type == DS_WAIT) {
		reply.who = service((const char *)m->w);
		memcpy(m->w, &reply, sizeof(reply));
		return other && m->type == DS_RETRIEVE ? -ENOENT : 0;
	}
	return m->type == DS_SUBSCRIBE ? 0 : -ENOENT;
}

struct ipc_used ipc_used;

err_t ipc_sendrec(struct message *m, const volatile void *range, uint64_t lend)
{
	uint32_t type = m->type;
	err_t err;

	if (lend & CALL_LEND_READ)
		touch(COPY_OUT, (uint64_t)(uintptr_t)range, lend & CALL_LEND_LENGTH);
	if (fuzzed.answer != NULL && fuzzed.answer(m, range, lend))
		return 0;
	if (type - VM_BASE < CONTRACT_OPS) {
		err = answer_of_vm(m);
	} else if (type - DS_BASE < CONTRACT_OPS) {
		err = answer_of_ds(m);
	} else {
		if (lend & CALL_LEND_WRITE)
			touch(COPY_IN, (uint64_t)(uintptr_t)range, lend & CALL_LEND_LENGTH);
		for (unsigned w = 0; w < MESSAGE_WORDS; w++)
			m->w[w] = below(8);
		err = one_in(3) ? -ENOENT : 0;
	}
	m->type = (uint32_t)err;
	return one_in(200) ? -EDEADPEER : 0;
}

/* ---- the kernel ---- */

static err_t kernel_copy(struct message *m, uint32_t dir, uint64_t local, uint64_t len)
{
	CHECK(len <= COPY_MAX);
	touch(dir, local, len);
	m->w[0] = len;
	m->w[1] = 0;
	if (!one_in(12))
		return 0;
	m->w[0] = len != 0 ? below(len) : 0;
	m->w[1] = below(1ull << 47);
	return one_in(2) ? -EFAULT : -EDEADPEER;
}

err_t ipc_kernel(uint32_t number, struct message *m)
{
	err_t err;

	if (fuzzed.kernel != NULL && fuzzed.kernel(number, m, &err))
		return err;
	if (number == SYS_CALL_COPY) {
		struct call_copy_request req = *(const struct call_copy_request *)m->w;

		return kernel_copy(m, req.dir, req.local, req.len);
	}
	if (number == SYS_GRANT_COPY) {
		struct grant_copy_request req = *(const struct grant_copy_request *)m->w;

		return kernel_copy(m, req.dir, req.local, req.len);
	}
	if (number == SYS_PROC_COPY) {
		struct proc_copy_request req = *(const struct proc_copy_request *)m->w;

		return kernel_copy(m, req.dir, req.local, req.len);
	}
	if (number == SYS_BOOT_INFO) {
		memset((void *)m->w[0], 0, sizeof(struct boot_info));
		return 0;
	}
	memset(m->w, 0, sizeof(m->w));
	if (number == SYS_PROC_NEXT || number == SYS_CALL_CANCELLED) {
		*(endpoint_t *)m->w = somebody();
		m->w[1] = one_in(2) ? sent : any();
		return one_in(2) ? 0 : -ENOENT;
	}
	for (unsigned w = 0; w < MESSAGE_WORDS && number >= SYS_PROC_CREATE; w++)
		m->w[w] = below(4);
	return 0;
}

/* ---- before main ---- */

static void too_long(int signal)
{
	static const char text[] = "FAIL a message takes too long\n";

	(void)signal;
	__sanitizer_print_stack_trace();
	if (write(1, text, sizeof(text) - 1) < 0)
		_Exit(3);
	abort();
}

__attribute__((constructor)) static void prepare(void)
{
	const char *given = getenv("SKINK_SEED");
	uint64_t stack = (IMAGE_STACK_TOP - 1) / PAGE_SIZE * PAGE_SIZE;
	struct service_args *args = (struct service_args *)SERVICE_ARGS_VA;

	seed = given != NULL && *given != '\0' ? strtoull(given, NULL, 10) : 26;
	sequence = seed * 0x9e3779b97f4a7c15ull + 1;
	signal(SIGALRM, too_long);
	place(stack, PAGE_SIZE);
	args->id = 30;
	if (fuzzed.args != NULL)
		for (size_t n = 0, at = 0; fuzzed.args[at] != '\0'; at += n) {
			n = strlen(fuzzed.args + at) + 1;
			memcpy(args->words + at, fuzzed.args + at, n);
		}
	if (fuzzed.prepare != NULL)
		fuzzed.prepare();
}
