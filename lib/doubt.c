/* SPDX-License-Identifier: BSD-2-Clause
 * doubt.c - before a call fails as those of working programs hardly ever do, or a service acts
 * on damage that it has found: is it so?
 *
 * Job:      has the service die of it once, before anything is committed: the call is done again by
 *           code that is new on state that was looked at, and what comes of it stands
 *           (docs/notes/0026). Damage that was found is acted on when two lives have found it.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   nothing: whose calls fail so on purpose has us die once, then not before LEAST_NS is
 *           over, twice that, ..., MOST_NS; and never twice in a second.
 * On crash: that is what it is for. What was doubted is kept, and not taken back.
 */
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/linux.h>
#include <lib/print.h>
#include <lib/server.h>

#define SECOND_NS 1000000000ull
#define LEAST_NS (8 * SECOND_NS)
#define MOST_NS (4096 * SECOND_NS)
#define FOUND_NS (8 * SECOND_NS)        /* in which another life comes to look for the same */
enum { STANDING = 64 };
enum { LINUX_ERRORS = 133 };

static struct {
	endpoint_t client;              /* of the call; the latest */
	uint32_t serial;
	uint32_t type;
	int32_t result;
	uint64_t pause_ns, until_ns;    /* nothing is doubted before */
	/* Ways to fail that were doubted and came again: those of programs that want it so. */
	struct failure { uint32_t type; int32_t result; bool stands; } standing[STANDING];
	uint32_t next;
} doubt SECTION_UNDO;

bool linux_failure_is_unusual(uint32_t type, int64_t result)
{
	if ((type == LINUX_EXECVE || type == LINUX_EXECVEAT) &&
	    result < 0 && result >= -LINUX_ERRORS)
		return result != -ENOENT;
	switch (result) {
	case -EIO:
	case -E2BIG:
	case -EFAULT:
	case -ENOMEM:
	case -ENOTDIR:
	case -ENODEV:
	case -EISDIR:
	case -ENFILE:
	case -EMFILE:
	case -ENOSPC:
	case -ENAMETOOLONG:
	case -ELOOP:
	case -EOVERFLOW:
	case -ENOEXEC:
	case -ELIBBAD:
		return true;
	case -EBADF:
		return type != LINUX_CLOSE && type != LINUX_FCNTL;
	case -EAGAIN:
		return (type >= LINUX_CLONE && type <= LINUX_VFORK) || type == LINUX_CLONE3;
	default:
		return result < -LINUX_ERRORS &&
			(result > -ERESTARTSYS || result < -ERESTART_BLOCK);
	}
}

/* One class for all results that are no errors: each count of bytes would be another one. */
static int32_t class_of(int64_t result)
{
	return result < 0 ? (int32_t)result : 0;
}

static bool stands(uint32_t type, int64_t result)
{
	for (unsigned i = 0; i < STANDING; i++)
		if (doubt.standing[i].stands && doubt.standing[i].type == type &&
		    doubt.standing[i].result == class_of(result))
			return true;
	return false;
}

/* The second verdict. */
static void resolve(uint32_t type, int64_t result)
{
	doubt.client.v = 0;
	if (result != doubt.result) {
		print("repaired: call 0x%x would have been answered with %d\n", type, doubt.result);
		doubt.pause_ns /= 2;
		return;
	}
	doubt.standing[doubt.next] = (struct failure){ type, class_of(doubt.result), true };
	doubt.next = (doubt.next + 1) % STANDING;
	doubt.pause_ns = doubt.pause_ns < LEAST_NS ? LEAST_NS : doubt.pause_ns * 2;
	if (doubt.pause_ns > MOST_NS)
		doubt.pause_ns = MOST_NS;
	doubt.until_ns = clock_monotonic_ns() + doubt.pause_ns;
}

void server_doubt(endpoint_t client, uint32_t serial, uint32_t type, int64_t result, bool unusual)
{
	if (doubt.client.v != 0 && endpoint_eq(doubt.client, client) && doubt.serial == serial)
		return resolve(type, result);
	if (!unusual || server_attempt() != 0 || clock_monotonic_ns() < doubt.until_ns ||
	    stands(type, result))
		return;
	print("doubts that call 0x%x is to be answered with %d\n", type, (int)result);
	doubt.serial = serial;
	doubt.type = type;
	doubt.result = (int32_t)result;
	doubt.client = client;
	doubt.until_ns = clock_monotonic_ns() + SECOND_NS;
	die_of_doubt();
}

void server_doubt_found(uint32_t kind, const char *what)
{
	static uint64_t until_ns[FOUND_KINDS] SECTION_UNDO;
	uint64_t now = clock_monotonic_ns();

	assert(kind < FOUND_KINDS);
	if (server_attempt() != 0 || now < until_ns[kind])
		return;
	until_ns[kind] = now + FOUND_NS;
	print("looks again, for it has found that %s\n", what);
	die_of_doubt();
}
