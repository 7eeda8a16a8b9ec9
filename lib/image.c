/* SPDX-License-Identifier: BSD-2-Clause
 * image.c - a service's program: its segments, and writing them into the service's memory.
 *
 * Job:      reads the boot archive and ELF64 headers; rewrites a service for a start or a recovery.
 * Speaks:   the kernel calls proc_copy, proc_regs_get, proc_recover. Used by rs and rsguard.
 * Touches:  the memory of the service named.
 * Trusts:   the archive's place; no field in it.
 * On crash: holds no state; writing again has the same result.
 * Spec:     System V ABI, ELF-64 object file format.
 */
#include <abi/archive.h>
#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/elf64.h>
#include <lib/server.h>
#include <lib/string.h>

static const struct archive_header *archive(void)
{
	return (const struct archive_header *)RS_ARCHIVE_VA;
}

err_t image_find(const char *name, struct image *i)
{
	const struct archive_header *a = archive();

	for (uint32_t n = 0; n < a->count && n < ARCHIVE_MAX; n++) {
		const struct archive_entry *e = &a->entry[n];

		if (strncmp(e->name, name, ARCHIVE_NAME) != 0)
			continue;
		if (e->offset > a->size || e->size > a->size - e->offset)
			return -ENOEXEC;
		*i = (struct image){ (const uint8_t *)a + e->offset, e->size };
		return 0;
	}
	return -ENOENT;
}

static const struct elf_segment *segments(const struct image *i)
{
	return (const void *)(i->elf + ((const struct elf_header *)i->elf)->phoff);
}

static bool segment_fits(const struct image *i, const struct elf_segment *s)
{
	if (s->type != PT_LOAD || s->memsz == 0)
		return true;
	return s->offset <= i->size && s->filesz <= i->size - s->offset && s->memsz >= s->filesz &&
	       s->vaddr >= PAGE_SIZE && s->vaddr < USER_END && s->memsz <= USER_END - s->vaddr &&
	       s->vaddr % PAGE_SIZE == 0 && (s->flags & (PF_X | PF_W)) != (PF_X | PF_W);
}

err_t image_check(const struct image *i)
{
	const struct elf_header *h = (const void *)i->elf;

	if (i->size < sizeof(*h) || memcmp(h->ident, "\177ELF\2\1", 6) != 0 ||
	    h->type != ELF_EXEC || h->machine != ELF_X86_64 ||
	    h->phentsize != sizeof(struct elf_segment))
		return -ENOEXEC;
	if (h->phoff > i->size || h->phoff % 8 ||
	    h->phnum * sizeof(struct elf_segment) > i->size - h->phoff)
		return -ENOEXEC;
	for (unsigned n = 0; n < h->phnum; n++)
		if (!segment_fits(i, &segments(i)[n]))
			return -ENOEXEC;
	return 0;
}

uint64_t image_entry(const struct image *i)
{
	return ((const struct elf_header *)i->elf)->entry;
}

bool image_segment(const struct image *i, unsigned n, struct segment *out)
{
	const struct elf_header *h = (const void *)i->elf;

	for (unsigned k = 0; k < h->phnum; k++) {
		const struct elf_segment *s = &segments(i)[k];

		if (s->type != PT_LOAD || s->memsz == 0 || n-- > 0)
			continue;
		*out = (struct segment){
			.va = s->vaddr, .file = s->filesz, .memory = s->memsz,
			.bytes = i->elf + s->offset,
			.flags = (s->flags & PF_W ? MAP_WRITE : 0u) |
				 (s->flags & PF_X ? MAP_EXEC : 0u),
		};
		return true;
	}
	return false;
}

static err_t write_bytes(endpoint_t p, uint64_t to, const uint8_t *from, uint64_t len)
{
	while (len > 0) {
		struct proc_copy_request req = {
			.proc = p, .dir = COPY_OUT, .remote = to, .local = (uint64_t)from,
			.len = len < COPY_MAX ? len : COPY_MAX,
		};
		struct proc_copy_reply reply;
		err_t err = sys_proc_copy(&req, &reply);

		if (err != 0)
			return err;
		to += req.len;
		from += req.len;
		len -= req.len;
	}
	return 0;
}

static err_t write_zeros(endpoint_t p, uint64_t to, uint64_t len)
{
	static const uint8_t zeros[16 * 1024];

	while (len > 0) {
		uint64_t n = len < sizeof(zeros) ? len : sizeof(zeros);
		err_t err = write_bytes(p, to, zeros, n);

		if (err != 0)
			return err;
		to += n;
		len -= n;
	}
	return 0;
}

err_t image_write(const struct image *i, endpoint_t p, uint64_t stack, bool keep_state)
{
	struct segment s;
	err_t err;

	for (unsigned n = 0; image_segment(i, n, &s); n++) {
		if (s.va >= (keep_state ? IMAGE_STATE_VA : IMAGE_DMA_VA) && s.va < IMAGE_DMA_END)
			continue;
		err = write_bytes(p, s.va, s.bytes, s.file);
		if (err == 0)
			err = write_zeros(p, s.va + s.file, s.memory - s.file);
		if (err != 0)
			return err;
	}
	return write_zeros(p, IMAGE_STACK_TOP - stack, stack - sizeof(struct service_args));
}

static err_t copy_args(endpoint_t p, uint32_t dir, const struct service_args *args)
{
	struct proc_copy_request req = {
		.proc = p, .dir = dir, .remote = SERVICE_ARGS_VA,
		.local = (uint64_t)(uintptr_t)args, .len = sizeof(*args),
	};
	struct proc_copy_reply reply;

	return sys_proc_copy(&req, &reply);
}

err_t image_write_args(endpoint_t p, const struct service_args *args)
{
	return copy_args(p, COPY_OUT, args);
}

/* Where it was when it died; if it died while it recovered, and has not seen those registers yet:
 * when it died first. Its args say so until they are written again. */
static err_t last_regs(endpoint_t p, struct user_regs *regs)
{
	struct proc_regs_get_request req = { .proc = p, .address = (uint64_t)(uintptr_t)regs };
	struct service_args args;
	err_t err = copy_args(p, COPY_IN, &args);

	if (err != 0 || args.regs.rip == 0)
		return sys_proc_regs_get(&req);
	*regs = args.regs;
	return 0;
}

err_t image_recover(const struct image *i, endpoint_t p, uint64_t stack, struct service_args *args)
{
	struct proc_recover_request req = {
		.proc = p, .stack = SERVICE_ARGS_VA, .arg = START_RECOVER, .entry = image_entry(i),
	};
	err_t err = last_regs(p, &args->regs);

	if (err == 0)
		err = image_write(i, p, stack, true);
	if (err == 0)
		err = image_write_args(p, args);
	return err != 0 ? err : sys_proc_recover(&req);
}
