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

enum { AUX_MAX = 24, PART = 64 * 1024, RLIMIT_STACK_ = 3, STACK_FIRST = 128 * 1024 };
enum { AT_PHDR_ = 3, AT_PHENT_, AT_PHNUM_, AT_PAGESZ_, AT_BASE_, AT_FLAGS_, AT_ENTRY_,
       AT_UID_ = 11, AT_EUID_, AT_GID_, AT_EGID_, AT_PLATFORM_, AT_HWCAP_, AT_CLKTCK_,
       AT_SECURE_ = 23, AT_RANDOM_ = 25, AT_HWCAP2_, AT_EXECFN_ = 31, AT_SYSINFO_EHDR_ = 33,
       AT_MINSIGSTKSZ_ = 51 };
enum { CLOCK_TICKS = 100, SIGNAL_STACK_MIN = 2048 };

static struct exec_image image;
static char strings[PART];
static uint64_t words[512];             /* of the vectors, on their way */
_Static_assert(COUNT(words) >= 2 * AUX_MAX, "the auxiliary vector is written at once");

err_t do_pm_exec_begin(const struct call *c, const struct pm_exec_begin_request *req,
		       struct pm_exec_begin_reply *reply)
{
	struct vm_space_new_reply space;
	struct thread *t = thread_of(req->client);
	struct process *p;

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (!t)
		return doubt_gone(c, req->client);
	exec_space_drop(t);             /* of one that vfs began, and died */
	if (vm_space_new(&vm, &space) != 0)
		return doubt(c, -ENOMEM);
	doubt(c, 0);
	t->exec_space = space.space;
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

static err_t write_new(uint16_t space, uint64_t address, const void *data, size_t len)
{
	struct vm_write_request req = { .space = space, .address = address };

	return vm_write(&vm, &req, data, len);
}

/* The vector of pointers, written as the strings pass by. */
struct pointers { uint16_t space; uint64_t at; unsigned n; err_t err; };

static void flush_pointers(struct pointers *v)
{
	if (v->err == 0)
		v->err = write_new(v->space, v->at, words, v->n * sizeof(words[0]));
	v->at += v->n * sizeof(words[0]);
	v->n = 0;
}

static void put_pointer(struct pointers *v, uint64_t value)
{
	words[v->n++] = value;
	if (v->n == COUNT(words))
		flush_pointers(v);
}

/* Where things are in the new stack, from the top: strings, extra, vectors. */
struct stack {
	uint64_t base, extra, sp;
	uint64_t env_at, path_at;       /* in the strings: the first of the environment, the path */
};

static struct stack plan_stack(size_t extra)
{
	uint64_t count = 3 + (uint64_t)image.argc + image.envc + 2 * AUX_MAX;
	struct stack s = { .base = (STACK_TOP - image.strings) & ~15ull };

	s.extra = s.base - extra;
	s.sp = (s.extra - count * sizeof(words[0])) & ~15ull;
	return s;
}

/* The strings, a part at a time, and a pointer to each but the last, which is the path. */
static err_t put_strings(const struct call *c, uint16_t space, struct stack *s, struct pointers *v)
{
	uint32_t ends = 0, last = image.argc + image.envc;
	bool begins = true;

	if (image.argc == 0)
		put_pointer(v, 0);
	for (uint32_t pos = 0; pos < image.strings;) {
		uint32_t len = image.strings - pos;
		err_t err;

		len = len < sizeof(strings) ? len : sizeof(strings);
		err = call_read(c, sizeof(image) + pos, strings, len);
		if (err == 0)
			err = write_new(space, s->base + pos, strings, len);
		if (err != 0)
			return err;
		for (uint32_t i = 0; i < len; i++) {
			if (begins && ends == image.argc)
				s->env_at = s->base + pos + i;
			if (begins && ends < last)
				put_pointer(v, s->base + pos + i);
			else if (begins && ends == last)
				s->path_at = s->base + pos + i;
			begins = strings[i] == '\0';
			if (!begins)
				continue;
			ends++;
			if (ends == image.argc || ends == last)
				put_pointer(v, 0);
		}
		pos += len;
	}
	if (image.envc == 0)
		put_pointer(v, 0);
	return ends == last + 1 ? 0 : -EINVAL;
}

static err_t make_stack(const struct call *c, uint16_t space, struct process *p, uint64_t *sp)
{
	struct {
		char platform[16];
		uint64_t random[2];
	} extra = { "x86_64", { 0 } };
	struct stack s = plan_stack(sizeof(extra));
	struct pointers v = { .space = space, .at = s.sp };
	err_t err;

	extra.random[0] = random_word();
	extra.random[1] = random_word();
	put_pointer(&v, image.argc);
	err = put_strings(c, space, &s, &v);
	if (err == 0)
		err = write_new(space, s.extra, &extra, sizeof(extra));
	flush_pointers(&v);
	v.n = put_vector(0, p, s.extra, s.extra + sizeof(extra.platform), s.path_at);
	flush_pointers(&v);
	p->args_at = s.base;
	p->args_len = s.env_at - s.base;
	p->env_at = s.env_at;
	p->env_len = s.path_at - s.env_at;
	*sp = s.sp;
	return err != 0 ? err : v.err;
}

/* As large as what is on it at first; it grows by itself, up to the limit. */
static err_t map_stack(uint16_t space, const struct process *p)
{
	uint64_t limit = p->limit[RLIMIT_STACK_].soft, len = STACK_TOP - plan_stack(PAGE_SIZE).sp;
	struct vm_map_request req = {
		.space = space, .prot = VM_PROT_READ | VM_PROT_WRITE,
		.flags = VM_MAP_PRIVATE | VM_MAP_ANONYMOUS | VM_MAP_FIXED | VM_MAP_GROWSDOWN,
	};
	struct vm_map_reply reply;

	len = (len + STACK_FIRST) & ~(uint64_t)(PAGE_SIZE - 1);
	if (limit > STACK_LIMIT_MAX)
		limit = STACK_LIMIT_MAX;
	if (limit < len)
		limit = len;
	if (image.stack_exec)
		req.prot |= VM_PROT_EXEC;
	req.len = len;
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
	p->keep_caps = 0;
	if (p->no_new_privs)
		image.set_uid = image.set_gid = UINT32_MAX;
	if (image.set_uid != UINT32_MAX) {
		p->secure |= p->euid != image.set_uid || p->uid != image.set_uid;
		p->euid = image.set_uid;
	}
	if (image.set_gid != UINT32_MAX) {
		p->secure |= p->egid != image.set_gid || p->gid != image.set_gid;
		p->egid = image.set_gid;
	}
	p->dumpable = !p->secure;
	if (p->secure)
		p->death_signal = 0;
	p->suid = p->fsuid = p->euid;
	p->sgid = p->fsgid = p->egid;
}

static bool has_to_stop(const struct thread *t)
{
	return deliverable(t) || process_of(t)->stopped;
}

/* As its start-up code reads it: pointers into the strings, a NULL, again, the auxiliary vector. */
static bool begins_well(const struct thread *t, uint64_t sp)
{
	uint64_t base = (STACK_TOP - image.strings) & ~15ull, n = 1, entry = 0, phdr = 0;
	uint64_t count = 3 + (uint64_t)image.argc + image.envc + 2 * AUX_MAX;

	if (count > COUNT(words))       /* rarely, and not looked at */
		return true;
	if (sp % 16 != 0 || user_read(t, sp, words, count * sizeof(words[0])) != 0 ||
	    words[0] != image.argc)
		return false;
	for (unsigned vector = 0; vector < 2; vector++) {
		for (unsigned i = vector == 0 ? image.argc : image.envc; i != 0; i--, n++)
			if (words[n] < base || words[n] >= STACK_TOP)
				return false;
		if (words[n++] != 0)
			return false;
	}
	for (; n + 1 < count && words[n] != 0; n += 2) {
		entry = words[n] == AT_ENTRY_ ? words[n + 1] : entry;
		phdr = words[n] == AT_PHDR_ ? words[n + 1] : phdr;
	}
	return n + 1 < count && entry == image.program_entry && phdr == image.phdr;
}

/* The kernel process goes and comes back under the same endpoint, in the new space. The old space
 * goes when vm hears of the new one: nothing is detached, or after a crash it would be the new. */
static err_t start(struct thread *t, uint16_t space, uint64_t sp)
{
	struct process *p = process_of(t);
	struct proc_create_request create = {
		.proc = endpoint_of(t), .owner = endpoint_of(t), .space = space,
		.priv = PRIV_PROGRAM, .entry = image.entry, .stack = sp,
	};
	struct vm_attach_request attach = { .proc = create.proc, .space = space };
	struct proc_destroy_request destroy = { .proc = create.proc };
	struct proc_resume_request resume = { .proc = create.proc };
	err_t err;

	p->dead_cpu = cpu_sum(p->dead_cpu, thread_cpu(t));
	err = sys_proc_destroy(&destroy);
	if (err != 0 && err != -EDEADPEER)      /* done before, by a request that crashed */
		return err;
	t->wait = WAIT_NOT;
	t->parked = 0;
	p->space = space;
	err = sys_proc_create(&create);
	if (err == 0)
		err = vm_attach(&vm, &attach);
	if (err != 0)
		return err;
	publish_ids(t);
	sched_tell(t, false);
	doubt_unless(t, MADE_STACK, begins_well(t, sp));
	return has_to_stop(t) ? 0 : sys_proc_resume(&resume);
}

static err_t read_image(const struct call *c)
{
	err_t err = call_read(c, 0, &image, sizeof(image));

	if (err != 0)
		return err;
	if (image.strings > EXEC_STRINGS_MAX || c->lent < sizeof(image) + image.strings ||
	    image.argc > EXEC_STRINGS_MAX || image.envc > EXEC_STRINGS_MAX)
		return -EINVAL;
	return 0;
}

/* If vfs has died, or was killed, the program's call is lost to it: it is made anew. */
static bool is_asked(const struct call *c)
{
	struct proc_info_reply info;

	return call_waits(endpoint_slot(c->client), ID_PM, &info) &&
	       endpoint_eq(info.proc, c->client) && info.serial == c->serial;
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
		return doubt_gone(c, req->client);
	if (req->space == 0 || req->space != t->exec_space)
		return doubt(c, -EINVAL);
	p = process_of(t);
	err = read_image(c);
	change_ids(p);
	if (err == 0)
		err = map_stack(req->space, p);
	if (err == 0)
		err = make_stack(c, req->space, p, &sp);
	if (err != 0 && !is_asked(c)) {
		undo_rollback();
		exec_space_drop(t);
		return err;
	}
	if (err == 0)
		err = start(t, req->space, sp);
	if (doubt(c, err) != 0) {
		exec_space_drop(t);
		process_exit(p, SIG_SEGV);
		return -ENOMEM;
	}
	t->exec_space = 0;
	reset_signals(p, t);
	memcpy(t->name, image.name, sizeof(t->name));
	t->name[sizeof(t->name) - 1] = '\0';
	p->did_exec = 1;
	vfork_release(p);
	reply->client = endpoint_of(t);
	if (has_to_stop(t)) {
		t->parked = 1;
		unpark(t);
	}
	return 0;
}

err_t do_pm_exec_fail(const struct call *c, const struct pm_exec_fail_request *req)
{
	struct thread *t = thread_of(req->client);

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (t && (!req->if_begun || t->exec_space != 0)) {
		/* Else it ended meanwhile, and took the space along. */
		exec_space_drop(t);
		process_exit(process_of(t), SIG_SEGV);  /* as Linux: too late for an error */
	}
	return 0;
}
