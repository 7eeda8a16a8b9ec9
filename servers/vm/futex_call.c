/* SPDX-License-Identifier: BSD-2-Clause
 * futex_call.c - the Linux call futex.
 *
 * Job:      compares the word and queues the caller, or wakes and moves who is queued.
 * Speaks:   Linux's futex(2): WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP and the BITSET forms.
 * Touches:  four bytes of the caller; rows of state.wait.
 * Trusts:   nothing. vm handles one message at a time, so a wake that follows a change of the word
 *           is handled after the wait that saw the old value has been queued.
 * On crash: a wait is a row. A wake that was given twice is a spurious one, which futexes allow.
 *
 * Not here: the priority-inheriting operations (ENOSYS). WAKE_OP reads and writes its word in two
 * copies: another core could write in between (docs/caveats.md).
 */
#include "vm.h"

#include <lib/clock.h>

enum {
	FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP = 5, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10,
	FUTEX_PRIVATE = 128, FUTEX_CLOCK_REALTIME = 256,
};
#define ANY_BITS 0xffffffffu
#define NS_PER_S 1000000000ull

struct timespec64 { int64_t sec, nsec; };

/* ---- keys ---- */

struct futex_key futex_key(unsigned space, uint64_t address, bool private)
{
	struct futex_key key = { space, address };
	const struct region *r;

	if (private)
		return key;
	r = region(region_find(space, address));
	if (r->kind == REGION_OBJECT)
		key = (struct futex_key){ BIT(62) | HOLDER, r->file + r->offset };
	else if (r->kind == REGION_FILE_SHARED)
		key = (struct futex_key){ BIT(63) | r->file, r->offset };
	else
		return key;
	key.offset += address - r->start;
	return key;
}

/* ---- wake ---- */

/* False: it is not waiting any more, its row was left over. */
static bool woken(unsigned slot)
{
	const struct wait *w = &state.wait[slot];
	struct message m = { .peer = w->client };

	wait_end(slot);
	return ipc_reply(&m, w->serial) == 0;
}

uint32_t futex_wake(struct futex_key key, uint32_t bits, uint32_t count)
{
	uint32_t done = 0;
	unsigned n, steps = 0;

	while (done < count && (n = futex_next(key, bits, 0)) != 0) {
		done += woken(n);
		if (++steps % 32 == 0)
			undo_commit();          /* each wake stands by itself */
	}
	return done;
}

static int64_t requeue(struct futex_key from, struct futex_key to, uint32_t wake, uint32_t move)
{
	uint32_t done = futex_wake(from, ANY_BITS, wake);
	bool same = from.object == to.object && from.offset == to.offset;
	unsigned n = futex_next(from, ANY_BITS, 0);

	for (uint32_t i = 0; i < move && n != 0; i++) {
		unsigned next = futex_next(from, ANY_BITS, n);

		if (!same)
			futex_move(n, to);
		done++;
		if (done % 32 == 0)
			undo_commit();
		n = next;
	}
	return done;
}

/* ---- wait ---- */

/* The deadline in monotonic time; 0: none. */
static int64_t deadline_of(const struct delivery *d, uint32_t op, uint64_t *deadline)
{
	bool absolute = (op & 127) == FUTEX_WAIT_BITSET;
	uint64_t now = clock_monotonic_ns(), ns;
	struct timespec64 t;
	int64_t err;

	*deadline = 0;
	if (d->m.w[3] == 0)
		return 0;
	err = user_read(d, d->m.w[3], &t, sizeof(t));
	if (err != 0)
		return err;
	if (t.sec < 0 || t.nsec < 0 || t.nsec >= (int64_t)NS_PER_S)
		return -EINVAL;
	ns = (uint64_t)t.sec > INT64_MAX / NS_PER_S ? INT64_MAX
		: (uint64_t)t.sec * NS_PER_S + (uint64_t)t.nsec;
	if (!absolute)
		ns = ns > INT64_MAX - now ? INT64_MAX : now + ns;
	else if (op & FUTEX_CLOCK_REALTIME)
		ns = ns > clock_realtime_ns() - now ? ns - (clock_realtime_ns() - now) : 1;
	*deadline = ns != 0 ? ns : 1;
	return 0;
}

static int64_t futex_wait(const struct delivery *d, unsigned space, uint32_t op, uint32_t bitset)
{
	unsigned slot = endpoint_slot(d->m.peer);
	uint32_t value = 0;
	uint64_t deadline;
	int64_t err;

	if (bitset == 0)
		return -EINVAL;
	err = deadline_of(d, op, &deadline);
	if (err == 0)
		err = user_read(d, d->m.w[0], &value, sizeof(value));
	if (err != 0)
		return err;
	if (value != (uint32_t)d->m.w[2])
		return -EAGAIN;
	if (deadline != 0 && deadline <= clock_monotonic_ns())
		return -ETIMEDOUT;
	wait_end(slot);
	state.wait[slot].client = d->m.peer;
	state.wait[slot].serial = d->serial;
	state.wait[slot].space = (uint16_t)space;
	state.wait[slot].type = d->m.type;
	futex_enqueue(slot, futex_key(space, d->m.w[0], op & FUTEX_PRIVATE), bitset);
	if (deadline != 0)
		wait_set_deadline(slot, deadline);
	return NO_REPLY;
}

/* ---- WAKE_OP ---- */

static uint32_t apply(uint32_t op, uint32_t old, uint32_t arg)
{
	if (op & 8)
		arg = 1u << (arg & 31);
	switch (op & 7) {
	case 0:
		return arg;
	case 1:
		return old + arg;
	case 2:
		return old | arg;
	case 3:
		return old & ~arg;
	default:
		return old ^ arg;
	}
}

static bool holds(uint32_t cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case 0:
		return old == arg;
	case 1:
		return old != arg;
	case 2:
		return old < arg;
	case 3:
		return old <= arg;
	case 4:
		return old > arg;
	default:
		return old >= arg;
	}
}

static int64_t wake_op(const struct delivery *d, unsigned space, bool private)
{
	uint32_t code = (uint32_t)d->m.w[5], op = code >> 28, cmp = code >> 24 & 15;
	int32_t op_arg = (int32_t)(code << 8) >> 20, cmp_arg = (int32_t)(code << 20) >> 20;
	uint32_t old = 0, new;
	int64_t err;

	if ((op & 7) > 4 || cmp > 5)
		return -ENOSYS;
	err = user_read(d, d->m.w[4], &old, sizeof(old));
	if (err != 0)
		return err;
	new = apply(op, old, (uint32_t)op_arg);
	err = user_write(d, d->m.w[4], &new, sizeof(new));
	if (err != 0)
		return err;
	err = futex_wake(futex_key(space, d->m.w[0], private), ANY_BITS, (uint32_t)d->m.w[2]);
	if (holds(cmp, (int32_t)old, cmp_arg))
		err += futex_wake(futex_key(space, d->m.w[4], private), ANY_BITS,
				  (uint32_t)d->m.w[3]);
	return err;
}

/* ---- the call ---- */

static int64_t compare_and_requeue(const struct delivery *d, unsigned space, bool compare,
				   bool private)
{
	uint32_t value = 0;
	int64_t err;

	if (d->m.w[4] % 4 != 0 || (int32_t)d->m.w[2] < 0 || (int32_t)d->m.w[3] < 0)
		return -EINVAL;
	if (compare) {
		err = user_read(d, d->m.w[0], &value, sizeof(value));
		if (err != 0)
			return err;
		if (value != (uint32_t)d->m.w[5])
			return -EAGAIN;
	}
	return requeue(futex_key(space, d->m.w[0], private), futex_key(space, d->m.w[4], private),
		       (uint32_t)d->m.w[2], (uint32_t)d->m.w[3]);
}

int64_t linux_futex(const struct delivery *d)
{
	unsigned space = space_of(d->m.peer);
	uint32_t op = (uint32_t)d->m.w[1], bits = (uint32_t)d->m.w[5];
	bool private = op & FUTEX_PRIVATE;
	uint32_t count = (int32_t)d->m.w[2] > 0 ? (uint32_t)d->m.w[2] : 1;

	if (d->m.w[0] % 4 != 0)
		return -EINVAL;
	if (d->m.w[0] >= USER_END)
		return -EFAULT;
	switch (op & 127) {
	case FUTEX_WAIT:
		return futex_wait(d, space, op, ANY_BITS);
	case FUTEX_WAIT_BITSET:
		return futex_wait(d, space, op, bits);
	case FUTEX_WAKE:
		return futex_wake(futex_key(space, d->m.w[0], private), ANY_BITS, count);
	case FUTEX_WAKE_BITSET:
		if (bits == 0)
			return -EINVAL;
		return futex_wake(futex_key(space, d->m.w[0], private), bits, count);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return compare_and_requeue(d, space, (op & 127) == FUTEX_CMP_REQUEUE, private);
	case FUTEX_WAKE_OP:
		return wake_op(d, space, private);
	default:
		return -ENOSYS;
	}
}
