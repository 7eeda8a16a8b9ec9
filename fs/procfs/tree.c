/* SPDX-License-Identifier: BSD-2-Clause
 * tree.c - what there is in /proc, and in /sys.
 *
 * Job:      the table of names, modes and the functions that make their contents.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: holds no state.
 * Spec:     proc(5), sysfs(5).
 */
#include "procfs.h"

enum { DIR = 0040555, DIR_SYSFS = 0040755, FILE_R = 0100444, FILE_OWN = 0100400, LINK = 0120777 };
enum { K_SYS = KIND_SYSFS + 1, K_SYS_KERNEL, K_SYS_FS, K_SYS_VM, K_SYS_RANDOM, K_NET,
       K_SYSFS_FS, K_SYSFS_CGROUP, K_FIRST_FILE };

const struct kind kinds[] = {
	[KIND_ROOT] = { "", DIR, KIND_NONE, NULL, NULL, 0 },
	[KIND_PID] = { NULL, DIR, KIND_ROOT, NULL, NULL, 0 },
	[KIND_TASK] = { "task", DIR, KIND_PID, NULL, NULL, 0 },
	[KIND_TID] = { NULL, DIR, KIND_TASK, NULL, NULL, 0 },
	[K_SYS] = { "sys", DIR, KIND_ROOT, NULL, NULL, 0 },
	[K_SYS_KERNEL] = { "kernel", DIR, K_SYS, NULL, NULL, 0 },
	[K_SYS_FS] = { "fs", DIR, K_SYS, NULL, NULL, 0 },
	[K_SYS_VM] = { "vm", DIR, K_SYS, NULL, NULL, 0 },
	[K_SYS_RANDOM] = { "random", DIR, K_SYS_KERNEL, NULL, NULL, 0 },
	[KIND_SYSFS] = { "", DIR, KIND_NONE, NULL, NULL, 0 },
	[K_SYSFS_FS] = { "fs", DIR_SYSFS, KIND_SYSFS, NULL, NULL, 0 },
	[K_SYSFS_CGROUP] = { "cgroup", DIR_SYSFS, K_SYSFS_FS, NULL, NULL, 0 },
	[K_NET] = { "net", DIR, KIND_ROOT, NULL, NULL, 0 },
	/* the system */
	[K_FIRST_FILE] = { "cmdline", FILE_R, KIND_ROOT, make_cmdline, NULL, 0 },
	{ "cpuinfo", FILE_R, KIND_ROOT, make_cpuinfo, NULL, 0 },
	{ "devices", FILE_R, KIND_ROOT, make_devices, NULL, 0 },
	{ "diskstats", FILE_R, KIND_ROOT, make_empty, NULL, 0 },
	{ "filesystems", FILE_R, KIND_ROOT, make_filesystems, NULL, 0 },
	{ "interrupts", FILE_R, KIND_ROOT, make_interrupts, NULL, 0 },
	{ "kmsg", FILE_OWN, KIND_ROOT, make_kmsg, NULL, 0 },
	{ "loadavg", FILE_R, KIND_ROOT, make_loadavg, NULL, 0 },
	{ "meminfo", FILE_R, KIND_ROOT, make_meminfo, NULL, 0 },
	{ "mounts", LINK, KIND_ROOT, NULL, "self/mounts", 0 },
	{ "partitions", FILE_R, KIND_ROOT, make_partitions, NULL, 0 },
	{ "self", LINK, KIND_ROOT, NULL, NULL, FILE_MAGIC_SELF },
	{ "stat", FILE_R, KIND_ROOT, make_stat, NULL, 0 },
	{ "swaps", FILE_R, KIND_ROOT, make_swaps, NULL, 0 },
	{ "thread-self", LINK, KIND_ROOT, NULL, NULL, FILE_MAGIC_THREAD },
	{ "uptime", FILE_R, KIND_ROOT, make_uptime, NULL, 0 },
	{ "version", FILE_R, KIND_ROOT, make_version, NULL, 0 },
	{ "vmstat", FILE_R, KIND_ROOT, make_vmstat, NULL, 0 },
	{ "cap_last_cap", FILE_R, K_SYS_KERNEL, make_cap_last, NULL, 0 },
	{ "hostname", FILE_R, K_SYS_KERNEL, make_hostname, NULL, 0 },
	{ "ngroups_max", FILE_R, K_SYS_KERNEL, make_ngroups, NULL, 0 },
	{ "osrelease", FILE_R, K_SYS_KERNEL, make_osrelease, NULL, 0 },
	{ "ostype", FILE_R, K_SYS_KERNEL, make_ostype, NULL, 0 },
	{ "pid_max", FILE_R, K_SYS_KERNEL, make_pid_max, NULL, 0 },
	{ "threads-max", FILE_R, K_SYS_KERNEL, make_threads_max, NULL, 0 },
	{ "version", FILE_R, K_SYS_KERNEL, make_sys_version, NULL, 0 },
	{ "boot_id", FILE_R, K_SYS_RANDOM, make_boot_id, NULL, 0 },
	{ "uuid", FILE_R, K_SYS_RANDOM, make_uuid, NULL, 0 },
	{ "file-max", FILE_R, K_SYS_FS, make_file_max, NULL, 0 },
	{ "overcommit_memory", FILE_R, K_SYS_VM, make_overcommit, NULL, 0 },
	{ "unix", FILE_R, K_NET, NULL, NULL, FILE_MAGIC_UNIX },
	/* a process */
	{ "cgroup", FILE_R, KIND_PID, make_pid_cgroup, NULL, 0 },
	{ "cmdline", FILE_R, KIND_PID, make_pid_cmdline, NULL, 0 },
	{ "comm", FILE_R, KIND_PID, make_pid_comm, NULL, 0 },
	{ "cwd", LINK, KIND_PID, NULL, NULL, FILE_MAGIC_CWD },
	{ "environ", FILE_OWN, KIND_PID, make_pid_environ, NULL, 0 },
	{ "exe", LINK, KIND_PID, NULL, NULL, FILE_MAGIC_EXE },
	{ "fd", 0040500, KIND_PID, NULL, NULL, FILE_MAGIC_FD_DIR },
	{ "limits", FILE_R, KIND_PID, make_pid_limits, NULL, 0 },
	{ "maps", FILE_R, KIND_PID, NULL, NULL, FILE_MAGIC_MAPS },
	{ "mountinfo", FILE_R, KIND_PID, NULL, NULL, FILE_MAGIC_MOUNTINFO },
	{ "mounts", FILE_R, KIND_PID, NULL, NULL, FILE_MAGIC_MOUNTS },
	{ "oom_score", FILE_R, KIND_PID, make_pid_zero, NULL, 0 },
	{ "oom_score_adj", FILE_R, KIND_PID, make_pid_zero, NULL, 0 },
	{ "root", LINK, KIND_PID, NULL, NULL, FILE_MAGIC_ROOT },
	{ "stat", FILE_R, KIND_PID, make_pid_stat, NULL, 0 },
	{ "statm", FILE_R, KIND_PID, make_pid_statm, NULL, 0 },
	{ "status", FILE_R, KIND_PID, make_pid_status, NULL, 0 },
	{ "wchan", FILE_R, KIND_PID, make_pid_wchan, NULL, 0 },
	{ "comm", FILE_R, KIND_TID, make_pid_comm, NULL, 0 },
	{ "stat", FILE_R, KIND_TID, make_pid_stat, NULL, 0 },
	{ "status", FILE_R, KIND_TID, make_pid_status, NULL, 0 },
};

const unsigned nr_kinds = COUNT(kinds);

bool has_text(unsigned kind)
{
	maker *make = kinds[kind].make;

	return make != make_empty && make != make_cmdline && make != make_kmsg &&
	       make != make_pid_cmdline && make != make_pid_environ;
}
