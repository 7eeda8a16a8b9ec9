/* SPDX-License-Identifier: BSD-2-Clause
 * is.c - the information server: the system's tables as text.
 *
 * Job:      makes dump pages, for `service dump` and for keys of the console.
 * Speaks:   contracts/is, to programs of user 0 and to keyboards; contracts of those whose tables
 *           it shows; contracts/summary to every service.
 * Touches:  nothing: every call it makes only reads.
 * Trusts:   those it asks, for what they say.
 * On crash: holds no state; started afresh. A dump that was being made is lost.
 */
#include "is.h"

#include <contract/log.h>

struct peer pm = PEER("pm"), vm = PEER("vm"), ds = PEER("ds"), rs = PEER("rs"),
	    sched = PEER("sched");
static struct peer log = PEER("log");

enum { LOG_PIECE = 1024 };

static const struct page {
	const char *name, *about;
	page_maker *make;
} pages[] = {
	{ "processes", "every process, as the kernel has it", dump_processes },
	{ "services", "services, their restarts and defects", dump_services },
	{ "privileges", "what each service may do", dump_privileges },
	{ "devices", "ports, interrupts, device memory", dump_devices },
	{ "grants", "memory that services lend each other", dump_grants },
	{ "trace", "the last messages", dump_trace },
	{ "memory", "frames by type; vm's account", dump_memory },
	{ "names", "names published in ds", dump_names },
	{ "routes", "who answers which system call", dump_routes },
	{ "programs", "programs, as pm and vm have them", dump_programs },
	{ "ipc", "who waits for whom", dump_ipc },
	{ "priorities", "what sched has decided", dump_priorities },
};
enum { KEYED = IS_KEYS - 1 };           /* pages that have a key; the last key is the list */

static void dump_keys(void)
{
	for (unsigned i = 0; i < KEYED; i++)
		put("Shift+F%-2u %-12s %s\n", i + 1, pages[i].name, pages[i].about);
	put("Shift+F%-2u %-12s this list\n", IS_KEYS, "keys");
}

static void make(page_maker *maker)
{
	text_clear();
	names_read();
	maker();
}

/* Programs of user 0, and services. */
static bool may_look(const struct call *c)
{
	struct proc_public_get_request req = { .proc = c->client };
	struct proc_public_get_reply r;

	return endpoint_slot(c->client) < FIRST_PROGRAM ||
	       (sys_proc_public_get(&req, &r) == 0 && r.word[PUBLIC_EUID] == 0);
}

/* The text to the log, whole lines in each piece. */
static void say_text(void)
{
	size_t size;
	const char *at = text(&size);

	while (size > 0) {
		struct log_write_reply r;
		size_t n = size < LOG_PIECE ? size : LOG_PIECE;

		while (n < size && n > 1 && at[n - 1] != '\n')
			n--;
		if (log_write(&log, at, n, &r) != 0 || r.done == 0)
			return;
		at += r.done;
		size -= r.done;
	}
}

/* ---- contracts/is ---- */

static err_t do_is_key(const struct call *c, const struct is_key_request *req)
{
	if (!may_look(c))
		return -EPERM;
	make(req->key == IS_KEYS ? dump_keys : pages[req->key - 1].make);
	say_text();
	return 0;
}

static err_t do_is_page(const struct call *c, const struct is_page_request *req,
			struct is_page_reply *reply)
{
	if (req->index >= COUNT(pages))
		return -ENOENT;
	strlcpy(reply->name, pages[req->index].name, sizeof(reply->name));
	strlcpy(reply->about, pages[req->index].about, sizeof(reply->about));
	reply->key = req->index < KEYED ? req->index + 1 : 0;
	return 0;
}

/* What goes with the reply: as much of the text as fits. */
static err_t give(const struct call *c, uint32_t *done, uint32_t *size)
{
	size_t n;
	const char *at = text(&n);

	*size = (uint32_t)n;
	for (size_t sent = 0, part; sent < n && sent < c->lent; sent += part) {
		part = n - sent < c->lent - sent ? n - sent : c->lent - sent;
		if (part > COPY_MAX)
			part = COPY_MAX;
		if (call_write(c, sent, at + sent, part) != 0)
			return -EFAULT;
		*done = (uint32_t)(sent + part);
	}
	return 0;
}

static err_t do_is_dump(const struct call *c, const struct is_dump_request *req,
			struct is_dump_reply *reply)
{
	if (!may_look(c))
		return -EPERM;
	for (unsigned i = 0; i < COUNT(pages); i++)
		if (strcmp(pages[i].name, req->name) == 0) {
			make(pages[i].make);
			return give(c, &reply->done, &reply->size);
		}
	return -ENOENT;
}

static err_t do_is_service(const struct call *c, const struct is_service_request *req,
			   struct is_service_reply *reply)
{
	err_t err;

	if (!may_look(c))
		return -EPERM;
	text_clear();
	names_read();
	err = dump_service(req->name);
	return err != 0 ? err : give(c, &reply->done, &reply->size);
}

static err_t do_is_rights(const struct call *c, const struct is_rights_request *req,
			  struct is_rights_reply *reply)
{
	err_t err;

	if (!may_look(c))
		return -EPERM;
	text_clear();
	names_read();
	err = dump_rights(req->name);
	return err != 0 ? err : give(c, &reply->done, &reply->size);
}

static const struct is_ops ops = {
	.key = do_is_key, .page = do_is_page, .dump = do_is_dump, .service = do_is_service,
	.rights = do_is_rights,
};

/* Each call is answered before the next message is taken. Whose answer is lost asks again. */
static void audit(void)
{
	struct proc_info_reply info;

	for (uint32_t slot = 0; slot < NR_PROCS; slot++)
		if (call_waits(slot, ID_IS, &info))
			call_reply(info.proc, info.serial, -EDEADPEER, NULL, 0);
}

int main(void)
{
	static const struct server is = {
		.name = "is", .serves = { { .contract = &is_contract, .ops = &ops } },
		.audit = audit,
	};

	server_run(&is);
}
