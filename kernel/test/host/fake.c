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
	memset(routes, 0, sizeof(routes));
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

void *bytes_copy(void *to, const void *from, size_t len)
{
	return memmove(to, from, len);
}

void table_init_root(pfn_t root)
{
	uint64_t *t = frame_ptr(root);

	memset(t, 0, PAGE_SIZE);
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

void line_mask(uint32_t line, bool masked)
{
	fake_lines[line].masked = masked;
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

void port_access(struct port_op *op)
{
	if (op->write) {
		fake_ports[op->port] = op->value;
		fake_port_writes++;
	} else {
		op->value = fake_ports[op->port] & (uint32_t)((1ull << 8 * op->width) - 1);
	}
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

uint32_t ext_size = FAKE_EXT_SIZE;
uint64_t ext_mask = 7;

void *ext_state(const struct proc *p)
{
	return fake_ext[p->slot];
}

void ext_reset(const struct proc *p)
{
	memset(fake_ext[p->slot], 0, FAKE_EXT_SIZE);
}

bool ext_valid(const void *area)
{
	return *(const uint8_t *)area != EXT_BAD;
}

bool regs_sanitize(struct user_regs *r)
{
	bool fine = r->rip < USER_END && r->fs_base < USER_END && r->gs_base < USER_END &&
		    !(r->rflags & (FLAG_IOPL | FLAG_VM)) && r->rflags < BIT(22);

	r->rflags = (r->rflags & ~(uint64_t)FLAG_NT) | FLAG_IF | 2;
	return fine;
}

_Noreturn void panic(const char *why, uint64_t value)
{
	if (fake_on_panic)
		fake_on_panic(why, value);
	printf("FAIL the kernel does not panic: %s (%llx)\n", why, (unsigned long long)value);
	fflush(stdout);
	abort();
}
