/* SPDX-License-Identifier: BSD-2-Clause
 * fake.c - the machine that kernel tests run on: kernel/arch.h over plain arrays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

struct core fake_core;
struct boot_info boot_info;
_Alignas(PAGE_SIZE) uint8_t fake_memory[FAKE_FRAMES][PAGE_SIZE];
struct frame fake_frames[FAKE_FRAMES];
struct fake_line fake_lines[LINE_MSI + NR_MSI];
uint32_t fake_ports[65536];
unsigned fake_port_writes;
uint64_t fake_now, fake_realtime, fake_timer;
uint8_t fake_ext[NR_PROCS][FAKE_EXT_SIZE];
unsigned fake_tlb_drops;
void (*fake_on_panic)(const char *why, uint64_t value);

static pfn_t next_frame;

enum { EXT_BAD = 0xff };                /* first byte of an area that the "CPU" refuses */
enum { FLAG_IOPL = 3 << 12, FLAG_NT = 1 << 14, FLAG_VM = 1 << 17, FLAG_IF = 1 << 9 };

void fake_reset(void)
{
	for (unsigned i = 0; i < NR_PRIVS; i++)
		lines_release(&privs[i]);
	memset(procs, 0, sizeof(procs));
	memset(privs, 0, sizeof(privs));
	memset(spaces, 0, sizeof(spaces));
	memset(untold, 0, sizeof(untold));
	memset(cancelled, 0, sizeof(cancelled));
	memset(&fake_core, 0, sizeof(fake_core));
	memset(fake_lines, 0, sizeof(fake_lines));
	memset(fake_ports, 0, sizeof(fake_ports));
	memset(fake_ext, 0, sizeof(fake_ext));
	memset(fake_frames, 0, sizeof(fake_frames));
	trace_next = 0;
	fake_port_writes = fake_tlb_drops = 0;
	fake_now = 1;
	fake_realtime = fake_timer = 0;
	proc_tables_init();
	frames = fake_frames;
	nr_frames = FAKE_FRAMES;
	for (pfn_t f = 0; f < FAKE_KERNEL; f++)
		frames[f].type = FRAME_KERNEL;
	for (pfn_t f = FAKE_DEVICE; f < FAKE_DEVICE_END; f++)
		frames[f].type = FRAME_DEVICE;
	next_frame = FAKE_KERNEL;
	check_nr_slots = check_nr_spaces = 0;
}

pfn_t fake_frame(void)
{
	while (!frame_is_free(next_frame))
		if (next_frame++ >= nr_frames)
			panic("the test has used all frames up", nr_frames);
	memset(fake_memory[next_frame], 0xa5, PAGE_SIZE);
	return next_frame++;
}

/* ---- memory ---- */

void *frame_ptr(pfn_t pfn)
{
	kassert(pfn < nr_frames && pfn < FAKE_FRAMES);
	return fake_memory[pfn];
}

void page_zero(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

void page_copy(void *to, const void *from)
{
	memcpy(to, from, PAGE_SIZE);
}

void bytes_copy(void *to, const void *from, uint64_t len)
{
	memmove(to, from, len);
}

void table_init_root(pfn_t root)
{
	uint64_t *t = frame_ptr(root);

	page_zero(t);
	for (unsigned i = 256; i < 512; i++)
		t[i] = i;               /* the kernel's half; check.c looks that it stays */
}

void tlb_drop(struct space *s, vaddr_t va)
{
	(void)s;
	(void)va;
	fake_tlb_drops++;
}

void tlb_drop_all(struct space *s)
{
	(void)s;
	fake_tlb_drops++;
}

/* ---- devices and time ---- */

void line_mask(uint32_t line)
{
	fake_lines[line].masked = true;
}

void line_unmask(uint32_t line)
{
	fake_lines[line].masked = false;
}

void line_setup(uint32_t line, unsigned flags)
{
	fake_lines[line] = (struct fake_line){ true, flags };
}

void line_msi(uint32_t line, uint64_t *address, uint32_t *data)
{
	*address = 0xfee00000;
	*data = line;
}

uint32_t port_read(uint16_t port, unsigned width)
{
	return width == 4 ? fake_ports[port] : fake_ports[port] & ((1u << 8 * width) - 1);
}

void port_write(uint16_t port, unsigned width, uint32_t value)
{
	(void)width;
	fake_ports[port] = value;
	fake_port_writes++;
}

uint64_t time_ns(void)
{
	return fake_now;
}

void time_set_realtime(uint64_t ns)
{
	fake_realtime = ns;
}

void timer_arm(uint64_t deadline_ns)
{
	fake_timer = deadline_ns;
}

/* ---- processes ---- */

void ext_reset(struct proc *p)
{
	memset(fake_ext[proc_slot(p)], 0, FAKE_EXT_SIZE);
}

void ext_clone(struct proc *to, const struct proc *from)
{
	memcpy(fake_ext[proc_slot(to)], fake_ext[proc_slot(from)], FAKE_EXT_SIZE);
}

uint32_t ext_size(void)
{
	return FAKE_EXT_SIZE;
}

uint64_t ext_mask(void)
{
	return 7;
}

const void *ext_get(struct proc *p)
{
	return fake_ext[proc_slot(p)];
}

bool ext_put(struct proc *p, const void *area)
{
	if (*(const uint8_t *)area == EXT_BAD)
		return false;
	memcpy(fake_ext[proc_slot(p)], area, FAKE_EXT_SIZE);
	return true;
}

void regs_sanitize(struct user_regs *r)
{
	r->rflags = (r->rflags & ~(uint64_t)(FLAG_IOPL | FLAG_NT | FLAG_VM)) | FLAG_IF | 2;
}

bool regs_valid(const struct user_regs *r)
{
	return r->rip < USER_END && r->fs_base < USER_END && r->gs_base < USER_END &&
	       !(r->rflags & (FLAG_IOPL | FLAG_VM)) && r->rflags < BIT(22);
}

_Noreturn void panic(const char *why, uint64_t value)
{
	if (fake_on_panic)
		fake_on_panic(why, value);
	printf("FAIL the kernel does not panic: %s (%llx)\n", why, (unsigned long long)value);
	fflush(stdout);
	abort();
}
