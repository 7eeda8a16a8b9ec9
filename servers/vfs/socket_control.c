/* SPDX-License-Identifier: BSD-2-Clause
 * socket_control.c - what goes along with bytes: who sends them, and open files.
 *
 * Job:      SCM_CREDENTIALS, SCM_RIGHTS; counts files in flight, refuses what would not end.
 * Speaks:   nothing.
 * Touches:  references of open files; descriptors of who receives.
 * Trusts:   nothing in a call.
 * On crash: recovers in place: files in flight are records and counts.
 * Spec:     unix(7) "Ancillary messages", cmsg(3).
 */
#include "socket.h"

enum { CONTROL_MOST = 4096, FLIGHTS_MOST = 2048, CONTROL_LEN_AT = 40, FLAGS_AT = 48,
       HEADER_SIZE = 56 };

struct part_head { uint64_t len; int32_t level, type; };        /* struct cmsghdr */
struct cred { uint32_t pid, uid, gid; };
enum { HEAD = sizeof(struct part_head), CRED_LEN = HEAD + sizeof(struct cred),
       CRED_SPACE = (CRED_LEN + 7) & ~7 };

static char in[CONTROL_MOST];

/* ---- no cycles, N3 ---- */

static uint16_t stack[NR_SOCKETS];
static uint64_t seen[NR_SOCKETS / 64];
static unsigned depth;

static void visit(unsigned n)
{
	if (seen[n / 64] & BIT(n % 64))
		return;
	seen[n / 64] |= BIT(n % 64);
	stack[depth++] = (uint16_t)n;
}

static void visit_files(const uint16_t *files, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		if (state.file[files[k]].kind == FILE_SOCKET)
			visit(state.file[files[k]].socket);
}

static void visit_ring(const struct socket *s)
{
	static uint16_t files[SCM_MAX_FILES];
	struct record r;

	for (uint64_t at = s->tail; at != s->head; at += record_size(&r)) {
		record_at(s, at, &r);
		record_files(s, at, &r, files);
		visit_files(files, at == s->tail && s->front != 0 ? 0 : r.files);
	}
}

/* Do these files, by what their sockets hold, lead to socket `to`? */
static bool lead_to(const uint16_t *files, unsigned n, const struct socket *to)
{
	memset(seen, 0, sizeof(seen));
	depth = 0;
	visit_files(files, n);
	while (depth > 0) {
		const struct socket *s = &state.socket[stack[--depth]];

		if (s == to)
			return true;
		if (s->phase == SOCKET_LISTENS)
			for (unsigned e = s->first; e != 0; e = state.socket[e].next)
				visit(e);
		if (s->flights != 0)
			visit_ring(s);
	}
	return false;
}

/* ---- counts ---- */

void files_hold(struct socket *s, const uint16_t *files, unsigned n)
{
	if (n == 0)
		return;
	for (unsigned k = 0; k < n; k++)
		state.file[files[k]].refs++;
	s->flights += n;
	state.flights += n;
}

void files_release(struct socket *s, const uint16_t *files, unsigned n, unsigned given)
{
	if (n == 0)
		return;
	s->flights -= n;
	state.flights -= n;
	for (unsigned k = given; k < n; k++)
		file_release_later(files[k]);
}

/* ---- a call that waits with a part of its bytes done ----
 * keep[0..2] of its row: 1 + whether the sender of that part was known, and who it was. */

void sender_keep(struct row *row, const struct record *r)
{
	row->keep[0] = 1 + r->has_cred;
	row->keep[1] = r->pid;
	row->keep[2] = r->uid | (uint64_t)r->gid << 32;
}

bool sender_kept(const struct row *row, struct record *r)
{
	if (row == NULL || row->keep[0] == 0)
		return false;
	*r = (struct record){
		.has_cred = (uint32_t)row->keep[0] - 1, .pid = (uint32_t)row->keep[1],
		.uid = (uint32_t)row->keep[2], .gid = (uint32_t)(row->keep[2] >> 32),
	};
	return true;
}

/* ---- sending ---- */

static int64_t rights_get(struct op *o, const char *data, size_t len, struct control *c)
{
	for (size_t at = 0; at + sizeof(int32_t) <= len; at += sizeof(int32_t)) {
		struct file *f;
		int32_t fd;

		memcpy(&fd, data + at, sizeof(fd));
		if (c->r.files == SCM_MAX_FILES)
			return -EINVAL;
		f = fd_file(o, fd);
		if (f == NULL)
			return -EBADF;
		c->file[c->r.files++] = (uint16_t)file_index(f);
	}
	return 0;
}

/* Who it says that sends must be who sends, if that is not root. */
static int64_t cred_get(const struct proc_public_get_reply *p, const char *data, size_t len,
			struct record *r)
{
	struct cred want;

	if (len != sizeof(want))
		return -EINVAL;
	memcpy(&want, data, sizeof(want));
	if (p->word[PUBLIC_EUID] != 0 &&
	    (want.pid != p->word[PUBLIC_PID] ||
	     (want.uid != p->word[PUBLIC_UID] && want.uid != p->word[PUBLIC_EUID]) ||
	     (want.gid != p->word[PUBLIC_GID] && want.gid != p->word[PUBLIC_EGID])))
		return -EPERM;
	if (want.uid == UINT32_MAX || want.gid == UINT32_MAX)
		return -EINVAL;
	if (want.pid != p->word[PUBLIC_PID] && process_by_pid(want.pid) == NULL)
		return -ESRCH;
	*r = (struct record){
		.has_cred = 1, .pid = want.pid, .uid = want.uid, .gid = want.gid,
		.files = r->files,
	};
	return 0;
}

static int64_t parse(struct op *o, const struct proc_public_get_reply *p, size_t len,
		     struct control *c)
{
	for (size_t at = 0; at + HEAD <= len;) {
		struct part_head h;
		int64_t err = 0;

		memcpy(&h, in + at, sizeof(h));
		if (h.len < HEAD || h.len > len - at)
			return -EINVAL;
		if (h.level == SOL_SOCKET_ && h.type == SCM_RIGHTS_)
			err = rights_get(o, in + at + HEAD, h.len - HEAD, c);
		else if (h.level == SOL_SOCKET_ && h.type == SCM_CREDENTIALS_)
			err = cred_get(p, in + at + HEAD, h.len - HEAD, &c->r);
		else if (h.level == SOL_SOCKET_)
			err = -EINVAL;
		if (err != 0)
			return err;
		at += (h.len + 7) & ~(uint64_t)7;
	}
	return 0;
}

int64_t control_get(struct op *o, const struct socket *s, const struct socket *to,
		    const struct transfer *m, struct control *c)
{
	struct proc_public_get_request req = { .proc = o->client };
	struct proc_public_get_reply p = { { 0 } };
	int64_t err;

	c->r = (struct record){ 0 };
	if (m->control_len > CONTROL_MOST)
		return -ENOBUFS;
	if (m->control_len == 0 && !((s->flags | to->flags) & SOCKET_PASSCRED))
		return 0;
	if (sys_proc_public_get(&req, &p) != 0)
		return -ESRCH;
	err = user_read(o, m->control, in, m->control_len);
	if (err == 0)
		err = parse(o, &p, m->control_len, c);
	if (err != 0)
		return err;
	if (!c->r.has_cred && (s->flags | to->flags) & SOCKET_PASSCRED) {
		c->r.has_cred = 1;
		c->r.pid = p.word[PUBLIC_PID];
		c->r.uid = p.word[PUBLIC_UID];
		c->r.gid = p.word[PUBLIC_GID];
	}
	if (c->r.files != 0 && !is_root(o) && state.flights + c->r.files > FLIGHTS_MOST)
		return -ETOOMANYREFS;
	return lead_to(c->file, c->r.files, to) ? -ETOOMANYREFS : 0;
}

/* ---- receiving ---- */

struct out { char bytes[CRED_SPACE + HEAD + SCM_MAX_FILES * sizeof(int32_t) + 4]; size_t used; };

static void add(struct out *out, size_t room, int32_t type, const void *data, size_t len)
{
	struct part_head h = { HEAD + len, SOL_SOCKET_, type };
	size_t space = (HEAD + len + 7) & ~(size_t)7;

	memcpy(out->bytes + out->used, &h, sizeof(h));
	memcpy(out->bytes + out->used + HEAD, data, len);
	out->used += space < room - out->used ? space : room - out->used;
}

static void add_cred(struct out *out, struct transfer *m, const struct record *r)
{
	enum { NOBODY = 65534 };
	struct cred c = { 0, NOBODY, NOBODY };

	if (r->has_cred)
		c = (struct cred){ r->pid, r->uid, r->gid };
	if (m->control_len < CRED_LEN)
		m->result |= MSG_CTRUNC_;
	if (m->control_len >= HEAD)
		add(out, m->control_len, SCM_CREDENTIALS_, &c,
		    m->control_len < CRED_LEN ? m->control_len - HEAD : sizeof(c));
}

/* Descriptors for as many as there is room for. */
static void add_files(struct op *o, struct out *out, struct transfer *m, const uint16_t *files,
		      unsigned n)
{
	static int32_t fds[SCM_MAX_FILES];
	size_t room = m->control_len - out->used;
	unsigned k = 0;

	for (; k < n && room >= HEAD + (k + 1) * sizeof(fds[0]); k++) {
		int64_t fd = fd_new(o, files[k], 0, m->flags & MSG_CMSG_CLOEXEC_);

		if (fd < 0)
			break;
		fds[k] = (int32_t)fd;
	}
	m->given = k;
	if (k < n)
		m->result |= MSG_CTRUNC_;
	if (k > 0)
		add(out, m->control_len, SCM_RIGHTS_, fds, k * sizeof(fds[0]));
}

/* With descriptors there nothing may fail. The memory is touched before, so that only
 * who takes it away from himself at this very moment gets an error, and keeps the descriptors. */
int64_t control_give(struct op *o, const struct socket *s, struct transfer *m,
		     const struct record *r, const uint16_t *files)
{
	static struct out out;
	uint64_t len;
	int64_t err;

	if (m->header == 0)
		return 0;
	if (m->control == 0)
		m->control_len = 0;
	if (m->control_len > sizeof(out.bytes))
		m->control_len = sizeof(out.bytes);
	out.used = 0;
	memset(out.bytes, 0, sizeof(out.bytes));
	err = r->files == 0 ? 0 : user_touch(o, m->header, HEADER_SIZE, true);
	if (err == 0 && r->files != 0)
		err = user_touch(o, m->control, m->control_len, true);
	if (err != 0)
		return err;
	if (s->flags & SOCKET_PASSCRED)
		add_cred(&out, m, r);
	add_files(o, &out, m, files, r->files);
	len = out.used;
	m->result |= m->flags & MSG_CMSG_CLOEXEC_;
	err = user_write(o, m->control, out.bytes, len);
	if (err == 0)
		err = user_write(o, m->header + CONTROL_LEN_AT, &len, sizeof(len));
	if (err == 0)
		err = user_write(o, m->header + FLAGS_AT, &m->result, sizeof(m->result));
	if (err == -PARKED && m->given == 0)
		return err;
	/* What stays in the ring keeps its references. */
	for (unsigned k = 0; (err != 0 || m->flags & MSG_PEEK_) && k < m->given; k++)
		state.file[files[k]].refs++;
	return err != 0 ? -EFAULT : 0;
}
