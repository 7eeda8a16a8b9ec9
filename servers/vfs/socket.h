/* SPDX-License-Identifier: BSD-2-Clause
 * socket.h - what the files about sockets share.
 *
 * N1  socket.refs counts the open file or the place in a listener's queue (one of the two, until
 *     the socket has been taken apart), and the sockets whose peer it is.
 * N2  The ring's bytes [tail, head) are whole records; byte n lies in page n / PAGE_SIZE %
 *     SOCKET_PAGES; tail and head never share a page from behind, so that what tail leaves can be
 *     freed. A record is not changed after head has moved over it.
 * N3  Each file in a ring has a reference there; flights counts them. No ring leads, by sockets
 *     in rings and in listeners' queues, to itself: counts suffice to end all of them.
 * N4  inode.socket of an S_IFSOCK inode is the living socket whose `inode` it is.
 */
#ifndef VFS_SOCKET_H
#define VFS_SOCKET_H

#include "vfs.h"

enum { AF_UNSPEC_, AF_UNIX_ };
enum { SOCK_STREAM_ = 1, SOCK_DGRAM_, SOCK_RAW_, SOCK_SEQPACKET_ = 5, SOCK_TYPES = 0xf,
       SOCK_LAST = 10, SOCK_NONBLOCK_ = O_NONBLOCK_, SOCK_CLOEXEC_ = O_CLOEXEC_,
       SOCK_FLAGS = SOCK_NONBLOCK_ | SOCK_CLOEXEC_ };
enum { MSG_OOB_ = 1, MSG_PEEK_ = 2, MSG_CTRUNC_ = 8, MSG_TRUNC_ = 0x20, MSG_DONTWAIT_ = 0x40,
       MSG_EOR_ = 0x80, MSG_WAITALL_ = 0x100, MSG_NOSIGNAL_ = 0x4000,
       MSG_CMSG_CLOEXEC_ = 0x40000000 };
enum { SOL_SOCKET_ = 1, SCM_RIGHTS_ = 1, SCM_CREDENTIALS_ = 2, SCM_MAX_FILES = 253 };

enum {
	RING = (SOCKET_PAGES - 1) * PAGE_SIZE,          /* bytes: N2 */
	LIMIT_MOST = 212992,            /* SO_SNDBUF */
	LIMIT_LEAST = 4608,
	FAMILY_LEN = 2,
	RECORD_MOST = 32 * 1024,        /* of a stream */
	RECORD_MARGIN = 1024,           /* what a record is longer than its bytes, at most */
};
_Static_assert(RING - LIMIT_MOST / 4 >= LIMIT_MOST + RECORD_MARGIN, "socket_poll()");

/* In the ring: this, numbers of `files` open files, the sender's name, the bytes; in steps of 8. */
struct record {
	uint32_t len;
	uint32_t pid, uid, gid;         /* of the sender */
	uint16_t files;
	uint16_t name_len;
	uint32_t has_cred;
};

struct address { unsigned family, len; char name[SOCKET_NAME + 1]; };   /* len: of the name */

/* One call that moves bytes. Their places are in part[]. */
struct transfer {
	uint64_t total;                 /* bytes in all parts */
	uint64_t header;                /* of struct msghdr, 0: there is none */
	uint64_t name, name_len_at;     /* where the sender's name and its length go; 0: nowhere */
	uint64_t control, control_len;
	uint32_t name_len;
	uint32_t flags;                 /* MSG_ */
	uint32_t result;                /* MSG_ that the caller gets */
	uint32_t given;                 /* files that the caller has got descriptors of */
	bool has_address;
};

extern struct linux_iovec part[IOV_MAX_];       /* socket_io.c */

static inline unsigned socket_index(const struct socket *s)
{
	return (unsigned)(s - state.socket);
}

static inline struct socket *socket_of(const struct file *f)
{
	return &state.socket[f->socket];
}

static inline struct socket *peer_of(const struct socket *s)
{
	return &state.socket[s->peer];
}

static inline bool is_stream(const struct socket *s) { return s->type == SOCK_STREAM_; }
static inline bool is_datagram(const struct socket *s) { return s->type == SOCK_DGRAM_; }
static inline bool is_gone(const struct socket *s) { return s->phase == SOCKET_GONE; }
static inline bool has_message(const struct socket *s) { return s->head != s->tail; }

/* socket.c */
struct file *socket_file(struct op *o, int fd, int64_t *err);   /* NULL: EBADF, ENOTSOCK */
unsigned socket_new(struct op *o, unsigned type);       /* 0: ENFILE */
int64_t socket_open(struct op *o, unsigned n, uint32_t flags);  /* a descriptor for it */
void socket_undo_open(struct op *o, int64_t fd);        /* which was got just now */
void socket_set_peer(struct socket *s, unsigned peer);
void socket_abandon(unsigned n, bool unheard);
void socket_wake(const struct socket *s);               /* all who wait for it, and for its peer */
void socket_wake_writers(const struct socket *s);       /* its ring has more room */
void other_is(struct socket *s, struct op *o);          /* SO_PEERCRED: the caller */
int64_t socket_error(struct socket *s); /* what SO_ERROR would tell, once */
bool socket_may_wait(const struct file *f, const struct transfer *m);
/* Wait in a queue of s; ns as limit, `done` if something has been done. */
int64_t socket_wait(struct op *o, enum queue q, const struct socket *s, uint64_t ns, int64_t done);

/* socket_name.c */
int64_t address_get(struct op *o, uint64_t at, uint64_t len, struct address *a) MUST_CHECK;
/* `len` bytes, family and name, to where there is room for as many as stand at len_at. */
int64_t address_give(struct op *o, const char *name, unsigned len, uint64_t to, uint64_t len_at)
	MUST_CHECK;
int64_t socket_find(struct op *o, const struct socket *s, const struct address *a, unsigned *n)
	MUST_CHECK;
void socket_autobind(struct socket *s);

/* socket_ring.c */
uint64_t record_size(const struct record *r);
void record_at(const struct socket *s, uint64_t at, struct record *r);
void record_files(const struct socket *s, uint64_t at, const struct record *r, uint16_t *files);
void record_name(const struct socket *s, uint64_t at, const struct record *r, char *name);
/* The record's bytes [from, from + n) to the caller's at `offset`. */
int64_t record_give(struct op *o, struct socket *s, uint64_t at, const struct record *r,
		    uint64_t from, uint64_t offset, uint64_t n) MUST_CHECK;
/* A new record, of the caller's bytes at `offset`. */
int64_t record_put(struct op *o, struct socket *s, const struct record *r, const uint16_t *files,
		   const char *name, uint64_t offset) MUST_CHECK;
void ring_take(struct socket *s, uint64_t tail);        /* records up to here are used */
void ring_free(struct socket *s);
static inline uint64_t ring_used(const struct socket *s) { return s->head - s->tail; }

/* socket_control.c */
struct control { struct record r; uint16_t file[SCM_MAX_FILES]; };
int64_t control_get(struct op *o, const struct socket *s, const struct socket *to,
		    const struct transfer *m, struct control *c) MUST_CHECK;
int64_t control_give(struct op *o, const struct socket *s, struct transfer *m,
		     const struct record *r, const uint16_t *files) MUST_CHECK;
void files_hold(struct socket *s, const uint16_t *files, unsigned n);
/* They are in the ring no more. The references of the first `given` are their descriptors' now. */
void files_release(struct socket *s, const uint16_t *files, unsigned n, unsigned given);
void sender_keep(struct row *row, const struct record *r);
bool sender_kept(const struct row *row, struct record *r);      /* false: there is none */

/* socket_send.c, socket_receive.c */
int64_t socket_send(struct op *o, struct file *f, struct transfer *m);
int64_t socket_receive(struct op *o, struct file *f, struct transfer *m);

#endif
