/* SPDX-License-Identifier: BSD-2-Clause
 * fd_test.c - descriptors: the lowest free one, dup, close-on-exec, copies of tables, full tables.
 *
 * Links: servers/vfs/fd.c servers/vfs/state.c
 */
#include <string.h>

#include <servers/vfs/vfs.h>
#include <tests/unit.h>

static struct op o;
static unsigned closed;

/* ---- what fd.c uses ---- */

struct peer vm, pm, ds;
char state_start[1];
uint64_t undo_span;

void assert_failed(const char *what, const char *file, int line)
{
	printf("assertion %s: %s:%d\n", what, file, line);
	_Exit(1);
}

void undo_commit(void) { }
void undo_log(const volatile void *at, size_t n) { (void)at; (void)n; }
void rows_of_process_gone(endpoint_t owner) { (void)owner; }
void inode_release(unsigned n) { (void)n; }
void name_unpin(unsigned n) { (void)n; }
uint64_t stamp_next(void) { return 1; }
void locks_of_process_drop(unsigned inode, endpoint_t owner) { (void)inode; (void)owner; }
void flock_drop(struct file *f) { f->locked = 0; }
void char_close(struct file *f) { (void)f; closed++; }
void pipe_close(struct file *f) { f->pipe = 0; }
void socket_close(struct file *f) { f->socket = 0; }
int64_t lock_fcntl(struct op *op, struct file *f, uint32_t command, uint64_t address)
{
	return op && f && command && address ? 0 : 0;
}
int64_t user_read(struct op *op, uint64_t from, void *to, size_t len)
{
	memcpy(to, (const void *)(uintptr_t)from, len);
	return op ? 0 : -EFAULT;
}
int64_t user_write(struct op *op, uint64_t to, const void *from, size_t len)
{
	memcpy((void *)(uintptr_t)to, from, len);
	return op ? 0 : -EFAULT;
}
bool is_root(struct op *op)
{
	return op->uid == 0;
}
int limit_fds(struct op *op)
{
	return op ? 256 : 0;
}

/* ---- the tests ---- */

static void setup(void)
{
	memset(&state, 0, sizeof(state));
	state.process[100] = (struct process){ .who = ENDPOINT(1, 100), .pid = 1 };
	state.process[100].table = (uint16_t)table_new();
	o = (struct op){ .client = ENDPOINT(1, 100), .owner = ENDPOINT(1, 100) };
	o.p = process_of(o.owner);
	closed = 0;
}

static int64_t open_one(bool cloexec)
{
	struct file *f = file_new(&o);
	int64_t fd;

	f->kind = FILE_CHAR;
	fd = fd_new(&o, file_index(f), 0, cloexec);
	if (fd < 0)
		file_release(file_index(f));
	return fd;
}

static int64_t do_call(handler *h, uint64_t a, uint64_t b, uint64_t c)
{
	o.a[0] = a;
	o.a[1] = b;
	o.a[2] = c;
	return h(&o);
}

static void t_lowest(void)
{
	setup();
	for (int i = 0; i < 100; i++)
		CHECK_EQ(open_one(false), i);
	CHECK_EQ(do_call(linux_close, 70, 0, 0), 0);
	CHECK_EQ(do_call(linux_close, 3, 0, 0), 0);
	CHECK_EQ(do_call(linux_close, 3, 0, 0), -EBADF);
	CHECK_EQ(open_one(false), 3);
	CHECK_EQ(open_one(false), 70);
	CHECK_EQ(open_one(false), 100);
	CHECK_EQ(do_call(linux_close, UINT64_MAX, 0, 0), -EBADF);
	CHECK_EQ(do_call(linux_close, 1 << 30, 0, 0), -EBADF);
}

static void t_dup(void)
{
	setup();
	open_one(false);
	CHECK_EQ(do_call(linux_dup, 0, 0, 0), 1);
	CHECK_EQ(do_call(linux_dup2, 0, 50, 0), 50);
	CHECK_EQ(do_call(linux_dup2, 0, 0, 0), 0);
	CHECK_EQ(do_call(linux_dup2, 7, 7, 0), -EBADF);
	CHECK_EQ(do_call(linux_dup3, 0, 0, 0), -EINVAL);
	CHECK_EQ(do_call(linux_dup2, 0, 300, 0), -EBADF);
	CHECK_EQ(do_call(linux_fcntl, 0, 0, 10), 10);
	CHECK_EQ(fd_file(&o, 0)->refs, 4);
	do_call(linux_close, 0, 0, 0);
	do_call(linux_close, 1, 0, 0);
	do_call(linux_close, 50, 0, 0);
	CHECK_EQ(closed, 0);
	do_call(linux_close, 10, 0, 0);
	CHECK_EQ(closed, 1);
}

static void t_exec(void)
{
	setup();
	open_one(false);
	open_one(true);
	open_one(false);
	CHECK_EQ(do_call(linux_fcntl, 2, 2, 1), 0);     /* F_SETFD */
	CHECK_EQ(do_call(linux_fcntl, 2, 1, 0), 1);
	table_exec(o.p->table, o.owner);
	CHECK(fd_file(&o, 0) != NULL && fd_file(&o, 1) == NULL && fd_file(&o, 2) == NULL);
	CHECK_EQ(closed, 2);
	CHECK_EQ(open_one(false), 1);
}

static void t_fork(void)
{
	unsigned copy;

	setup();
	for (int i = 0; i < 40; i++)
		open_one(false);
	copy = table_copy(&o, o.p->table);
	CHECK(copy != 0);
	do_call(linux_close_range, 0, 100, 0);
	CHECK_EQ(closed, 0);
	CHECK(fd_slot(&state.table[copy], 39)->file != 0);
	table_release(copy, ENDPOINT_NONE);
	CHECK_EQ(closed, 40);
	process_gone(o.p);
	CHECK(process_of(o.owner) == NULL);
}

static void t_full(void)
{
	setup();
	for (int i = 0; i < 256; i++)
		CHECK_EQ(open_one(false), i);
	CHECK_EQ(open_one(false), -EMFILE);
	CHECK_EQ(do_call(linux_dup, 0, 0, 0), -EMFILE);
	CHECK_EQ(closed, 1);
	process_gone(o.p);
	CHECK_EQ(closed, 257);
}

static void t_owner(void)
{
	enum { SETOWN = 8, GETOWN, SETOWN_EX = 15, GETOWN_EX };
	int32_t owner[2] = { 2, 77 };

	setup();
	open_one(false);
	CHECK_EQ(do_call(linux_fcntl, 0, SETOWN_EX, (uint64_t)(uintptr_t)owner), 0);
	CHECK_EQ(do_call(linux_fcntl, 0, GETOWN, 0), -77);
	CHECK_EQ(do_call(linux_fcntl, 0, SETOWN, 5), 0);
	CHECK_EQ(do_call(linux_fcntl, 0, GETOWN_EX, (uint64_t)(uintptr_t)owner), 0);
	CHECK(owner[0] == 1 && owner[1] == 5);
	owner[0] = 3;
	CHECK_EQ(do_call(linux_fcntl, 0, SETOWN_EX, (uint64_t)(uintptr_t)owner), -EINVAL);
}

static void t_later(void)
{
	unsigned n;

	setup();
	n = file_index(fd_file(&o, (int)open_one(false)));
	state.file[n].refs++;
	file_release_later(n);
	CHECK(state.file[n].refs == 1 && state.file_dying == 0);
	file_release_later(n);
	CHECK(state.file_dying == n && closed == 0);
}

int main(void)
{
	TEST("the lowest free descriptor is taken", t_lowest);
	TEST("dup shares the open file, which is closed with its last descriptor", t_dup);
	TEST("exec closes what is marked, and only that", t_exec);
	TEST("a child has a table of its own and shares the open files", t_fork);
	TEST("the limit of descriptors holds, and nothing leaks", t_full);
	TEST("an open file's owner is a process or a group", t_owner);
	TEST("a file that is given up later goes with its last reference only", t_later);
	return test_result();
}
