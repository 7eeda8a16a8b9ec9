/* SPDX-License-Identifier: BSD-2-Clause
 * apic.c - local APIC, I/O APIC, and the clock.
 *
 * Job:      routes lines to vectors, ends interrupts, arms the timer, keeps the clock page.
 * Touches:  the two APICs' registers, the PIT for calibration, the old PICs to silence them.
 * Trusts:   the PIT's frequency; the TSC to run at one rate.
 * On crash: panic on the serial line.
 * Spec:     Intel SDM vol. 3, 11 (local APIC); 82093AA I/O APIC data sheet; 8254 data sheet.
 */
#include <kernel/core/frame.h>
#include <kernel/x86_64/cpu.h>

enum { APIC_ID = 0x20, APIC_EOI = 0xb0, APIC_SPURIOUS = 0xf0, APIC_LVT_TIMER = 0x320,
       APIC_LVT_LINT0 = 0x350, APIC_LVT_LINT1 = 0x360, APIC_LVT_ERROR = 0x370,
       APIC_TIMER_COUNT = 0x380, APIC_TIMER_NOW = 0x390, APIC_TIMER_DIVIDE = 0x3e0 };
enum { MASKED = 1 << 16, LEVEL = 1 << 15, ACTIVE_LOW = 1 << 13 };

static union {
	struct clock_page c;
	uint8_t page[PAGE_SIZE];        /* all that users see is this */
} clock __attribute__((aligned(PAGE_SIZE)));
static uint64_t apic_per_ns;            /* timer ticks for each nanosecond, times 2^30 */

static volatile uint32_t *apic(unsigned reg)
{
	return (volatile uint32_t *)(DEVICE_BASE + reg);
}

static volatile uint32_t *ioapic(unsigned index)
{
	volatile uint32_t *io = (volatile uint32_t *)(DEVICE_BASE + PAGE_SIZE);

	io[0] = index;
	return &io[4];
}

void apic_eoi(void)
{
	*apic(APIC_EOI) = 0;
}

void line_mask(uint32_t line, bool masked)
{
	volatile uint32_t *r = ioapic(0x10 + 2 * line);

	*r = masked ? *r | MASKED : *r & ~(uint32_t)MASKED;
}

void line_setup(uint32_t line, unsigned flags)
{
	*ioapic(0x10 + 2 * line + 1) = *apic(APIC_ID) & 0xff000000;
	*ioapic(0x10 + 2 * line) = (VECTOR_LINES + line) | MASKED |
				   (flags & LINE_LEVEL ? LEVEL : 0u) |
				   (flags & LINE_LOW ? ACTIVE_LOW : 0u);
}

void line_msi(uint32_t line, uint64_t *address, uint32_t *data)
{
	*address = LOCAL_APIC | (*apic(APIC_ID) >> 24) << 12;
	*data = VECTOR_LINES + line;
}

void apic_init(void)
{
	outb(0x21, 0xff);               /* the old PICs: masked, and behind LINT0, masked as well */
	outb(0xa1, 0xff);
	wrmsr(MSR_APIC_BASE, LOCAL_APIC | 1u << 11 | 1u << 8);  /* on; this is the boot core */
	*apic(APIC_SPURIOUS) = 0x100 | VECTOR_SPURIOUS;
	*apic(APIC_LVT_LINT0) = MASKED;
	*apic(APIC_LVT_LINT1) = 0x400;          /* NMI */
	*apic(APIC_LVT_ERROR) = MASKED;
	*apic(APIC_LVT_TIMER) = VECTOR_TIMER;
	*apic(APIC_TIMER_DIVIDE) = 0xb;         /* by 1 */
	for (uint32_t line = 0; line < NR_LINES; line++)
		*ioapic(0x10 + 2 * line) = MASKED;
}

/* ---- the clock ---- */

enum { PIT_HZ = 1193182, CALIBRATE_MS = 10, CALIBRATE_NS = CALIBRATE_MS * 1000000 };

/* Wait for CALIBRATE_MS on the PIT's channel 2, gated by port 0x61. */
static void pit_wait(void)
{
	enum { COUNT_DOWN = PIT_HZ * CALIBRATE_MS / 1000 };

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, COUNT_DOWN & 0xff);
	outb(0x42, COUNT_DOWN >> 8);
	while (!(inb(0x61) & 0x20))
		;
}

void clock_init(void)
{
	uint64_t tsc = UINT64_MAX, ticks = 0;

	for (unsigned i = 0; i < 3; i++) {      /* the shortest: a busy host only adds */
		uint64_t start = cycles(), t;

		*apic(APIC_TIMER_COUNT) = UINT32_MAX;
		pit_wait();
		t = cycles() - start;
		if (t < tsc) {
			tsc = t;
			ticks = UINT32_MAX - *apic(APIC_TIMER_NOW);
		}
	}
	*apic(APIC_TIMER_COUNT) = 0;
	apic_per_ns = (ticks << 30) / CALIBRATE_NS;
	clock.c.base_tsc = cycles();
	clock.c.mult = (uint32_t)(((uint64_t)CALIBRATE_NS << 30) / tsc);
	boot_info.tsc_hz = tsc * (1000 / CALIBRATE_MS);
	boot_info.clock_pfn = (pfn_t)(((uint64_t)&clock - KERNEL_BASE) >> PAGE_SHIFT);
	frames[boot_info.clock_pfn].type = FRAME_CLOCK;
}

uint64_t time_ns(void)
{
	unsigned __int128 t = (unsigned __int128)(cycles() - clock.c.base_tsc) * clock.c.mult;

	return clock.c.base_ns + (uint64_t)(t >> 30);
}

/* One word, so that no reader sees half of it. */
void time_set_realtime(uint64_t ns)
{
	__atomic_store_n(&clock.c.realtime_ns, ns, __ATOMIC_RELEASE);
}

/* Half a second at most, so that no counter overflows; early is harmless. */
void timer_arm(uint64_t deadline_ns)
{
	uint64_t now = time_ns(), ns = deadline_ns > now ? deadline_ns - now : 1;

	if (ns > 500000000)
		ns = 500000000;
	*apic(APIC_TIMER_COUNT) = deadline_ns ? (uint32_t)(ns * (apic_per_ns >> 10) >> 20) + 1 : 0;
}
