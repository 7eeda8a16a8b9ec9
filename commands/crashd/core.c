/* SPDX-License-Identifier: BSD-2-Clause
 * core.c - a core file of a service.
 *
 * Job:      ELF header, program headers, notes with the registers, memory.
 * Speaks:   nothing.
 * Touches:  the file.
 * Trusts:   rs for sizes, which crashd.c has checked.
 * On crash: the file is incomplete and has a temporary name.
 * Spec:     System V ABI, gABI chapters 4 and 5 (ET_CORE); Linux's elfcore.h (NT_PRSTATUS,
 *           NT_PRPSINFO) and user_64.h, as gdb reads them.
 */
#include "crashd.h"

#include <elf.h>
#include <signal.h>
#include <string.h>

#include <contract/rs.h>

enum { PAGE = 4096, USER_CS = 0x33, USER_SS = 0x2b };

struct prstatus {
	int32_t signo, code, error;
	int16_t cursig;
	uint64_t pending, held;
	int32_t pid, ppid, pgrp, sid;
	uint64_t times[8];
	uint64_t reg[27];               /* order of struct user_regs_struct */
	int32_t fpvalid;
};
_Static_assert(sizeof(struct prstatus) == 336, "struct elf_prstatus");

struct prpsinfo {
	char state, sname, zombie, nice;
	uint64_t flag;
	uint32_t uid, gid;
	int32_t pid, ppid, pgrp, sid;
	char fname[16], args[80];
};
_Static_assert(sizeof(struct prpsinfo) == 136, "struct elf_prpsinfo");

#define NOTE_NAME "CORE"
struct note { Elf64_Nhdr head; char name[8]; };
enum { NOTES = 2 * sizeof(struct note) + sizeof(struct prstatus) + sizeof(struct prpsinfo) };

/* Linux's number for such an end. */
static int core_signal(const struct crash *c)
{
	static const unsigned char of_vector[32] = {
		[0] = SIGFPE, [1] = SIGTRAP, [3] = SIGTRAP, [4] = SIGSEGV, [5] = SIGSEGV,
		[6] = SIGILL, [11] = SIGBUS, [12] = SIGBUS, [13] = SIGSEGV, [14] = SIGSEGV,
		[16] = SIGFPE, [17] = SIGBUS, [19] = SIGFPE,
	};

	switch (c->cause) {
	case RS_CAUSE_EXCEPTION:
		return c->vector < sizeof(of_vector) && of_vector[c->vector] ? of_vector[c->vector]
									     : SIGSEGV;
	case RS_CAUSE_EXIT:
		return SIGABRT;
	case RS_CAUSE_HUNG:
		return SIGQUIT;
	default:
		return SIGKILL;
	}
}

static void fill_registers(uint64_t *to, const struct user_regs *r)
{
	const uint64_t reg[27] = {
		r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10, r->r9, r->r8,
		r->rax, r->rcx, r->rdx, r->rsi, r->rdi, r->orig_rax, r->rip, USER_CS, r->rflags,
		r->rsp, USER_SS, r->fs_base, r->gs_base,
	};

	memcpy(to, reg, sizeof(reg));
}

static int put(FILE *to, const void *bytes, size_t n)
{
	return fwrite(bytes, 1, n, to) == n ? 0 : -1;
}

static int put_note(FILE *to, uint32_t type, const void *content, uint32_t size)
{
	struct note n = {
		.head = { .n_namesz = sizeof(NOTE_NAME), .n_descsz = size, .n_type = type },
		.name = NOTE_NAME,
	};

	return put(to, &n, sizeof(n)) != 0 ? -1 : put(to, content, size);
}

static int put_notes(FILE *to, const struct crash *c)
{
	int signal = core_signal(c);
	struct prstatus status = {
		.signo = signal, .cursig = (int16_t)signal, .pid = (int32_t)c->id,
	};
	struct prpsinfo info = { .sname = 'R', .pid = (int32_t)c->id };

	fill_registers(status.reg, &c->regs);
	snprintf(info.fname, sizeof(info.fname), "%.11s.elf", c->program);    /* for gdb */
	snprintf(info.args, sizeof(info.args), "%.16s", c->name);
	if (put_note(to, NT_PRSTATUS, &status, sizeof(status)) != 0)
		return -1;
	return put_note(to, NT_PRPSINFO, &info, sizeof(info));
}

int core_write(FILE *to, const struct crash *c, const unsigned char *bytes)
{
	Elf64_Ehdr h = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = sizeof(h), .e_ehsize = sizeof(h), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(1 + c->nr_segments),
	};
	uint64_t at = sizeof(h) + h.e_phnum * sizeof(Elf64_Phdr), total = 0;
	Elf64_Phdr p = { .p_type = PT_NOTE, .p_offset = at, .p_filesz = NOTES };

	if (put(to, &h, sizeof(h)) != 0 || put(to, &p, sizeof(p)) != 0)
		return -1;
	at += NOTES;
	for (uint32_t i = 0; i < c->nr_segments; i++) {
		p = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = at, .p_align = 1,
			.p_vaddr = c->segment[i].va, .p_filesz = c->segment[i].len,
			.p_memsz = c->segment[i].len,
		};
		if (put(to, &p, sizeof(p)) != 0)
			return -1;
		at += p.p_filesz;
		total += p.p_filesz;
	}
	return put_notes(to, c) != 0 ? -1 : put(to, bytes, total);
}
