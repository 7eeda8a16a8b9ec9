/* SPDX-License-Identifier: BSD-2-Clause
 * exec.c - a new program in an old process.
 *
 * Job:      ends the other threads, makes the stack with arguments, environment and auxiliary
 *           vector as Linux does, and starts the process afresh in its new space.
 * Speaks:   contracts/pm exec_*; vm.space_new, vm.map, vm.write, vm.attach; kernel
 *           call proc_create.
 * Touches:  the new space; the row of the process.
 * Trusts:   vfs for the image's numbers; the strings are copied as bytes.
 * On crash: before exec_begin nothing has changed; after it the process is killed.
 * Spec:     psABI x86-64 3.4.1 (initial stack); Linux uapi/linux/auxvec.h.
 */
#include "pm.h"
#include "signals.h"

#include <abi/exec.h>
#include <abi/layout.h>

enum { AUX_MAX = 24, POINTERS_MAX = 8192, RLIMIT_STACK_ = 3 };
enum { AT_PHDR_ = 3, AT_PHENT_, AT_PHNUM_, AT_PAGESZ_, AT_BASE_, AT_FLAGS_, AT_ENTRY_,
       AT_UID_ = 11, AT_EUID_, AT_GID_, AT_EGID_, AT_PLATFORM_, AT_HWCAP_, AT_CLKTCK_,
       AT_SECURE_ = 23, AT_RANDOM_ = 25, AT_HWCAP2_, AT_EXECFN_ = 31, AT_SYSINFO_EHDR_ = 33,
       AT_MINSIGSTKSZ_ = 51 };
enum { CLOCK_TICKS = 100, SIGNAL_STACK_MIN = 2048 };

static struct exec_image image;
static char strings[EXEC_STRINGS_MAX];
static uint64_t words[POINTERS_MAX + 2 * AUX_MAX];

err_t do_pm_exec_begin(const struct call *c, const struct pm_exec_begin_request *req,
		       struct pm_exec_begin_reply *reply)
{
	struct vm_space_new_reply space;
	struct thread *t = thread_of(req->client);
	struct process *p;
	err_t err;

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (!t)
		return -ESRCH;
	err = vm_space_new(&vm, &space);
	if (err != 0)
		return err;
	p = process_of(t);
	for (struct thread *o = next_thread(p, NULL); o; o = next_thread(p, o))
		if (o != t) {
			thread_exit(o);
			undo_commit();
		}
	limits_to_vm(p, space.space);
	reply->space = space.space;
	return 0;
}

/* ---- the stack ---- */

static uint64_t random_word(void)
{
	static uint64_t x;
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	x = (x ^ (lo | (uint64_t)hi << 32)) * 0x9e3779b97f4a7c15ull;
	x ^= x >> 29;
	return x * 0xbf58476d1ce4e5b9ull;
}

static uint64_t cpu_capabilities(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return d;
}

static unsigned put_aux(unsigned n, uint64_t type, uint64_t value)
{
	words[n] = type;
	words[n + 1] = value;
	return n + 2;
}

static unsigned put_vector(unsigned n, const struct process *p, uint64_t platform, uint64_t random,
			   uint64_t execfn)
{
	n = put_aux(n, AT_SYSINFO_EHDR_, VDSO_VA);
	n = put_aux(n, AT_HWCAP_, cpu_capabilities());
	n = put_aux(n, AT_PAGESZ_, PAGE_SIZE);
	n = put_aux(n, AT_CLKTCK_, CLOCK_TICKS);
	n = put_aux(n, AT_PHDR_, image.phdr);
	n = put_aux(n, AT_PHENT_, image.phent);
	n = put_aux(n, AT_PHNUM_, image.phnum);
	n = put_aux(n, AT_BASE_, image.base);
	n = put_aux(n, AT_FLAGS_, 0);
	n = put_aux(n, AT_ENTRY_, image.program_entry);
	n = put_aux(n, AT_UID_, p->uid);
	n = put_aux(n, AT_EUID_, p->euid);
	n = put_aux(n, AT_GID_, p->gid);
	n = put_aux(n, AT_EGID_, p->egid);
	n = put_aux(n, AT_SECURE_, p->secure);
	n = put_aux(n, AT_RANDOM_, random);
	n = put_aux(n, AT_HWCAP2_, 0);
	n = put_aux(n, AT_EXECFN_, execfn);
	n = put_aux(n, AT_PLATFORM_, platform);
	n = put_aux(n, AT_MINSIGSTKSZ_, SIGNAL_STACK_MIN);
	return put_aux(n, 0, 0);
}

/* Pointers to `count` strings from *offset on. */
static unsigned put_pointers(unsigned n, uint32_t count, uint64_t base, uint32_t *offset)
{
	for (uint32_t i = 0; i < count; i++) {
		words[n++] = base + *offset;
		*offset += (uint32_t)strnlen(strings + *offset, image.strings - *offset) + 1;
	}
	words[n++] = 0;
	return n;
}

static err_t write_new(uint16_t space, uint64_t address, const void *data, size_t len)
{
	struct vm_write_request req = { .space = space, .address = address };

	return vm_write(&vm, &req, data, len);
}

/* Strings on top, then platform and random bytes, then the vectors. */
static err_t make_stack(uint16_t space, struct process *p, uint64_t *sp)
{
	struct {
		char platform[16];
		uint64_t random[2];
	} extra = { "x86_64", { 0 } };
	uint64_t base = (STACK_TOP - image.strings) & ~15ull, extra_at = base - sizeof(extra);
	uint32_t offset = 0;
	unsigned n = 0;
	err_t err;

	if (image.argc + image.envc + 3 > POINTERS_MAX)
		return -E2BIG;
	extra.random[0] = random_word();
	extra.random[1] = random_word();
	words[n++] = image.argc;
	n = put_pointers(n, image.argc, base, &offset);
	p->args_at = base;
	p->args_len = offset;
	n = put_pointers(n, image.envc, base, &offset);
	p->env_at = base + p->args_len;
	p->env_len = offset - p->args_len;
	n = put_vector(n, p, extra_at, extra_at + sizeof(extra.platform), base + offset);
	*sp = (extra_at - n * sizeof(words[0])) & ~15ull;
	err = write_new(space, base, strings, image.strings);
	if (err == 0)
		err = write_new(space, extra_at, &extra, sizeof(extra));
	return err != 0 ? err : write_new(space, *sp, words, n * sizeof(words[0]));
}

static err_t map_stack(uint16_t space, const struct process *p)
{
	uint64_t limit = p->limit[RLIMIT_STACK_].soft;
	struct vm_map_request req = {
		.space = space, .prot = VM_PROT_READ | VM_PROT_WRITE,
		.flags = VM_MAP_PRIVATE | VM_MAP_ANONYMOUS | VM_MAP_FIXED | VM_MAP_GROWSDOWN,
	};
	struct vm_map_reply reply;

	if (limit > STACK_LIMIT_MAX)
		limit = STACK_LIMIT_MAX;
	if (limit < EXEC_STRINGS_MAX * 2)
		limit = EXEC_STRINGS_MAX * 2;
	if (image.stack_exec)
		req.prot |= VM_PROT_EXEC;
	req.len = 2 * EXEC_STRINGS_MAX; /* it grows by itself, up to the limit */
	req.offset = (limit + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	req.address = STACK_TOP - req.len;
	return vm_map(&vm, &req, &reply);
}

/* ---- the process ---- */

static void reset_signals(struct process *p, struct thread *t)
{
	for (unsigned i = 0; i < NR_SIGNALS; i++) {
		struct action *a = &p->action[i];

		if (a->handler != SIG_IGN_)
			*a = (struct action){ .handler = SIG_DFL_ };
		else
			a->flags = a->mask = a->restorer = 0;
	}
	t->alt_sp = t->alt_size = 0;
	t->alt_flags = 0;
	t->clear_tid = t->robust_list = 0;
}

static void change_ids(struct process *p)
{
	p->secure = 0;
	if (image.set_uid != UINT32_MAX) {
		p->secure |= p->euid != image.set_uid || p->uid != image.set_uid;
		p->euid = image.set_uid;
	}
	if (image.set_gid != UINT32_MAX) {
		p->secure |= p->egid != image.set_gid || p->gid != image.set_gid;
		p->egid = image.set_gid;
	}
	p->suid = p->fsuid = p->euid;
	p->sgid = p->fsgid = p->egid;
}

/* The kernel process goes and comes back under the same endpoint, in the new space. */
static err_t start(struct thread *t, uint16_t space, uint64_t sp)
{
	struct process *p = process_of(t);
	struct proc_create_request create = {
		.proc = endpoint_of(t), .owner = endpoint_of(t), .space = space,
		.priv = PRIV_PROGRAM, .entry = image.entry, .stack = sp,
	};
	struct vm_attach_request attach = { .proc = create.proc, .space = space };
	struct proc_resume_request resume = { .proc = create.proc };
	err_t err;

	thread_end(t);
	t->wait = WAIT_NOT;
	t->parked = 0;
	p->space = space;
	err = sys_proc_create(&create);
	if (err == 0)
		err = vm_attach(&vm, &attach);
	if (err != 0)
		return err;
	publish_ids(t);
	sched_tell(t);
	return deliverable(t) ? 0 : sys_proc_resume(&resume);
}

static err_t read_image(const struct call *c)
{
	err_t err = call_read(c, 0, &image, sizeof(image));

	if (err != 0)
		return err;
	if (image.strings > sizeof(strings) || c->lent < sizeof(image) + image.strings)
		return -EINVAL;
	return call_read(c, sizeof(image), strings, image.strings);
}

err_t do_pm_exec_finish(const struct call *c, const struct pm_exec_finish_request *req,
			struct pm_exec_finish_reply *reply)
{
	struct thread *t = thread_of(req->client);
	struct process *p;
	uint64_t sp;
	err_t err;

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (!t)
		return -ESRCH;
	p = process_of(t);
	err = read_image(c);
	change_ids(p);
	if (err == 0)
		err = map_stack(req->space, p);
	if (err == 0)
		err = make_stack(req->space, p, &sp);
	if (err == 0)
		err = start(t, req->space, sp);
	if (err != 0) {
		process_exit(p, SIG_SEGV);
		return -ENOMEM;
	}
	reset_signals(p, t);
	memcpy(t->name, image.name, sizeof(t->name));
	t->name[sizeof(t->name) - 1] = '\0';
	p->did_exec = 1;
	vfork_release(p);
	reply->client = endpoint_of(t);
	if (deliverable(t)) {
		t->parked = 1;
		unpark(t);
	}
	return 0;
}

err_t do_pm_exec_fail(const struct call *c, const struct pm_exec_fail_request *req)
{
	struct thread *t = thread_of(req->client);
	struct vm_space_free_request space = { .space = req->space };

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (vm_space_free(&vm, &space) != 0)
		print("space %u could not be freed\n", req->space);
	if (t)
		process_exit(process_of(t), SIG_SEGV);  /* as Linux: too late for an error */
	return 0;
}
