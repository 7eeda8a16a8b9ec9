/* SPDX-License-Identifier: BSD-2-Clause
 * mkboot_elf.c - a program against its manifest.
 *
 * Job:      a well-formed static ELF64 program; segments apart from each other, on pages of their
 *           own, not both writable and executable; memory within the limit; what is archived is
 *           what was looked at; the kernel calls, primitives, protocols and devices listed are
 *           those that it is linked to use.
 * Speaks:   ELF-64 (System V ABI, generic and x86-64 supplement).
 * Touches:  nothing.
 * Trusts:   nothing in the file: every offset is checked.
 * On crash: nothing is written yet.
 */
#include <elf.h>
#include <string.h>

#include <contract/kernel.h>
#include <lib/image_fit.h>
#include <lib/protocols.h>
#include <lib/service_ids.h>

#include "mkboot.h"

/* n objects of a size at an offset of the file, or NULL. All but bytes are aligned to 8. */
static const void *part(const struct item *it, uint64_t offset, uint64_t n, uint64_t size)
{
	if (offset > it->checked_size || (size > 1 && offset % 8 != 0) ||
	    n > (it->checked_size - offset) / size)
		return NULL;
	return it->checked + offset;
}

static const Elf64_Ehdr *header(const struct item *it)
{
	const Elf64_Ehdr *h = part(it, 0, 1, sizeof(*h));

	if (h == NULL || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
	    h->e_machine != EM_X86_64 ||
	    h->e_type != ET_EXEC || h->e_phentsize != sizeof(Elf64_Phdr))
		return NULL;
	return h;
}

static bool is_loaded(const Elf64_Phdr *p)
{
	return p->p_type == PT_LOAD && p->p_memsz != 0;
}

/* False: it cannot be looked at further. */
static bool check_fits(const struct item *it, const struct item *svc)
{
	const struct manifest *m = &svc->manifest;
	struct image_error e;

	if (image_fits(it->checked, it->checked_size, it->name, m->stack, m->memory, &e) == 0)
		return true;
	if (e.of_memory)
		complain(svc->path, m->line[WORD_MEMORY], "%s", e.text);
	else
		complain(it->path, 0, "%s", e.text);
	return e.of_memory;
}

/* Are the bytes of two segments the same? The file's header may be among them: it differs. */
static bool is_same(const struct item *it, const Elf64_Phdr *p, const struct item *other,
		    const Elf64_Phdr *q)
{
	const char *a = part(it, p->p_offset, p->p_filesz, 1);
	const char *b = part(other, q->p_offset, p->p_filesz, 1);
	uint64_t skip = p->p_offset < sizeof(Elf64_Ehdr) ? sizeof(Elf64_Ehdr) - p->p_offset : 0;

	if (a == NULL || b == NULL || (skip != 0 && p->p_offset != q->p_offset))
		return false;
	return skip >= p->p_filesz || memcmp(a + skip, b + skip, p->p_filesz - skip) == 0;
}

/* Of a program with symbols the stripped file is archived: it has the same segments. */
static bool is_archived(const struct item *it, const Elf64_Ehdr *h)
{
	struct item archived = *it;
	const Elf64_Phdr *p = part(it, h->e_phoff, h->e_phnum, sizeof(*p)), *q;
	const Elf64_Ehdr *g;

	archived.checked = it->data;
	archived.checked_size = it->size;
	g = header(&archived);
	q = g == NULL ? NULL : part(&archived, g->e_phoff, g->e_phnum, sizeof(*q));
	if (q == NULL || h->e_entry != g->e_entry || h->e_phnum != g->e_phnum)
		return false;
	for (unsigned i = 0; i < h->e_phnum; i++) {
		if (p[i].p_type != q[i].p_type || p[i].p_flags != q[i].p_flags ||
		    p[i].p_vaddr != q[i].p_vaddr || p[i].p_memsz != q[i].p_memsz ||
		    p[i].p_filesz != q[i].p_filesz)
			return false;
		if (is_loaded(&p[i]) && !is_same(it, &p[i], &archived, &q[i]))
			return false;
	}
	return true;
}

/* What of lib/ and the generated stubs is linked, by its symbols. Unused stubs are not. */
struct linked {
	uint64_t calls;                 /* bit n: kernel call n */
	uint64_t stubs;                 /* bit n: a call of protocols[n] */
	uint64_t servers;               /* bit n: what answers protocols[n] */
	uint32_t primitives;            /* bit n: IPC_SENDREC + n */
	bool loop;                      /* lib/server.c, which knows what is served */
	bool claims_pci, maps_devices, looks_in_archive, complains, injects;
};

static void take_kernel_call(struct linked *l, const char *symbol)
{
	for (unsigned n = 0; n < NR_KERNEL_CALLS; n++)
		if (kernel_call_name[n] != NULL && strncmp(symbol, "sys_", 4) == 0 &&
		    strcmp(kernel_call_name[n], symbol + 4) == 0)
			l->calls |= BIT(n);
}

static uint64_t protocol_bit(const char *name)
{
	for (unsigned n = 0; protocols[n].name != NULL; n++)
		if (strcmp(protocols[n].name, name) == 0)
			return BIT(n);
	return 0;
}

static void take_protocol(struct linked *l, const char *symbol)
{
	for (const struct protocol_call *c = protocol_calls; c->stub != NULL; c++)
		if (strcmp(c->stub, symbol) == 0)
			l->stubs |= protocol_bit(c->protocol);
	/* It asks ds where the others are. */
	if (strcmp(symbol, "peer_refresh") == 0)
		l->stubs |= protocol_bit("ds");
	for (unsigned n = 0; protocols[n].name != NULL; n++) {
		size_t len = strlen(protocols[n].name);

		if (strncmp(symbol, protocols[n].name, len) == 0 &&
		    strcmp(symbol + len, protocols[n].shared ? "_server_init" : "_contract") == 0)
			l->servers |= BIT(n);
	}
}

static void take_symbol(struct linked *l, const char *symbol)
{
	static const char *const primitive[] = {
		"ipc_sendrec", "ipc_receive", "ipc_reply", "ipc_replyreceive", "ipc_forward",
		"ipc_sendnb", "ipc_notify",
	};

	for (unsigned n = 0; n < COUNT(primitive); n++)
		if (strcmp(symbol, primitive[n]) == 0)
			l->primitives |= (uint32_t)BIT(n);
	l->loop |= strcmp(symbol, "server_run") == 0;
	l->claims_pci |= strcmp(symbol, "pci_claim") == 0;
	l->maps_devices |= strcmp(symbol, "vm_device_map") == 0;
	l->looks_in_archive |= strcmp(symbol, "image_find") == 0;
	l->complains |= strcmp(symbol, "complain") == 0 ||
			strncmp(symbol, "complain_", 9) == 0;
	l->injects |= strcmp(symbol, "rs_inject") == 0;
	take_kernel_call(l, symbol);
	take_protocol(l, symbol);
}

/* False: there are no symbols. */
static bool read_symbols(const struct item *it, const Elf64_Ehdr *h, struct linked *l)
{
	const Elf64_Shdr *s = part(it, h->e_shoff, h->e_shnum, sizeof(*s));
	bool found = false;

	for (unsigned i = 0; s != NULL && i < h->e_shnum; i++) {
		const Elf64_Sym *sym;
		const char *text;
		uint64_t n = s[i].sh_size / sizeof(*sym);

		if (s[i].sh_type != SHT_SYMTAB || s[i].sh_link >= h->e_shnum)
			continue;
		sym = part(it, s[i].sh_offset, n, sizeof(*sym));
		text = part(it, s[s[i].sh_link].sh_offset, s[s[i].sh_link].sh_size, 1);
		if (sym == NULL || text == NULL || s[s[i].sh_link].sh_size == 0 ||
		    text[s[s[i].sh_link].sh_size - 1] != '\0')
			continue;
		found = true;
		for (uint64_t k = 0; k < n; k++)
			if (sym[k].st_name < s[s[i].sh_link].sh_size &&
			    sym[k].st_shndx != SHN_UNDEF &&
			    ELF64_ST_BIND(sym[k].st_info) == STB_GLOBAL)
				take_symbol(l, text + sym[k].st_name);
	}
	return found;
}

/* The line of a word, or that of the name if there is none. */
static unsigned line_of(const struct item *svc, enum manifest_word word)
{
	unsigned line = svc->manifest.line[word];

	return line != 0 ? line : svc->manifest.line[WORD_SERVICE];
}

static void check_calls(const struct item *it, const struct linked *l, const struct item *svc)
{
	const struct manifest *m = &svc->manifest;

	for (unsigned n = 0; n < NR_KERNEL_CALLS; n++) {
		if (m->calls & ~l->calls & BIT(n))
			complain(svc->path, line_of(svc, WORD_CALLS),
				 "kernel call '%s' is listed, but '%s' never makes it",
				 kernel_call_name[n], it->name);
		if (l->calls & ~m->calls & BIT(n))
			complain(svc->path, line_of(svc, WORD_CALLS),
				 "'%s' makes kernel call '%s', which is not listed",
				 it->name, kernel_call_name[n]);
	}
}

/* The default is for everybody; who lists primitives lists those that are used. */
static void check_primitives(const struct item *it, const struct linked *l,
			     const struct item *svc)
{
	static const char *const name[] = {
		"sendrec", "receive", "reply", "replyreceive", "forward", "sendnb", "notify",
	};
	const struct manifest *m = &svc->manifest;

	for (unsigned n = 0; n < COUNT(name); n++) {
		if (m->line[WORD_PRIMITIVES] != 0 && m->primitives & ~l->primitives & BIT(n))
			complain(svc->path, line_of(svc, WORD_PRIMITIVES),
				 "primitive '%s' is listed, but '%s' never uses it", name[n],
				 it->name);
		if (l->primitives & ~m->primitives & BIT(n))
			complain(svc->path, line_of(svc, WORD_PRIMITIVES),
				 "'%s' uses primitive '%s', which is not listed", it->name,
				 name[n]);
	}
}

static void check_devices(const struct item *it, const struct linked *l, const struct item *svc)
{
	const struct manifest *m = &svc->manifest;

	if ((m->nr_pci != 0) != l->claims_pci)
		complain(svc->path, line_of(svc, WORD_PCI), m->nr_pci != 0 ?
			 "PCI functions are listed, but '%s' never claims one" :
			 "'%s' claims PCI functions, but none is listed", it->name);
	if ((m->nr_mmio != 0 || m->framebuffer) && !l->maps_devices)
		complain(svc->path, line_of(svc, m->nr_mmio != 0 ? WORD_MMIO : WORD_FRAMEBUFFER),
			 "device memory is listed, but '%s' never maps any", it->name);
}

/* The kernel maps the archive for rs. */
static void check_archive(const struct item *it, const struct linked *l, const struct item *svc)
{
	const struct manifest *m = &svc->manifest;

	if (m->archive && !l->looks_in_archive)
		complain(svc->path, line_of(svc, WORD_ARCHIVE),
			 "the boot archive is listed, but '%s' never looks into it", it->name);
	if (!m->archive && l->looks_in_archive && m->id != ID_RS)
		complain(svc->path, line_of(svc, WORD_ARCHIVE),
			 "'%s' looks into the boot archive, which is not listed", it->name);
	if (m->copy)
		complain(svc->path, line_of(svc, WORD_COPY),
			 "what is in the boot archive stays in memory anyway");
}

static void check_complains(const struct item *it, const struct linked *l, const struct item *svc)
{
	bool listed = svc->manifest.line[WORD_COMPLAINS] != 0;

	if (listed && !l->complains)
		complain(svc->path, line_of(svc, WORD_COMPLAINS),
			 "complaints are listed, but '%s' never makes one", it->name);
	if (!listed && l->complains)
		complain(svc->path, line_of(svc, WORD_COMPLAINS),
			 "'%s' complains of others, but nobody is listed", it->name);
}

static void check_injects(const struct item *it, const struct linked *l, const struct item *svc)
{
	bool listed = svc->manifest.line[WORD_INJECTS] != 0;

	if (listed && !l->injects)
		complain(svc->path, line_of(svc, WORD_INJECTS),
			 "faults are to be injected, but '%s' never injects one", it->name);
	if (!listed && l->injects)
		complain(svc->path, line_of(svc, WORD_INJECTS),
			 "'%s' injects faults, but into nobody who is listed", it->name);
}

static uint64_t served_bits(const struct manifest *m)
{
	uint64_t bits = 0;

	for (unsigned k = 0; k < m->serves.count; k++)
		bits |= protocol_bit(m->serves.of[k].name);
	return bits;
}

static void check_serves(const struct item *it, const struct linked *l, const struct item *svc)
{
	const struct manifest_list *list = &svc->manifest.serves;

	for (unsigned k = 0; k < list->count && l->loop; k++)
		if (!(protocol_bit(list->of[k].name) & l->servers))
			complain(svc->path, list->of[k].line,
				 "protocol '%s' is listed, but '%s' does not answer it",
				 list->of[k].name, it->name);
	/* Others may be linked for the names of their calls. */
	for (unsigned n = 0; protocols[n].name != NULL; n++)
		if (protocols[n].shared && l->servers & ~served_bits(&svc->manifest) & BIT(n))
			complain(svc->path, line_of(svc, WORD_SERVES),
				 "'%s' serves '%s', which is not listed", it->name,
				 protocols[n].name);
}

static void check_talks(const struct item *it, const struct linked *l, const struct item *svc,
			const struct manifest *const *set, unsigned count)
{
	const struct manifest *m = &svc->manifest;
	uint64_t reached = 0;

	for (unsigned k = 0; k < count && m->talks_all; k++)
		reached |= set[k]->rank < m->rank ? served_bits(set[k]) : 0;
	for (unsigned k = 0; k < m->talks.count; k++) {
		const struct manifest *to = manifest_find(set, count, m->talks.of[k].name);

		reached |= served_bits(to);
		if (!(served_bits(to) & l->stubs))
			complain(svc->path, m->talks.of[k].line,
				 "'%s' is listed, but '%s' calls nothing that it serves", to->name,
				 it->name);
	}
	for (unsigned n = 0; protocols[n].name != NULL; n++)
		if (l->stubs & ~reached & BIT(n))
			complain(svc->path, line_of(svc, WORD_TALKS),
				 "'%s' calls protocol '%s', but talks to nobody who serves it",
				 it->name, protocols[n].name);
}

void check_program(const struct item *program, const struct item *svc,
		   const struct manifest *const *set, unsigned count)
{
	const Elf64_Ehdr *h = header(program);
	struct linked l = { .calls = 0 };

	if (!check_fits(program, svc))
		return;
	if (!is_archived(program, h))
		complain(program->path, 0, "the stripped file beside it is another program");
	if (!read_symbols(program, h, &l)) {
		complain(program->path, 0, "no symbols: its kernel calls cannot be checked");
		return;
	}
	check_calls(program, &l, svc);
	check_primitives(program, &l, svc);
	check_devices(program, &l, svc);
	check_archive(program, &l, svc);
	check_complains(program, &l, svc);
	check_injects(program, &l, svc);
	check_serves(program, &l, svc);
	check_talks(program, &l, svc, set, count);
}
