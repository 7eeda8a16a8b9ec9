/* SPDX-License-Identifier: BSD-2-Clause
 * boot.c - what the loader says, the direct map, the frame table, and rs.
 *
 * Job:      turns a PVH or Multiboot2 hand-over into struct boot_info, builds the kernel's own page
 *           tables and the frame table, and starts the first process.
 * Touches:  all of memory, once.
 * Trusts:   the loader's structures as far as their sizes go; the archive is checked by rs.
 * On crash: panic on the serial line.
 * Spec:     Xen "x86/HVM direct boot ABI" (struct hvm_start_info); Multiboot2 2.0, 3.6.
 */
#include <kernel/core/frame.h>
#include <kernel/x86_64/cpu.h>

struct boot_info boot_info;
pfn_t kernel_root;

extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];

static uint64_t early_next;             /* physical, next free byte */

struct hvm_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct hvm_module { uint64_t address, size, cmdline, reserved; };
struct hvm_range { uint64_t address, size; uint32_t type, reserved; };
enum { HVM_MAGIC = 0x336ec578, RAM = 1 };

struct mb2_tag { uint32_t type, size; };
enum { MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MEMMAP = 6, MB2_FRAMEBUFFER = 8, MB2_ACPI_OLD = 14,
       MB2_ACPI_NEW = 15 };

static void add_region(uint64_t base, uint64_t length, uint32_t type)
{
	if (type != RAM || boot_info.nr_regions == BOOT_REGIONS)
		return;
	boot_info.region[boot_info.nr_regions++] = (struct boot_region){ base, length };
}

static void set_cmdline(const char *s)
{
	for (unsigned i = 0; s[i] && i < BOOT_CMDLINE - 1; i++)
		boot_info.cmdline[i] = s[i];
}

static void read_pvh(const struct hvm_start_info *si)
{
	const struct hvm_range *r = (const void *)si->memmap;

	if (si->magic != HVM_MAGIC || si->version < 1)
		panic("not a PVH start_info", si->magic);
	for (uint32_t i = 0; i < si->memmap_entries; i++)
		add_region(r[i].address, r[i].size, r[i].type);
	if (si->cmdline)
		set_cmdline((const char *)si->cmdline);
	if (si->nr_modules) {
		const struct hvm_module *m = (const void *)si->modlist;

		boot_info.archive = m->address;
		boot_info.archive_size = m->size;
	}
	boot_info.rsdp = si->rsdp;
}

static void read_mb2_memmap(const uint32_t *w)
{
	const char *e = (const char *)(w + 4), *end = (const char *)w + w[1];

	for (; e < end; e += w[2])
		add_region(*(const uint64_t *)e, *(const uint64_t *)(e + 8),
			   *(const uint32_t *)(e + 16));
}

static void read_mb2_tag(const uint32_t *w)
{
	switch (w[0]) {
	case MB2_CMDLINE:
		set_cmdline((const char *)(w + 2));
		break;
	case MB2_MODULE:
		boot_info.archive = w[2];
		boot_info.archive_size = w[3] - w[2];
		break;
	case MB2_MEMMAP:
		read_mb2_memmap(w);
		break;
	case MB2_FRAMEBUFFER:
		if (((const uint8_t *)w)[29] != 1)      /* only direct colour */
			break;
		boot_info.fb_base = w[2] | (uint64_t)w[3] << 32;
		boot_info.fb_pitch = w[4];
		boot_info.fb_width = w[5];
		boot_info.fb_height = w[6];
		boot_info.fb_bpp = ((const uint8_t *)w)[28];
		break;
	case MB2_ACPI_OLD:
	case MB2_ACPI_NEW:
		/* The tag holds a copy: rs finds the table itself; 0 means "look for it". */
		break;
	}
}

static void read_mb2(const uint32_t *info)
{
	const char *at = (const char *)info + 8, *end = (const char *)info + info[0];

	while (at < end && ((const struct mb2_tag *)at)->type != 0) {
		read_mb2_tag((const uint32_t *)at);
		at += (((const struct mb2_tag *)at)->size + 7) & ~7u;
	}
}

/* ---- early memory ---- */

static bool is_ram(uint64_t base, uint64_t len)
{
	for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];

		if (base >= r->base && base + len <= r->base + r->length)
			return true;
	}
	return false;
}

/* Zeroed pages above the kernel, clear of the archive, reached through the identity map. */
void *early_pages(uint64_t count)
{
	uint64_t len = count * PAGE_SIZE, at = early_next;
	uint64_t *w;

	if (at < boot_info.archive + boot_info.archive_size && at + len > boot_info.archive)
		at = (boot_info.archive + boot_info.archive_size + PAGE_SIZE - 1) &
		     ~(uint64_t)(PAGE_SIZE - 1);
	if (!is_ram(at, len) || at + len > 1ull << 32)
		panic("no memory for the frame table", len);
	early_next = at + len;
	w = (uint64_t *)at;
	for (uint64_t i = 0; i < len / 8; i++)
		w[i] = 0;
	return w;
}

enum { P = 1, W = 2, BIG = 0x80, GLOBAL = 0x100, NOCACHE = 0x18 };
#define NX (1ull << 63)

static uint64_t *entry_table(uint64_t *table, unsigned i)
{
	if (!(table[i] & P))
		table[i] = (uint64_t)early_pages(1) | P | W;
	return (uint64_t *)(table[i] & 0x000ffffffffff000ull);
}

static void early_map(uint64_t *root, uint64_t va, uint64_t pa, uint64_t flags)
{
	uint64_t *t = entry_table(root, (va >> 39) & 511);

	t = entry_table(t, (va >> 30) & 511);
	if (flags & BIG) {
		t[(va >> 21) & 511] = pa | flags;
		return;
	}
	t = entry_table(t, (va >> 21) & 511);
	t[(va >> 12) & 511] = pa | flags;
}

static uint64_t image_flags(uint64_t va)
{
	if (va < (uint64_t)kernel_text_end)
		return P | GLOBAL;
	if (va < (uint64_t)kernel_rodata_end)
		return P | GLOBAL | NX;
	return P | W | GLOBAL | NX;
}

/* The kernel half: image with exact rights, all RAM (text and rodata read-only there too), APICs. */
static void build_map(uint64_t top)
{
	uint64_t *root = early_pages(1);
	uint64_t start = (uint64_t)kernel_start, end = (uint64_t)kernel_end;
	uint64_t big = 1ull << 21;

	for (uint64_t va = start; va < end; va += PAGE_SIZE)
		early_map(root, va, va - KERNEL_BASE, image_flags(va));
	for (uint64_t pa = 0; pa < top; pa += big) {
		if (pa + big <= start - KERNEL_BASE || pa >= end - KERNEL_BASE) {
			early_map(root, DIRECT_BASE + pa, pa, P | W | GLOBAL | NX | BIG);
			continue;
		}
		for (uint64_t p = pa; p < pa + big; p += PAGE_SIZE) {
			bool ro = p >= start - KERNEL_BASE &&
				  p < (uint64_t)kernel_rodata_end - KERNEL_BASE;

			early_map(root, DIRECT_BASE + p, p, (ro ? P : P | W) | GLOBAL | NX);
		}
	}
	early_map(root, DEVICE_BASE, 0xfee00000, P | W | GLOBAL | NX | NOCACHE);
	early_map(root, DEVICE_BASE + PAGE_SIZE, 0xfec00000, P | W | GLOBAL | NX | NOCACHE);
	kernel_root = (pfn_t)((uint64_t)root >> PAGE_SHIFT);
}

static void type_frames(uint64_t first, uint64_t end, enum frame_type type)
{
	for (uint64_t f = first >> PAGE_SHIFT; f < (end + PAGE_SIZE - 1) >> PAGE_SHIFT; f++)
		if (f < nr_frames)
			frames[f].type = (uint8_t)type;
}

static void build_frames(void)
{
	enum { LOW = 1 << 20 };

	for (uint32_t f = 0; f < nr_frames; f++)
		frames[f].type = FRAME_DEVICE;
	for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];
		uint64_t base = (r->base + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);

		/* Below 1 MiB: the loader's structures, and later the other cores' start code. */
		type_frames(base, (r->base + r->length) & ~(uint64_t)(PAGE_SIZE - 1),
			    r->base < LOW ? FRAME_KERNEL : FRAME_FREE);
	}
	type_frames((uint64_t)kernel_start - KERNEL_BASE, (uint64_t)kernel_end - KERNEL_BASE,
		    FRAME_KERNEL);
}

static uint64_t top_of_ram(void)
{
	uint64_t top = 0;

	for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];

		if (r->base + r->length > top)
			top = r->base + r->length;
	}
	return top;
}

_Noreturn void boot_main(uint64_t protocol, uint64_t info)
{
	uint64_t top, early_first;
	char *stack, *table;

	if (protocol == 1)
		read_pvh((const void *)info);
	else
		read_mb2((const void *)info);
	top = top_of_ram();
	nr_frames = boot_info.nr_frames = (uint32_t)(top >> PAGE_SHIFT);
	early_next = early_first = (uint64_t)kernel_end - KERNEL_BASE;
	table = early_pages((nr_frames * sizeof(struct frame) + PAGE_SIZE - 1) / PAGE_SIZE);
	stack = early_pages(4);
	build_map(top);
	__asm__ volatile("mov %0, %%cr3" ::"r"((uint64_t)kernel_root << PAGE_SHIFT) : "memory");
	/* From here on the identity map is gone, and so are pointers into it. */
	frames = (struct frame *)(DIRECT_BASE + (uint64_t)table);
	build_frames();
	type_frames(early_first, early_next, FRAME_KERNEL);
	boot_core.stack = DIRECT_BASE + (uint64_t)stack + 4 * PAGE_SIZE;
	proc_tables_init();
	cpu_init();
	apic_init();
	clock_init();
	rs_start();
}
