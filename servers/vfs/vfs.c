/* SPDX-License-Identifier: BSD-2-Clause
 * vfs.c - the virtual file server: the table of Linux calls, notifications, start.
 *
 * Job:      front door of every file system and device; descriptors, names, pipes, page cache.
 * Speaks:   Linux calls of programs; contracts/pm, vm, ds; by boards contracts/file, chardev.
 * Touches:  the memory of programs whose calls it holds; the window of the page cache.
 * Trusts:   pm, vm and ds; nothing in a call; of a file server only what its own tree contains.
 * On crash: recovers in place (docs/notes/0005, 0009): the interrupted call is done again.
 */
#include "vfs.h"

#include <lib/linux.h>

struct peer vm = PEER("vm"), pm = PEER("pm"), ds = PEER("ds");

static handler linux_nosys;

static handler *const table[] = {
	[0] = linux_read, [1] = linux_write, [2] = linux_open, [3] = linux_close, [4] = linux_stat,
	[5] = linux_fstat, [6] = linux_lstat, [7] = linux_poll, [8] = linux_lseek, [9] = linux_mmap,
	[16] = linux_ioctl, [17] = linux_pread64, [18] = linux_pwrite64, [19] = linux_readv,
	[20] = linux_writev, [21] = linux_access, [22] = linux_pipe, [23] = linux_select,
	[26] = linux_msync, [32] = linux_dup, [33] = linux_dup2, [40] = linux_sendfile,
	[41] = linux_socket, [42] = linux_connect, [43] = linux_accept, [44] = linux_sendto,
	[45] = linux_recvfrom, [46] = linux_sendmsg, [47] = linux_recvmsg, [48] = linux_shutdown,
	[49] = linux_bind, [50] = linux_listen, [51] = linux_getsockname, [52] = linux_getpeername,
	[53] = linux_socketpair, [54] = linux_setsockopt, [55] = linux_getsockopt,
	[56] = linux_clone,
	[57] = linux_fork, [58] = linux_vfork, [59] = linux_execve, [72] = linux_fcntl,
	[73] = linux_flock, [74] = linux_fsync, [75] = linux_fdatasync, [76] = linux_truncate,
	[77] = linux_ftruncate, [79] = linux_getcwd, [80] = linux_chdir, [81] = linux_fchdir,
	[82] = linux_rename, [83] = linux_mkdir, [84] = linux_rmdir, [85] = linux_creat,
	[86] = linux_link, [87] = linux_unlink, [88] = linux_symlink, [89] = linux_readlink,
	[90] = linux_chmod, [91] = linux_fchmod, [92] = linux_chown, [93] = linux_fchown,
	[94] = linux_lchown, [95] = linux_umask, [116] = linux_pm_changes,
	[132] = linux_utime, [133] = linux_mknod,
	[137] = linux_statfs, [138] = linux_fstatfs, [160] = linux_pm_changes,
	[161] = linux_chroot, [162] = linux_sync, [169] = linux_reboot,
	[165] = linux_mount, [166] = linux_umount2, [187] = linux_readahead,
	[217] = linux_getdents64, [221] = linux_fadvise64, [235] = linux_utimes,
	[257] = linux_openat, [258] = linux_mkdirat, [259] = linux_mknodat, [260] = linux_fchownat,
	[261] = linux_futimesat, [262] = linux_newfstatat, [263] = linux_unlinkat,
	[264] = linux_renameat, [265] = linux_linkat, [266] = linux_symlinkat,
	[267] = linux_readlinkat, [268] = linux_fchmodat, [269] = linux_faccessat,
	[270] = linux_pselect6, [271] = linux_ppoll, [280] = linux_utimensat,
	[285] = linux_fallocate, [288] = linux_accept4, [292] = linux_dup3,
	[293] = linux_pipe2, [295] = linux_preadv,
	[296] = linux_pwritev, [299] = linux_recvmmsg, [302] = linux_pm_changes,
	[306] = linux_syncfs, [307] = linux_sendmmsg, [316] = linux_renameat2,
	[322] = linux_execveat, [326] = linux_copy_file_range,
	[327] = linux_preadv2, [328] = linux_pwritev2, [332] = linux_statx, [435] = linux_clone3,
	[436] = linux_close_range, [437] = linux_openat2, [439] = linux_faccessat2,
};

static int64_t linux_nosys(struct op *o)
{
	return -ENOSYS;
}

handler *handler_of(uint32_t type)
{
	switch (type) {
	case TYPE_EXEC_INIT:
		return linux_exec_init;
	case TYPE_AUTOMOUNT:
		return linux_automount;
	case TYPE_FAULT_ROW:
		return linux_fault;
	case TYPE_AGAIN:
		return linux_again;
	default:
		return type < COUNT(table) && table[type] != NULL ? table[type] : linux_nosys;
	}
}

static void on_notify(uint64_t services)
{
	if (services & BIT(ID_VM) && !faults_pull())
		cache_pressure();
	if (services & BIT(ID_VM) && state.short_queue != 0)
		queue_wake(state.short_queue);
	if (services & BIT(ID_PM))
		jobs_pull();
	if (services & BIT(ID_DS))
		services_changed();
	servers_notified(services);
	if (state.faults_left)
		faults_pull();
	rows_run();
	undo_commit();
}

/* Each life begins with it: whatever was told to the one before, and forgotten, is looked at. */
static bool has_looked;

static void look_at_all(void)
{
	has_looked = true;
	servers_all();
	services_changed();
	jobs_pull();
	orphans_look();
	table_unplan();
	faults_pull();
	rows_run();
}

void vfs_alarm(void)
{
	if (!has_looked)
		look_at_all();
	on_alarm();
}

static void init(enum start_kind kind)
{
	peer_watch_answers();
	mounts_init();
	if (kind == START_RECOVER)
		return;
	state.init_proc = ENDPOINT_NONE;
	state.stamp = clock_monotonic_ns();     /* beyond an earlier life (lib/board.h, B3), */
	state.grant_seq = (uint16_t)(state.stamp >> 10);        /* likely also this */
	jobs_announce();                /* before its programs have ended nothing begins */
	cache_init();
	alarm_soon();
}

static err_t check(void)
{
	queues_check();
	requests_recover();
	rows_recover();
	refs_check();
	orphans_recover();
	pages_check();
	cache_recovered();
	alarm_soon();
	return state.init_failures < INIT_FAILURES ? 0 : -EIO;
}

static void refused(const struct delivery *d)
{
	if (d->m.type == LINUX_EXECVE || d->m.type == LINUX_EXECVEAT)
		exec_refused(d->m.peer);
}

static struct answered answered[NR_PROCS] SECTION_UNDO;

static const struct server server = {
	.name = "vfs", .init = init, .check = check, .linux_call = vfs_linux_call,
	.populate = populate, .on_notify = on_notify, .on_alarm = vfs_alarm, .on_cancel = on_cancel,
	.summary = vfs_summary, .audit = audit, .answered = answered,
	.take_back = call_take_back, .refused = refused,
};

int main(void)
{
	server_run(&server);
}
