/* SPDX-License-Identifier: BSD-2-Clause
 * service.c - looks at services and manages them.
 *
 * Job:      service list | status NAME | start NAME | start PATH.svc | remove NAME | stop NAME |
 *           restart NAME | recover NAME | refresh NAME | degrade NAME | kill [-SIGNAL] NAME |
 *           update NAME [PROGRAM] | reload NAME [PATH.svc] | rights NAME | stats [NAME] |
 *           log [NAME] | dump [NAME] | crashes | tree.
 * Speaks:   contracts/rs, log and is, as any program may; rs checks who may change something.
 * Touches:  nothing.
 * Trusts:   rs and log for what they answer.
 * On crash: it is a program: nothing depends on it.
 */
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <contract/is.h>
#include <contract/log.h>
#include <contract/rs.h>
#include <lib/service_ids.h>

enum { DUMP_ROOM = 256 * 1024, LOG_ROOM = 8192 };

static char text[DUMP_ROOM];

struct peer rs = PEER("rs");
static struct peer is_server = PEER("is");
/* Where it begins it hardly ever leaves: what log has to say of rs it says without rs. */
static struct peer log_server = {
	.name = "log", .at = { (FIRST_GENERATION << SLOT_BITS) | ID_LOG },
};

static const char *error_text(err_t err)
{
	switch (-err) {
	case EDEADPEER:
		return "the server has died";
	case ERECOVERED:
		return "the request crashed the server and is refused";
	case ENOENT:
		return "no such service";
	case EPERM:
		return "only root may do that";
	case EEXIST:
		return "already running";
	case ESRCH:
		return "not running";
	case ENOLINK:
		return "it does not run";
	case EBUSY:
		return "it cannot be stopped: other services or all programs need it";
	case EOPNOTSUPP:
		return "nobody would notice: it has no heartbeat, or its guardian is not there";
	case ENOMEM:
		return "too little memory";
	case EIO:
		return "it died before it was ready (see: service log)";
	default:
		return strerror(-err);
	}
}

int fail(const char *name, err_t err)
{
	fprintf(stderr, "service: %s: %s\n", name, error_text(err));
	return 1;
}

/* A name into a request; false, and said: no service has such a long one. */
static bool name_fits(char *to, size_t size, const char *name)
{
	if (strlen(name) < size) {
		strcpy(to, name);
		return true;
	}
	fail(name, -ENOENT);
	return false;
}

static const char *state_text(uint32_t state)
{
	static const char *const text[] = {
		"stopped", "starting", "running", "dead", "gone", "scripted", "degraded",
	};

	return state < sizeof(text) / sizeof(text[0]) ? text[state] : "?";
}

static const char *cause_text(uint32_t cause)
{
	static const char *const text[] = {
		[RS_CAUSE_NONE] = "", [RS_CAUSE_EXIT] = "exit", [RS_CAUSE_EXCEPTION] = "exception",
		[RS_CAUSE_KILLED] = "signal", [RS_CAUSE_HUNG] = "hung",
		[RS_CAUSE_OPERATOR] = "request", [RS_CAUSE_IPC] = "ipc",
		[RS_CAUSE_COMPLAINT] = "complaint", [RS_CAUSE_RESOURCE] = "resource",
		[RS_CAUSE_DOUBT] = "doubt",
	};

	return cause < sizeof(text) / sizeof(text[0]) && text[cause] ? text[cause] : "?";
}

static int list(void)
{
	struct rs_list_request req = { 0 };
	struct rs_list_reply r;
	err_t err;

	printf("%-12s %3s %4s %-9s %8s %9s  %s\n", "NAME", "ID", "RANK", "STATE", "RESTARTS",
	       "RECOVERED", "LAST DEFECT");
	for (;; req.index++) {
		err = rs_list(&rs, &req, &r);
		if (err != 0)
			break;
		printf("%-12.16s %3u %4u %-9s %8u %9u", r.name, r.priv, r.rank,
		       state_text(r.state), r.restarts, r.recoveries);
		if (r.cause != RS_CAUSE_NONE)
			printf("  %s %u", cause_text(r.cause), r.code);
		putchar('\n');
	}
	return err == -ENOENT ? 0 : fail("rs", err);
}

/* What rs knows of it. Exit status. */
static int look_up(const char *name, struct rs_status_reply *r)
{
	struct rs_status_request req = { 0 };
	err_t err;

	if (!name_fits(req.name, sizeof(req.name), name))
		return 1;
	err = rs_status(&rs, &req, r);
	return err != 0 ? fail(name, err) : 0;
}

static int status(const char *name)
{
	struct rs_status_reply r;

	if (look_up(name, &r) != 0)
		return 1;
	printf("%s: %s, id %u, rank %u, endpoint 0x%x\n", name, state_text(r.state), r.priv, r.rank,
	       r.who.v);
	if (r.who.v != ENDPOINT_NONE.v)
		printf("  up %u.%03u s, %u heartbeats unanswered\n", r.uptime_ms / 1000,
		       r.uptime_ms % 1000, r.beats);
	printf("  %u restarts, %u recoveries in place\n", r.restarts, r.recoveries);
	if (r.cause != RS_CAUSE_NONE)
		printf("  last defect: %s %u, repaired in %u us\n", cause_text(r.cause), r.code,
		       r.repaired_us);
	return 0;
}

/* Calls that a name is all of. */
#define BY_NAME(call)						\
static err_t call##_by_name(const char *name)			\
{								\
	struct rs_##call##_request req = { 0 };			\
								\
	if (strlen(name) >= sizeof(req.name))			\
		return -ENOENT;					\
	strcpy(req.name, name);					\
	return rs_##call(&rs, &req);				\
}
BY_NAME(start)
BY_NAME(stop)
BY_NAME(restart)
BY_NAME(recover)
BY_NAME(refresh)
BY_NAME(degrade)

static int result(const char *name, err_t err)
{
	return err == 0 ? 0 : fail(name, err);
}

static int restart(const char *name)
{
	err_t err = restart_by_name(name);

	if (err != -EBUSY)
		return result(name, err);
	fprintf(stderr, "service: %s: it would forget what programs have there (service kill %s "
		"lets it recover, service refresh %s has it forget)\n", name, name, name);
	return 1;
}

static int recover(const char *name)
{
	err_t err = recover_by_name(name);

	if (err != -EOPNOTSUPP)
		return result(name, err);
	fprintf(stderr, "service: %s: it keeps no state (service refresh %s starts it afresh), or "
		"its guardian is not there\n", name, name);
	return 1;
}

static int degrade(const char *name)
{
	err_t err = degrade_by_name(name);

	if (err != -EBUSY)
		return result(name, err);
	fprintf(stderr, "service: %s: programs or the root file system cannot do without it\n",
		name);
	return 1;
}

static int refresh(const char *name)
{
	err_t err = restart_by_name(name);

	if (err == -EBUSY && strcmp(name, "rs") != 0) {
		fprintf(stderr, "service: %s: programs lose what they have there; vm, pm and vfs "
			"have all: without them all programs end\n", name);
		err = refresh_by_name(name);
	}
	return result(name, err);
}

/* One that rs knows, or one that is still to be loaded: by its file, or by its name. */
static int start(const char *name, const char *program)
{
	struct rs_status_request req = { 0 };
	struct rs_status_reply r;
	char path[300];

	if (is_path(name) || program != NULL)
		return load(name, program);
	snprintf(req.name, sizeof(req.name), "%.15s", name);
	if (strcmp(req.name, name) == 0 && find_manifest(name, path, sizeof(path)) &&
	    rs_status(&rs, &req, &r) == -ENOENT)
		return load(path, NULL);
	return result(name, start_by_name(name));
}

static const char *const signals[] = {
	"0", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
	"USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
	"URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
};
enum { NO_SIGNAL = 255, LAST_SIGNAL = 64 };

static uint32_t signal_number(const char *name)
{
	char *end;
	unsigned long n = strtoul(name, &end, 10);

	if (name[0] >= '0' && name[0] <= '9' && !*end)
		return n <= LAST_SIGNAL ? (uint32_t)n : NO_SIGNAL;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (unsigned i = 1; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(name, signals[i]) == 0)
			return i;
	return NO_SIGNAL;
}

static int kill_service(int argc, char **argv)
{
	struct rs_kill_request req = { .signal = 9 };
	const char *name = argv[argc - 1];

	if (argc == 2 && argv[0][0] == '-')
		req.signal = signal_number(argv[0] + 1);
	if (req.signal == NO_SIGNAL || (argc == 2 && argv[0][0] != '-')) {
		fprintf(stderr, "service: kill: %s: no such signal\n", argv[0]);
		return 2;
	}
	if (!name_fits(req.name, sizeof(req.name), name))
		return 1;
	return result(name, rs_kill(&rs, &req));
}

/* name: NULL, of all. */
static int stats(const char *name)
{
	struct rs_stats_request req = { 0 };
	struct rs_stats_reply r;
	err_t err;

	if (name != NULL && !name_fits(req.name, sizeof(req.name), name))
		return 1;
	err = rs_stats(&rs, &req, &r);
	if (err != 0)
		return fail(name != NULL ? name : "rs", err);
	if (name == NULL)
		printf("services    %8u\n", r.services);
	printf("running     %8u\nrestarts    %8u\nrecoveries  %8u\n", r.running, r.restarts,
	       r.recoveries);
	printf("heartbeats missed %2u\nmemory      %8lu KiB\n", r.missed,
	       (unsigned long)r.frames * 4);
	printf("defects: exit %u, exception %u, signal %u, hung %u, ipc %u, complaint %u, "
	       "resource %u\n", r.exits, r.exceptions, r.signals, r.hangs, r.ipc, r.complaints,
	       r.resources);
	printf("calls done again %u\n", r.doubts);
	if (name == NULL)
		printf("crashes     %8u\n", r.crashes);
	if (r.repaired_us != 0)
		printf("%s %8u us\n", name == NULL ? "longest repair of a last defect"
		       : "last defect repaired in", r.repaired_us);
	return 0;
}

static bool begins(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && memcmp(line, name, n) == 0 && line[n] == ':';
}

/* What the service itself has said, and what rs has said about it. */
static bool is_about(const char *line, size_t len, const char *name)
{
	static const char by_rs[] = "rs: ";

	return begins(line, len, name) ||
	       (len > strlen(by_rs) && memcmp(line, by_rs, strlen(by_rs)) == 0 &&
		begins(line + strlen(by_rs), len - strlen(by_rs), name));
}

/* Whole lines; with a name only those about that service. How many. */
static unsigned show_lines(const char *name, const char *from, size_t len)
{
	unsigned shown = 0;

	for (const char *end; len > 0; len -= (size_t)(end - from), from = end) {
		end = memchr(from, '\n', len);
		end = end != NULL ? end + 1 : from + len;
		if (name != NULL && !is_about(from, (size_t)(end - from), name))
			continue;
		fwrite(from, 1, (size_t)(end - from), stdout);
		shown++;
	}
	return shown;
}

static int show_log(const char *name)
{
	struct log_read_request req = { 0 };
	struct log_read_reply r;
	struct rs_status_reply unused;
	unsigned shown = 0;

	for (;;) {
		err_t err = log_read(&log_server, &req, text, LOG_ROOM, &r);

		if (err != 0)
			return fail("log", err);
		if (r.done == 0)
			break;
		shown += show_lines(name, text, r.done);
		req.seq = r.next;
	}
	return shown == 0 && name != NULL ? look_up(name, &unused) : 0;
}

/* ---- dumps ---- */

/* What is, which would know, has to say of it. */
static int fail_of_is(const char *name, err_t err)
{
	if (err != -ENOLINK)
		return fail(name, err);
	fprintf(stderr, "service: %s: is, who would know, does not run (service start is)\n", name);
	return 1;
}

static int dump_list(void)
{
	struct is_page_request req = { 0 };
	struct is_page_reply r;
	err_t err;

	printf("service dump NAME: all about one service, or one of\n");
	for (;; req.index++) {
		err = is_page(&is_server, &req, &r);
		if (err != 0)
			break;
		if (r.key != 0)
			printf("  %-12.12s Shift+F%-2u  %.40s\n", r.name, r.key, r.about);
		else
			printf("  %-12.12s %9s  %.40s\n", r.name, "", r.about);
	}
	return err == -ENOENT ? 0 : fail_of_is("dump", err);
}

static int dump(const char *name)
{
	struct is_service_request one = { 0 };
	struct is_dump_request page = { 0 };
	struct is_service_reply r = { 0 };
	struct is_dump_reply p = { 0 };
	err_t err;

	if (name == NULL)
		return dump_list();
	if (!name_fits(one.name, sizeof(one.name), name))
		return 1;
	strcpy(page.name, name);
	err = is_service(&is_server, &one, text, sizeof(text), &r);
	if (err == -ENOENT) {
		err = is_dump(&is_server, &page, text, sizeof(text), &p);
		r = (struct is_service_reply){ .done = p.done, .size = p.size };
	}
	if (err == -ENOENT) {
		fprintf(stderr, "service: dump: %s: no such service, and no such page\n", name);
		return 1;
	}
	if (err != 0)
		return fail_of_is(name, err);
	fwrite(text, 1, r.done, stdout);
	if (r.size > r.done)
		fprintf(stderr, "service: dump: %u bytes more\n", r.size - r.done);
	return 0;
}

static int rights(const char *name)
{
	struct is_rights_request req = { 0 };
	struct is_rights_reply r = { 0 };
	err_t err;

	if (!name_fits(req.name, sizeof(req.name), name))
		return 1;
	err = is_rights(&is_server, &req, text, sizeof(text), &r);
	if (err != 0)
		return fail_of_is(name, err);
	fwrite(text, 1, r.done, stdout);
	return 0;
}

/* `text`: what has been asked for and is wrong, if there is more to say. */
static int usage(const char *text, const char *verb)
{
	if (text != NULL)
		fprintf(stderr, "service: %s: %s\n", verb, text);
	fputs("usage: service list\n"
	      "       service status|start|stop|restart|recover|refresh|degrade NAME\n"
	      "       service start PATH.svc [PROGRAM]\n"
	      "       service remove NAME\n"
	      "       service update NAME [PROGRAM]\n"
	      "       service reload NAME [PATH.svc]\n"
	      "       service rights NAME\n"
	      "       service kill [-SIGNAL] NAME\n"
	      "       service stats [NAME]\n"
	      "       service log [NAME]\n"
	      "       service dump [NAME]\n"
	      "       service crashes\n"
	      "       service tree\n", stderr);
	return 2;
}

static const char *const verbs[] = {
	"list", "status", "start", "stop", "restart", "kill", "stats", "log", "dump",
	"crashes", "tree", "recover", "refresh", "update", "reload", "rights", "remove", "degrade",
};

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "help") == 0 || strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
		usage(NULL, verb);
		return 0;
	}
	if (argc == 2 && strcmp(verb, "list") == 0)
		return list();
	if ((argc == 2 || argc == 3) && strcmp(verb, "stats") == 0)
		return stats(argv[2]);
	if (argc == 2 && strcmp(verb, "tree") == 0)
		return tree();
	if (argc == 2 && strcmp(verb, "crashes") == 0)
		return crashes();
	if ((argc == 2 || argc == 3) && strcmp(verb, "log") == 0)
		return show_log(argv[2]);
	if ((argc == 2 || argc == 3) && strcmp(verb, "dump") == 0)
		return dump(argv[2]);
	if (argc == 3 && strcmp(verb, "status") == 0)
		return status(argv[2]);
	if ((argc == 3 || argc == 4) && strcmp(verb, "start") == 0)
		return start(argv[2], argv[3]);
	if (argc == 3 && strcmp(verb, "remove") == 0)
		return remove_service(argv[2]);
	if ((argc == 3 || argc == 4) && strcmp(verb, "update") == 0)
		return update(argv[2], argv[3]);
	if ((argc == 3 || argc == 4) && strcmp(verb, "reload") == 0)
		return reload(argv[2], argv[3]);
	if (argc == 3 && strcmp(verb, "rights") == 0)
		return rights(argv[2]);
	if (argc == 3 && strcmp(verb, "refresh") == 0)
		return refresh(argv[2]);
	if ((argc == 3 || argc == 4) && strcmp(verb, "kill") == 0)
		return kill_service(argc - 2, argv + 2);
	if (argc == 3 && strcmp(verb, "stop") == 0)
		return result(argv[2], stop_by_name(argv[2]));
	if (argc == 3 && strcmp(verb, "restart") == 0)
		return restart(argv[2]);
	if (argc == 3 && strcmp(verb, "recover") == 0)
		return recover(argv[2]);
	if (argc == 3 && strcmp(verb, "degrade") == 0)
		return degrade(argv[2]);
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verb, verbs[i]) == 0)
			return usage(argc == 2 ? "of which service?" : "too many arguments", verb);
	return usage(argc > 1 ? "no such command" : NULL, verb);
}
