/* SPDX-License-Identifier: BSD-2-Clause
 * path_test.c - paths, through name cache and inode table, against a tree made of a table.
 *
 * Links: servers/vfs/path.c servers/vfs/names.c servers/vfs/inode.c servers/vfs/state.c
 */
#include <string.h>
#include <sys/mman.h>

#include <servers/vfs/vfs.h>
#include <tests/unit.h>

enum { DIR_ = S_IFDIR_ | 0755, REG = S_IFREG_ | 0644, LINK = S_IFLNK_ | 0777 };
enum { ROOT = 1, MOUNTED = 50 };

static const struct {
	uint64_t dir, file;
	const char *name;
	uint32_t mode;
	const char *target;
} tree[] = {
	{ 1, 2, "bin", DIR_, NULL },
	{ 1, 3, "etc", DIR_, NULL },
	{ 1, 4, "mnt", DIR_, NULL },
	{ 2, 5, "sh", LINK, "busybox" },
	{ 2, 6, "busybox", REG, NULL },
	{ 1, 7, "usr", DIR_, NULL },
	{ 7, 8, "bin", LINK, "/bin" },
	{ 3, 9, "loop", LINK, "loop" },
	{ 3, 10, "rel", LINK, "../usr/bin/sh" },
	{ 3, 11, "dangling", LINK, "/etc/new" },
	{ 3, 12, "root", LINK, "/" },
	{ MOUNTED, 51, "inside", REG, NULL },
	{ 3, 13, "a-name-that-is-longer-than-what-a-row-holds", REG, NULL },
};

static struct request asked;
static struct file_entry entry;
static unsigned asks;
static struct op o;
static struct process process;

/* ---- what path.c, names.c and inode.c use ---- */

size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t len = strlen(from), n = len < size ? len : size - 1;

	memcpy(to, from, n);
	to[n] = '\0';
	return len;
}

size_t format(char *to, size_t size, const char *text, ...)
{
	(void)text;
	to[0] = size != 0 ? '\0' : to[0];
	return 0;
}

void assert_failed(const char *what, const char *file, int line)
{
	printf("assertion %s: %s:%d\n", what, file, line);
	_Exit(1);
}

void undo_commit(void) { }
void undo_log(const volatile void *at, size_t n) { (void)at; (void)n; }
char state_start[1];
uint64_t undo_span;
uint64_t clock_realtime_ns(void) { return 1; }
void op_cred(struct op *op) { (void)op; }
bool may(struct op *op, const struct inode *i, unsigned want) { return op && i && want; }
struct process *process_by_pid(uint32_t pid) { return pid ? NULL : NULL; }
unsigned magic_fd(unsigned dir, const char *name, size_t len) { return dir && name && len ? 0 : 0; }
struct file *fd_file(struct op *op, int fd) { return op && fd ? NULL : NULL; }
struct fd *fd_slot(struct table *t, int fd) { return t && fd ? NULL : NULL; }
void pages_of_inode_drop(unsigned inode) { (void)inode; }
struct peer vm;
err_t vm_file_mapped(struct peer *peer, const struct vm_file_mapped_request *req,
		     struct vm_file_mapped_reply *reply)
{
	return -ENOSYS;                 /* nothing is mapped here, and nobody asks */
}
unsigned pipe_as_inode(struct op *op, const struct file *f) { return op && f ? 0 : 0; }
unsigned socket_as_inode(const struct file *f) { return f ? 0 : 0; }
int64_t user_string(struct op *op, uint64_t from, char *to, size_t size)
{
	(void)op;
	return (int64_t)strlcpy(to, (const char *)(uintptr_t)from, size);
}

static struct file_attr attr_of(unsigned k)
{
	return (struct file_attr){ .file = tree[k].file, .mode = tree[k].mode, .links = 1 };
}

int64_t page_want(struct op *op, unsigned inode, uint32_t index, uint32_t *slot)
{
	(void)op;
	(void)index;
	*slot = 0;
	for (unsigned k = 0; k < COUNT(tree); k++)
		if (tree[k].file == state.inode[inode].attr.file && tree[k].target)
			strcpy(page_data(0), tree[k].target);
	return 0;
}

bool ask_has_room(unsigned mount)
{
	return true;
}

struct file_entry *ask_file(struct op *op, unsigned mount, uint32_t type, struct request **q)
{
	(void)op;
	(void)mount;
	memset(&asked, 0, sizeof(asked));
	memset(&entry, 0, sizeof(entry));
	asked.type = type;
	*q = &asked;
	return &entry;
}

/* The answer comes at once, into the caches; the caller tries again. */
int64_t ask_send(struct op *op, struct request *q)
{
	unsigned inode = 0;

	(void)op;
	asks++;
	if (q->type != FILE_LOOKUP)
		return -PARKED;
	for (unsigned k = 0; k < COUNT(tree); k++)
		if (tree[k].dir == entry.w[0] && strcmp(tree[k].name, q->name) == 0) {
			struct file_attr a = attr_of(k);

			inode = inode_get(state.inode[q->dir].mount, &a, 1);
		}
	name_put(q->dir, q->name, inode, 1);
	return -PARKED;
}

/* ---- the tests ---- */

static unsigned mount_root(unsigned n, uint64_t file)
{
	struct file_attr a = { .file = file, .mode = DIR_, .links = 2 };

	state.mount[n].used = state.mount[n].ready = 1;
	state.mount[n].root = (uint16_t)inode_get(n, &a, 1);
	inode_hold(state.mount[n].root);
	return state.mount[n].root;
}

static void setup(void)
{
	memset(&state, 0, sizeof(state));
	process.root = process.cwd = (uint16_t)mount_root(1, ROOT);
	state.root_mount = 1;
	o = (struct op){ .p = &process, .internal = true };
}

/* The server's number of what a path leads to; 0: nothing there; or an error. */
static int64_t go(const char *path, unsigned flags, struct found *f)
{
	int64_t err = -PARKED;

	for (unsigned tries = 0; err == -PARKED && tries < 100; tries++)
		err = walk_text(&o, AT_FDCWD_, path, flags, f);
	if (err != 0)
		return err;
	return f->inode != 0 ? (int64_t)state.inode[f->inode].attr.file : 0;
}

static int64_t file(const char *path)
{
	struct found f;

	return go(path, WALK_FOLLOW, &f);
}

static void t_plain(void)
{
	setup();
	CHECK_EQ(file("/"), ROOT);
	CHECK_EQ(file("/bin/busybox"), 6);
	CHECK_EQ(file("//bin///busybox"), 6);
	CHECK_EQ(file("bin"), 2);
	CHECK_EQ(file("/bin/"), 2);
	CHECK_EQ(file("/bin/busybox/"), -ENOTDIR);
	CHECK_EQ(file("/bin/busybox/x"), -ENOTDIR);
	CHECK_EQ(file("/bin/nothing"), -ENOENT);
	CHECK_EQ(file("/nothing/x"), -ENOENT);
	CHECK_EQ(file(""), -ENOENT);
	CHECK_EQ(file("/etc/a-name-that-is-longer-than-what-a-row-holds"), 13);
}

static void t_cached(void)
{
	setup();
	CHECK_EQ(file("/bin/busybox"), 6);
	CHECK_EQ(file("/bin/nothing"), -ENOENT);
	asks = 0;
	CHECK_EQ(file("/bin/busybox"), 6);
	CHECK_EQ(file("/bin/nothing"), -ENOENT);
	CHECK_EQ(asks, 0);
}

static void t_dots(void)
{
	setup();
	CHECK_EQ(file("/bin/../etc/."), 3);
	CHECK_EQ(file("/../../bin"), 2);
	CHECK_EQ(file("."), ROOT);
	file("/bin");
	process.root = (uint16_t)inode_find(1, 2);
	CHECK_EQ(file("/../busybox"), 6);
	CHECK_EQ(file("/.."), 2);
	CHECK_EQ(file("/etc"), -ENOENT);
}

static void t_links(void)
{
	struct found f;

	setup();
	CHECK_EQ(file("/bin/sh"), 6);
	CHECK_EQ(go("/bin/sh", 0, &f), 5);
	CHECK_EQ(file("/usr/bin/sh"), 6);
	CHECK_EQ(file("/etc/rel"), 6);
	CHECK_EQ(file("/etc/root"), ROOT);
	CHECK_EQ(file("/etc/root/bin"), 2);
	CHECK_EQ(file("/etc/loop"), -ELOOP);
	CHECK_EQ(file("/etc/loop/x"), -ELOOP);
	CHECK_EQ(file("/etc/dangling"), -ENOENT);
	CHECK_EQ(go("/usr/bin/", 0, &f), 2);
}

static void t_create(void)
{
	struct found f;

	setup();
	CHECK_EQ(go("/etc/new", WALK_PARENT | WALK_FOLLOW, &f), 0);
	CHECK(strcmp(f.last, "new") == 0 && state.inode[f.dir].attr.file == 3 && !f.slash);
	CHECK_EQ(go("/etc/new/", WALK_PARENT, &f), 0);
	CHECK(f.slash);
	CHECK_EQ(go("/etc/dangling", WALK_PARENT | WALK_FOLLOW, &f), 0);
	CHECK(strcmp(f.last, "new") == 0 && state.inode[f.dir].attr.file == 3);
	CHECK_EQ(go("/no/new", WALK_PARENT, &f), -ENOENT);
	CHECK_EQ(go("/etc/..", WALK_PARENT, &f), ROOT);
	CHECK(f.dots);
}

static void t_mount(void)
{
	unsigned root;
	char text[64];

	setup();
	CHECK_EQ(file("/mnt"), 4);
	root = mount_root(2, MOUNTED);
	state.mount[2].covers = (uint16_t)inode_find(1, 4);
	state.inode[state.mount[2].covers].mounted = 2;
	CHECK_EQ(file("/mnt"), MOUNTED);
	CHECK_EQ(file("/mnt/inside"), 51);
	CHECK_EQ(file("/mnt/.."), ROOT);
	CHECK_EQ(file("/mnt/../bin"), 2);
	CHECK_EQ(path_of(&process, root, name_find(root, "inside", 6), text, sizeof(text)), 11);
	CHECK(strcmp(text, "/mnt/inside") == 0);
}

static void t_paths(void)
{
	char text[64];

	setup();
	file("/usr/bin/sh");
	CHECK_EQ(path_of(&process, process.root, 0, text, sizeof(text)), 1);
	CHECK(strcmp(text, "/") == 0);
	CHECK_EQ(path_of(&process, inode_find(1, 7), 0, text, sizeof(text)), 4);
	CHECK(strcmp(text, "/usr") == 0);
	CHECK_EQ(path_of(&process, inode_find(1, 7), 0, text, 4), -ENAMETOOLONG);
}

static void t_eviction(void)
{
	struct file_attr a = { .mode = REG, .links = 1 };
	unsigned parent;

	setup();
	file("/usr/bin/busybox");
	parent = inode_find(1, 2);
	for (uint64_t n = 0; n < 2 * NR_INODES; n++) {
		char name[16];

		a.file = 1000 + n;
		snprintf(name, sizeof(name), "n%u", (unsigned)n);
		CHECK(name_put(parent, name, inode_get(1, &a, 1), 1) != 0);
	}
	CHECK_EQ(inode_find(1, 1000), 0);
	CHECK_EQ(name_find(parent, "n0", 2), 0);
	CHECK(name_find(parent, "n32767", 6) != 0);
	CHECK_EQ(file("/usr/bin/busybox"), 6);
}

int main(void)
{
	void *window = mmap((void *)CACHE_VA, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(window == (void *)CACHE_VA);
	TEST("plain paths, slashes, and what is not there", t_plain);
	TEST("a second walk asks nobody, not even for what is not there", t_cached);
	TEST("dots stay below the root, also that of chroot", t_dots);
	TEST("symbolic links, relative, absolute, at the end and within, and loops", t_links);
	TEST("the place of a name to be made", t_create);
	TEST("a mount covers a directory, and its dots lead out of it", t_mount);
	TEST("a directory's path is put together from its parents", t_paths);
	TEST("more files than rows: old ones go with their names", t_eviction);
	return test_result();
}
