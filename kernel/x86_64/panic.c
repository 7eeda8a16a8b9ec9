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

static void kputc(char ch)
{
	for (unsigned i = 0; i < 100000 && !(inb(COM1 + LINE_STATUS) & THR_EMPTY); i++)
		;
	outb(COM1, (uint8_t)ch);
}

static void print(const char *s)
{
	for (; *s; s++)
		kputc(*s);
}

static void print_value(const char *before, uint64_t v)
{
	print(before);
	for (int shift = 60; shift >= 0; shift -= 4)
		kputc("0123456789abcdef"[v >> shift & 15]);
}

static void print_symbol(uint64_t a)
{
	uint32_t best = 0, count = &ksym_count ? ksym_count : 0;

	print_value("\r\n  ", a);
	for (uint32_t i = 0; i < count && ksym_addr[i] <= a; i++)
		best = i;
	if (count) {
		print(" ");
		print(ksym_text + ksym_name[best]);
		print_value("+", a - ksym_addr[best]);
	}
}

/* Return addresses on the stack: every word that points behind a call in the text. */
static void backtrace(const uint64_t *w)
{
	uint64_t end = (uint64_t)w >= KERNEL_BASE ? boot_core.stack : 0;

	for (unsigned shown = 0; (uint64_t)w < end && shown < 24; w++) {
		bool in_text = *w >= (uint64_t)kernel_start && *w < (uint64_t)kernel_text_end;

		if (in_text && ((const uint8_t *)*w)[-5] == 0xe8) {
			print_symbol(*w);
			shown++;
		}
	}
}

static _Noreturn void stop(uint64_t rsp)
{
	if (this_core()->current)
		print_value("\r\ncurrent slot ", this_core()->current->slot);
	backtrace((const uint64_t *)rsp);
	print("\r\nlast trace records: type to from event, arg");
	for (uint64_t i = trace_next > 12 ? trace_next - 12 : 0; i < trace_next; i++) {
		const struct trace_record *r = &trace_ring[i % NR_TRACE];

		print_value("\r\n  ", (uint64_t)r->type << 48 | (uint64_t)r->to << 32 |
			    (uint64_t)r->from << 16 | r->event);
		print_value(" ", r->arg);
	}
	print("\r\nskink: the kernel has stopped\r\n");
	outb(0xf4, 0x7f);
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void panic(const char *why, uint64_t value)
{
	print("\r\nskink: kernel panic: ");
	print(why);
	print_value(" ", value);
	stop((uint64_t)__builtin_frame_address(0));
}

_Noreturn void panic_trap(const struct trap_frame *f)
{
	uint64_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	print_value("\r\nskink: kernel panic: exception ", f->vector);
	print_value(" code ", f->code);
	print_value(" address ", cr2);
	print_symbol(f->rip);
	stop(f->rsp);
}
