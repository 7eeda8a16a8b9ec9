/* SPDX-License-Identifier: BSD-2-Clause
 * boot.c - what the loader says, the frame table, and the kernel's own page tables.
 *
 * Job:      turns a PVH or Multiboot2 hand-over into struct boot_info, types all frames, maps the
 *           kernel with exact rights and all RAM, and has rs started.
 * Touches:  all of memory, once.
 * Trusts:   the loader's structures as far as their sizes go.
 * On crash: panic on the serial line.
 * Spec:     Xen "x86/HVM direct boot ABI" (struct hvm_start_info); Multiboot2 2.0, 3.6.
 */
#include <kernel/core/frame.h>
#include <kernel/x86_64/cpu.h>

struct boot_info boot_info;
pfn_t kernel_root;
static uint64_t ram_end;

struct hvm_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct hvm_module { uint64_t address, size, cmdline, reserved; };
struct ram_range { uint64_t base, length; uint32_t type, reserved; };   /* of both protocols */
enum { HVM_MAGIC = 0x336ec578, RAM = 1 };
enum { MB2_END = 0, MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MEMMAP = 6, MB2_FRAMEBUFFER = 8 };

static void add_regions(const struct ram_range *r, const void *end)
{
	for (; (const void *)r < end; r++) {
		if (r->type != RAM || boot_info.nr_regions == BOOT_REGIONS)
			continue;
		boot_info.region[boot_info.nr_regions++] =
			(struct boot_region){ r->base, r->length };
		if (r->base + r->length > ram_end)
			ram_end = r->base + r->length;
	}
}

static void set_cmdline(const char *s)
{
	for (unsigned i = 0; s[i] && i < BOOT_CMDLINE - 1; i++)
		boot_info.cmdline[i] = s[i];
}

static void read_pvh(const struct hvm_start_info *si)
{
	const struct ram_range *r = (const void *)si->memmap;
	const struct hvm_module *m = (const void *)si->modlist;

	if (si->version < 1)
		panic("a PVH start_info without a memory map", si->version);
	add_regions(r, r + si->memmap_entries);
	if (si->cmdline)
		set_cmdline((const char *)si->cmdline);
	if (si->nr_modules) {
		boot_info.archive = m->address;
		boot_info.archive_size = m->size;
	}
	boot_info.rsdp = si->rsdp;
}

/* One tag: type, size, contents. Its copies of ACPI's root pointer are no use: rs looks for it. */
static void read_mb2_tag(const uint32_t *tag)
{
	switch (tag[0]) {
	case MB2_CMDLINE:
		set_cmdline((const char *)(tag + 2));
		break;
	case MB2_MODULE:
		boot_info.archive = tag[2];
		boot_info.archive_size = tag[3] - tag[2];
		break;
	case MB2_MEMMAP:
		if (tag[2] == sizeof(struct ram_range))
			add_regions((const void *)(tag + 4), (const char *)tag + tag[1]);
		break;
	case MB2_FRAMEBUFFER:
		boot_info.fb = *(const struct boot_framebuffer *)(tag + 2);
	}
}

/* ---- frames ---- */

static uint64_t page_up(uint64_t n)
{
	return (n + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static void type_frames(uint64_t first, uint64_t end, enum frame_type type)
{
	for (uint64_t f = first >> PAGE_SHIFT; f < page_up(end) >> PAGE_SHIFT && f < nr_frames; f++)
		frames[f].type = (uint8_t)type;
}

/* Where the frame table goes: above the kernel, clear of the module, within the first map. */
static uint64_t place(uint64_t size)
{
	uint64_t module = boot_info.archive, module_end = page_up(module + boot_info.archive_size);

	for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];
		uint64_t at = page_up(r->base), end = r->base + r->length;

		if (at < (uint64_t)kernel_end - KERNEL_BASE)
			at = (uint64_t)kernel_end - KERNEL_BASE;
		if (at < module_end && at + size > module)
			at = module_end;
		if (at + size <= end && at + size <= 1ull << 32)
			return at;
	}
	panic("no memory for the frame table", size);
}

static void build_frames(void)
{
	enum { LOW = 1 << 20 };
	uint64_t size = page_up(nr_frames * sizeof(struct frame)), at = place(size);

	frames = (struct frame *)(DIRECT_BASE + at);
	memset(frames, 0, size);
	type_frames(0, ram_end, FRAME_DEVICE);
	for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];

		/* Below 1 MiB: the loader's structures, and later the other cores' start code. */
		type_frames(page_up(r->base), (r->base + r->length) & ~(uint64_t)(PAGE_SIZE - 1),
			    r->base < LOW ? FRAME_KERNEL : FRAME_FREE);
	}
	type_frames((uint64_t)kernel_start - KERNEL_BASE, (uint64_t)kernel_end - KERNEL_BASE,
		    FRAME_KERNEL);
	type_frames(at, at + size, FRAME_KERNEL);
	type_frames(boot_info.archive, boot_info.archive + boot_info.archive_size, FRAME_USER);
}

bool take_free(void *unused UNUSED, pfn_t *pfn)
{
	static pfn_t next;

	while (next < nr_frames && !frame_is_free(next))
		next++;
	*pfn = next;
	return next < nr_frames;
}

/* ---- the kernel's half ---- */

static void map(uint64_t va, uint64_t pa, unsigned level, uint64_t flags)
{
	pte_t *e = table_entry(kernel_root, va, level, take_free, NULL);

	if (!e)
		panic("no memory for page tables", va);
	*e = pa | flags | PTE_PRESENT | PTE_GLOBAL;
}

/* The image with exact rights, all RAM (text and rodata read-only there too), the APICs. The image
 * begins on a big page (link.ld). */
static void build_map(void)
{
	enum { BIG = 1 << 21 };
	static pte_t root[PAGE_SIZE / sizeof(pte_t)] __attribute__((aligned(PAGE_SIZE)));
	uint64_t start = (uint64_t)kernel_start - KERNEL_BASE;
	uint64_t text_end = (uint64_t)kernel_text_end - KERNEL_BASE;
	uint64_t rodata_end = (uint64_t)kernel_rodata_end - KERNEL_BASE;
	uint64_t step, data = PTE_WRITE | PTE_NX;

	kernel_root = (pfn_t)(((uint64_t)root - KERNEL_BASE) >> PAGE_SHIFT);
	for (uint64_t pa = start; pa < (uint64_t)kernel_end - KERNEL_BASE; pa += PAGE_SIZE)
		map(KERNEL_BASE + pa, pa, 0, pa < text_end ? 0 : pa < rodata_end ? PTE_NX : data);
	for (uint64_t pa = 0; pa < ram_end; pa += step) {
		bool small = pa >= start && pa < (rodata_end | (BIG - 1));

		step = small ? PAGE_SIZE : BIG;
		map(DIRECT_BASE + pa, pa, !small,
		    small ? pa < rodata_end ? PTE_NX : data : data | PTE_BIG);
	}
	map(DEVICE_BASE, LOCAL_APIC, 0, data | PTE_CACHE_OFF);
	map(DEVICE_BASE + PAGE_SIZE, IO_APIC, 0, data | PTE_CACHE_OFF);
	__asm__ volatile("mov %0, %%cr3" ::"r"((uint64_t)kernel_root << PAGE_SHIFT) : "memory");
}

/* Multiboot2's structure begins with its size. */
_Noreturn void boot_main(const uint32_t *info)
{
	if (info[0] == HVM_MAGIC)
		read_pvh((const void *)info);
	else
		for (const uint32_t *tag = info + 2; tag[0] != MB2_END; tag += (tag[1] + 7) / 8 * 2)
			read_mb2_tag(tag);
	nr_frames = boot_info.nr_frames = (uint32_t)(ram_end >> PAGE_SHIFT);
	build_frames();
	build_map();            /* from here on pointers into the loader's structures are gone */
	proc_tables_init();
	cpu_init();
	apic_init();
	clock_init();
	rs_start();
	idle_loop();            /* until the first tick finds rs */
}
