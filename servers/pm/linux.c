/* SPDX-License-Identifier: BSD-2-Clause
 * linux.c - which function answers which Linux call.
 *
 * Job:      the table by number, and randomness.
 * Speaks:   the Linux calls that pm.svc lists under `posix`.
 * Touches:  nothing.
 * Trusts:   the kernel to route here only what rs said.
 * On crash: holds no state.
 * Spec:     Linux arch/x86/entry/syscalls/syscall_64.tbl (numbers).
 */
#include "pm.h"
#include "signals.h"

static bool hardware_random(uint64_t *v)
{
	unsigned char ok;

	__asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok)::"cc");
	return ok;
}

static bool has_rdrand(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c & 1u << 30;
}

/* RDRAND mixed with the timing of requests; without RDRAND the timing alone. */
static uint64_t random_word(void)
{
	static uint64_t pool;
	uint64_t hard = 0;
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	if (has_rdrand() && !hardware_random(&hard))
		hard = 0;
	pool = (pool ^ hard ^ (lo | (uint64_t)hi << 32)) * 0xd6e8feb86659fd93ull;
	pool ^= pool >> 32;
	return pool * 0xd6e8feb86659fd93ull ^ hard;
}

int64_t call_getrandom(struct thread *t, const struct delivery *d)
{
	enum { CHUNK = 32, FLAGS = 7 };
	uint64_t words[CHUNK], left = d->m.w[1], at = d->m.w[0];

	if (d->m.w[2] & ~(uint64_t)FLAGS)
		return -EINVAL;
	if (left > 4096)
		left = 4096;
	for (uint64_t done = 0; done < left;) {
		uint64_t n = left - done < sizeof(words) ? left - done : sizeof(words);

		for (unsigned i = 0; i < CHUNK; i++)
			words[i] = random_word();
		if (user_write(t, at + done, words, n) != 0)
			return -EFAULT;
		done += n;
	}
	return (int64_t)left;
}

linux_handler *const linux_table[] = {
	[13] = call_rt_sigaction, [14] = call_rt_sigprocmask, [15] = call_sigreturn,
	[24] = call_sched_yield, [34] = call_pause, [35] = call_nanosleep, [36] = call_getitimer,
	[37] = call_alarm, [38] = call_setitimer, [56] = call_forked, [57] = call_forked,
	[58] = call_forked, [60] = call_exit, [61] = call_wait4, [62] = call_kill,
	[63] = call_uname, [96] = call_gettimeofday, [97] = call_getrlimit, [98] = call_getrusage,
	[99] = call_sysinfo, [100] = call_times, [103] = call_syslog,
	[105] = call_setuid, [106] = call_setgid,
	[109] = call_setpgid, [112] = call_setsid, [113] = call_setreuid, [114] = call_setregid,
	[115] = call_getgroups, [116] = call_setgroups, [117] = call_setresuid,
	[118] = call_getresuid, [119] = call_setresgid, [120] = call_getresgid,
	[121] = call_getpgid, [122] = call_setfsuid, [123] = call_setfsgid, [124] = call_getsid,
	[125] = call_capget, [127] = call_rt_sigpending, [128] = call_rt_sigtimedwait,
	[129] = call_rt_sigqueueinfo, [130] = call_rt_sigsuspend, [131] = call_sigaltstack,
	[135] = call_personality, [140] = call_getpriority, [141] = call_setpriority,
	[143] = call_sched_getparam, [144] = call_sched_setscheduler,
	[145] = call_sched_getscheduler, [146] = call_sched_priority_max,
	[147] = call_sched_priority_min, [157] = call_prctl, [158] = call_arch_prctl,
	[160] = call_setrlimit, [164] = call_settimeofday, [170] = call_sethostname,
	[171] = call_setdomainname, [200] = call_tkill, [201] = call_time,
	[203] = call_sched_setaffinity, [204] = call_sched_getaffinity,
	[218] = call_set_tid_address, [219] = call_restart, [227] = call_clock_settime,
	[228] = call_clock_gettime, [229] = call_clock_getres, [230] = call_clock_nanosleep,
	[231] = call_exit_group,
	[234] = call_tgkill, [247] = call_waitid, [251] = call_ioprio_set, [252] = call_ioprio_get,
	[270] = call_pselect6, [271] = call_ppoll,
	[273] = call_set_robust_list, [274] = call_get_robust_list, [302] = call_prlimit64,
	[309] = call_getcpu, [318] = call_getrandom, [435] = call_forked,
};

const unsigned linux_table_size = COUNT(linux_table);
