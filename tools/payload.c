/* SPDX-License-Identifier: BSD-2-Clause
 * payload.c - what a service does that has gone wrong, as code that is written into it.
 *
 * Job:      tools/payload.py compiles it once for each class (-DCLASS=act_...), as bytes that run
 *           at any address, and puts them over code of a service that is not reached; a call that
 *           is reached goes here instead of to its target. With all registers as they were it goes
 *           on to that, returns at once, or ends the service behind it.
 * Speaks:   abi/message.h, as the service whose rights it has. No function of the service's.
 * Touches:  the memory of the service; the lowest words of its stack are its own.
 * Trusts:   payload.py for the parameters.
 * On crash: the service is recovered, its code rewritten, and nothing of this is left.
 */
#include <abi/kernel.h>
#include <abi/message.h>

enum verdict { GO_ON, RETURN, END };
enum { PEERS = 16, FLOOD = 2000, GARBAGE = 64, LEAKS = 64, COMPUTES = 1000000 };

/* Offsets: tools/payload.py. */
struct parameters {
	uint64_t target;                /* where the call was to go */
	uint64_t die;                   /* the service's own end */
	uint64_t scratch;               /* struct scratch */
	uint64_t seed;
	uint64_t a[4];                  /* of the class */
	uint32_t nr_calls, nr_notified; /* whom the manifest lets it ask, and notify */
	uint16_t calls[PEERS], notified[PEERS];
	uint16_t base[PEERS];           /* of a protocol that calls[n] serves */
};

struct scratch { volatile uint64_t times, stop, random; };

/* What the call found, and its target will. */
struct registers {
	uint64_t rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11;
	uint64_t next;                  /* where GO_ON goes on */
};

extern const struct parameters parameters __attribute__((visibility("hidden")));

__asm__(".section .text.entry, \"ax\", @progbits\n"
	"	jmp 1f\n"
	"	.balign 8\n"
	"	.globl parameters\n"
	"	.hidden parameters\n"
	"parameters: .space 168\n"
	"1:	push parameters(%rip)\n"
	"	push %r11; push %r10; push %r9; push %r8\n"
	"	push %rdi; push %rsi; push %rdx; push %rcx; push %rax\n"
	"	mov %rsp, %rdi\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	and $-16, %rsp\n"
	"	call act\n"
	"	cmp $1, %eax\n"
	"	mov %rbp, %rsp\n"
	"	pop %rbp\n"
	"	pop %rax; pop %rcx; pop %rdx; pop %rsi; pop %rdi\n"
	"	pop %r8; pop %r9; pop %r10; pop %r11\n"
	"	je 2f\n"
	"	ja 3f\n"
	"	ret\n"                         /* to `next` */
	"2:	lea 8(%rsp), %rsp\n"
	"	ret\n"
	"3:	lea 8(%rsp), %rsp\n"
	"	call *parameters(%rip)\n"
	"	mov $1, %edi\n"
	"	call *parameters+8(%rip)\n"
	"	hlt\n");
_Static_assert(sizeof(struct parameters) == 168, "the room for it above");

#define ONLY_HERE static __attribute__((unused))

ONLY_HERE struct scratch *scratch(void)
{
	return (struct scratch *)(uintptr_t)parameters.scratch;
}

ONLY_HERE uint64_t any(void)
{
	uint64_t x = scratch()->random;

	x = x != 0 ? x : parameters.seed;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	scratch()->random = x;
	return x * 0x2545f4914f6cdd1dull >> 16;
}

ONLY_HERE uint32_t below(uint64_t n)
{
	return (uint32_t)(any() % n);
}

/* What breaks programs: small, large, near to what was there, or anything. */
ONLY_HERE uint64_t odd_value(uint64_t old)
{
	switch (below(6)) {
	case 0:
		return 0;
	case 1:
		return ~0ull;
	case 2:
		return below(4096);
	case 3:
		return old ^ 1ull << below(64);
	case 4:
		return old + 1 - 2 * below(2);
	default:
		return any() << 16 ^ any();
	}
}

/* Is it the first time? After a recovery it is once more. */
ONLY_HERE bool once(void)
{
	return scratch()->times++ == 0;
}

/* A primitive or kernel call with a message, and a range lent. */
ONLY_HERE int64_t enter(uint64_t number, struct message *m, uint64_t lent, uint64_t length)
{
	uint64_t *w = m->w, rdi = m->peer.v | (uint64_t)m->type << 32;
	register uint64_t r10 __asm__("r10") = w[2], r8 __asm__("r8") = w[3];
	register uint64_t r9 __asm__("r9") = w[4], r12 __asm__("r12") = w[5];
	register uint64_t r13 __asm__("r13") = w[6], r14 __asm__("r14") = lent;
	register uint64_t r15 __asm__("r15") = length;
	uint64_t rsi = w[0], rdx = w[1], rax = number;

	__asm__ volatile("syscall"
			 : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8),
			   "+r"(r9), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
			 : : "rcx", "r11", "memory");
	return (int64_t)rax;
}

ONLY_HERE endpoint_t first(uint16_t id)
{
	return ENDPOINT(1, id);
}

ONLY_HERE void notify(uint16_t id)
{
	struct message m = { .peer = first(id) };

	enter(IPC_NOTIFY, &m, 0, 0);
}

/* ---- the classes ---- */

/* Words of its own memory are overwritten: a[0] where, or 0, the stack, which ends at a[2]; a[1]:
 * how many words are there. What is zero may never have been used: the next that is not. */
ONLY_HERE enum verdict act_wild(struct registers *r)
{
	uint64_t *from = (uint64_t *)(uintptr_t)parameters.a[0], words = parameters.a[1];
	uint32_t at, n;

	if (!once())
		return GO_ON;
	if (from == NULL) {
		from = (uint64_t *)r;
		words = (parameters.a[2] - (uint64_t)(uintptr_t)r) / 8;
	}
	at = below(words);
	for (n = 0; n < words && from[at] == 0; n++)
		at = at + 1 < words ? at + 1 : 0;
	for (n = below(4) + 1; n > 0 && at < words; n--, at++)
		from[at] = odd_value(from[at]);
	return GO_ON;
}

/* What it takes from others it never gives back, each time a little more: memory that is lent under
 * new keys (a[0]: a page of it; a[1]: type of the request), names and memory of ds (a[2], a[3]). */
ONLY_HERE enum verdict act_leak(struct registers *r)
{
	struct message m;

	(void)r;
	if (scratch()->times++ >= LEAKS)
		return GO_ON;
	for (unsigned n = 0; n < 4; n++) {
		if (parameters.a[1] != 0) {
			m = (struct message){ .peer = first(3), .type = (uint32_t)parameters.a[1] };
			m.w[0] = first(parameters.calls[below(parameters.nr_calls)]).v |
				 any() << 32;
			m.w[1] = parameters.a[0];
			m.w[2] = PAGE_SIZE;
			enter(IPC_SENDREC, &m, 0, 0);
		}
		if (parameters.a[2] != 0) {
			m = (struct message){ .peer = first(2), .type = (uint32_t)parameters.a[2] };
			m.w[0] = 'l' | any() << 8 >> 8 << 8;
			enter(IPC_SENDREC, &m, 0, 0);
			m = (struct message){ .peer = first(2), .type = (uint32_t)parameters.a[3] };
			m.w[0] = 'l' | any() << 8 >> 8 << 8;
			enter(IPC_SENDREC, &m, parameters.a[0], PAGE_SIZE | CALL_LEND_READ);
		}
	}
	return GO_ON;
}

/* It computes, says now and then that it is alive, and does nothing of what it is asked. a[0]: the
 * id of who watches it. */
ONLY_HERE enum verdict act_livelock(struct registers *r)
{
	(void)r;
	while (scratch()->stop == 0)
		if (scratch()->times++ % COMPUTES == 0)
			notify((uint16_t)parameters.a[0]);
	return GO_ON;
}

/* Notifications and messages to whom it may have them, as fast as it can; by half of the seeds
 * without end. */
ONLY_HERE enum verdict act_flood(struct registers *r)
{
	bool endless = parameters.seed & 1;
	struct message m;

	(void)r;
	if (!once())
		return GO_ON;
	for (unsigned n = 0; (endless || n < FLOOD) && scratch()->stop == 0; n++) {
		uint16_t to = parameters.notified[below(parameters.nr_notified)];

		notify(to);
		m = (struct message){ .peer = first(to), .type = TYPE_CONTRACT };
		enter(IPC_SENDNB, &m, 0, 0);
		if (parameters.nr_calls == 0)
			continue;
		m.peer = first(parameters.calls[below(parameters.nr_calls)]);
		enter(IPC_SENDREC, &m, 0, 0);
	}
	return GO_ON;
}

/* Requests that nobody would make, with memory lent (a[0]: some of its own). */
ONLY_HERE enum verdict act_garbage(struct registers *r)
{
	struct message m;

	(void)r;
	if (!once())
		return GO_ON;
	for (unsigned n = 0; n < GARBAGE; n++) {
		uint32_t to = below(parameters.nr_calls);
		uint64_t lend = below(2) * (CALL_LEND_READ | CALL_LEND_WRITE);

		m.peer = first(parameters.calls[to]);
		m.type = below(4) == 0 ? below(0x1000) : parameters.base[to] + below(64);
		for (unsigned i = 0; i < MESSAGE_WORDS; i++)
			m.w[i] = odd_value(parameters.a[0]);
		if (m.type >= NR_LINUX)
			enter(IPC_SENDREC, &m, parameters.a[0], lend | below(PAGE_SIZE));
	}
	return GO_ON;
}

/* An answer that is not what was asked for. a[0]: 0, the call has a message; 1, it is
 * ring_complete(ring, memory, id, err, payload, size); 2, board_done(board, log, n, asker). */
ONLY_HERE enum verdict act_lie(struct registers *r)
{
	uint64_t *word = (uint64_t *)(uintptr_t)r->rdi;
	uint32_t which = below(8);

	if (!once())
		return GO_ON;
	if (parameters.a[0] == 1 && which < 4) {
		r->rdx = which == 0 ? (uint32_t)odd_value(r->rdx) : r->rdx;
		r->rcx = which != 0 ? (uint32_t)odd_value(r->rcx) : r->rcx;
		return GO_ON;
	}
	if (parameters.a[0] == 1) {
		word = (uint64_t *)(uintptr_t)r->r8;
		which = below(r->r9 / 8 + 1);
	} else if (parameters.a[0] == 2) {      /* board.h: entry_size, 32 entries at its end */
		uint32_t size = (uint32_t)(word[0] >> 32);

		word += (64 + 64 + 64 * 8 + 64 * 8) / 8 + r->rdx * size / 8;
		which = below(size / 8);
	}
	if (word != NULL)
		word[which] = odd_value(word[which]);
	return GO_ON;
}

/* An answer is not given. a[0]: 0, it is ipc_replyreceive(delivery, ...), which becomes a[1],
 * ipc_receive(delivery, from); 1, the call is left out. Nothing of here stays on the stack. */
ONLY_HERE enum verdict act_mute(struct registers *r)
{
	if (!once())
		return GO_ON;
	if (parameters.a[0] != 0) {
		r->rax = 0;
		return RETURN;
	}
	r->rsi = ENDPOINT_ANY.v;
	r->next = parameters.a[1];
	return GO_ON;
}

/* It ends where memory of others is in its hands: in the call that copies, or lends. */
ONLY_HERE enum verdict act_grant(struct registers *r)
{
	(void)r;
	if (!once())
		return GO_ON;
	if (parameters.seed & 1)
		return END;
	((void (*)(uint64_t))(uintptr_t)parameters.die)(1);
	return RETURN;
}

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct avail { uint16_t flags, idx, ring[256]; };

ONLY_HERE void garble(volatile struct desc *d)
{
	switch (below(6)) {
	case 0:
		d->addr = 1ull << (30 + below(34));     /* behind all memory that there is */
		break;
	case 1:
		d->addr = parameters.a[1];
		break;
	case 2:
		d->len = (uint32_t)odd_value(d->len);
		break;
	case 3:
		d->flags = (uint16_t)(d->flags ^ 1u << below(3));
		break;
	case 4:
		d->flags |= 1;
		d->next = (uint16_t)below(2);
		break;
	default:
		d->next = (uint16_t)any();
		break;
	}
}

/* What the device is about to read of a queue (a[0]: struct virtq_memory, lib/virtio/queue.h; a[1]:
 * an address of the driver's own memory for devices) is garbled: an address where there is no
 * memory, or its own; a length, flags, a chain that goes in a circle, an index. Memory of others is
 * left out: nothing but an I/O MMU can hold that. */
ONLY_HERE enum verdict act_dma(struct registers *r)
{
	volatile struct desc *d = (volatile struct desc *)(uintptr_t)parameters.a[0];
	volatile struct avail *a = (volatile struct avail *)(uintptr_t)(parameters.a[0] + 4096);

	(void)r;
	if (!once())
		return GO_ON;
	d += a->ring[a->idx % 256] % 256;
	if (below(2) != 0 && d->flags & 4)      /* what the indirect tables say, of all requests */
		for (unsigned n = below(3), t = 0; t < 64; t++)
			garble((volatile struct desc *)(uintptr_t)(parameters.a[0] + 3 * 4096) +
			       32 * t + n);
	else if (below(4) != 0)
		garble(d);
	else if (below(2) != 0)
		a->ring[a->idx % 256] = (uint16_t)any();
	else
		a->idx = (uint16_t)any();
	return GO_ON;
}
__attribute__((used, visibility("hidden"))) enum verdict act(struct registers *r)
{
	return CLASS(r);
}
