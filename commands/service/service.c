/* SPDX-License-Identifier: BSD-2-Clause
 * service.c - looks at services and manages them.
 *
 * Job:      service list | status NAME | start NAME | stop NAME | restart NAME |
 *           kill [-SIGNAL] NAME | stats | log.
 * Speaks:   contracts/rs and contracts/log, as any program may; rs checks who may change something.
 * Touches:  nothing.
 * Trusts:   rs and log for what they answer.
 * On crash: it is a program: nothing depends on it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <contract/log.h>
#include <contract/rs.h>
#include <lib/ipc.h>
#include <lib/service_ids.h>

/* One call; the reply is copied out. An err_t. */
static err_t ask(unsigned id, uint32_t type, const void *req, size_t req_size, void *reply,
		 size_t reply_size, void *range, size_t len)
{
	struct message m = { .peer = FIRST_ENDPOINT(id), .type = type };
	err_t err;

	memcpy(m.w, req, req_size);
	err = ipc_sendrec(&m, range, len ? len | CALL_LEND_WRITE : 0);
	if (err != 0)
		return err;
	memcpy(reply, m.w, reply_size);
	return (err_t)m.type;
}

static const char *error_text(err_t err)
{
	switch (-err) {
	case EDEADPEER:
		return "the server has died";
	case ERECOVERED:
		return "the request crashed the server and is refused";
	default:
		return strerror(-err);
	}
}

static int fail(const char *name, err_t err)
{
	if (err == -ENOENT)
		fprintf(stderr, "service: %s: no such service\n", name);
	else
		fprintf(stderr, "service: %s: %s\n", name, error_text(err));
	return 1;
}

static const char *state_text(uint32_t state)
{
	static const char *const text[] = { "stopped", "starting", "running", "dead", "gone" };

	return state < sizeof(text) / sizeof(text[0]) ? text[state] : "?";
}

static const char *cause_text(uint32_t cause)
{
	static const char *const text[] = {
		[RS_CAUSE_NONE] = "", [RS_CAUSE_EXIT] = "exit", [RS_CAUSE_EXCEPTION] = "exception",
		[RS_CAUSE_KILLED] = "signal", [RS_CAUSE_HUNG] = "hung",
		[RS_CAUSE_OPERATOR] = "request", [RS_CAUSE_IPC] = "ipc",
	};

	return cause < sizeof(text) / sizeof(text[0]) && text[cause] ? text[cause] : "?";
}

static int list(void)
{
	struct rs_list_request req = { 0 };
	struct rs_list_reply r;
	err_t err;

	printf("%-10s %3s %4s %-9s %9s %9s %s\n", "NAME", "ID", "RANK", "STATE", "RESTARTS",
	       "RECOVERED", "LAST DEFECT");
	for (;; req.index++) {
		err = ask(ID_RS, RS_LIST, &req, sizeof(req), &r, sizeof(r), NULL, 0);
		if (err != 0)
			break;
		printf("%-10.16s %3u %4u %-9s %9u %9u ", r.name, r.priv, r.rank,
		       state_text(r.state), r.restarts, r.recoveries);
		if (r.cause != RS_CAUSE_NONE)
			printf("%s %u", cause_text(r.cause), r.code);
		putchar('\n');
	}
	return err == -ENOENT ? 0 : fail("rs", err);
}

static int status(const char *name)
{
	struct rs_status_request req = { 0 };
	struct rs_status_reply r;
	err_t err;

	strncpy(req.name, name, sizeof(req.name) - 1);
	err = ask(ID_RS, RS_STATUS, &req, sizeof(req), &r, sizeof(r), NULL, 0);
	if (err != 0)
		return fail(name, err);
	printf("%s: %s, id %u, rank %u, endpoint 0x%x\n", name, state_text(r.state), r.priv, r.rank,
	       r.who.v);
	printf("  up %u.%03u s, %u restarts, %u recoveries in place, %u heartbeats unanswered\n",
	       r.uptime_ms / 1000, r.uptime_ms % 1000, r.restarts, r.recoveries, r.beats);
	if (r.cause != RS_CAUSE_NONE)
		printf("  last defect: %s %u, repaired in %u us\n", cause_text(r.cause), r.code,
		       r.repaired_us);
	return 0;
}

/* start, stop, restart: they have the same request. */
static int change(uint32_t type, const char *name)
{
	struct rs_start_request req = { 0 };
	err_t err;

	strncpy(req.name, name, sizeof(req.name) - 1);
	err = ask(ID_RS, type, &req, sizeof(req), &req, 0, NULL, 0);
	return err == 0 ? 0 : fail(name, err);
}

static const struct { const char *name; uint32_t number; } signals[] = {
	{ "HUP", 1 }, { "INT", 2 }, { "QUIT", 3 }, { "ILL", 4 }, { "ABRT", 6 }, { "BUS", 7 },
	{ "FPE", 8 }, { "KILL", 9 }, { "USR1", 10 }, { "SEGV", 11 }, { "USR2", 12 },
	{ "PIPE", 13 }, { "ALRM", 14 }, { "TERM", 15 },
};

/* 0: no such signal. */
static uint32_t signal_number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text && !*end)
		return n <= 64 ? (uint32_t)n : 0;
	if (strncmp(text, "SIG", 3) == 0)
		text += 3;
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(text, signals[i].name) == 0)
			return signals[i].number;
	return 0;
}

static int kill_service(int argc, char **argv)
{
	struct rs_kill_request req = { .signal = 9 };
	const char *name = argv[argc - 1];
	err_t err;

	if (argc == 2 && argv[0][0] == '-')
		req.signal = signal_number(argv[0] + 1);
	if (req.signal == 0 || (argc == 2 && argv[0][0] != '-')) {
		fprintf(stderr, "service: kill: %s: no such signal\n", argv[0]);
		return 2;
	}
	strncpy(req.name, name, sizeof(req.name) - 1);
	err = ask(ID_RS, RS_KILL, &req, sizeof(req), &req, 0, NULL, 0);
	return err == 0 ? 0 : fail(name, err);
}

static int stats(void)
{
	struct rs_stats_reply r;
	err_t err = ask(ID_RS, RS_STATS, NULL, 0, &r, sizeof(r), NULL, 0);

	if (err != 0)
		return fail("rs", err);
	printf("services    %8u\nrunning     %8u\nrestarts    %8u\nrecoveries  %8u\n", r.services,
	       r.running, r.restarts, r.recoveries);
	printf("heartbeats missed %2u\nmemory      %8lu KiB\n", r.missed,
	       (unsigned long)r.frames * 4);
	return 0;
}

static int show_log(void)
{
	static char text[8192];
	struct log_read_request req = { 0 };
	struct log_read_reply r;

	for (;;) {
		err_t err = ask(ID_LOG, LOG_READ, &req, sizeof(req), &r, sizeof(r), text,
				sizeof(text));

		if (err != 0)
			return fail("log", err);
		if (r.done == 0)
			return 0;
		fwrite(text, 1, r.done, stdout);
		req.seq = r.next;
	}
}

static int usage(void)
{
	fputs("usage: service list\n"
	      "       service status|start|stop|restart NAME\n"
	      "       service kill [-SIGNAL] NAME\n"
	      "       service stats\n"
	      "       service log\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 2 && strcmp(verb, "list") == 0)
		return list();
	if (argc == 2 && strcmp(verb, "stats") == 0)
		return stats();
	if (argc == 2 && strcmp(verb, "log") == 0)
		return show_log();
	if (argc == 3 && strcmp(verb, "status") == 0)
		return status(argv[2]);
	if (argc == 3 && strcmp(verb, "start") == 0)
		return change(RS_START, argv[2]);
	if (argc == 3 && strcmp(verb, "stop") == 0)
		return change(RS_STOP, argv[2]);
	if (argc == 3 && strcmp(verb, "restart") == 0)
		return change(RS_RESTART, argv[2]);
	if ((argc == 3 || argc == 4) && strcmp(verb, "kill") == 0)
		return kill_service(argc - 2, argv + 2);
	if (argc == 3 && strcmp(verb, "dump") == 0) {
		fputs("service: dump: not yet\n", stderr);
		return 2;
	}
	return usage();
}
