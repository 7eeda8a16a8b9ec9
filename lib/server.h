/* SPDX-License-Identifier: BSD-2-Clause
 * server.h - the main loop of a service: receive, validate, dispatch, commit, replyreceive.
 *
 * A handler of operation OP of protocol P is `static err_t do_P_OP(const struct call *c,
 * const struct P_OP_request *req, struct P_OP_reply *reply)` (without req or reply where the
 * contract has no `in` or `out`), listed in a `static const struct P_ops`. It returns 0, an error
 * that the contract names, or NO_REPLY if the answer comes later, by call_reply().
 */
#ifndef LIB_SERVER_H
#define LIB_SERVER_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <lib/ipc.h>
#include <lib/string.h>
#include <lib/undo.h>

/* Handlers have the contract's prototype, whether they need all of it or not. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

enum start_kind { START_FRESH = 0, START_RECOVER = 1, START_UPDATE = 2 };
extern uint32_t start_kind;             /* lib/start.S */

enum { CONTRACT_OPS = 64, STATE_REFUSED = 255, SERVES_MAX = 4 };

/* What a handler, linux_call or fault returns if it answers later. */
#define NO_REPLY INT32_MIN

/* The call that a handler works on. (client, serial) names it for as long as it is unanswered. */
struct call {
	endpoint_t client;
	uint32_t serial;
	endpoint_t owner;               /* the client's thread-group leader */
	uint32_t type;
	uint64_t lent;                  /* bytes the client lends */
	uint32_t lent_dir;              /* GRANT_READ, GRANT_WRITE: what we may do with them */
	uint8_t *state;                 /* of the client's session, NULL: not monitored */
};

/* One protocol, generated. */
struct contract {
	const char *name;
	uint32_t base;
	uint32_t nr_states;
	err_t (*dispatch)(const void *ops, const struct call *c, const uint64_t *request,
			  uint64_t *reply);
	/* What dispatch says before any handler sees the request; 0: that one decides. */
	err_t (*check)(const struct call *c, const uint64_t *request);
	const char *const *op_name;
	const uint8_t (*next_state)[CONTRACT_OPS];
};

struct served {
	const struct contract *contract;
	const void *ops;                /* struct NAME_ops */
	/* The state of the client's session, in .state; NULL: no session, call not monitored. */
	uint8_t *(*session)(const struct call *c);
};

/* The latest answer to a program's Linux call, should the program not get it. */
struct answered {
	endpoint_t client;
	uint32_t serial;
	uint32_t copies;                /* went with it, and are gone */
	int64_t result;
};

/* A service. Hooks that are NULL: not used; a Linux call is then answered with -ENOSYS. */
struct server {
	const char *name;
	struct served serves[SERVES_MAX];
	/* Also after a recovery (everything but .state is as at a fresh start), before check(). */
	void (*init)(enum start_kind kind);
	/* After a recovery: 0, or not repairable. Stores are not logged: what is done here must be
	 * right if it is begun anew after any instruction, and answers nobody. */
	err_t (*check)(void);
	/* Then: what was going on goes on. Logged, and committed at its end. */
	void (*recovered)(void);
	/* Its own lines of contracts/summary: as format(), bytes it would have needed. */
	size_t (*summary)(char *to, size_t size);
	/* Linux calls and page faults of programs: the result, or NO_REPLY. */
	int64_t (*linux_call)(const struct delivery *d);
	int64_t (*fault)(const struct delivery *d);
	/* A copy of the reply met a missing page, or one that is not to be written: make it so, 0:
	 * try again. NO_REPLY: the call will be answered later. */
	err_t (*populate)(const struct delivery *d, uint64_t address, bool write);
	void (*on_notify)(uint64_t services);
	void (*on_irq)(uint64_t lines);
	void (*on_alarm)(void);
	void (*on_cancel)(void);        /* ask sys_call_cancelled until -ENOENT */
	void (*on_parked)(void);        /* ask sys_proc_next until -ENOENT */
	void (*on_guard)(void);
	/* NR_PROCS of them, in .undo; NULL: not kept. See call_lost(). */
	struct answered *answered;
	/* An answer of which the bytes have not arrived is lost. Has its call done nothing, or is
	 * that taken back now? Then it can be made anew. */
	bool (*take_back)(endpoint_t client, uint32_t serial);
	/* Is it unusual that this call, answered at once, has that result? See server_doubt().
	 * NULL: the handlers say so themselves, or none is. */
	bool (*doubtful)(const struct delivery *d, int64_t result);
	/* A service has made a request that its contract does not allow; it is refused. False: be
	 * called again, at the next message. NULL: nobody is told (lib/complain.h). */
	bool (*offended)(const struct call *c, err_t err, uint64_t seen_ns);
	/* At each of rs's heartbeats, when all else that came with it has been heard: what was
	 * forgotten, or lost on its way? Looks for it, and goes on with it (docs/notes/0027). */
	void (*audit)(void);
	/* This request has crashed the service twice, and is now answered with an error: what was
	 * begun for it elsewhere is ended. */
	void (*refused)(const struct delivery *d);
	/* After a commit that server_effect() has announced something for; and again after a
	 * recovery: undo_is_committed() says of the stamp beside it whether it is due. */
	void (*committed)(void);
};

/* The main loop. Notifies rs when init is done (that is `ready`) and at each of its heartbeats. */
__attribute__((noreturn)) void server_run(const struct server *s);

/* Which message is being handled, since the start. */
uint64_t server_message(void);

/* undo_commit(), and the effects that it makes due. */
void server_commit(void);

/* The next commit makes an effect on others due: see server.committed. */
void server_effect(void);

/* The request being handled has this result (NO_REPLY: it waits), whatever crashes us from here on:
 * commits. For handlers that go on with other work and then return the same result. */
void server_settle(int64_t result);

/* A program's call is cancelled and nobody here holds it: was it lost? Has it been answered, it is
 * once more. If it has not, or if that answer had brought bytes and the call can be taken back, it
 * is refused so that the program makes it anew; if it cannot, with -EIO. If it was not lost,
 * nothing of this reaches it. */
void call_lost(endpoint_t client, uint32_t serial);

/* The call is about to be answered so; nothing of it is committed. If that is unusual, does not
 * return, once: the service recovers in place and the call is done again. Then the second verdict
 * stands. Called for each result of calls that are ever doubted. */
void server_doubt(endpoint_t client, uint32_t serial, uint32_t type, int64_t result, bool unusual);

/* Nobody asked for what is to be done about damage that was found (an audit). Does not return, the
 * first time for this kind: the service recovers in place, and acts if its next life finds damage
 * of that kind within 8 s. Nothing of it is committed. kind: < FOUND_KINDS; what: for the log. */
enum { FOUND_KINDS = 8 };
void server_doubt_found(uint32_t kind, const char *what);

/* Does Linux call `type` of a working program hardly ever fail so? What compilers, shells and the
 * like meet in a day's work is left out (docs/notes/0026). */
bool linux_failure_is_unusual(uint32_t type, int64_t result);

/* Answer call (m->peer, serial) with the next server_commit(), which comes with the end of the
 * request at the latest. */
void server_reply(const struct message *m, uint32_t serial);

/* A call that has crashed us twice is refused. What a notification is about may be one of several
 * requests on boards: it is heard until that one has been found out (board_server.c). */
enum { DEATHS_OF_ONE = 4 };

/* A request on a board is refused for its deaths; one is done (after the former: that one). If more
 * than REFUSALS_IN_A_ROW are refused and none is done, it is not the requests: the state is given
 * up. Also if so many recoveries did not come to their end. */
void server_refused(void);
void server_served(void);
enum { REFUSALS_IN_A_ROW = 16, UNFINISHED_IN_A_ROW = 3 };

/* How often the request being handled has crashed us already: 0 or 1, of a notification up to
 * DEATHS_OF_ONE. */
unsigned server_attempt(void);

/* ---- calls (call.c); they need call_copy in the manifest ---- */

/* Copy between us and the memory of the call: offset in the lent range, or address if Linux. */
err_t call_read(const struct call *c, uint64_t from, void *to, size_t len) MUST_CHECK;
err_t call_write(const struct call *c, uint64_t to, const void *from, size_t len) MUST_CHECK;
struct call call_of(const struct delivery *d);
struct proc_info_reply;

/* Does the process in a slot wait for an answer to a call that this service has received? The
 * kernel's word, in *info. Needs proc_info in the manifest. */
bool call_waits(uint32_t slot, uint32_t service, struct proc_info_reply *info);
/* Does this program wait for the call's client in a Linux call of that number? The kernel's word,
 * for what the client must not ask on its own account. As call_waits(). */
bool call_is_for(const struct call *c, endpoint_t program, uint32_t number);
enum { LINUX_REBOOT = 169 };

/* Answer a call whose reply was withheld, by server_reply(). */
void call_reply(endpoint_t client, uint32_t serial, err_t err, const void *reply, size_t size);
void call_reply_linux(endpoint_t client, uint32_t serial, int64_t result);

/* A copy that replyreceive does with this reply; false: no more room (COPIES_MAX, or
 * COPY_MAX bytes in all). `local` stays as it is until then; if it is not state, kept memory or a
 * mapping that recoveries leave alone, and longer than a kilobyte, a crash just there makes EIO. */
bool reply_copy(uint32_t dir, uint64_t remote, const void *local, uint32_t len);

/* ---- for the generated decoders ---- */

static inline bool text_ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

#endif
