/* SPDX-License-Identifier: BSD-2-Clause
 * procfs.h - what the files of procfs share.
 *
 * A file's number is pid << 8 | kind: the kind indexes the table in tree.c, pid 0 is the system.
 */
#ifndef PROCFS_H
#define PROCFS_H

#include <contract/pm.h>
#include <contract/vm.h>
#include <lib/file.h>
#include <lib/peer.h>
#include <lib/print.h>

extern struct peer pm, vm, log, sched;

/* A text being made. What does not fit is cut off; full says so. */
struct text { char *at; size_t room, used; bool full; };
void put(struct text *t, const char *what, ...) __attribute__((format(printf, 2, 3)));
void put_bytes(struct text *t, const char *bytes, size_t len);

typedef err_t maker(struct text *t, uint32_t pid);

struct kind {
	const char *name;
	uint32_t mode;                  /* with the type */
	uint8_t parent;                 /* kind of the directory it is in */
	maker *make;                    /* NULL: a directory, link or magic */
	const char *target;             /* of a link without magic */
	uint32_t magic;
};

enum { KIND_NONE, KIND_ROOT, KIND_PID, KIND_TASK, KIND_TID, KIND_SYSFS };    /* SYSFS: /sys */
extern const struct kind kinds[];
extern const unsigned nr_kinds;

/* system.c */
maker make_cmdline, make_cpuinfo, make_filesystems, make_loadavg, make_meminfo, make_stat,
	make_uptime, make_version, make_devices, make_swaps, make_partitions, make_empty,
	make_kmsg, make_hostname, make_osrelease, make_ostype, make_sys_version, make_pid_max,
	make_boot_id, make_uuid, make_file_max, make_overcommit, make_vmstat, make_interrupts,
	make_ngroups, make_cap_last, make_threads_max;
/* process.c */
maker make_pid_cmdline, make_pid_environ, make_pid_stat, make_pid_statm, make_pid_status,
	make_pid_comm, make_pid_maps, make_pid_limits, make_pid_cgroup, make_pid_zero,
	make_pid_wchan;

/* procfs.c: what a name in a directory means. Not inline: it is what is proved. */
__attribute__((noinline)) err_t procfs_lookup(unsigned dir, uint32_t dir_pid, const char *name,
					      uint32_t *pid, unsigned *kind);
/* tree.c: is its text never empty? */
bool has_text(unsigned kind);
/* proof.c: before an error, a text (cut off at its room), a listing (whole: to its end) goes. */
void prove_missing(void);
void prove_gone(uint32_t pid);          /* before it is said that a process is */
void prove_text(const struct text *made, unsigned kind);
void prove_listing(const struct file_dirents *d, unsigned dir, uint64_t pos, bool whole);
/* process.c: does it live? Fills info. */
bool process_find(uint32_t pid, struct pm_info_reply *info);
/* system.c */
void system_init(void);

#endif
