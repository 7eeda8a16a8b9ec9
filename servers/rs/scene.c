/* SPDX-License-Identifier: BSD-2-Clause
 * scene.c - where a service was when it died: what its successor wipes out.
 *
 * Job:      says the instruction it stopped at and who called it, as addresses in its program;
 *           `tools/where` makes functions and lines of them.
 * Speaks:   the kernel calls proc_regs_get, proc_copy.
 * Touches:  reads the frozen service's registers and stack.
 * Trusts:   the image in the archive, to say what a call instruction is; nothing on the stack.
 * On crash: a line of the log is missing.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/print.h>

struct text { uint64_t va, len; const uint8_t *bytes; };

static bool text_of(unsigned id, struct text *t)
{
	struct image image;
	struct segment s;

	if (service_image(id, &image) != 0)
		return false;
	for (unsigned n = 0; image_segment(&image, n, &s); n++)
		if (s.flags & MAP_EXEC) {
			*t = (struct text){ s.va, s.file, s.bytes };
			return true;
		}
	return false;
}

/* Does a call end here? Intel SDM volume 2, CALL: e8 and 4 bytes; ff /2 with 0 to 5 more. Stale
 * words that pass are listed, too: there are no frame pointers. */
static bool is_return(const struct text *t, uint64_t at)
{
	uint64_t off = at - t->va;

	if (at < t->va + 7 || off > t->len)
		return false;
	if (t->bytes[off - 5] == 0xe8)
		return true;
	for (unsigned len = 2; len <= 7; len++)
		if (t->bytes[off - len] == 0xff && (t->bytes[off - len + 1] >> 3 & 7) == 2)
			return true;
	return false;
}

/* Words of the stack from sp on. */
static unsigned stack_read(unsigned id, uint64_t sp, uint64_t *word)
{
	uint64_t bottom = IMAGE_STACK_TOP - service_stack(id);
	struct proc_copy_request req = {
		.proc = service_endpoint(id), .dir = COPY_IN, .remote = sp & ~7ull,
		.local = (uint64_t)(uintptr_t)word, .len = SCENE_WORDS * sizeof(*word),
	};
	struct proc_copy_reply reply;

	if (req.remote < bottom || req.remote >= SERVICE_ARGS_VA)
		return 0;
	if (req.len > SERVICE_ARGS_VA - req.remote)
		req.len = SERVICE_ARGS_VA - req.remote;
	return sys_proc_copy(&req, &reply) == 0 ? (unsigned)(req.len / sizeof(*word)) : 0;
}

unsigned scene_places(unsigned id, const struct user_regs *r, const uint64_t *word, unsigned words,
		      uint64_t place[CRASH_PLACES])
{
	struct text t;
	unsigned n = 0;

	if (!text_of(id, &t))
		return 0;
	place[n++] = r->rip;
	for (unsigned i = 0; i < words && n < CRASH_PLACES; i++)
		if (is_return(&t, word[i]))
			place[n++] = word[i];
	return n;
}

void scene_say_places(unsigned id, unsigned level, const uint64_t *place, unsigned places)
{
	char line[CRASH_PLACES * 20] = "";
	size_t n = 0;

	for (unsigned i = 0; i < places; i++)
		n += format(line + n, sizeof(line) - n, " 0x%lx", (unsigned long)place[i]);
	if (places != 0)
		say("<%u>%s: at%s", level, state.service[id].name, line);
}

void scene_say(unsigned id, unsigned level)
{
	static uint64_t word[SCENE_WORDS];
	struct user_regs regs;
	struct proc_regs_get_request req = {
		.proc = service_endpoint(id), .address = (uint64_t)(uintptr_t)&regs,
	};
	uint64_t place[CRASH_PLACES];
	unsigned words;

	if (sys_proc_regs_get(&req) != 0)
		return;
	words = stack_read(id, regs.rsp, word);
	scene_say_places(id, level, place, scene_places(id, &regs, word, words, place));
}
