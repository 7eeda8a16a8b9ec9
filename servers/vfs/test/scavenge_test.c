/* SPDX-License-Identifier: BSD-2-Clause
 * scavenge_test.c - vfs's state with each thing in it wrong in turn: what is right is kept, counts
 * and lists come out as they were, what leads nowhere goes, and a second look finds nothing.
 *
 * Links: servers/vfs/scavenge.c servers/vfs/lists.c servers/vfs/names.c servers/vfs/inode.c
 * Links: servers/vfs/fd.c servers/vfs/socket_ring.c servers/vfs/state.c
 */
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <servers/vfs/socket.h>
#include <tests/unit.h>

enum { TREE = 1, DIR_ = S_IFDIR_ | 0755, REG = S_IFREG_ | 0644, P = 100, SOCKET = 3, REQUEST = 7 };
enum { FILE_OPEN = 1, FILE_FLYING = 2, FILE_DYING = 3 };

static struct state right;
static unsigned root, bin, usr, sh, etc, said;
static char name_long[NAME_LIMIT + 1];

/* ---- what those files use ---- */

struct peer vm, pm, ds;
struct linux_iovec part[IOV_MAX_];
char state_start[1];
uint64_t undo_span;

void assert_failed(const char *what, const char *file, int line)
{
	printf("assertion %s: %s:%d\n", what, file, line);
	_Exit(1);
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	return (size_t)snprintf(to, size, "%s", from);
}

void print(const char *text, ...)
{
	(void)text;
	said++;
}

void undo_commit(void) { }
void undo_log(const volatile void *at, size_t n) { (void)at; (void)n; }
uint64_t clock_realtime_ns(void) { return 1; }
void pages_of_inode_drop(unsigned inode) { (void)inode; }
bool ask_has_room(unsigned mount) { return mount == 0; }
struct file_entry *ask_file(struct op *o, unsigned mount, uint32_t type, struct request **q)
{
	return o && mount && type && q ? NULL : NULL;
}
int64_t ask_send(struct op *o, struct request *q) { return o && q ? 0 : 0; }
err_t vm_file_mapped(struct peer *peer, const struct vm_file_mapped_request *req,
		     struct vm_file_mapped_reply *reply)
{
	return peer && req && reply ? -ENOSYS : -ENOSYS;
}
void rows_of_process_gone(endpoint_t owner) { (void)owner; }
void locks_of_process_drop(unsigned inode, endpoint_t owner) { (void)inode; (void)owner; }
void flock_drop(struct file *f) { f->locked = 0; }
void char_close(struct file *f) { (void)f; }
void pipe_close(struct file *f) { f->pipe = 0; }
void socket_close(struct file *f) { f->socket = 0; }
int64_t lock_fcntl(struct op *op, struct file *f, uint32_t command, uint64_t address)
{
	return op && f && command && address ? 0 : 0;
}
int64_t user_read(struct op *op, uint64_t from, void *to, size_t len)
{
	return op && from && to && len ? 0 : 0;
}
int64_t user_write(struct op *op, uint64_t to, const void *from, size_t len)
{
	return op && to && from && len ? 0 : 0;
}
bool is_root(struct op *op) { return op != NULL; }
int limit_fds(struct op *op) { return op ? 256 : 0; }
uint32_t memory_limit(void) { return 1000; }
uint32_t page_of_pipe(void) { return NO_SLOT; }
bool page_may_come(void) { return false; }
void page_free(uint32_t slot) { (void)slot; }
int64_t row_wait(struct op *o, enum queue q, unsigned object, int64_t cancelled)
{
	return o && q && object ? cancelled : 0;
}
void queue_wake(uint16_t head) { (void)head; }
uint64_t stamp_next(void) { return 1; }
void polls_wake(uint64_t watched) { (void)watched; }
void files_hold(struct socket *s, const uint16_t *files, unsigned n)
{
	(void)s;
	(void)files;
	(void)n;
}

/* ---- a state that is right ---- */

static unsigned inode(uint64_t file, uint32_t mode)
{
	return inode_get(TREE, &(struct file_attr){ .file = file, .mode = mode, .links = 1 }, 1);
}

static void names(void)
{
	root = inode(2, DIR_);
	bin = inode(3, DIR_);
	usr = inode(4, DIR_);
	sh = inode(5, REG);
	etc = inode(6, DIR_);
	memset(name_long, 'x', NAME_LIMIT);
	name_put(root, "bin", bin, 1);
	name_put(root, "usr", usr, 1);
	name_put(usr, "etc", etc, 1);
	name_put(bin, "sh", sh, 1);
	name_put(bin, "ash", sh, 1);
	name_put(bin, name_long, sh, 1);
	name_put(bin, "absent", 0, 1);
	for (unsigned n = 0; n < 200; n++) {
		char text[20];

		snprintf(text, sizeof(text), "file%u", n);
		name_put(etc, text, inode(100 + n, REG), 1);
	}
	name_drop(name_find(etc, "file7", 5));
	state.mount[TREE] = (struct mount){ .used = 1, .ready = 1, .root = (uint16_t)root };
	inode_hold(root);
}

static void open_file(unsigned n, unsigned refs)
{
	unsigned name = name_find(bin, "sh", 2);

	state.file[n] = (struct file){
		.kind = FILE_INODE, .refs = refs, .flags = O_RDWR_, .inode = (uint16_t)sh,
		.dir = (uint16_t)bin, .name = (uint16_t)name,
	};
	inode_hold(sh);
	inode_hold(bin);
	name_pin(name);
	state.inode[sh].writers++;
}

static void process(void)
{
	struct process *p = &state.process[P];

	*p = (struct process){
		.who = ENDPOINT(1, P), .pid = 1, .table = 1, .cwd = (uint16_t)usr,
		.root = (uint16_t)root, .exe = (uint16_t)sh, .exe_dir = (uint16_t)bin,
		.exe_name = (uint16_t)name_find(bin, "ash", 3),
	};
	inode_hold(usr);
	inode_hold(root);
	inode_hold(sh);
	inode_hold(bin);
	name_pin(p->exe_name);
	state.inode[sh].texts++;
	state.table[1] = (struct table){ .refs = 1, .chunk = { 1, 3 } };
	state.chunk[1] = (struct chunk){ .used = 1, .fd = { { .file = FILE_OPEN } } };
	state.chunk[3] = (struct chunk){ .used = 1, .fd = { { 0 }, { .file = FILE_OPEN } } };
	state.chunk_top = 4;
	state.chunk_free = 2;
	state.chunks = 2;
}

static void ring(void)
{
	struct record r = { .files = 1, .len = 3 };
	struct socket *s = &state.socket[SOCKET];
	uint16_t file = FILE_FLYING;

	*s = (struct socket){ .type = SOCK_STREAM_, .refs = 1, .flights = 1, .page = { 1 } };
	s->head = record_size(&r);
	memcpy(page_data(0), &r, sizeof(r));
	memcpy(page_data(0) + sizeof(r), &file, sizeof(file));
	state.flights = 1;
}

static void build(void)
{
	memset(&state, 0, sizeof(state));
	names();
	open_file(FILE_OPEN, 2);
	open_file(FILE_FLYING, 1);
	open_file(FILE_DYING, 1);
	state.file_dying = FILE_DYING;
	process();
	ring();
	state.request[1][REQUEST] = (struct request){
		.type = FILE_LOOKUP, .sent = 1, .dir = (uint16_t)etc,
	};
	inode_hold(etc);
	right = state;
	said = 0;
}

/* ---- what may be wrong ---- */

static void w_inode_low(void) { state.inode[bin].refs = 0; }
static void w_inode_high(void) { state.inode[etc].refs += 5; }
static void w_texts(void) { state.inode[sh].texts = 0; }
static void w_writers(void) { state.inode[sh].writers = 77; }
static void w_file_low(void) { state.file[FILE_OPEN].refs = 1; }
static void w_file_high(void) { state.file[FILE_OPEN].refs = 3; }
static void w_flying(void) { state.file[FILE_FLYING].refs = 2; }
static void w_table(void) { state.table[1].refs = 2; }
static void w_pins(void) { state.name[name_find(bin, "sh", 2)].pins = 0; }
static void w_pins_high(void) { state.name[name_find(bin, "absent", 6)].pins = 4; }
static void w_chunks(void) { state.chunks = 9; }

/* Lists: what they lead to is the same afterwards, in another order perhaps. */
static void w_name_chain(void)
{
	state.name_bucket[state.name[name_find(bin, "sh", 2)].hash % NAME_BUCKETS] = 0;
}
static void w_name_circle(void)
{
	unsigned n = name_find(bin, "sh", 2);

	state.name[n].next = (uint16_t)n;
}
static void w_children(void) { state.inode[etc].child = 0; }
static void w_before(void) { state.name[state.inode[etc].child].before = 3; }
static void w_alias(void) { state.name[state.inode[sh].alias].alias = 0; }
static void w_alias_wild(void) { state.inode[sh].alias = 0xffff; }
static void w_name_free(void) { state.name_free = (uint16_t)name_find(bin, "sh", 2); }
static void w_inode_chain(void) { state.inode_bucket[inode_bucket(&state.inode[sh])] = 0; }
static void w_inode_free(void) { state.inode_free = (uint16_t)sh; }
static void w_chunk_free(void) { state.chunk_free = 1; }

/* What is not known any more is looked up or opened anew. */
static void w_name_hash(void) { state.name[name_find(bin, "absent", 6)].hash ^= 1; }
static void w_name_text(void) { state.name[name_find(bin, "absent", 6)].text[2] ^= 1; }
static void w_name_inode(void) { state.name[name_find(etc, "file9", 5)].inode = 16000; }
static void w_name_parent(void) { state.name[name_find(etc, "file9", 5)].parent = 16000; }
static void w_circle(void) { state.inode[usr].parent = (uint16_t)etc; }
static void w_self(void) { state.inode[usr].parent = (uint16_t)usr; }
static void w_parent(void) { state.inode[etc].parent = 16001; }
static void w_cwd(void) { state.process[P].cwd = 16002; }
static void w_file_inode(void) { state.file[FILE_DYING].inode = 16003; }
static void w_fd(void) { state.chunk[3].fd[5].file = 5000; }
static void w_chunk_twice(void) { state.table[1].chunk[7] = 1; }
static void w_chunk_unused(void) { state.table[1].chunk[7] = 2; }
static void w_file_nobodys(void)
{
	state.file[9] = (struct file){ .kind = FILE_MEMORY, .refs = 1 };
}
static void w_table_nobodys(void) { state.table[2] = (struct table){ .refs = 1 }; }

static bool same(const char *what, const void *a, const void *b, size_t n)
{
	if (memcmp(a, b, n) == 0)
		return true;
	printf("    %s differs\n", what);
	return false;
}

/* Wrong in one thing; what came of it. */
static void wrong(void (*how)(void))
{
	build();
	how();
	refs_check();
	CHECK(said != 0);
	said = 0;
	refs_check();
	CHECK_EQ(said, 0);
}

static void t_right(void)
{
	build();
	refs_check();
	CHECK_EQ(said, 0);
	CHECK(same("state", &state, &right, sizeof(state)));
}

static void t_counts(void)
{
	static void (*const all[])(void) = {
		w_inode_low, w_inode_high, w_texts, w_writers, w_file_low, w_file_high, w_flying,
		w_table, w_pins, w_pins_high, w_chunks,
	};

	for (unsigned n = 0; n < COUNT(all); n++) {
		wrong(all[n]);
		CHECK(same("state", &state, &right, sizeof(state)));
		if (test_bad != 0) {
			printf("    case %u\n", n);
			return;
		}
	}
}

static void all_is_found(void)
{
	CHECK_EQ(name_find(bin, "sh", 2) != 0 ? state.name[name_find(bin, "sh", 2)].inode : 0, sh);
	CHECK(name_find(bin, name_long, NAME_LIMIT) != 0);
	for (unsigned n = 0; n < 200; n++) {
		char text[20];
		unsigned row, len = (unsigned)snprintf(text, sizeof(text), "file%u", n);

		row = name_find(etc, text, len);
		CHECK_EQ(row != 0, n != 7);
		CHECK(row == 0 || state.name[row].inode == inode_find(TREE, 100 + n));
	}
	CHECK(same("files", state.file, right.file, sizeof(right.file)));
	for (unsigned n = 0; n < NR_INODES; n++)
		CHECK_EQ(state.inode[n].refs, right.inode[n].refs);
}

static void t_lists(void)
{
	static void (*const all[])(void) = {
		w_name_chain, w_name_circle, w_children, w_before, w_alias, w_alias_wild,
		w_name_free, w_inode_chain, w_inode_free, w_chunk_free,
	};

	for (unsigned n = 0; n < COUNT(all) && test_bad == 0; n++) {
		wrong(all[n]);
		all_is_found();
		names_of_dir_drop(etc);                 /* lists can be used */
		names_of_inode_drop(sh);
		CHECK(inode(999, REG) != 0);
		if (test_bad != 0)
			printf("    case %u\n", n);
	}
}

static void t_gone(void)
{
	static void (*const all[])(void) = {
		w_name_hash, w_name_text, w_name_inode, w_name_parent, w_circle, w_self, w_parent,
		w_cwd, w_file_inode, w_fd, w_chunk_twice, w_chunk_unused, w_file_nobodys,
		w_table_nobodys,
	};

	for (unsigned n = 0; n < COUNT(all) && test_bad == 0; n++) {
		wrong(all[n]);
		CHECK_EQ(state.name[name_find(bin, "sh", 2)].inode, sh);
		CHECK_EQ(state.file[FILE_OPEN].refs, 2);
		CHECK_EQ(state.inode[root].refs, right.inode[root].refs - (n == 4 || n == 5));
		if (test_bad != 0)
			printf("    case %u\n", n);
	}
}

/* What nobody has any more is closed, and what it held goes with it. */
static void t_nobodys(void)
{
	build();
	state.process[P].table = 0;             /* as if it had never been copied */
	refs_check();
	CHECK(said != 0 && state.table[1].refs == 0 && state.chunks == 0);
	CHECK_EQ(state.file_dying, FILE_OPEN);
	CHECK_EQ(state.file[FILE_OPEN].next, FILE_DYING);
	file_release(FILE_OPEN);
	CHECK_EQ(state.inode[sh].refs, right.inode[sh].refs - 1);
	CHECK_EQ(state.inode[sh].writers, 2);
}

int main(void)
{
	void *cache = mmap((void *)CACHE_VA, PAGE_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (cache == MAP_FAILED)
		return 2;
	TEST("a state that is right stays as it is, and nothing is said", t_right);
	TEST("counts that are wrong come out as they were", t_counts);
	TEST("lists that are wrong are made anew: all is found, and can be dropped", t_lists);
	TEST("what leads nowhere goes, and nothing else", t_gone);
	TEST("what nobody holds any more is closed", t_nobodys);
	return test_result();
}
