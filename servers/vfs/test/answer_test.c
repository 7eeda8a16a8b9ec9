/* SPDX-License-Identifier: BSD-2-Clause
 * answer_test.c - what vfs takes for an answer of a file server or character device.
 *
 * Links: servers/vfs/answer.c servers/vfs/state.c gen/contract/file_answer.c
 * Links: gen/contract/chardev_answer.c
 */
#include <string.h>

#include <servers/vfs/vfs.h>
#include <tests/unit.h>

enum { FILE_SERVER = 1, CHAR_SERVER, INODE = 5, DIR_, NAME_ROW, NUMBER = 77,
       LENT = 2 * PAGE_SIZE };

static struct request *q;
static struct file_entry e;
static struct chardev_entry d;

/* ---- what answer.c uses ---- */

char state_start[1];
uint64_t undo_span;

void undo_log(const volatile void *at, size_t n) { (void)at; (void)n; }

unsigned request_server(const struct request *of)
{
	return (unsigned)((of - &state.request[0][0]) / BOARD_ENTRIES);
}

unsigned inode_find(unsigned mount, uint64_t file)
{
	return mount == 0 && file == NUMBER ? INODE : 0;
}

static _Alignas(8) char bounce[PAGE_SIZE];
char *request_bounce(const struct request *of)
{
	(void)of;
	return bounce;
}

static uint64_t now = 5000000000ull;
uint64_t clock_monotonic_ns(void) { return now; }

unsigned name_find(unsigned dir, const char *text, size_t len)
{
	return dir == DIR_ && len == 1 && text[0] == 'x' ? NAME_ROW : 0;
}

/* ---- the tests ---- */

static void asked(unsigned server, uint32_t type)
{
	memset(&state, 0, sizeof(state));
	memset(&e, 0, sizeof(e));
	memset(&d, 0, sizeof(d));
	state.server[FILE_SERVER].kind = SERVER_FILE;
	state.server[CHAR_SERVER].kind = SERVER_CHAR;
	state.inode[INODE].attr = (struct file_attr){
		.file = NUMBER, .mode = S_IFREG_ | 0644, .size = LENT - 100,
	};
	q = &state.request[server][3];
	q->type = type;
	q->inode = INODE;
	e.attr_now = state.inode[INODE].attr;
	if (type == FILE_CREATE)
		((struct file_create_request *)e.w)->mode = e.attr_now.mode;
}

static bool good(err_t err)
{
	e.err = d.err = err;
	return state.server[request_server(q)].kind == SERVER_FILE ? file_answer_is(q, &e)
								   : char_answer_is(q, &d);
}

static void t_errors(void)
{
	asked(FILE_SERVER, FILE_LOOKUP);
	CHECK(good(0) && good(-ENOENT) && good(-EIO));
	CHECK(!good(-ENOSYS) && !good(-EPERM) && !good(-EINVAL) && !good(-EEXIST));
	CHECK(!good(1) && !good(INT32_MIN) && !good(-4096) && !good(NO_REPLY));
	asked(CHAR_SERVER, CHARDEV_READ);
	CHECK(good(0) && good(-EAGAIN) && good(-ERESTARTSYS));
	CHECK(!good(-ENOSYS) && !good(-EPERM) && !good(-ENOENT));
	asked(FILE_SERVER, 12345);
	CHECK(!good(0));
}

/* Every call that says so much as that it has been done says of which file. */
static void t_attributes(void)
{
	static const uint32_t about[] = {
		FILE_LOOKUP, FILE_CREATE, FILE_LINK, FILE_UNLINK, FILE_RENAME, FILE_GET_ATTR,
		FILE_SET_ATTR,
	};

	for (unsigned n = 0; n < COUNT(about); n++) {
		bool known = about[n] == FILE_LINK || about[n] == FILE_GET_ATTR ||
			     about[n] == FILE_SET_ATTR || about[n] == FILE_LOOKUP ||
			     about[n] == FILE_CREATE;

		asked(FILE_SERVER, about[n]);
		CHECK(good(0));
		e.attr_now.mode = S_IFDIR_ | 0755;
		CHECK_EQ(good(0), !known);
		for (uint32_t type = 0; type < 32; type++) {
			bool is = type == 1 || type == 2 || type == 4 || type == 6 || type == 8 ||
				  type == 10 || type == 12;

			e.attr_now.mode = type << 12 | 0644;
			CHECK_EQ(good(0), known ? type == 8 : is);
		}
		asked(FILE_SERVER, about[n]);
		e.attr_now.file = NUMBER + 1;
		CHECK_EQ(good(0), !known || about[n] == FILE_LOOKUP || about[n] == FILE_CREATE);
		e.attr_now.file = 0;
		CHECK(!good(0) && good(-EIO));
	}
}

/* What is made is what was to be made, and whose. */
static void t_made(void)
{
	asked(FILE_SERVER, FILE_CREATE);
	CHECK(good(0));
	e.attr_now.mode = S_IFREG_ | 0666;
	CHECK(!good(0) && good(-ENOSPC));
	q->inode = 0;
	e.attr_now.file = NUMBER + 1;           /* of which nothing is known */
	e.attr_now.mode = S_IFIFO_ | 0644;
	CHECK(!good(0));
	e.attr_now.mode = S_IFREG_ | 0644;
	CHECK(good(0));
	e.attr_now.uid = 1;
	CHECK(!good(0));
	e.attr_now.uid = 0;
	e.attr_now.gid = 1;
	CHECK(!good(0));
}

static void t_bytes(void)
{
	struct file_read_reply *reply = (struct file_read_reply *)e.answer;

	asked(FILE_SERVER, FILE_READ);
	q->lent = LENT;
	q->pages = 2;
	reply->done = LENT - 100;
	CHECK(good(0));
	reply->done = LENT;             /* it has grown at the server only */
	CHECK(good(0));
	reply->done = LENT + 1;
	CHECK(!good(0));
	reply->done = LENT - 101;       /* some are missing */
	CHECK(!good(0));
	reply->done = 0;
	CHECK(!good(0));
	state.inode[INODE].flags |= INODE_SIZED;        /* the server does not know its size */
	CHECK(good(0));
	asked(FILE_SERVER, FILE_WRITE);
	q->lent = LENT;
	CHECK(!good(0));
	((struct file_write_reply *)e.answer)->done = LENT;
	CHECK(good(0));
	asked(CHAR_SERVER, CHARDEV_WRITE);
	q->lent = 10;
	CHECK(!good(0));                /* it would be asked for ever */
	((struct chardev_write_reply *)d.answer)->done = 10;
	CHECK(good(0));
	((struct chardev_write_reply *)d.answer)->done = 11;
	CHECK(!good(0));
}

static void t_others(void)
{
	struct chardev_open_reply *opened = (struct chardev_open_reply *)d.answer;
	struct file_readdir_request *list = (struct file_readdir_request *)e.w;

	asked(CHAR_SERVER, CHARDEV_OPEN);
	CHECK(!good(0));
	opened->device = CHARDEV_DEVICE(4, 64);
	CHECK(good(0));
	opened->line = CHARDEV_LINES;
	CHECK(!good(0));
	asked(FILE_SERVER, FILE_READDIR);
	q->lent = LENT;
	CHECK(!good(0));                /* not even dots */
	list->pos = 3;
	CHECK(good(0));
	asked(FILE_SERVER, FILE_READLINK);
	CHECK(!good(0) && good(-EINVAL));
	asked(FILE_SERVER, FILE_STAT_FS);
	CHECK(!good(0));
	asked(FILE_SERVER, FILE_MOUNT);
	CHECK(!good(0) && good(-EBUSY));
}

/* What may have been done is asked again only if that does no harm. */
static void t_repeated(void)
{
	asked(FILE_SERVER, FILE_CREATE);
	CHECK(may_be_repeated(q));
	asked(FILE_SERVER, FILE_RENAME);
	CHECK(may_be_repeated(q));
	q->keep = 2;                    /* exchanged twice is not exchanged */
	CHECK(!may_be_repeated(q));
	asked(CHAR_SERVER, CHARDEV_WRITE);
	CHECK(!may_be_repeated(q));
}

/* A name that vfs knows to be there, and has asked about. */
static void asked_of(uint32_t type)
{
	asked(FILE_SERVER, type);
	state.inode[DIR_].attr = (struct file_attr){ .mode = S_IFDIR_ | 0755, .links = 2 };
	state.inode[INODE].attr.links = 1;
	state.name[NAME_ROW].inode = INODE;
	q->dir = DIR_;
	q->name[0] = 'x';
}

static void t_contradictions(void)
{
	asked_of(FILE_UNLINK);
	CHECK(!good(-ENOENT) && !good(-EISDIR) && good(-ENOTDIR) && good(-EIO) && good(-EROFS));
	state.name[NAME_ROW].inode = 0;
	CHECK(good(-ENOENT));
	asked_of(FILE_RENAME);
	CHECK(!good(-ENOENT) && good(-ENOTDIR) && good(-ENOTEMPTY));
	asked_of(FILE_CREATE);
	CHECK(good(-EEXIST) && !good(-ENOTDIR) && !good(-ENOENT) && good(-ENOSPC));
	state.name[NAME_ROW].inode = 0;
	CHECK(!good(-EEXIST));
	state.inode[DIR_].attr.links = 0;
	CHECK(good(-ENOENT));
	asked_of(FILE_LOOKUP);
	CHECK(good(-ENOENT) && !good(-ENOTDIR));
	asked_of(FILE_GET_ATTR);
	CHECK(!good(-ENOENT));
	state.inode[INODE].attr.links = 0;
	CHECK(good(-ENOENT));
	asked_of(FILE_READLINK);
	CHECK(good(-EINVAL));
	state.inode[INODE].attr.mode = S_IFLNK_ | 0777;
	CHECK(!good(-EINVAL));
}

static uint64_t position = 2;           /* of the name; that of "." is 1 */

/* "." and, perhaps, a name; the bytes. */
static unsigned list(const char *name, uint64_t file, uint16_t len)
{
	static const uint64_t dot = 2, first = 1;
	static const uint16_t dot_len = DIRENT_MIN;

	memset(bounce, 0, sizeof(bounce));
	memcpy(bounce, &dot, sizeof(dot));
	memcpy(bounce + DIRENT_NEXT, &first, sizeof(first));
	memcpy(bounce + DIRENT_LEN, &dot_len, sizeof(dot_len));
	strcpy(bounce + DIRENT_NAME, ".");
	memcpy(bounce + DIRENT_MIN, &file, sizeof(file));
	memcpy(bounce + DIRENT_MIN + DIRENT_NEXT, &position, sizeof(position));
	memcpy(bounce + DIRENT_MIN + DIRENT_LEN, &len, sizeof(len));
	strcpy(bounce + DIRENT_MIN + DIRENT_NAME, name);
	return 2 * DIRENT_MIN;
}

static void t_listings(void)
{
	struct file_readdir_reply *reply = (struct file_readdir_reply *)e.answer;

	asked_of(FILE_READDIR);
	q->inode = DIR_;
	q->lent = PAGE_SIZE;
	state.inode[DIR_].child = NAME_ROW;
	reply->done = list("x", 77, DIRENT_MIN);
	CHECK(good(0));
	((struct file_readdir_request *)e.w)->pos = 1;          /* it begins behind "." */
	CHECK(!good(0));
	((struct file_readdir_request *)e.w)->pos = 0;
	position = 1;
	reply->done = list("x", 77, DIRENT_MIN);
	CHECK(!good(0));
	position = 2;
	CHECK(!good(-EINVAL));
	reply->done = list("", 77, DIRENT_MIN);
	CHECK(!good(0));
	reply->done = list("x", 0, DIRENT_MIN);
	CHECK(!good(0));
	reply->done = list("x", 77, DIRENT_MIN + 8);
	CHECK(!good(0));
	reply->done = list("x", 77, 8);
	CHECK(!good(0));
	reply->done = list("y", 77, DIRENT_MIN);
	CHECK(!good(0));
	q->changes = 1;
	CHECK(good(0));
	q->changes = 0;
	q->again = AGAIN_DONE;
	CHECK(good(0));
	q->again = AGAIN_NO;
	q->lent = 100;
	CHECK(good(0));
	q->lent = PAGE_SIZE;
	state.name[NAME_ROW].inode = 0;
	CHECK(good(0));
	CHECK(!good(-ENOTDIR));
}

/* Not where others change the tree or a request may have, not twice, not all the time. */
static void t_believed(void)
{
	asked_of(FILE_UNLINK);
	state.mount[0].flags = FILE_MOUNT_VOLATILE;
	CHECK(good(-ENOENT));
	asked_of(FILE_UNLINK);
	q[1].type = FILE_RENAME;
	CHECK(good(-ENOENT));
	q[1].taken = 1;
	CHECK(!good(-ENOENT));
	q->again = AGAIN_ERROR;
	CHECK(good(-ENOENT));
	asked_of(FILE_UNLINK);
	state.server[FILE_SERVER].bad = BAD_MOST;
	CHECK(good(-ENOENT));
	asked_of(FILE_UNLINK);
	state.server[FILE_SERVER].doubted_ns = now - 10;
	CHECK(good(-ENOENT));
	now += 2000000000ull;
	CHECK(!good(-ENOENT));
}

int main(void)
{
	TEST("an error that the contract does not list for a call is no answer", t_errors);
	TEST("attributes of no file, of another file, of another type are none", t_attributes);
	TEST("what is made is what was to be made", t_made);
	TEST("more bytes than were lent, or fewer than a file has, are none", t_bytes);
	TEST("a line, a link, a directory, a mount that cannot be is none", t_others);
	TEST("an error that vfs knows better is none", t_contradictions);
	TEST("a listing that is torn, or lacks a name that vfs knows, is none", t_listings);
	TEST("it is believed where it may be right, and when it is repeated", t_believed);
	TEST("a request that may have been done is asked again if that does no harm", t_repeated);
	return test_result();
}
