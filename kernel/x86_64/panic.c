/* SPDX-License-Identifier: BSD-2-Clause
 * panic.c - the kernel's last words, on the first serial port.
 *
 * Job:      prints why, a symbolised backtrace and the last trace records, then stops.
 * Touches:  I/O ports 0x3f8-0x3ff, and 0xf4 (QEMU's isa-debug-exit, nothing elsewhere).
 * Trusts:   nothing: stack words are only compared with the text's bounds.
 * On crash: this is the crash.
 */
#include <kernel/x86_64/cpu.h>

enum { COM1 = 0x3f8, LINE_STATUS = 5, THR_EMPTY = 0x20 };

/* Made by tools/ksyms from the first link; empty there. */
extern const uint64_t ksym_addr[] __attribute__((weak));
extern const uint32_t ksym_name[] __attribute__((weak));
extern const char ksym_text[] __attribute__((weak));
extern const uint32_t ksym_count __attribute__((weak));
extern char kernel_start[], kernel_text_end[];

static void kputc(char ch)
{
	for (unsigned i = 0; i < 100000 && !(inb(COM1 + LINE_STATUS) & THR_EMPTY); i++)
		;
	outb(COM1, (uint8_t)ch);
}

void kprint(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			kputc('\r');
		kputc(*s);
	}
}

void kprint_hex(uint64_t v)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		kputc("0123456789abcdef"[v >> shift & 15]);
}

static bool in_text(uint64_t a)
{
	return a >= (uint64_t)kernel_start && a < (uint64_t)kernel_text_end;
}

static void print_symbol(uint64_t a)
{
	uint32_t best = 0;

	kprint("  ");
	kprint_hex(a);
	if (&ksym_count && ksym_count) {
		for (uint32_t i = 0; i < ksym_count && ksym_addr[i] <= a; i++)
			best = i;
		kprint(" ");
		kprint(ksym_text + ksym_name[best]);
		kprint("+");
		kprint_hex(a - ksym_addr[best]);
	}
	kprint("\n");
}

/* Return addresses on the stack: every word that points behind a call in the text. */
static void backtrace(uint64_t rsp)
{
	unsigned shown = 0;

	for (const uint64_t *w = (const uint64_t *)rsp; (uint64_t)w < boot_core.stack && shown < 24; w++) {
		if (in_text(*w) && ((const uint8_t *)*w)[-5] == 0xe8) {
			print_symbol(*w);
			shown++;
		}
	}
}

static void print_trace(void)
{
	kprint("last trace records: type to from event, arg\n");
	for (uint64_t i = trace_next > 12 ? trace_next - 12 : 0; i < trace_next; i++) {
		const struct trace_record *r = &trace_ring[i % NR_TRACE];

		kprint("  ");
		kprint_hex((uint64_t)r->type << 48 | (uint64_t)r->to << 32 | (uint64_t)r->from << 16 | r->event);
		kprint(" ");
		kprint_hex(r->arg);
		kprint("\n");
	}
}

static _Noreturn void stop(uint64_t rsp)
{
	if (this_core()->current) {
		kprint("current slot ");
		kprint_hex(proc_slot(this_core()->current));
		kprint("\n");
	}
	backtrace(rsp);
	print_trace();
	kprint("skink: the kernel has stopped\n");
	outb(0xf4, 0x7f);
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void panic(const char *why, uint64_t value)
{
	uint64_t rsp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(rsp));
	kprint("\nskink: kernel panic: ");
	kprint(why);
	kprint(" ");
	kprint_hex(value);
	kprint("\n");
	stop(rsp);
}

_Noreturn void panic_trap(const struct trap_frame *f, uint64_t rbp)
{
	uint64_t cr2;

	(void)rbp;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	kprint("\nskink: kernel panic: exception ");
	kprint_hex(f->vector);
	kprint(" code ");
	kprint_hex(f->code);
	kprint(" address ");
	kprint_hex(cr2);
	kprint("\n");
	print_symbol(f->rip);
	stop(f->rsp);
}
