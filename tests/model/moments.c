/* SPDX-License-Identifier: BSD-2-Clause
 * moments.c - a service that dies before any one instruction loses nothing and does nothing twice.
 *
 * Limit: 200
 *
 * Runs programs of the image (ds, toy, semaphore) under ptrace, with a small kernel of our own
 * behind their `syscall` instructions, through a script of requests: one instruction at a time.
 * Before each the service dies, is recovered as rs does it (text, data, bss and stack anew; state
 * and undo log stay), and goes on to the end of the script. Every call must then have the answer
 * that it has without a death, once; every byte that was copied must be the same, and so must the
 * state. Now and then it dies in the recovery as well, or when the next message has come.
 *
 * What follows from a death depends on the memory that is kept, on what the kernel has been told,
 * and on registers that hold a message. Where none of these has changed, one death stands for all.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <libgen.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#undef PAGE_SHIFT                       /* of sys/user.h */
#undef PAGE_SIZE

#include <abi/boot.h>
#include <abi/kernel.h>
#include <contract/ds.h>
#include <contract/kernel.h>
#include <contract/semaphore.h>
#include <contract/summary.h>
#include <contract/toy.h>
#include <lib/args.h>
#include <lib/service_ids.h>
#include <servers/toy/state.h>
#include <tests/services/settler/calls.h>
#include <tests/unit.h>

enum { EVENTS = 48, LENT = 256, STACK = 64 * 1024, FRESH = 0, RECOVER = 1 };
enum { QUIET = 40 };    /* instructions that bring a message from registers to memory */
enum { AGAIN_EACH = 7, AGAIN_MOST = 1500 };     /* recoveries that are killed, too */

/* ---- the script ---- */

struct event {
	struct message m;               /* peer: the client, or ENDPOINT_KERNEL */
	uint32_t serial;                /* 0: a notification */
	uint64_t lent;
	uint8_t bytes[LENT];            /* what the client lends, before */
	bool loose;                     /* the bytes it gets differ from life to life */
	enum { THERE, BROUGHT, ABSENT } page;   /* of its bytes: comes when it is met; never */
};

static struct event script[EVENTS];
static unsigned nr_events;

static struct event *say(unsigned slot, uint32_t type, const void *request, size_t size)
{
	struct event *e = &script[nr_events++];

	*e = (struct event){
		.m = { .peer = ENDPOINT(1, slot), .type = type }, .serial = nr_events,
	};
	memcpy(e->m.w, request, size);
	return e;
}

static void lend(struct event *e, uint64_t dir, const char *bytes)
{
	e->lent = LENT | dir;
	snprintf((char *)e->bytes, LENT, "%s", bytes);
}

static void beat(void)
{
	script[nr_events++] = (struct event){
		.m = { .peer = ENDPOINT_KERNEL, .type = TYPE_NOTIFY, .w = { BIT(ID_RS) } },
	};
}

#define SAY(slot, type, ...) say(slot, type, &(__VA_ARGS__), sizeof(__VA_ARGS__))

/* ---- what has become of it ---- */

struct world {
	unsigned next;                  /* event that the service receives next */
	struct { bool held, answered, present; err_t err; uint64_t w[MESSAGE_WORDS]; } call[EVENTS];
	uint8_t bytes[EVENTS][LENT];
	uint64_t notified;              /* services that were */
	bool unread;                    /* the last message has not been looked at */
	bool ended;                     /* the service waits for more */
	bool died;                      /* of itself */
};

struct program {
	const char *name;
	uint8_t *elf;
	size_t size, state_size, undo_size;
	uint64_t ignore_at, ignore_len; /* in .state: differs from run to run */
};

static struct program program;

/* A process that the service runs in. */
struct body {
	pid_t pid;
	struct user_regs_struct regs;
	struct world world;
	unsigned quiet;                 /* instructions since its last system call */
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void peek(const struct body *b, uint64_t at, void *to, size_t n)
{
	struct iovec here = { to, n }, there = { (void *)at, n };

	if (process_vm_readv(b->pid, &here, 1, &there, 1, 0) != (ssize_t)n)
		fail("process_vm_readv");
}

static void poke(const struct body *b, uint64_t at, const void *from, size_t n)
{
	struct iovec here = { (void *)from, n }, there = { (void *)at, n };

	if (n != 0 && process_vm_writev(b->pid, &here, 1, &there, 1, 0) != (ssize_t)n)
		fail("process_vm_writev");
}

static const Elf64_Phdr *segment(unsigned n)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)program.elf;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(program.elf + h->e_phoff);

	for (unsigned i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && p[i].p_memsz != 0 && n-- == 0)
			return &p[i];
	return NULL;
}

static bool is_kept(const Elf64_Phdr *p)
{
	return p->p_vaddr >= IMAGE_STATE_VA && p->p_vaddr < IMAGE_STATE_END;
}

static void map(uint64_t at, uint64_t size)
{
	uint64_t first = at & ~(uint64_t)(PAGE_SIZE - 1);

	if (mmap((void *)first, at + size - first, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(1);
}

static void make_body(struct body *b)
{
	int status;

	b->pid = fork();
	if (b->pid < 0)
		fail("fork");
	if (b->pid == 0) {
		for (unsigned n = 0; segment(n) != NULL; n++)
			map(segment(n)->p_vaddr, segment(n)->p_memsz);
		map(IMAGE_STACK_TOP - STACK, STACK);
		map(CLOCK_VA, PAGE_SIZE);       /* it stands still */
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(1);
	}
	if (waitpid(b->pid, &status, 0) != b->pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, b->pid, NULL,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0)
		fail("ptrace");
}

/* As rs does it: all but state and undo log is rewritten. A message that the service had no chance
 * to see goes back. */
static void begin(struct body *b, unsigned kind, const struct user_regs *last)
{
	static const uint8_t zero[STACK];
	struct service_args args = { .id = ID_DS };

	if (b->world.unread)
		b->world.call[--b->world.next].held = false;
	b->world.unread = b->world.ended = false;
	for (unsigned n = 0; segment(n) != NULL; n++) {
		const Elf64_Phdr *p = segment(n);

		if (is_kept(p))
			continue;
		poke(b, p->p_vaddr, program.elf + p->p_offset, p->p_filesz);
		for (uint64_t at = p->p_filesz; at < p->p_memsz; at += STACK)
			poke(b, p->p_vaddr + at, zero,
			     p->p_memsz - at < STACK ? p->p_memsz - at : STACK);
	}
	poke(b, IMAGE_STACK_TOP - STACK, zero, STACK);
	if (last != NULL)
		args.regs = *last;
	poke(b, SERVICE_ARGS_VA, &args, sizeof(args));
	if (ptrace(PTRACE_GETREGS, b->pid, NULL, &b->regs) != 0)
		fail("PTRACE_GETREGS");
	b->regs.rip = ((const Elf64_Ehdr *)program.elf)->e_entry;
	b->regs.rsp = SERVICE_ARGS_VA;
	b->regs.rdi = kind;
	b->regs.rbp = b->regs.rbx = 0;
	b->regs.orig_rax = UINT64_MAX;
	b->regs.eflags = 0x202;
}

/* ---- the kernel ---- */

static void load(const struct user_regs_struct *r, struct message *m)
{
	*m = (struct message){
		.peer = { (uint32_t)r->rdi }, .type = (uint32_t)(r->rdi >> 32),
		.w = { r->rsi, r->rdx, r->r10, r->r8, r->r9, r->r12, r->r13 },
	};
}

static void store(struct user_regs_struct *r, const struct message *m)
{
	r->rdi = m->peer.v | (uint64_t)m->type << 32;
	r->rsi = m->w[0], r->rdx = m->w[1], r->r10 = m->w[2], r->r8 = m->w[3];
	r->r9 = m->w[4], r->r12 = m->w[5], r->r13 = m->w[6];
}

/* Call (peer, serial) if the service holds it. */
static int held(const struct world *w, endpoint_t peer, uint32_t serial)
{
	unsigned n = serial - 1;

	return serial != 0 && n < nr_events && w->call[n].held && script[n].serial == serial &&
	       endpoint_eq(script[n].m.peer, peer) ? (int)n : -1;
}

static err_t copy(struct body *b, int n, uint32_t dir, uint64_t remote, uint64_t local,
		  uint64_t len)
{
	uint64_t right = dir == COPY_OUT ? CALL_LEND_WRITE : CALL_LEND_READ;

	if (!(script[n].lent & right) || remote > LENT || len > LENT - remote)
		return -EPERM;
	if (dir == COPY_OUT)
		peek(b, local, b->world.bytes[n] + remote, len);
	else
		poke(b, local, b->world.bytes[n] + remote, len);
	return 0;
}

static void answer(struct body *b, int n, const struct message *m)
{
	b->world.call[n].held = false;
	b->world.call[n].answered = true;
	b->world.call[n].err = (err_t)m->type;
	memcpy(b->world.call[n].w, m->w, script[n].m.type < NR_LINUX ? 8 : sizeof(m->w));
}

static void receive(struct body *b)
{
	const struct event *e = &script[b->world.next];

	b->regs.rax = 0;
	if (b->world.next == nr_events) {
		b->world.ended = true;
		return;
	}
	b->world.next++;
	store(&b->regs, &e->m);
	b->regs.r14 = e->serial | (uint64_t)e->m.peer.v << 32;
	b->regs.r15 = e->lent;
	if (e->serial != 0)
		b->world.call[e - script].held = true;
	b->world.unread = true;
}

/* False: a page is absent. */
static bool reply_copies(struct body *b, int n, uint32_t count, const struct message *m)
{
	struct copy c = {
		.dir = (uint32_t)(m->w[6] >> 32), .len = (uint32_t)m->w[6], .remote = m->w[4],
		.local = m->w[5],
	};

	if (count > 0 && (script[n].page == ABSENT ||
			  (script[n].page == BROUGHT && !b->world.call[n].present))) {
		b->world.call[n].present = true;
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (b->regs.r15 != 0)
			peek(b, b->regs.r15 + i * sizeof(c), &c, sizeof(c));
		if (copy(b, n, c.dir, c.remote, c.local, c.len) != 0)
			b->world.died = true;
	}
	return true;
}

/* The service has executed `syscall`. */
static void system_call(struct body *b)
{
	struct user_regs_struct *r = &b->regs;
	uint32_t number = (uint32_t)r->orig_rax;
	struct call_copy_request c;
	struct message m;
	int n;

	load(r, &m);
	n = held(&b->world, m.peer, (uint32_t)r->r14);
	r->rcx = r->r11 = 0xdead;
	r->rax = 0;
	switch (number) {
	case IPC_RECEIVE:
		receive(b);
		break;
	case IPC_REPLY:
		if (n >= 0)
			answer(b, n, &m);
		r->rax = n >= 0 ? 0 : (uint64_t)-EDEADPEER;
		break;
	case IPC_REPLYRECEIVE:
		if (n >= 0 && !reply_copies(b, n, (uint32_t)(r->r14 >> 32), &m)) {
			r->rax = (uint64_t)-EFAULT;
			break;
		}
		if (n >= 0)
			answer(b, n, &m);
		receive(b);
		break;
	case IPC_NOTIFY:
		b->world.notified |= BIT(endpoint_slot(m.peer));
		break;
	case IPC_SENDNB:                /* a complaint, to rs */
		break;
	case 0x1000 + 0x34:
		memcpy(&c, m.w, sizeof(c));
		n = held(&b->world, c.client, c.serial);
		r->rax = (uint64_t)(int64_t)(n < 0 ? -EDEADPEER
						   : copy(b, n, c.dir, c.remote, c.local, c.len));
		break;
	case 1:                         /* write: to log */
		r->rax = r->rdx;
		break;
	default:
		printf("the service died of itself, or made call 0x%x\n", number);
		b->world.died = true;
	}
}

/* Go on: one instruction, or to the next system call. */
static void run(struct body *b, int how)
{
	int status;

	if (ptrace(PTRACE_SETREGS, b->pid, NULL, &b->regs) != 0 ||
	    ptrace(how, b->pid, NULL, NULL) != 0 || waitpid(b->pid, &status, 0) != b->pid ||
	    !WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, b->pid, NULL, &b->regs) != 0)
		fail("ptrace");
	b->world.unread = false;
	b->quiet++;
	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		b->quiet = 0;
		system_call(b);
	} else if (WSTOPSIG(status) == SIGTRAP) {
		b->regs.orig_rax = UINT64_MAX;
	} else {
		printf("the service died of signal %d at 0x%llx\n", WSTOPSIG(status), b->regs.rip);
		b->world.died = true;
	}
}

static void run_to_end(struct body *b)
{
	while (!b->world.ended && !b->world.died)
		run(b, PTRACE_SYSEMU);
}

static struct user_regs last_regs(const struct body *b)
{
	const struct user_regs_struct *r = &b->regs;
	struct service_args args;

	peek(b, SERVICE_ARGS_VA, &args, sizeof(args));
	if (args.regs.rip != 0)
		return args.regs;
	return (struct user_regs){
		.rdi = r->rdi, .rsi = r->rsi, .rdx = r->rdx, .r10 = r->r10, .r8 = r->r8,
		.r9 = r->r9, .r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
		.rax = r->rax, .rbx = r->rbx, .rbp = r->rbp, .rip = r->rip, .rsp = r->rsp,
		.orig_rax = r->orig_rax,
	};
}

/* ---- the deaths ---- */

static uint8_t *state_of(const struct body *b)
{
	static uint8_t bytes[1 << 20];

	peek(b, IMAGE_STATE_VA, bytes, program.state_size);
	memset(bytes + program.ignore_at, 0, program.ignore_len);
	return bytes;
}

/* What differs, in words; NULL: nothing. */
static const char *difference(const struct body *b, const struct world *good,
			      const uint8_t *good_state)
{
	static char text[100];

	if (b->world.died)
		return "it does not come back";
	for (unsigned n = 0; n < nr_events; n++) {
		snprintf(text, sizeof(text), "request %u, of type 0x%x, has another answer", n,
			 script[n].m.type);
		if (b->world.call[n].answered != good->call[n].answered ||
		    b->world.call[n].err != good->call[n].err)
			return text;
		if (script[n].loose && b->world.bytes[n][0] == good->bytes[n][0])
			continue;
		if (memcmp(b->world.call[n].w, good->call[n].w, sizeof(good->call[n].w)) != 0 ||
		    memcmp(b->world.bytes[n], good->bytes[n], LENT) != 0)
			return text;
	}
	if (b->world.notified != good->notified)
		return "others are notified";
	return memcmp(state_of(b), good_state, program.state_size) ? "the state is another" : NULL;
}

/* The kept memory of `b`, and whether it is another than at the last call. */
static uint8_t kept[1 << 20];

static bool look_at_kept(const struct body *b)
{
	static uint8_t last[sizeof(kept)];
	size_t used = 0;
	bool changed;

	for (unsigned n = 0; segment(n) != NULL; n++)
		if (is_kept(segment(n))) {
			peek(b, segment(n)->p_vaddr, kept + used, segment(n)->p_memsz);
			used += segment(n)->p_memsz;
		}
	changed = memcmp(kept, last, used) != 0;
	memcpy(last, kept, changed ? used : 0);
	return changed;
}

/* So many instructions later, or before it does the request again: of that it may die once. */
static void die_again(struct body *b, unsigned steps)
{
	uint64_t beaten = b->world.notified & BIT(ID_RS);
	struct user_regs last;

	b->world.notified &= ~beaten;
	while (steps-- > 0 && !b->world.ended && !b->world.died &&
	       !(b->world.notified & BIT(ID_RS)))
		run(b, PTRACE_SYSEMU_SINGLESTEP);
	b->world.notified |= beaten;
	last = last_regs(b);
	begin(b, RECOVER, &last);
}

/* At the moment that `b` has come to, in another body: it dies and goes on. */
static const char *die(struct body *other, const struct body *b, unsigned moment,
		       const struct world *good, const uint8_t *good_state)
{
	struct user_regs last = last_regs(b);
	size_t used = 0;

	other->world = b->world;
	for (unsigned n = 0; segment(n) != NULL; n++)
		if (is_kept(segment(n))) {
			poke(other, segment(n)->p_vaddr, kept + used, segment(n)->p_memsz);
			used += segment(n)->p_memsz;
		}
	begin(other, RECOVER, &last);
	if (moment % AGAIN_EACH == 0)
		die_again(other, moment * 7919 % AGAIN_MOST);
	if (moment % AGAIN_EACH == 1) {
		unsigned next = other->world.next;

		while (other->world.next == next && !other->world.ended && !other->world.died)
			run(other, PTRACE_SYSEMU_SINGLESTEP);
		die_again(other, moment / AGAIN_EACH % QUIET);
	}
	run_to_end(other);
	return difference(other, good, good_state);
}

static void new_world(struct world *w)
{
	*w = (struct world){ 0 };
	for (unsigned n = 0; n < nr_events; n++)
		memcpy(w->bytes[n], script[n].bytes, LENT);
}

static void clear_kept(const struct body *b)
{
	static const uint8_t zero[1 << 20];

	for (unsigned n = 0; segment(n) != NULL; n++)
		if (is_kept(segment(n)))
			poke(b, segment(n)->p_vaddr, zero, segment(n)->p_memsz);
}

static void test_program(void)
{
	static struct body body, other;
	static struct world good;
	static uint8_t good_state[1 << 20];
	unsigned moments = 0, deaths = 0, bad = 0;
	const char *why;

	make_body(&body);
	make_body(&other);
	new_world(&body.world);
	begin(&body, FRESH, NULL);
	run_to_end(&body);
	good = body.world;
	memcpy(good_state, state_of(&body), program.state_size);
	CHECK(!good.died && good.next == nr_events);

	new_world(&body.world);
	clear_kept(&body);
	begin(&body, FRESH, NULL);
	for (bool last = false; !last && bad < 10; moments++) {
		last = body.world.ended || body.world.died;
		why = NULL;
		if (look_at_kept(&body) || body.quiet < QUIET || last)
			why = die(&other, &body, deaths++, &good, good_state);
		if (why != NULL) {
			printf("%s: death at instruction %u, 0x%llx, after request %u: %s\n",
			       program.name, moments, body.regs.rip, body.world.next - 1, why);
			bad++;
		}
		if (!last)
			run(&body, PTRACE_SYSEMU_SINGLESTEP);
	}
	printf("%s: %u requests, %u moments, %u deaths\n", program.name, nr_events, moments,
	       deaths);
	CHECK_EQ(bad, 0);
	CHECK(deaths > 500);
	free(program.elf);
	kill(body.pid, SIGKILL);
	kill(other.pid, SIGKILL);
}

/* ---- the programs ---- */

static void read_program(const char *name)
{
	char self[400], path[600];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *f;

	self[n > 0 ? n : 0] = '\0';
	for (unsigned i = 0; i < 5; i++)        /* BUILD/host/bin/tests/model/moments */
		dirname(self);
	snprintf(path, sizeof(path), "%s/services/%s/%s", self, name, name);
	f = fopen(path, "rb");
	if (f == NULL)
		fail(path);
	program = (struct program){ .name = name, .elf = malloc(1 << 22) };
	program.size = fread(program.elf, 1, 1 << 22, f);
	fclose(f);
	for (unsigned i = 0; segment(i) != NULL; i++)
		if (segment(i)->p_vaddr == IMAGE_STATE_VA)
			program.state_size = segment(i)->p_memsz;
	nr_events = 0;
}

static void summary(void)
{
	struct event *e = SAY(ID_IS, SUMMARY_GET, (uint64_t){ 0 });

	lend(e, CALL_LEND_WRITE, "");
	e->loose = true;
}

static void test_toy(void)
{
	read_program("toy");
	program.ignore_at = offsetof(struct state, recoveries);
	program.ignore_len = sizeof(((struct state *)NULL)->recoveries);
	for (unsigned i = 0; i < 4; i++)
		SAY(100, TOY_PUT, (struct toy_put_request){ .key = i % 3, .value = 10 + i });
	beat();
	SAY(101, TOY_GET, (struct toy_get_request){ .key = 2 });
	SAY(101, TOY_GET, (struct toy_get_request){ .key = 7 });
	SAY(100, TOY_REMOVE, (struct toy_remove_request){ .key = 1 });
	SAY(102, 0x4ff, (struct toy_remove_request){ .key = 1 });
	summary();
	test_program();
}

static void down(unsigned slot, uint32_t id, bool wait)
{
	SAY(slot, SEMAPHORE_DOWN, (struct semaphore_down_request){ .id = id, .wait = wait });
}

/* Three wait: the first two get a unit each, the third hears that the semaphore is gone. */
static void test_semaphore(void)
{
	uint32_t id = SEMAPHORE_MOST;           /* row 0, first generation */

	read_program("semaphore");
	SAY(100, SEMAPHORE_OPEN, (struct semaphore_open_request){ .name = "m", .value = 1 });
	down(100, id, true);
	down(101, id, true);
	down(102, id, true);
	beat();
	down(103, id, true);
	down(104, id, false);
	SAY(105, SEMAPHORE_LIST, (struct semaphore_list_request){ .index = 0 });
	SAY(100, SEMAPHORE_UP, (struct semaphore_up_request){ .id = id });
	SAY(101, SEMAPHORE_UP, (struct semaphore_up_request){ .id = id });
	SAY(105, SEMAPHORE_REMOVE, (struct semaphore_remove_request){ .id = id });
	SAY(102, SEMAPHORE_UP, (struct semaphore_up_request){ .id = id });
	summary();
	test_program();
}

static void test_ds(void)
{
	read_program("ds");
	SAY(20, DS_WAIT, (struct ds_wait_request){ .name = "x" });
	SAY(21, DS_WAIT, (struct ds_wait_request){ .name = "x" });
	SAY(22, DS_SUBSCRIBE, (struct ds_subscribe_request){ .pattern = "x*" });
	SAY(ID_RS, DS_PUBLISH, (struct ds_publish_request){ .name = "x", .who = ENDPOINT(3, 23) });
	beat();
	SAY(22, DS_EVENT_NEXT, (uint64_t){ 0 });
	SAY(22, DS_EVENT_NEXT, (uint64_t){ 0 });
	lend(SAY(24, DS_SNAPSHOT_STORE, (struct ds_snapshot_store_request){ .name = "s" }),
	     CALL_LEND_READ, "what is kept");
	lend(SAY(24, DS_SNAPSHOT_FETCH, (struct ds_snapshot_fetch_request){ .name = "s" }),
	     CALL_LEND_WRITE, "");
	SAY(25, DS_WAIT, (struct ds_wait_request){ .name = "x", .old = ENDPOINT(3, 23) });
	SAY(ID_RS, DS_UNPUBLISH, (struct ds_unpublish_request){ .name = "x" });
	SAY(23, DS_RETRIEVE, (struct ds_retrieve_request){ .name = "x" });
	SAY(23, DS_PUBLISH, (struct ds_publish_request){ .name = "x" });
	summary();
	test_program();
}

/* A Linux call that adds a number and wants it at the beginning of its bytes. */
static struct event *add(unsigned slot, uint32_t type, uint64_t number)
{
	struct event *e = SAY(slot, type, (uint64_t[]){ number, 0 });

	lend(e, CALL_LEND_WRITE, "");
	return e;
}

static void test_settler(void)
{
	read_program("settler");
	add(100, SETTLER_SETTLE, 3);
	add(101, SETTLER_COPY, 5);
	add(102, SETTLER_COPY, 7)->page = BROUGHT;
	beat();
	add(103, SETTLER_LATE, 11)->page = ABSENT;
	add(104, SETTLER_SETTLE, 13);
	add(105, SETTLER_REFUSE, 17)->page = ABSENT;
	add(106, SETTLER_COPY, 19);
	test_program();
}

/* Who traces and who is traced take turns: on one CPU no idle one has to be woken for each. */
static void stay(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0)
		perror("sched_setaffinity");
}

int main(void)
{
	stay();
	TEST("toy may die before any instruction", test_toy);
	TEST("semaphore may die before any instruction, while programs wait", test_semaphore);
	TEST("ds may die before any instruction", test_ds);
	TEST("who goes on when a request is settled may, too", test_settler);
	return test_result();
}
