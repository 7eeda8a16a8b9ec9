/* SPDX-License-Identifier: BSD-2-Clause
 * load.c - memory and processes of services.
 *
 * Job:      builds a service's address space once, from the front of free memory; starts a fresh
 *           process in it, or recovers the frozen one in place.
 * Speaks:   kernel calls space_create, space_map, proc_create, proc_recover, ...
 * Touches:  free frames, until vm owns them; the memory of services.
 * Trusts:   the image that was checked when it was built; its headers are checked again.
 * On crash: every step is absolute, so doing it again is harmless.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/service_ids.h>

enum { RUN_MAX = 64, SPARES = 8 };

/* ---- frames, at boot ---- */

static struct frame window[512];
static uint32_t window_first, window_count;

static bool frame_free(uint32_t pfn)
{
	if (pfn - window_first >= window_count) {
		struct frame_info_request req = { .first = pfn, .count = COUNT(window),
						  .address = (uint64_t)window };
		struct frame_info_reply reply;

		window_count = 0;
		if (sys_frame_info(&req, &reply) != 0)
			return false;
		window_first = pfn;
		window_count = reply.done;
	}
	return window[pfn - window_first].type == FRAME_FREE;
}

static uint32_t frames_end(void)
{
	static struct boot_info info;
	struct boot_info_request req = { .address = (uint64_t)&info };

	if (info.nr_frames == 0 && sys_boot_info(&req) != 0)
		return 0;
	return info.nr_frames;
}

bool frames_left(uint32_t n)
{
	window_count = 0;
	for (uint32_t pfn = state.next_frame; n > 0 && pfn < frames_end(); pfn++)
		n -= frame_free(pfn);
	return n == 0;
}

/* Up to max free frames in a row, from the front. 0: memory is full. */
static uint32_t take_frames(uint32_t max, uint32_t *first)
{
	uint32_t n = 0, pfn = state.next_frame, end = frames_end();

	while (pfn < end && !frame_free(pfn))
		pfn++;
	*first = pfn;
	while (n < max && pfn < end && frame_free(pfn)) {
		pfn++;
		n++;
	}
	state.next_frame = pfn;
	state.frames += n;
	return n;
}

/* ---- spaces ---- */

/* Map one run, with frames in reserve for tables; those not needed are the next to be taken. */
static err_t map_run(unsigned id, const struct map_run *run)
{
	uint32_t spare[SPARES];
	struct space_map_request req = {
		.space = (uint16_t)id, .count = 1, .runs = (uint64_t)run,
		.spares = (uint64_t)spare, .nr_spares = SPARES,
	};
	struct space_map_reply reply = { .used = 0 };
	err_t err;

	for (unsigned n = 0; n < SPARES; n++)
		if (take_frames(1, &spare[n]) == 0)
			return -ENOMEM;
	err = sys_space_map(&req, &reply);
	if (reply.used < SPARES)
		state.next_frame = spare[reply.used];
	state.frames -= SPARES - reply.used;
	window_count = 0;
	return err;
}

/* How many of these pages are not mapped yet, from va on. 0: va is mapped. */
static uint64_t pages_missing(unsigned id, uint64_t va, uint64_t pages)
{
	struct space_query_request req = { .space = (uint16_t)id, .va = va };
	struct space_query_reply reply;

	if (sys_space_query(&req, &reply) != 0 || reply.va >= va + pages * PAGE_SIZE)
		return pages;
	return (reply.va - va) / PAGE_SIZE;
}

/* Zeroed memory at [va, va + bytes). What is there already, from a start that was interrupted,
 * stays; each run is committed, so that the log need not hold all of them. */
static err_t map_memory(unsigned id, uint64_t va, uint64_t bytes, unsigned flags)
{
	uint64_t pages = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;

	while (pages > 0) {
		struct map_run run = { .va = va | flags | MAP_ZERO };
		uint64_t missing = pages_missing(id, va, pages);
		err_t err;

		if (missing == 0) {
			va += PAGE_SIZE;
			pages--;
			continue;
		}
		run.count = take_frames(missing < RUN_MAX ? (uint32_t)missing : RUN_MAX, &run.pfn);
		if (run.count == 0)
			return -ENOMEM;
		err = map_run(id, &run);
		undo_commit();
		if (err != 0)
			return err;
		va += (uint64_t)run.count * PAGE_SIZE;
		pages -= run.count;
	}
	return 0;
}

/* A page that is there already: the clock page, the archive. */
static err_t map_shared(unsigned id, uint64_t va, uint32_t pfn, uint32_t count)
{
	while (count > 0) {
		struct map_run run = { .va = va, .pfn = pfn,
				       .count = count < RUN_MAX ? count : RUN_MAX };
		err_t err = map_run(id, &run);

		if (err != 0)
			return err;
		va += (uint64_t)run.count * PAGE_SIZE;
		pfn += run.count;
		count -= run.count;
	}
	return 0;
}

static err_t map_extras(unsigned id)
{
	static struct boot_info info;
	struct boot_info_request req = { .address = (uint64_t)&info };
	err_t err = sys_boot_info(&req);

	if (err == 0)
		err = map_shared(id, CLOCK_VA, info.clock_pfn, 1);
	if (err == 0 && manifest_of(id)->archive)
		err = map_shared(id, RS_ARCHIVE_VA, (uint32_t)(info.archive / PAGE_SIZE),
				 (uint32_t)((info.archive_size + PAGE_SIZE - 1) / PAGE_SIZE));
	return err;
}

uint64_t service_stack(unsigned id)
{
	return (manifest_of(id)->stack + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

err_t service_image(unsigned id, struct image *i)
{
	err_t err = loaded_image(id, i) ? 0 : image_find(manifest_of(id)->program, i);

	return err != 0 ? err : image_check(i);
}

uint64_t service_bytes(unsigned id)
{
	uint64_t bytes = service_stack(id);
	struct image i;
	struct segment s;

	if (service_image(id, &i) != 0)
		return 0;
	for (unsigned n = 0; image_segment(&i, n, &s); n++)
		bytes += (s.memory + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	return bytes;
}

err_t service_build(unsigned id)
{
	struct space_create_request space = { .space = (uint16_t)id, .priv = (uint16_t)id };
	struct image image;
	struct segment s;
	uint32_t root;
	err_t err = service_image(id, &image);

	if (err != 0)
		return err;
	if (take_frames(1, &root) == 0)
		return -ENOMEM;
	space.root = root;
	err = sys_space_create(&space);
	if (err == -EEXIST) {           /* of a start that was interrupted, or it is mended */
		state.next_frame = root;
		state.frames--;
		err = 0;
	}
	for (unsigned n = 0; err == 0 && image_segment(&image, n, &s); n++)
		err = map_memory(id, s.va, s.memory, s.flags);
	if (err == 0)
		err = map_memory(id, IMAGE_STACK_TOP - service_stack(id), service_stack(id),
				 MAP_WRITE);
	if (err == 0)
		err = map_extras(id);
	return err;
}

/* ---- processes ---- */

endpoint_t service_endpoint(unsigned id)
{
	return ENDPOINT(state.service[id].generation, id);
}

static struct service_args args_of(unsigned id)
{
	struct service_args args = { .id = id };

	memcpy(args.words, manifest_of(id)->args, sizeof(args.words));
	return args;
}

err_t service_start(unsigned id)
{
	struct proc_create_request create = {
		.proc = service_endpoint(id), .owner = service_endpoint(id),
		.space = (uint16_t)id, .priv = (uint16_t)id,
		.stack = SERVICE_ARGS_VA, .arg = START_FRESH,
	};
	struct proc_resume_request resume = { .proc = create.proc };
	struct service_args args = args_of(id);
	struct image image;
	err_t err = service_image(id, &image);

	if (err != 0)
		return err;
	create.entry = image_entry(&image);
	err = rights_set(id);
	if (err == 0)
		err = sys_proc_create(&create);
	if (err == 0)
		err = image_write(&image, create.proc, service_stack(id), false);
	if (err == 0)
		err = image_write_args(create.proc, &args);
	if (err == 0)
		err = sys_proc_resume(&resume);
	return err;
}

err_t service_recover(unsigned id)
{
	struct service_args args = args_of(id);
	struct image image;
	err_t err = service_image(id, &image);

	rights_doubt(id);
	return err != 0 ? err
			: image_recover(&image, service_endpoint(id), service_stack(id), &args);
}

/* vm can take any page from a service, if it has gone wrong: also from itself. Before frames are
 * taken it stands still; when it is recovered it looks which are free. */
bool service_mend(unsigned id)
{
	struct proc_freeze_request stand = {
		.proc = service_endpoint(ID_VM), .code = RS_CAUSE_DOUBT << 16,
	};
	uint32_t had = state.frames;
	struct image image;
	struct segment s;

	state.next_frame = 1;
	if (service_image(id, &image) != 0 ||
	    (id != ID_VM && alive(&state.service[ID_VM]) && sys_proc_freeze(&stand) != 0) ||
	    service_build(id) != 0)
		return false;
	for (unsigned n = 0; image_segment(&image, n, &s); n++)
		memory_protect(id, s.va, s.memory, s.flags);
	if (state.frames != had)
		say("<4>%s: %u frames of its memory were missing", state.service[id].name,
		    state.frames - had);
	return true;
}
