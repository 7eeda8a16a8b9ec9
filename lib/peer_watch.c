/* SPDX-License-Identifier: BSD-2-Clause
 * peer_watch.c - who answers by message what its contract does not allow is complained of.
 *
 * Job:      the judge of lib/peer.c, for services that may complain (docs/notes/0026).
 * Speaks:   contracts/rs (complain).
 * Touches:  nothing.
 * Trusts:   rs. What it answers to a complaint is an answer, too, of which nobody complains.
 * On crash: holds no state.
 */
#include <lib/complain.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/service_ids.h>

/* -ESRCH: that life is over already. */
static bool is_asked_again(endpoint_t who, uint64_t asked_ns, uint32_t type, err_t err)
{
	char text[40];

	if (endpoint_slot(who) == ID_RS)
		return false;
	format(text, sizeof(text), "its answer to 0x%x is none: %d", type, (int)err);
	err = complain_of_answer(who, asked_ns, text);
	return err == 0 || err == -ESRCH;
}

void peer_watch_answers(void)
{
	peer_judge_answers(is_asked_again);
}
