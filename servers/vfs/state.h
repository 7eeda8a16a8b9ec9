/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that vfs remembers. Rows refer to each other by index; index 0 is nobody.
 *
 * F1  inode.refs counts open files, working and root directories, children that are directories,
 *     mounts on it, programs' files; an inode with refs 0 may be evicted, with its names and pages.
 * F2  A name stands in one hash chain, in its directory's list of children, and, if it is not
 *     negative, in its inode's list of names. A pinned name stays.
 * F3  A page stands in one hash chain and in its inode's list, or it is free.
 * F4  file.refs counts descriptors, rows, places in rings of sockets and in state.file_dying;
 *     descriptor tables count their processes.
 * F5  row[slot] is the one call of that process that vfs has not answered; rows below FIRST_PROGRAM
 *     are vfs's own work. A row is in at most one queue.
 * F6  request[n] of server s is what board s, entry n asks; the board's phase says how far it is.
 */
#ifndef VFS_STATE_H
#define VFS_STATE_H

#include <abi/kernel.h>
#include <abi/layout.h>
#include <abi/message.h>
#include <lib/chardev.h>
#include <lib/file.h>
#include <lib/page_index.h>
#include <lib/undo.h>

enum {
	NR_INODES = 16384,
	NR_NAMES = 32768,
	NR_LONG_NAMES = 1024,
	NAME_INLINE = 28,               /* longer ones lie in long_name */
	NAME_LIMIT = 255,
	NR_FILES = 8192,
	NR_TABLES = 512,
	NR_CHUNKS = 2048,
	CHUNK_FDS = 32,
	TABLE_CHUNKS = 32,
	NR_FDS = CHUNK_FDS * TABLE_CHUNKS,
	NR_PIPES = 512,
	PIPE_PAGES = 16,
	NR_SOCKETS = 1024,
	SOCKET_PAGES = 72,              /* of a ring; see socket_poll() */
	SOCKET_NAME = 109,              /* sun_path and a NUL */
	NR_MOUNTS = 32,
	NR_SERVERS = 20,                /* file servers and character devices */
	NR_LOCKS = 512,
	NR_GROUPS = 32,                 /* supplementary ones of a process */
	INODE_BUCKETS = 8192,
	NAME_BUCKETS = 16384,
	SOURCE = 32,
	ROOT_FILES = 256,               /* of each, the last are root's, whatever users do */
	ROOT_CHUNKS = 128,
	ROOT_PIPES = 32,
	ROOT_SOCKETS = 64,
	ROW_INIT = 1,                   /* rows of vfs's own */
	ROW_MOUNT = 2,                  /* .. + automounts */
	ROW_AGAIN = 8,                  /* + server: one that has begun afresh (again.c) */
	ROW_FAULT = 20,                 /* .. ROW_FAULT_END: pages that programs wait for */
	ROW_FAULT_END = 60,
	ROW_WRITER = 60,                /* write-back */
};

enum {
	INODE_USED = 1,
	INODE_DIRTY = 2,                /* attr has changes that the server does not know */
	INODE_MAPPED = 4,               /* vm may have regions of it */
	INODE_SIZED = 8,                /* size among the changes */
	INODE_ORPHAN = 16,              /* counted in state.orphans */
	INODE_DEAD = 32,                /* G2 in again.c */
};

struct inode {
	struct file_attr attr;
	uint64_t stamp;                 /* when attr was asked */
	uint32_t gen;                   /* of the row */
	uint32_t refs;
	uint32_t changes;               /* of a directory's entries */
	uint32_t page;                  /* first page */
	uint32_t dirty_pages;
	uint32_t dirty_first, dirty_end;/* W2 */
	uint16_t writes;                /* requests that write pages of it */
	uint16_t next;                  /* hash chain; free list */
	uint16_t parent;                /* directory: row that it is in, counted */
	uint16_t name;                  /* directory: its name, pinned */
	uint16_t child;                 /* directory: first name in it */
	uint16_t alias;                 /* first name of it */
	uint16_t mounted;               /* directory: mount that covers it */
	uint16_t pipe;                  /* FIFO: pipe */
	uint16_t socket;                /* socket: who is bound to it */
	uint16_t locks;
	uint16_t texts;                 /* processes that run it */
	uint16_t writers;               /* open files that may write it */
	uint16_t queue;                 /* rows that wait for a lock or a page */
	uint8_t mount;
	uint8_t flags;                  /* INODE_ */
	uint8_t touched;                /* for eviction */
	uint8_t error;                  /* of a write that failed, and nobody was told */
};

struct name {
	uint64_t stamp;                 /* when it was asked */
	uint32_t hash;
	uint16_t parent;                /* directory; 0: the row is free */
	uint16_t inode;                 /* 0: there is no such entry */
	uint16_t next;                  /* hash chain; free list */
	uint16_t sibling, before;       /* children of the directory */
	uint16_t alias;                 /* names of the inode */
	uint16_t pins;
	uint16_t far;                   /* row of long_name, 0: inline */
	uint8_t touched;
	uint8_t gone;                   /* unlinked, but pinned */
	char text[NAME_INLINE + 1];
};

enum file_kind { FILE_FREE, FILE_INODE, FILE_PIPE_READ, FILE_PIPE_WRITE, FILE_FIFO_BOTH,
		 FILE_CHAR, FILE_MEMORY, FILE_SOCKET };

struct file {
	uint64_t pos;
	uint32_t refs;
	uint32_t flags;                 /* O_ */
	uint32_t line;                  /* CHAR */
	uint32_t device;                /* CHAR, MEMORY: number */
	uint16_t inode;                 /* counted; PIPE: 0 unless FIFO */
	uint16_t pipe;
	uint16_t dir, name;             /* where it was found: counted, pinned */
	uint8_t kind;                   /* enum file_kind */
	uint8_t server;                 /* CHAR */
	uint8_t locked;                 /* flock: 1 shared, 2 exclusive */
	uint8_t unused;
	uint32_t owner_pid;             /* F_SETOWN */
	uint16_t socket;
	uint16_t next;                  /* in state.file_dying */
	uint32_t life;                  /* CHAR: the server's, when it was opened */
	uint64_t made;                  /* stamp */
};

struct fd { uint16_t file; uint8_t cloexec; uint8_t unused; };

struct chunk { struct fd fd[CHUNK_FDS]; uint16_t next; uint8_t used; };

struct table {
	uint16_t refs;                  /* processes */
	uint16_t first_free;            /* no free descriptor below */
	uint16_t chunk[TABLE_CHUNKS];
};

struct process {
	endpoint_t who;
	uint32_t pid;
	uint16_t table;
	uint16_t cwd, root;             /* counted */
	uint16_t exe, exe_dir, exe_name;
	uint16_t umask;
	uint16_t max_fds;               /* limit.c */
	uint32_t limits_seen;           /* state.limits_changed when max_* were asked; 0: never */
	uint64_t max_size;
	uint32_t groups_seen;           /* likewise, for group[] */
	uint32_t nr_groups, group[NR_GROUPS];
};

struct pipe {
	uint32_t head, tail;            /* bytes ever written, read; head - tail <= size */
	uint32_t page[PIPE_PAGES];      /* slot + 1 */
	uint32_t readers, writers;      /* open files */
	uint32_t read_opens, write_opens;
	uint16_t used;
	uint16_t read_queue, write_queue, poll_queue;
	uint16_t inode;
};

enum socket_phase { SOCKET_NEW, SOCKET_LISTENS, SOCKET_CONNECTED, SOCKET_GONE };
enum { SOCKET_READ = 1, SOCKET_WRITE = 2 };             /* shut */
enum { SOCKET_PASSCRED = 1, SOCKET_REUSEADDR = 2, SOCKET_KEEPALIVE = 4, SOCKET_BROADCAST = 8 };

struct socket {
	uint64_t head, tail;            /* bytes of records ever put into its ring, taken from it */
	uint64_t receive_ns, send_ns;   /* how long calls wait; 0: for ever */
	uint32_t page[SOCKET_PAGES];    /* of the ring: slot + 1 */
	uint32_t front;                 /* bytes given of a stream's first record */
	uint32_t bytes;                 /* in the ring, without headers, not given yet */
	uint32_t flights;               /* open files in the ring */
	uint32_t send_limit, receive_limit;
	uint32_t number;                /* st_ino */
	uint32_t uid, gid;              /* who made it */
	struct { uint32_t pid, uid, gid; } other;       /* SO_PEERCRED */
	uint16_t refs;                  /* open file, or place in a queue; who has it as peer */
	uint16_t peer;                  /* counted */
	uint16_t inode;                 /* bound to, counted; 0: no name, or an abstract one */
	uint16_t name_len;
	uint16_t backlog, waiting;      /* listens: connections not accepted, `waiting` of them */
	uint16_t first, last;
	uint16_t next;                  /* among those, or in state.socket_dying */
	uint16_t read_queue, write_queue;       /* who wants to take, to put into its ring */
	uint8_t type;                   /* SOCK_; 0: the row is free */
	uint8_t phase, shut, flags;     /* SOCKET_ */
	uint8_t error;
	uint8_t is_bound;               /* by that name; who was accepted only shows it */
	char name[SOCKET_NAME];         /* without the family */
};

enum row_phase { ROW_FREE, ROW_ASKED, ROW_WAITS, ROW_READY };

struct row {
	endpoint_t client, owner;
	uint32_t serial;
	uint32_t type;
	uint64_t a[6];
	uint64_t began;                 /* stamp */
	uint64_t began_ns;
	uint64_t deadline;              /* monotonic, 0: none */
	uint64_t done;                  /* bytes so far, or what the phase keeps */
	uint64_t keep[6];
	int64_t result;
	uint32_t seq;                   /* of a line, when it was asked */
	uint16_t next, prev;            /* queue */
	uint64_t total;                 /* bytes of the parts of a vector before this one */
	uint16_t request;               /* 1 + server * BOARD_ENTRIES + entry; 0: none */
	uint16_t answered;              /* the request whose answer is being used */
	uint16_t queue;                 /* enum, which one */
	uint16_t object;
	uint8_t phase;                  /* enum row_phase */
	uint8_t step;                   /* of the call: 0 at the beginning */
	uint8_t cancelled;
	uint8_t timed_out;
	uint8_t polls;                  /* its deadline has been set: poll, socket */
	uint64_t watched;               /* of what; see watch_pipe() */
};

enum server_kind { SERVER_NONE, SERVER_FILE, SERVER_CHAR };

enum { BAD_MOST = 3 };

struct server_row {
	endpoint_t who;
	uint8_t kind;
	uint8_t lent;
	uint8_t board;                  /* which board memory */
	uint8_t full;                   /* rows wait for an entry */
	uint8_t bad;                    /* answers in a row that were none */
	uint8_t gone;                   /* not started again by itself: answers are EIO */
	uint8_t again;                  /* it has begun afresh: its trees are to be mounted again */
	uint8_t patience;               /* how often it was silent, since it owed nothing */
	uint16_t queue;
	uint32_t seen[BOARD_WORDS];     /* seq of lines */
	uint16_t line_queue[BOARD_WORDS];
	uint16_t unclosed[BOARD_WORDS]; /* how often each is to be closed when there is room */
	uint32_t owed;                  /* all of them */
	uint64_t doubted_ns;            /* when rs was told of such answers last */
};

enum { AGAIN_NO, AGAIN_ERROR, AGAIN_DONE };    /* the wrong answer was: an error, a success */

struct request {
	uint16_t row;                   /* who waits; 0: nobody */
	uint16_t dir, dir2;             /* inodes it is about */
	uint16_t inode;
	uint32_t gen;                   /* of row.serial: whether it still waits */
	uint32_t changes, changes2;     /* of dir at the time */
	uint32_t slot;                  /* first page, + 1 */
	uint16_t pages;
	uint16_t grant_seq;
	uint32_t type;                  /* 0: free */
	uint64_t stamp;
	uint64_t keep;
	uint64_t size_was, size;        /* set_attr: of a file that shall grow */
	uint8_t sent;                   /* committed: the board has it, or will */
	uint8_t taken;                  /* the answer is in the caches, its row goes on */
	uint8_t lost;                   /* nobody can answer it: the answer is EIO */
	uint8_t held;                   /* until its tree is mounted again */
	uint8_t again;                  /* AGAIN_: what it was answered first was none */
	uint32_t lent;                  /* bytes of data that go with it */
	char name[FILE_NAME], name2[FILE_NAME];
};

struct mount {
	uint8_t used;                   /* 1 */
	uint8_t server;
	uint8_t flags;                  /* FILE_MOUNT_ */
	uint8_t ready;
	uint8_t failed;                 /* the latest write of pages */
	uint64_t device;                /* st_dev: major << 32 | minor, as file_attr.rdev */
	uint16_t root;                  /* inode, counted */
	uint16_t covers;                /* inode, counted; 0: the root of all */
	uint32_t block;
	uint32_t pages;                 /* dirty ones; of a tree in memory all */
	uint32_t writes;                /* requests that write pages of it */
	uint32_t room;                  /* of a disk: pages that may be added before it is asked */
	uint64_t room_stamp;            /* when it was asked */
	uint32_t ms_flags;
	char source[SOURCE];
	char type[16];
	char path[64];
};

struct lock {
	uint16_t inode;                 /* 0: free */
	uint16_t next;
	uint16_t process;               /* slot */
	uint8_t write;
	uint64_t start, end;            /* end inclusive */
	uint32_t pid;
};

struct state {
	struct page_index index;        /* vm reads it */
	struct inode inode[NR_INODES];
	struct name name[NR_NAMES];
	char long_name[NR_LONG_NAMES][NAME_LIMIT + 1];
	struct file file[NR_FILES];
	struct table table[NR_TABLES];
	struct chunk chunk[NR_CHUNKS];
	struct process process[NR_PROCS];
	struct pipe pipe[NR_PIPES];
	struct socket socket[NR_SOCKETS];
	struct row row[NR_PROCS];
	struct server_row server[NR_SERVERS];
	struct request request[NR_SERVERS][BOARD_ENTRIES];
	struct mount mount[NR_MOUNTS];
	struct lock lock[NR_LOCKS];
	uint16_t inode_bucket[INODE_BUCKETS];
	uint16_t name_bucket[NAME_BUCKETS];
	uint64_t page_free[NR_PAGES / 64];      /* bit: it has a frame and is free */
	uint64_t page_absent[NR_PAGES / 64];    /* bit: below pages_taken, without a frame */
	uint32_t pages_taken, pages_free, pages_absent, page_hint, page_hand;
	uint32_t pages_dirty, pages_busy, pages_memory, memory_limit;   /* writeback.c, W1..W3 */
	uint16_t inode_free, inode_top, inode_hand;
	uint16_t name_free, name_top, name_hand;
	uint16_t long_hand, dirty_hand;
	uint16_t orphans;               /* inodes, unlinked, that programs had mapped */
	uint8_t faults_left;            /* vm may have more, there were no rows for them */
	uint8_t refusals;               /* so often before vm is asked for frames again */
	uint8_t pressed;                /* vm still wants frames */
	uint8_t unfinished;             /* there was no room to write all that should be */
	uint16_t file_hint, chunk_free, chunk_top, chunks, pipe_hint;   /* chunks: in use */
	uint16_t ready;                 /* queue of rows to do again */
	uint16_t poll_all;              /* rows that poll something without a queue */
	uint16_t short_queue;           /* rows that lack a grant or a page, whoever has it */
	uint64_t stamp;
	uint64_t alarm;                 /* as set in the kernel */
	uint32_t socket_number, socket_auto;
	uint16_t socket_hint, socket_dying;
	uint16_t file_dying;            /* given up by sockets, to be closed */
	uint32_t flights;               /* files in rings of sockets */
	uint32_t socket_pages;          /* in such rings */
	uint32_t limits_changed;        /* counts setrlimit */
	uint32_t timed;                 /* rows with a deadline */
	uint32_t grants;                /* rows in use, bits */
	uint16_t grant_seq;
	uint16_t root_mount;
	uint8_t init_failures;          /* since a first process began */
	uint8_t root_refused;           /* the disk has no root: it is in memory */
	uint32_t mounts_refused;        /* of those at boot: there is no such directory; bits */
	uint32_t init_job;
	endpoint_t init_proc;
	endpoint_t pm;                  /* its life that told of the processes; 0: none yet */
	uint32_t init_pid;
	uint32_t job_done;
	uint64_t init_wait_ns;
	uint64_t write_back_ns;
	uint64_t random[4];
	uint32_t table_planned;         /* for the child of a fork; 0: none */
};

extern struct state state;

#endif
