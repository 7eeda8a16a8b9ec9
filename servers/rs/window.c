/* SPDX-License-Identifier: BSD-2-Clause
 * window.c - programs and manifests that are not in the boot archive, and memory from vm.
 *
 * Job:      finds them in rs's window; asks vm for pages there and in services, and to take pages
 *           and spaces back; looks in the page tables at what vm has done.
 * Speaks:   vm.service_map, service_unmap, service_end, as messages that want no reply.
 * Touches:  its own space from RS_WINDOW_VA on.
 * Trusts:   vm for frames, but not to answer: what is there the kernel says.
 * On crash: the window is not rewritten; state.loaded says what is where.
 */
#include "rs.h"
#include <contract/vm.h>
#include <lib/service_ids.h>

enum { PIECE = 256, ASKS_MAX = 3 };     /* pages in one message */

uint64_t window_text(unsigned id, unsigned place)
{
	return RS_WINDOW_VA + (id * NR_PLACES + place) * RS_WINDOW_AREA;
}

uint64_t window_program(unsigned id, unsigned place)
{
	return window_text(id, place) + TEXT_MAX;
}

const char *loaded_text(unsigned id, size_t *len)
{
	const struct loaded *l = &state.loaded[id];

	if (l->text == 0)
		return NULL;
	*len = l->text_len[l->text - 1];
	return (const char *)(uintptr_t)window_text(id, l->text - 1u);
}

struct image window_image(unsigned id, unsigned place, uint64_t size)
{
	return (struct image){
		.elf = (const uint8_t *)(uintptr_t)window_program(id, place), .size = size,
	};
}

const char *window_manifest(unsigned id, unsigned place)
{
	return (const char *)(uintptr_t)window_text(id, place);
}

bool loaded_image(unsigned id, struct image *i)
{
	const struct loaded *l = &state.loaded[id];

	if (l->program == 0)
		return false;
	*i = window_image(id, l->program - 1u, l->program_len[l->program - 1]);
	return true;
}

/* ---- what vm is asked, and what has become of it ---- */

static bool post_vm(uint32_t type, const void *payload, size_t size)
{
	bool posted = post(ID_VM, type, payload, size);

	state.retry |= !posted;
	return posted;
}

/* The first mapped page from va on; false: there is none below end. */
static bool first_mapped(unsigned space, uint64_t va, uint64_t end, uint64_t *at)
{
	struct space_query_request req = { .space = (uint16_t)space, .va = va };
	struct space_query_reply reply = { .va = va };

	while (req.va < end && sys_space_query(&req, &reply) == 0 && reply.va < end) {
		*at = reply.va;
		if (reply.pfn != 0)
			return true;
		req.va = reply.va;
	}
	return false;
}

static uint64_t first_missing(unsigned space, uint64_t va, uint64_t end)
{
	struct space_query_request req = { .space = (uint16_t)space, .va = va };
	struct space_query_reply reply;

	while (req.va < end && sys_space_query(&req, &reply) == 0 && reply.va == req.va &&
	       reply.pfn != 0)
		req.va += PAGE_SIZE;
	return req.va;
}

enum memory memory_ask(unsigned space, uint64_t va, uint64_t bytes, unsigned flags)
{
	struct loading *l = &state.loading;
	uint64_t end = (va + bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	uint64_t last = l->asked_for & ~(uint64_t)(PAGE_SIZE - 1);      /* all below it was there */
	uint64_t at = first_missing(space, last > va && last < end &&
				    l->asked_for % PAGE_SIZE == space ? last : va, end);
	uint64_t pages = (end - at) / PAGE_SIZE;
	struct vm_service_map_request req = {
		.space = (uint16_t)space, .flags = (uint16_t)flags, .address = at,
		.pages = (uint32_t)(pages < PIECE ? pages : PIECE),
	};

	if (at == end)
		return MEMORY_THERE;
	if (l->asked_for != (at | space)) {
		l->asked_for = at | space;
		l->asks = 0;
	}
	/* Who takes a message is done with the last one: it could not help. */
	if (!post_vm(VM_SERVICE_MAP, &req, sizeof(req)))
		return MEMORY_COMES;
	return ++l->asks > ASKS_MAX ? MEMORY_NONE : MEMORY_COMES;
}

bool memory_back(unsigned space, uint64_t va, uint64_t end)
{
	struct vm_service_unmap_request req = { .space = (uint16_t)space };
	uint64_t at;

	if (!first_mapped(space, va, end, &at))
		return true;
	req.address = at;
	req.pages = (uint32_t)((end - at) / PAGE_SIZE);
	post_vm(VM_SERVICE_UNMAP, &req, sizeof(req));
	return false;
}

bool space_back(unsigned id)
{
	struct vm_service_end_request req = { .space = (uint16_t)id };
	struct space_query_request probe = { .space = (uint16_t)id };
	struct space_query_reply reply;

	if (sys_space_query(&probe, &reply) == -EINVAL)
		return true;
	post_vm(VM_SERVICE_END, &req, sizeof(req));
	return false;
}

/* ---- places ---- */

enum memory window_ask(unsigned id, const struct loading *l)
{
	enum memory text = MEMORY_THERE;

	if (l->text_len != 0)
		text = memory_ask(ID_RS, window_text(id, l->text_place), TEXT_MAX, MAP_WRITE);
	if (text != MEMORY_THERE || l->program_len == 0)
		return text;
	return memory_ask(ID_RS, window_program(id, l->program_place), l->program_len, MAP_WRITE);
}

void memory_protect(unsigned space, uint64_t va, uint64_t bytes, unsigned prot)
{
	struct space_protect_request req = {
		.space = (uint16_t)space, .prot = (uint16_t)prot, .va = va,
		.pages = (bytes + PAGE_SIZE - 1) / PAGE_SIZE,
	};
	struct space_protect_reply reply = { .done = 1 };

	while (req.pages > 0 && reply.done != 0 && sys_space_protect(&req, &reply) == 0) {
		req.va += reply.done * PAGE_SIZE;
		req.pages -= reply.done;
	}
}

err_t window_fill(unsigned id, const struct loading *l)
{
	const struct call c = { .client = l->client, .serial = l->serial };
	uint64_t text = window_text(id, l->text_place);
	uint64_t program = window_program(id, l->program_place);
	err_t err;

	memory_protect(ID_RS, text, l->text_len, MAP_WRITE);
	memory_protect(ID_RS, program, l->program_len, MAP_WRITE);
	err = call_read(&c, 0, (void *)(uintptr_t)text, l->text_len);
	if (err == 0)
		err = call_read(&c, l->text_len, (void *)(uintptr_t)program, l->program_len);
	if (err == 0) {
		memory_protect(ID_RS, text, l->text_len, 0);
		memory_protect(ID_RS, program, l->program_len, 0);
	}
	return err;
}

/* What is in no use is not there. */
bool window_tidy(unsigned id)
{
	const struct loaded *l = &state.loaded[id];
	bool tidy = true;

	for (unsigned place = 0; place < NR_PLACES && tidy; place++) {
		uint64_t text = window_text(id, place), program = window_program(id, place);

		if (l->text != place + 1)
			tidy = memory_back(ID_RS, text, program);
		if (tidy && l->program != place + 1)
			tidy = memory_back(ID_RS, program, text + RS_WINDOW_AREA);
	}
	return tidy;
}
