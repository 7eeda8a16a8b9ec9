/* SPDX-License-Identifier: BSD-2-Clause
 * system.c - the files of /proc that are about the whole system.
 *
 * Job:      one function for each file.
 * Speaks:   pm.totals, vm.totals, log.read; kernel calls boot_info and proc_info.
 * Touches:  nothing.
 * Trusts:   those it asks.
 * On crash: holds no state.
 * Spec:     proc(5); formats as Linux 6.1 prints them.
 */
#include "procfs.h"

#include <abi/boot.h>
#include <contract/kernel.h>
#include <contract/log.h>
#include <contract/sched.h>
#include <lib/clock.h>

#define SECOND 1000000000ull
#define RELEASE "6.1.0-skink"
enum { TICKS = 100 };

static struct boot_info boot;
static uint64_t boot_random[2];

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t stamp(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

void system_init(void)
{
	struct boot_info_request req = { .address = (uint64_t)&boot };

	if (sys_boot_info(&req) != 0)
		boot.cmdline[0] = '\0';
	boot_random[0] = mix(boot.tsc_hz ^ boot.archive_size);
	boot_random[1] = mix(clock_realtime_ns() - clock_monotonic_ns() + boot_random[0]);
}

err_t make_empty(struct text *t, uint32_t pid)
{
	(void)t;
	(void)pid;
	return 0;
}

err_t make_cmdline(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "%s\n", boot.cmdline);
	return 0;
}

/* ---- the processor ---- */

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}

struct flag {
	uint8_t reg, bit;               /* reg: 0 1.edx, 1 1.ecx, 2 7.ebx, 3 ext.edx */
	const char *name;
};

static const struct flag flags[] = {
	{ 0, 0, "fpu" }, { 0, 1, "vme" }, { 0, 2, "de" }, { 0, 3, "pse" }, { 0, 4, "tsc" },
	{ 0, 5, "msr" }, { 0, 6, "pae" }, { 0, 7, "mce" }, { 0, 8, "cx8" }, { 0, 9, "apic" },
	{ 0, 11, "sep" }, { 0, 12, "mtrr" }, { 0, 13, "pge" }, { 0, 14, "mca" }, { 0, 15, "cmov" },
	{ 0, 16, "pat" }, { 0, 17, "pse36" }, { 0, 19, "clflush" }, { 0, 23, "mmx" },
	{ 0, 24, "fxsr" }, { 0, 25, "sse" }, { 0, 26, "sse2" }, { 3, 11, "syscall" },
	{ 3, 20, "nx" }, { 3, 26, "pdpe1gb" }, { 3, 27, "rdtscp" }, { 3, 29, "lm" },
	{ 1, 0, "pni" }, { 1, 1, "pclmulqdq" }, { 1, 9, "ssse3" }, { 1, 12, "fma" },
	{ 1, 13, "cx16" }, { 1, 19, "sse4_1" }, { 1, 20, "sse4_2" }, { 1, 22, "movbe" },
	{ 1, 23, "popcnt" }, { 1, 25, "aes" }, { 1, 26, "xsave" }, { 1, 28, "avx" },
	{ 1, 29, "f16c" }, { 1, 30, "rdrand" }, { 1, 31, "hypervisor" },
	{ 2, 3, "bmi1" }, { 2, 5, "avx2" }, { 2, 7, "smep" }, { 2, 8, "bmi2" },
	{ 2, 19, "adx" }, { 2, 20, "smap" },
};

static void put_flags(struct text *t)
{
	uint32_t one[4], seven[4], ext[4], reg[4];

	cpuid(1, 0, one);
	cpuid(7, 0, seven);
	cpuid(0x80000001, 0, ext);
	reg[0] = one[3];
	reg[1] = one[2];
	reg[2] = seven[1];
	reg[3] = ext[3];
	put(t, "flags\t\t:");
	for (unsigned i = 0; i < COUNT(flags); i++)
		if (reg[flags[i].reg] >> flags[i].bit & 1)
			put(t, " %s", flags[i].name);
	put(t, "\n");
}

static void put_brand(struct text *t)
{
	uint32_t r[13] = { 0 };

	for (unsigned i = 0; i < 3; i++)
		cpuid(0x80000002 + i, 0, r + i * 4);
	put(t, "model name\t: %s\n", (const char *)r);
}

err_t make_cpuinfo(struct text *t, uint32_t pid)
{
	uint32_t vendor[4], one[4], family, model;
	char name[13];

	(void)pid;
	cpuid(0, 0, vendor);
	cpuid(1, 0, one);
	memcpy(name, &vendor[1], 4);
	memcpy(name + 4, &vendor[3], 4);
	memcpy(name + 8, &vendor[2], 4);
	name[12] = '\0';
	family = (one[0] >> 8 & 15) + (one[0] >> 20 & 255);
	model = (one[0] >> 4 & 15) | (one[0] >> 12 & 0xf0);
	put(t, "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", name, family,
	    model);
	put_brand(t);
	put(t, "stepping\t: %u\ncpu MHz\t\t: %lu.%03lu\n", one[0] & 15,
	    (unsigned long)(boot.tsc_hz / 1000000), (unsigned long)(boot.tsc_hz / 1000 % 1000));
	put(t, "physical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: 0\n");
	put(t, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n", vendor[0]);
	put_flags(t);
	put(t, "bogomips\t: %lu.%02lu\nclflush size\t: 64\ncache_alignment\t: 64\n",
	    (unsigned long)(boot.tsc_hz / 500000), (unsigned long)(boot.tsc_hz / 5000 % 100));
	put(t, "address sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n");
	return 0;
}

/* ---- memory ---- */

struct amount { const char *name; uint64_t pages; };

err_t make_meminfo(struct text *t, uint32_t pid)
{
	struct vm_totals_reply v;
	unsigned long k = PAGE_SIZE / 1024;

	(void)pid;
	if (vm_totals(&vm, &v) != 0)
		return -EIO;
	const struct amount row[] = {
		{ "MemTotal:", v.frames }, { "MemFree:", v.free },
		{ "MemAvailable:", v.free + v.cache }, { "Buffers:", 0 }, { "Cached:", v.cache },
		{ "SwapCached:", 0 }, { "Active:", v.anonymous }, { "Inactive:", v.cache },
		{ "Active(anon):", v.anonymous }, { "Inactive(anon):", 0 },
		{ "Active(file):", 0 }, { "Inactive(file):", v.cache }, { "Unevictable:", 0 },
		{ "Mlocked:", 0 }, { "SwapTotal:", 0 }, { "SwapFree:", 0 },
		{ "AnonPages:", v.anonymous }, { "Shmem:", 0 }, { "Slab:", 0 },
		{ "SReclaimable:", 0 }, { "SUnreclaim:", 0 }, { "PageTables:", v.tables },
		{ "CommitLimit:", v.frames }, { "Committed_AS:", v.anonymous },
	};
	for (unsigned i = 0; i < COUNT(row); i++)
		put(t, "%-15s %8lu kB\n", row[i].name, (unsigned long)row[i].pages * k);
	return 0;
}

err_t make_vmstat(struct text *t, uint32_t pid)
{
	struct vm_totals_reply v;

	(void)pid;
	if (vm_totals(&vm, &v) != 0)
		return -EIO;
	put(t, "nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_page_table_pages %lu\n",
	    (unsigned long)v.free, (unsigned long)v.anonymous, (unsigned long)v.cache,
	    (unsigned long)v.tables);
	put(t, "pswpin 0\npswpout 0\npgfault %lu\n", (unsigned long)v.faults);
	return 0;
}

/* ---- time and load ---- */

static uint64_t busy_ticks(uint64_t *programs, uint64_t *switches)
{
	uint64_t services = 0;

	*programs = *switches = 0;
	for (uint32_t slot = 0; slot < NR_PROCS; slot++) {
		struct proc_info_request req = { .slot = slot };
		struct proc_info_reply r;

		if (sys_proc_info(&req, &r) != 0 || endpoint_eq(r.proc, ENDPOINT_NONE))
			continue;
		*switches += r.switches;
		if (slot < FIRST_PROGRAM)
			services += r.user_ticks;
		else
			*programs += r.user_ticks;
	}
	return services;
}

/* Time in services counts as system time, as a kernel's would. */
err_t make_stat(struct text *t, uint32_t pid)
{
	uint64_t user, switches, system = busy_ticks(&user, &switches);
	uint64_t all = clock_monotonic_ns() / (SECOND / TICKS);
	unsigned long idle = (unsigned long)(all > user + system ? all - user - system : 0);
	struct pm_totals_reply p;

	(void)pid;
	if (pm_totals(&pm, &p) != 0)
		return -EIO;
	put(t, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", (unsigned long)user, (unsigned long)system,
	    idle);
	put(t, "cpu0 %lu 0 %lu %lu 0 0 0 0 0 0\n", (unsigned long)user, (unsigned long)system,
	    idle);
	put(t, "intr 0\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked %u\n",
	    (unsigned long)switches,
	    (unsigned long)((clock_realtime_ns() - clock_monotonic_ns()) / SECOND),
	    (unsigned long)p.forks + 1, p.running, p.blocked);
	return 0;
}

err_t make_uptime(struct text *t, uint32_t pid)
{
	uint64_t user, switches, system = busy_ticks(&user, &switches);
	uint64_t cs = clock_monotonic_ns() / (SECOND / TICKS);
	uint64_t idle = cs > user + system ? cs - user - system : 0;

	(void)pid;
	put(t, "%lu.%02lu %lu.%02lu\n", (unsigned long)(cs / 100), (unsigned long)(cs % 100),
	    (unsigned long)(idle / 100), (unsigned long)(idle % 100));
	return 0;
}

static void put_load(struct text *t, uint64_t load)
{
	uint64_t hundredths = (load * 100 + 32768) >> 16;

	put(t, "%lu.%02lu ", (unsigned long)(hundredths / 100), (unsigned long)(hundredths % 100));
}

err_t make_loadavg(struct text *t, uint32_t pid)
{
	struct pm_totals_reply p;
	struct sched_load_reply load = { { 0 } };

	(void)pid;
	if (pm_totals(&pm, &p) != 0 || sched_load(&sched, &load) != 0)
		return -EIO;
	for (unsigned i = 0; i < COUNT(load.average); i++)
		put_load(t, load.average[i]);
	put(t, "%u/%u %u\n", p.running, p.processes, p.last_pid);
	return 0;
}

/* ---- the log ---- */

err_t make_kmsg(struct text *t, uint32_t pid)
{
	struct log_records_request req = { 0 };
	struct log_records_reply reply;

	(void)pid;
	while (t->room - t->used > 4096 &&
	       log_records(&log, &req, t->at + t->used, t->room - t->used - 1, &reply) == 0 &&
	       reply.done > 0) {
		t->used += reply.done;
		req.seq = reply.next;
	}
	return 0;
}

/* ---- names and constants ---- */

err_t make_version(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "Linux version " RELEASE " (skink) #1 Skink\n");
	return 0;
}

err_t make_sys_version(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "#1 Skink\n");
	return 0;
}

err_t make_osrelease(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, RELEASE "\n");
	return 0;
}

err_t make_ostype(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "Linux\n");
	return 0;
}

err_t make_hostname(struct text *t, uint32_t pid)
{
	struct pm_host_reply host;

	(void)pid;
	if (pm_host(&pm, &host) != 0)
		return -EIO;
	put(t, "%s\n", host.name);
	return 0;
}

err_t make_pid_max(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "4194304\n");
	return 0;
}

err_t make_threads_max(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "%u\n", NR_PROCS - FIRST_PROGRAM);
	return 0;
}

err_t make_ngroups(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "32\n");
	return 0;
}

err_t make_cap_last(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "40\n");
	return 0;
}

err_t make_file_max(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "2048\n");
	return 0;
}

err_t make_overcommit(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "0\n");
	return 0;
}

static void put_uuid(struct text *t, uint64_t a, uint64_t b)
{
	put(t, "%08lx-%04lx-4%03lx-%04lx-%012lx\n", (unsigned long)(a >> 32),
	    (unsigned long)(a >> 16 & 0xffff), (unsigned long)(a & 0xfff),
	    (unsigned long)(0x8000 | (b >> 48 & 0x3fff)), (unsigned long)(b & 0xffffffffffff));
}

err_t make_boot_id(struct text *t, uint32_t pid)
{
	(void)pid;
	put_uuid(t, boot_random[0], boot_random[1]);
	return 0;
}

err_t make_uuid(struct text *t, uint32_t pid)
{
	static uint64_t pool;

	(void)pid;
	pool = mix(pool ^ stamp());
	put_uuid(t, pool, mix(pool ^ stamp()));
	return 0;
}

err_t make_filesystems(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "nodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tsysfs\n\text2\n");
	return 0;
}

err_t make_devices(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  4 ttyS\n  5 /dev/tty\n"
	    "  5 /dev/console\n"
	    "  5 /dev/ptmx\n136 pts\n\nBlock devices:\n  1 ramdisk\n254 virtblk\n");
	return 0;
}

err_t make_swaps(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

err_t make_partitions(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "major minor  #blocks  name\n\n");
	return 0;
}

err_t make_interrupts(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "           CPU0       \n");
	return 0;
}
