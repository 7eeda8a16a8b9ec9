/* SPDX-License-Identifier: BSD-2-Clause
 * vfs.h - what the files of vfs share.
 *
 * A handler of a Linux call gets a struct op and returns the call's result, or -PARKED: something
 * it needs is not there; it has been asked for, and the handler will be called again from the start
 * (docs/notes/0009-vfs.md).
 */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include "linux.h"
#include "state.h"

#include <contract/ds.h>
#include <contract/kernel.h>
#include <contract/pm.h>
#include <contract/vm.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/elf64.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum { PARKED = 0x7001, MOUNT_MINOR = 20 };      /* st_dev of mount n: 0, 20 + n; not of a disk */

/* Rows of vfs's own work: no Linux call has these numbers. */
enum { TYPE_EXEC_INIT = 0x7f01, TYPE_AUTOMOUNT, TYPE_FAULT_ROW, TYPE_AGAIN };

extern struct peer vm, pm, ds;

struct op {
	endpoint_t client, owner;
	uint32_t serial, type;
	uint64_t a[6];
	uint64_t began;                 /* stamp: answers asked later than this are fresh */
	struct row *row;                /* NULL: not parked so far */
	struct process *p;
	bool again;                     /* not the first time: copies are made at once */
	bool internal;                  /* vfs's own work: addresses are vfs's */
	bool have_cred;
	uint64_t total;                 /* bytes of the parts of a vector before this one */
	uint32_t uid, gid, umask, pid;
};

typedef int64_t handler(struct op *o);

/* ---- proof.c: vfs's tables against its results ---- */
void proof_begin(void);                                 /* a call is handled, from its start */
void proof_copy(uint64_t remote, const void *local, size_t len);        /* between o's and pages */
/* Is it the byte at pos of that file? */
bool page_has(const void *local, unsigned inode, uint64_t pos);
bool result_may_be(struct op *o, int64_t result);       /* false: the tables say otherwise */

/* ---- row.c: parked calls ---- */
enum queue { QUEUE_NONE, QUEUE_READY, QUEUE_PIPE_READ, QUEUE_PIPE_WRITE, QUEUE_LINE, QUEUE_SERVER,
	     QUEUE_INODE, QUEUE_SHORT, QUEUE_POLL, QUEUE_SOCKET_READ, QUEUE_SOCKET_WRITE,
	     NR_QUEUES };
struct row *row_get(struct op *o);              /* the op's row, made if it has none */
unsigned row_index(const struct row *r);
/* Wait in a queue. Returns -PARKED, or the result at once if the call is cancelled or timed out. */
int64_t row_wait(struct op *o, enum queue q, unsigned object, int64_t cancelled);
void row_dequeue(struct row *r);
void queue_wake(uint16_t head);                 /* all that are in it become ready */
void queue_wake_one(uint16_t head);
/* What a poll waits for, as bits that others may share: it looks again once too often then. */
static inline uint64_t watch_pipe(unsigned pipe)
{
	return BIT(pipe % 64);
}

static inline uint64_t watch_line(unsigned server, unsigned line)
{
	return BIT((server * BOARD_WORDS + line) % 64);
}

static inline uint64_t watch_socket(unsigned socket)
{
	return BIT((socket + 32) % 64);
}

void polls_wake(uint64_t watched);              /* those that watch one of these */
struct request *row_request(const struct row *r);       /* whose answer is being used */
void row_ready(struct row *r);
uint16_t *queue_head(unsigned queue, unsigned object);  /* the first row's place; 0: none */
void queues_check(void);
void row_free(struct row *r);
void row_answer(struct row *r, int64_t result);
void row_again(struct row *r);                  /* now */
struct row *row_internal(unsigned n, uint32_t type);
void rows_run(void);                            /* all that are ready */
void rows_of_process_gone(endpoint_t owner);
void row_set_deadline(struct row *r, uint64_t deadline);
enum { ALARM_NOW = 1 };                 /* state.alarm: long ago, and not to be put off */
void alarm_plan(void);
void alarm_soon(void);
void on_alarm(void);
void on_cancel(void);
void rows_recover(void);
bool row_go_on(unsigned n);                     /* it stood still: in no queue, nothing asked */
bool row_is_first(const struct row *r);         /* of those in its queue; it is in one */
void audit(void);                               /* audit.c */
void vfs_alarm(void);                           /* vfs.c; also by audit() */
bool op_timed_out(const struct op *o);
handler *handler_of(uint32_t type);             /* vfs.c */
int64_t vfs_linux_call(const struct delivery *d);
/* A call whose answer could not be copied out is done again: what it has consumed is given back.
 * late_file: before a handler moves a position by bytes that it gives. */
err_t call_late(const struct delivery *d);
void late_file(const struct file *f);
bool call_take_back(endpoint_t client, uint32_t serial);        /* struct server's take_back */

/* ---- user.c: a program's memory ---- */
int64_t user_read(struct op *o, uint64_t from, void *to, size_t len) MUST_CHECK;
int64_t user_write(struct op *o, uint64_t to, const void *from, size_t len) MUST_CHECK;
/* A NUL-terminated string; its length, -ENAMETOOLONG, -EFAULT, -PARKED. */
int64_t user_string(struct op *o, uint64_t from, char *to, size_t size) MUST_CHECK;
/* Bytes that go with the answer. */
int64_t user_give(struct op *o, uint64_t to, const void *from, size_t len) MUST_CHECK;
int64_t user_take(struct op *o, uint64_t from, void *to, size_t len) MUST_CHECK;
int64_t user_touch(struct op *o, uint64_t address, size_t len, bool write) MUST_CHECK;
err_t populate(const struct delivery *d, uint64_t address, bool write);
void reply_begin(void);
bool page_in_reply(uint32_t slot);
/* It is copied from within vfs, and not let go meanwhile. NO_SLOT: none is. */
void page_hold(uint32_t slot);
void op_cred(struct op *o);
bool is_root(struct op *o);
bool may(struct op *o, const struct inode *i, unsigned want);   /* 4 read, 2 write, 1 execute */
uint64_t stamp_next(void);

/* ---- limit.c ---- */
void text_release(unsigned inode);              /* fd.c */
bool is_writer(const struct file *f);
int limit_fds(struct op *o);
bool is_in_group(struct op *o, uint32_t gid);           /* a supplementary one */
int64_t limit_size(struct op *o, uint64_t pos, size_t *len) MUST_CHECK;

/* ---- inode.c ---- */
static inline unsigned inode_index(const struct inode *i)
{
	return (unsigned)(i - state.inode);
}
#define FILE_SIZE_LIMIT ((uint64_t)UINT32_MAX * PAGE_SIZE)       /* pages have 32-bit numbers */
unsigned inode_find(unsigned mount, uint64_t file);
/* The row of a file, made if there is none; attributes from attr. 0: no row can be had. */
unsigned inode_get(unsigned mount, const struct file_attr *attr, uint64_t stamp);
void inode_update(unsigned n, const struct file_attr *attr, uint64_t stamp);
void inode_hold(unsigned n);
void inode_release(unsigned n);
bool forgets_open(void);                        /* files without a name are being freed */
void inode_touch_times(struct inode *i, unsigned what); /* FILE_SET_MTIME ... */
bool inode_evict_one(void);
bool inode_is_mapped(unsigned n);               /* by a program */
void orphans_look(void);
void inodes_of_mount_drop(unsigned mount);
void inodes_unused_drop(unsigned mount);        /* and known as their server knows them */
void inode_dies(unsigned n);                    /* there is no such file any more */
void inode_is_now(unsigned n, const struct file_attr *attr, uint64_t stamp);    /* a root */
void orphans_recover(void);
unsigned inode_bucket(const struct inode *i);
uint64_t inode_file(unsigned n);                /* vm's number */
unsigned inode_of_file(uint64_t file);          /* 0: stale */
static inline bool is_dir(const struct inode *i) { return (i->attr.mode & S_IFMT_) == S_IFDIR_; }
static inline bool is_reg(const struct inode *i) { return (i->attr.mode & S_IFMT_) == S_IFREG_; }
static inline bool is_block(const struct inode *i)
{
	return (i->attr.mode & S_IFMT_) == S_IFBLK_;
}
static inline bool is_link(const struct inode *i) { return (i->attr.mode & S_IFMT_) == S_IFLNK_; }
bool inode_is_deleted(unsigned n);              /* it has no name any more */
static inline unsigned mount_flags(const struct inode *i) { return state.mount[i->mount].flags; }
/* Attributes that are fresh enough for o: 0, -PARKED or an error. */
int64_t inode_fresh(struct op *o, unsigned n);

/* ---- names.c ---- */
unsigned name_find(unsigned dir, const char *text, size_t len); /* row; its inode 0: negative */
unsigned name_put(unsigned dir, const char *text, unsigned inode, uint64_t stamp);
bool dir_is_below(unsigned dir, unsigned top);
void name_drop(unsigned n);
void name_pin(unsigned n);
void name_unpin(unsigned n);
void names_of_inode_drop(unsigned inode);
void names_of_dir_drop(unsigned dir);
void names_of_dir_refresh(unsigned dir);
const char *name_text(unsigned n);
bool name_is_fresh(const struct op *o, unsigned n);
void name_set_gone(unsigned n);
uint32_t name_hash(unsigned n);

/* ---- path.c ---- */
struct found {
	unsigned inode;                 /* 0: there is no such entry */
	unsigned dir;                   /* where the last name is looked up; 0: none */
	unsigned name;                  /* row of it, 0: none */
	bool slash;                     /* a slash behind it */
	bool dots;                      /* the last part was `.`, `..` or there was none */
	char last[NAME_LIMIT + 1];
};
enum { WALK_FOLLOW = 1, WALK_PARENT = 2, WALK_EMPTY = 4, WALK_CREATE = 8 };
/* PARENT: a missing last name is no error (inode 0). */
int64_t walk(struct op *o, int dirfd, uint64_t path, unsigned flags, struct found *f) MUST_CHECK;
void path_begin(void);                  /* a call is handled, from its start */
const char *path_walked(uint64_t path); /* that was at that address, by walk() since; or NULL */
int64_t walk_text(struct op *o, int dirfd, const char *path, unsigned flags, struct found *f)
	MUST_CHECK;
/* From this directory on, whatever the program's own is. */
int64_t walk_from(struct op *o, unsigned at, const char *path, unsigned flags, struct found *f)
	MUST_CHECK;
/* The target of a symbolic link in the cache. */
int64_t link_target(struct op *o, unsigned inode, char *to, size_t size) MUST_CHECK;
/* The absolute path of a directory (and name in it): length or error. to[size]. */
int64_t path_of(const struct process *p, unsigned dir, unsigned name, char *to, size_t size);
int64_t check_search(struct op *o, unsigned dir) MUST_CHECK;
int64_t check_delete(struct op *o, const struct found *f) MUST_CHECK;
int64_t check_create(struct op *o, unsigned dir) MUST_CHECK;

/* ---- server.c: asking servers ---- */
unsigned server_find(const char *name);
const char *server_name(unsigned server);
unsigned server_looks(unsigned server);         /* heartbeats within which it answers */
struct file_entry *ask_file(struct op *o, unsigned mount, uint32_t type, struct request **q);
bool ask_has_room(unsigned mount);              /* for one request more */
struct chardev_entry *ask_char(struct op *o, unsigned server, uint32_t type, struct request **q);
/* Data for the request: from page slots, or a bounce buffer (slot 0). False: no grant is free. */
bool ask_data(struct request *q, uint32_t slot, unsigned pages, unsigned len, unsigned dir);
int64_t ask_send(struct op *o, struct request *q);      /* -PARKED */
int64_t ask_full(struct op *o, struct request *q);      /* give it up, wait for room: -PARKED */
char *request_bounce(const struct request *q);
const char *request_arg(const struct request *q);       /* of an ioctl that was answered */
unsigned line_events(unsigned server, unsigned line);   /* what poll answers */
unsigned request_server(const struct request *q);
void servers_notified(uint64_t services);
void server_look(unsigned server);
void servers_look(void);
void services_changed(void);
void servers_all(void);
void requests_recover(void);
bool request_is_of(unsigned id, unsigned row);
struct board *board_of(unsigned server);
unsigned request_entry(const struct request *q);
void request_post(const struct request *q);     /* it is committed */
bool request_is_of_dead(const struct request *q);       /* of a file that is */

/* ---- again.c ---- */
enum { ENTRY_AGAIN = BOARD_ENTRIES - 1 };
void again_begin(unsigned server);
void again_end(unsigned server);
bool request_is_held(unsigned server, unsigned n);
bool is_row_of_again(const struct op *o, unsigned server);
void again_told(const struct request *q, const struct file_attr *now, err_t err);
handler linux_again;

/* ---- answer.c: what is an answer ---- */
enum { DIRENT_NEXT = 8, DIRENT_LEN = 16, DIRENT_NAME = 19, DIRENT_MIN = 24, DIRENT_MOST = 280 };
						/* getdents(2) */
bool file_answer_is(const struct request *q, const struct file_entry *e);
bool char_answer_is(const struct request *q, const struct chardev_entry *e);
bool may_be_repeated(const struct request *q);
bool names_change(void);                /* requests that change names are on their way */

/* ---- done.c: what a server's answer changes ---- */
void file_done(struct request *q, struct file_entry *e);
void char_done(struct request *q, struct chardev_entry *e);
void taken_again(struct request *q);

/* ---- cache.c ---- */
static inline char *page_data(uint32_t slot)
{
	return (char *)(CACHE_VA + (uint64_t)slot * PAGE_SIZE);
}
enum { NO_SLOT = 0xffffffff };
uint32_t page_find(unsigned inode, uint32_t index);
/* A zeroed page that is not there yet: 0, -ENOSPC, -PARKED. */
int64_t page_new(struct op *o, unsigned inode, uint32_t index, uint32_t *slot) MUST_CHECK;
uint32_t page_of_pipe(void);                            /* NO_SLOT: no memory */
bool page_may_come(void);                               /* later there may be some */
void page_free(uint32_t slot);
void page_settle(uint32_t slot, const char *when);
void page_put(uint32_t slot);                           /* a slot that holds nothing */
uint32_t memory_limit(void);                            /* pages of trees in memory, at most */
/* The slot of a page, read if need be: 0, -PARKED, an error. */
int64_t page_want(struct op *o, unsigned inode, uint32_t index, uint32_t *slot) MUST_CHECK;
void pages_truncate(unsigned inode, uint64_t size);
void pages_of_inode_drop(unsigned inode);
void pages_of_inode_refresh(unsigned inode);            /* clean ones are read anew */
void pages_read(struct request *q, err_t err);
void cache_pressure(void);
void cache_init(void);
void cache_recovered(void);

/* ---- check.c, scavenge.c, lists.c: after a crash ---- */
void pages_check(void);
void refs_check(void);
unsigned inodes_check(void);                    /* repairs */
unsigned names_check(void);

/* ---- writeback.c ---- */
void page_set_dirty(uint32_t slot);
void page_set_clean(uint32_t slot);
void pages_written(struct request *q, err_t err);
void written_more(void);
/* Dirty pages of an inode go to its server: 0 when they are written, -PARKED till then, -EIO. */
int64_t write_back(struct op *o, unsigned inode) MUST_CHECK;
void write_some(void);                                  /* start, for all inodes */
int64_t write_room(struct op *o, unsigned inode) MUST_CHECK;
/* Has the disk room for one more page? 0, -PARKED, -ENOSPC; an error of the disk. */
int64_t disk_room(struct op *o, unsigned mount) MUST_CHECK;
void disk_room_told(struct request *q, const struct file_entry *e);
void write_tick(void);

/* ---- fd.c ---- */
struct process *process_of(endpoint_t owner);
struct file *fd_file(struct op *o, int fd);             /* NULL: EBADF */
struct fd *fd_slot(struct table *t, int fd);
int64_t fd_new(struct op *o, unsigned file, int from, bool cloexec);   /* takes a reference */
struct file *file_new(struct op *o);                    /* NULL: ENFILE */
unsigned file_index(const struct file *f);
void file_release(unsigned n);
void file_release_later(unsigned n);            /* by sockets_reap() */
int64_t fd_close(struct table *t, int fd);
unsigned table_new(void);
unsigned table_copy(struct op *o, unsigned from);       /* planned until a child has it */
void table_unplan(void);
void table_release(unsigned n, endpoint_t owner);
void table_exec(unsigned n, endpoint_t owner);
void process_gone(struct process *p);
handler linux_dup, linux_dup2, linux_dup3, linux_fcntl, linux_close, linux_close_range, linux_flock;

/* ---- open.c ---- */
/* A new open file for what was found, in a descriptor. */
int64_t open_found(struct op *o, const struct found *f, uint32_t flags, struct file **file);
handler linux_open, linux_openat, linux_openat2, linux_creat;

/* ---- rw.c ---- */
int64_t file_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write);
int64_t may_transfer(const struct file *f, bool write);
handler linux_read, linux_write, linux_pread64, linux_pwrite64, linux_readv, linux_writev,
	linux_preadv, linux_pwritev, linux_preadv2, linux_pwritev2, linux_lseek, linux_sendfile,
	linux_copy_file_range, linux_pm_changes, linux_readahead, linux_fadvise64;
int64_t inode_read(struct op *o, unsigned inode, uint64_t pos, uint64_t address, size_t len);
int64_t inode_write(struct op *o, unsigned inode, uint64_t pos, uint64_t address, size_t len);
/* A file whose bytes are in pages, and nowhere else for programs. carry.c */
bool file_has_pages(const struct file *f);

/* ---- dir.c, link.c ---- */
handler linux_getdents64, linux_getdents, linux_mkdir, linux_mkdirat, linux_rmdir, linux_unlink,
	linux_unlinkat, linux_link, linux_linkat, linux_symlink, linux_symlinkat, linux_rename,
	linux_renameat, linux_renameat2, linux_mknod, linux_mknodat, linux_readlink,
	linux_readlinkat;
int64_t ask_create(struct op *o, const struct found *f, uint32_t mode, uint64_t rdev,
		   const char *target, unsigned step);

/* ---- attr.c ---- */
handler linux_stat, linux_lstat, linux_fstat, linux_newfstatat, linux_statx, linux_access,
	linux_faccessat, linux_faccessat2, linux_chmod, linux_fchmod, linux_fchmodat, linux_chown,
	linux_lchown, linux_fchown, linux_fchownat, linux_utimensat, linux_utime, linux_utimes,
	linux_futimesat, linux_truncate, linux_ftruncate, linux_umask, linux_statfs, linux_fstatfs,
	linux_fallocate;
int64_t set_size(struct op *o, unsigned inode, uint64_t size);

/* ---- pipe.c ---- */
int64_t pipe_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write);
unsigned pipe_poll(const struct file *f);
int64_t fifo_open(struct op *o, struct file *f, unsigned inode);
void pipe_close(struct file *f);
void pipe_left(unsigned pipe);
unsigned pipe_as_inode(struct op *o, const struct file *f);
uint32_t pipe_bytes(const struct file *f);
int64_t pipe_broken(struct op *o);                      /* SIGPIPE, EPIPE */
handler linux_pipe, linux_pipe2;

/* ---- socket*.c; what they share is in socket.h ---- */
int64_t socket_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write);
int64_t socket_vector(struct op *o, struct file *f, bool write);
unsigned socket_poll(const struct file *f);
uint64_t socket_watch(const struct file *f);
int64_t socket_bytes(const struct file *f);
void socket_attr(const struct file *f, struct file_attr *a);
unsigned socket_as_inode(const struct file *f);
void socket_close(struct file *f);
bool sockets_dying(void);
void sockets_reap(void);                                /* what was closed is taken apart */
size_t sockets_text(char *to, size_t size);
handler linux_socket, linux_socketpair, linux_bind, linux_listen, linux_connect, linux_accept,
	linux_accept4, linux_shutdown, linux_getsockname, linux_getpeername, linux_sendto,
	linux_recvfrom, linux_sendmsg, linux_recvmsg, linux_sendmmsg, linux_recvmmsg,
	linux_setsockopt, linux_getsockopt;

/* ---- poll.c ---- */
handler linux_poll, linux_ppoll, linux_select, linux_pselect6;

/* ---- dev.c, char.c ---- */
bool device_is_memory(uint32_t device);
int64_t memory_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write);
unsigned char_server(uint32_t device);          /* 0: nobody has it */
bool char_known(uint32_t device);               /* somebody will */
int64_t char_open(struct op *o, struct file *f, uint32_t device);
int64_t char_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write);
int64_t char_ioctl(struct op *o, struct file *f);
void char_close(struct file *f);
void char_close_owed(unsigned server);          /* one that there was no room for */
unsigned char_poll(const struct file *f);
void random_fill(void *to, size_t len);

/* ---- magic.c: parts of /proc ---- */
struct process *process_by_pid(uint32_t pid);
bool magic_is_text(const struct inode *i);
int64_t magic_read(struct op *o, const struct inode *i, uint64_t pos, uint64_t address, size_t len);
unsigned magic_fd(unsigned dir, const char *name, size_t len);
int64_t magic_getdents(struct op *o, struct file *f, uint64_t address, size_t len);

/* ---- exec.c, elf.c ---- */
handler linux_execve, linux_execveat, linux_exec_init;
/* It has crashed us twice: a program that has no way back ends. */
void exec_refused(endpoint_t client);
enum { INIT_FAILURES = 4 };             /* then the caches are not believed any more */
struct program {
	struct elf_header h;
	struct elf_segment seg[16];
	unsigned nr_segs;
	unsigned inode;
	uint64_t bias, phdr, end;
	char interp[256];
	bool stack_exec;
};
int64_t elf_read(struct op *o, unsigned inode, struct program *g) MUST_CHECK;
/* Is it what the file's headers say? By other code than elf_read's. */
bool elf_is(const struct program *g);
err_t elf_map(uint16_t space, struct program *g, bool interp) MUST_CHECK;
/* Bytes of a file through the cache. */
int64_t file_bytes(struct op *o, unsigned inode, uint64_t pos, void *to, size_t len) MUST_CHECK;

/* ---- fork.c, jobs.c ---- */
handler linux_fork, linux_vfork, linux_clone, linux_clone3;
void jobs_announce(void);
void jobs_pull(void);
void init_look(void);

/* ---- lock.c ---- */
int64_t lock_fcntl(struct op *o, struct file *f, uint32_t command, uint64_t address);
void locks_of_process_drop(unsigned inode, endpoint_t owner);
void flock_drop(struct file *f);

/* ---- reboot.c ---- */
handler linux_reboot;

/* ---- summary.c ---- */
size_t vfs_summary(char *to, size_t size);

/* ---- mount.c, misc.c, map.c ---- */
void mounts_init(void);
void mounts_try(void);
bool mounts_pending(void);
void mount_done(struct request *q, struct file_entry *e);
unsigned mount_root_of(unsigned server);        /* of a tree of this server; 0: none is mounted */
handler linux_mount, linux_umount2, linux_automount;
/* ---- sync.c ---- */
int64_t disks_readonly(struct op *o) MUST_CHECK;
handler linux_msync;
int64_t mount_again(struct op *o, unsigned mount, bool readonly) MUST_CHECK;
handler linux_getcwd, linux_chdir, linux_fchdir, linux_chroot, linux_sync, linux_fsync,
	linux_fdatasync,
	linux_syncfs, linux_ioctl, linux_mmap, linux_no;
bool faults_pull(void);
handler linux_fault;

#endif
