/* SPDX-License-Identifier: BSD-2-Clause
 * irq.c - interrupt lines into notifications.
 *
 * Job:      a line has claims; an interrupt notifies every claimant. A level-triggered line stays
 *           masked until all have acknowledged; of the others nothing may be missed meanwhile.
 * Speaks:   the bit that each claimant chose, in w[1] of a notification.
 * Touches:  the interrupt controller, through arch.h.
 * Trusts:   the manifest for who may claim.
 * On crash: a dead claimant's claims go, and with the last one the line is masked.
 */
#include <kernel/arch.h>

static struct {
	uint64_t claims, unacked;       /* bit: privilege id */
	bool level;
} lines[LINE_MSI + NR_MSI];

static int claim_index(const struct priv *v, uint32_t line)
{
	for (int i = 0; i < PRIV_LINES; i++)
		if (v->desc.lines[i] == line)
			return i;
	return -1;
}

/* Message-signalled lines are never masked, nor are those that nobody claims ever open. */
static void mask(uint32_t line, bool masked)
{
	if (line < LINE_MSI)
		line_mask(line, masked || lines[line].claims == 0);
}

err_t line_claim(struct priv *v, uint32_t line, uint32_t bit, unsigned flags)
{
	int i = claim_index(v, line);
	uint64_t me = BIT(v - privs);

	if (line >= COUNT(lines) || bit > 63)
		return -ERANGE;
	if (i < 0)
		return -EPERM;
	if (v->line_bit[i] && v->line_bit[i] != bit + 1)
		return -EEXIST;

	v->line_bit[i] = (uint8_t)(bit + 1);
	if (lines[line].claims == 0 && line < LINE_MSI) {
		line_setup(line, flags);
		lines[line].level = flags & LINE_LEVEL;
	}
	lines[line].claims |= me;
	lines[line].unacked |= me;
	mask(line, true);
	return 0;
}

static void line_done(uint32_t line, uint64_t who)
{
	lines[line].unacked &= ~who;
	if (lines[line].unacked == 0)
		mask(line, false);
}

err_t line_ack(struct priv *v, uint32_t line)
{
	if (line >= COUNT(lines))
		return -ERANGE;
	if (!(lines[line].claims & BIT(v - privs)))
		return -EPERM;
	line_done(line, BIT(v - privs));
	return 0;
}

void lines_release(struct priv *v)
{
	for (int i = 0; i < PRIV_LINES; i++) {
		uint32_t line = v->desc.lines[i];

		if (!v->line_bit[i])
			continue;
		v->line_bit[i] = 0;
		lines[line].claims &= ~BIT(v - privs);
		line_done(line, BIT(v - privs));
	}
}

/* The controller says that this line has fired. */
void line_interrupt(uint32_t line)
{
	uint64_t who = lines[line].claims;

	trace(TRACE_IRQ, 0, 0, line, who);
	lines[line].unacked = who;
	if (lines[line].level)
		mask(line, true);
	for (; who; who &= who - 1) {
		struct priv *v = &privs[__builtin_ctzll(who)];

		notify(v, &v->lines, BIT(v->line_bit[claim_index(v, line)] - 1));
	}
}
