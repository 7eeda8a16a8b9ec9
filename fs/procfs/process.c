/* SPDX-License-Identifier: BSD-2-Clause
 * process.c - the files of /proc/PID.
 *
 * Job:      one function for each file.
 * Speaks:   pm.info, ids, times, signals, text, limit; vm.usage; proc_info.
 * Touches:  nothing.
 * Trusts:   those it asks.
 * On crash: holds no state.
 * Spec:     proc(5); formats as Linux 6.1 prints them.
 */
#include "procfs.h"

#define SECOND 1000000000ull
enum { TICK_NS = 10000000 };

bool process_find(uint32_t pid, struct pm_info_reply *info)
{
	struct pm_info_request req = { .pid = pid };

	return pid != 0 && pm_info(&pm, &req, info) == 0;
}

static void usage_of(const struct pm_info_reply *info, struct vm_usage_reply *u)
{
	struct vm_usage_request req = { .proc = info->proc };

	if (endpoint_eq(info->proc, ENDPOINT_NONE) || vm_usage(&vm, &req, u) != 0)
		*u = (struct vm_usage_reply){ 0 };      /* a zombie has none */
}

static err_t put_strings(struct text *t, uint32_t pid, uint32_t which)
{
	struct pm_text_request req = { .pid = pid, .which = which };
	struct pm_text_reply reply;

	while (t->room - t->used > 0) {
		err_t err = pm_text(&pm, &req, t->at + t->used, t->room - t->used, &reply);

		if (err != 0 || reply.done == 0)
			return err == -ENOENT ? 0 : err;
		t->used += reply.done;
		req.pos += reply.done;
	}
	return 0;
}

err_t make_pid_cmdline(struct text *t, uint32_t pid)
{
	return put_strings(t, pid, 0);
}

err_t make_pid_environ(struct text *t, uint32_t pid)
{
	return put_strings(t, pid, 1);
}

err_t make_pid_comm(struct text *t, uint32_t pid)
{
	struct pm_info_reply info;

	if (!process_find(pid, &info))
		return -ENOENT;
	put(t, "%s\n", info.name);
	return 0;
}

err_t make_pid_stat(struct text *t, uint32_t pid)
{
	struct pm_times_request tr = { .pid = pid };
	struct pm_signals_request sr = { .pid = pid };
	struct pm_signals_reply s = { 0 };
	struct pm_times_reply times;
	struct pm_info_reply info;
	struct vm_usage_reply u;

	if (!process_find(pid, &info) || pm_times(&pm, &tr, &times) != 0 ||
	    pm_signals(&pm, &sr, &s) != 0)
		return -ENOENT;
	usage_of(&info, &u);
	put(t, "%u (%s) %c %u %u %u %u %d 4194304 0 0 0 0 ", info.pid, info.name, info.state,
	    info.ppid, info.pgid, info.sid, times.tty, times.tty ? (int)times.group : -1);
	put(t, "%lu %lu %lu %lu ", (unsigned long)times.user_ticks,
	    (unsigned long)times.system_ticks, (unsigned long)times.child_user_ticks,
	    (unsigned long)times.child_system_ticks);
	put(t, "%d %d %u 0 %lu ", 20 + times.nice, times.nice, info.threads,
	    (unsigned long)(times.start_ns / TICK_NS));
	put(t, "%lu %lu 18446744073709551615 0 0 %lu 0 0 ", (unsigned long)u.virtual,
	    (unsigned long)u.resident, (unsigned long)u.stack);
	put(t, "%lu %lu %lu %lu 0 0 0 17 0 0 0 0 0 0 0 %lu %lu 0 0 0 0 0\n",
	    (unsigned long)(s.pending & 0x7fffffff), (unsigned long)(s.blocked & 0x7fffffff),
	    (unsigned long)(s.ignored & 0x7fffffff), (unsigned long)(s.caught & 0x7fffffff),
	    (unsigned long)u.brk_start, (unsigned long)u.brk);
	return 0;
}

err_t make_pid_statm(struct text *t, uint32_t pid)
{
	struct pm_info_reply info;
	struct vm_usage_reply u;

	if (!process_find(pid, &info))
		return -ENOENT;
	usage_of(&info, &u);
	put(t, "%lu %lu 0 0 0 %lu 0\n", (unsigned long)u.virtual / PAGE_SIZE,
	    (unsigned long)u.resident, (unsigned long)u.resident);
	return 0;
}

static const char *state_name(char letter)
{
	switch (letter) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'T':
		return "T (stopped)";
	default:
		return "Z (zombie)";
	}
}

static void put_ids(struct text *t, uint32_t pid)
{
	struct pm_ids_request req = { .pid = pid };
	struct pm_ids_reply r;

	if (pm_ids(&pm, &req, &r) != 0)
		r = (struct pm_ids_reply){ .groups = 0 };       /* it has just gone */
	put(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t256\nGroups:\t", r.uid[0],
	    r.uid[1], r.uid[2], r.uid[3], r.gid[0], r.gid[1], r.gid[2], r.gid[3]);
	for (uint32_t i = 0; i < r.groups && i < COUNT(r.group); i++)
		put(t, "%u ", r.group[i]);
	put(t, "\n");
}

static void put_memory(struct text *t, const struct vm_usage_reply *u)
{
	unsigned long size = (unsigned long)u->virtual / 1024;
	unsigned long rss = (unsigned long)u->resident * (PAGE_SIZE / 1024);

	put(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t       0 kB\nVmPin:\t       0 kB\n",
	    size, size);
	put(t, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nVmSwap:\t       0 kB\n", rss, rss);
}

static void put_capabilities(struct text *t, bool root)
{
	unsigned long all = root ? 0x1fffffffffful : 0;

	put(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\n"
	    "CapAmb:\t%016lx\n", 0ul, all, all, 0x1fffffffffful, 0ul);
}

err_t make_pid_status(struct text *t, uint32_t pid)
{
	struct pm_signals_request sr = { .pid = pid };
	struct pm_signals_reply s = { 0 };
	struct pm_info_reply info;
	struct vm_usage_reply u;

	if (!process_find(pid, &info) || pm_signals(&pm, &sr, &s) != 0)
		return -ENOENT;
	usage_of(&info, &u);
	put(t, "Name:\t%s\nState:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
	    info.name, state_name((char)info.state), info.pid, info.pid, info.ppid);
	put_ids(t, pid);
	put(t, "NStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n", info.pid, info.pid, info.pgid,
	    info.sid);
	if (!endpoint_eq(info.proc, ENDPOINT_NONE))
		put_memory(t, &u);
	put(t, "Threads:\t%u\nSigQ:\t0/256\nSigPnd:\t0000000000000000\nShdPnd:\t%016lx\n",
	    info.threads, (unsigned long)s.pending);
	put(t, "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", (unsigned long)s.blocked,
	    (unsigned long)s.ignored, (unsigned long)s.caught);
	put_capabilities(t, info.uid == 0);
	put(t, "NoNewPrivs:\t0\nSeccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n"
	    "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
	return 0;
}

err_t make_pid_limits(struct text *t, uint32_t pid)
{
	static const struct {
		const char *name, *unit;
	} row[] = {
		{ "Max cpu time", "seconds" }, { "Max file size", "bytes" },
		{ "Max data size", "bytes" }, { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" },
		{ "Max processes", "processes" }, { "Max open files", "files" },
		{ "Max locked memory", "bytes" }, { "Max address space", "bytes" },
		{ "Max file locks", "locks" }, { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" }, { "Max nice priority", "" },
		{ "Max realtime priority", "" }, { "Max realtime timeout", "us" },
	};
	struct pm_info_reply info;

	if (!process_find(pid, &info))
		return -ENOENT;
	put(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < COUNT(row); i++) {
		struct pm_limit_request req = { .proc = info.proc, .resource = i };
		struct pm_limit_reply l;
		char soft[24] = "unlimited", hard[24] = "unlimited";

		if (pm_limit(&pm, &req, &l) != 0)
			return -ENOENT;
		if (l.soft != UINT64_MAX)
			format(soft, sizeof(soft), "%lu", (unsigned long)l.soft);
		if (l.hard != UINT64_MAX)
			format(hard, sizeof(hard), "%lu", (unsigned long)l.hard);
		put(t, "%-25s %-20s %-20s %-10s\n", row[i].name, soft, hard, row[i].unit);
	}
	return 0;
}

err_t make_pid_cgroup(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "0::/\n");
	return 0;
}

err_t make_pid_zero(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "0\n");
	return 0;
}

err_t make_pid_wchan(struct text *t, uint32_t pid)
{
	(void)pid;
	put(t, "0");
	return 0;
}
