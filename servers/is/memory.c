/* SPDX-License-Identifier: BSD-2-Clause
 * memory.c - frames, grants, published names.
 *
 * Job:      the pages memory, grants, names.
 * Speaks:   frame_info, boot_info; vm.totals; ds.list; rs.rights; summary.get.
 * Touches:  the text being made.
 * Trusts:   those it asks.
 * On crash: holds no state.
 */
#include "is.h"

#include <abi/boot.h>
#include <contract/ds.h>

enum { STEP = 2048, NR_TYPES = FRAME_CLOCK + 1 };

static const char *const type_name[NR_TYPES] = {
	"free", "user", "page tables", "kernel", "device", "clock",
};

static void count_frames(uint32_t nr, uint64_t *of_type, uint64_t *shared, uint64_t *pinned)
{
	static struct frame part[STEP];
	struct frame_info_request req = { .count = STEP, .address = (uint64_t)part };
	struct frame_info_reply r;

	for (; req.first < nr && sys_frame_info(&req, &r) == 0 && r.done > 0; req.first += r.done)
		for (uint32_t i = 0; i < r.done; i++) {
			if (part[i].type < NR_TYPES)
				of_type[part[i].type]++;
			*shared += part[i].maps > 1;
			*pinned += part[i].pins > 0;
		}
}

static void put_boot_memory(const struct boot_info *boot)
{
	for (uint32_t i = 0; i < boot->nr_regions && i < BOOT_REGIONS; i++)
		put("RAM             0x%09lx %9lu KiB\n", (unsigned long)boot->region[i].base,
		    (unsigned long)boot->region[i].length / 1024);
	put("boot archive    0x%09lx %9lu KiB\n", (unsigned long)boot->archive,
	    (unsigned long)boot->archive_size / 1024);
}

void dump_memory(void)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	uint64_t of_type[NR_TYPES] = { 0 }, shared = 0, pinned = 0;
	struct vm_totals_reply v;

	if (sys_boot_info(&req) != 0)
		return;
	put_boot_memory(&boot);
	count_frames(boot.nr_frames, of_type, &shared, &pinned);
	put("frames          %u\n", boot.nr_frames);
	for (unsigned i = 0; i < NR_TYPES; i++)
		put("  %-13s %9lu\n", type_name[i], (unsigned long)of_type[i]);
	put("  mapped twice  %9lu\n  pinned        %9lu\n", (unsigned long)shared,
	    (unsigned long)pinned);
	if (vm_totals(&vm, &v) != 0)
		return;
	put("vm's account    %9lu frames, %lu free\n", (unsigned long)v.frames,
	    (unsigned long)v.free);
	put("  anonymous     %9lu\n  file cache    %9lu\n  tables        %9lu\n"
	    "  faults        %9lu\n", (unsigned long)v.anonymous, (unsigned long)v.cache,
	    (unsigned long)v.tables, (unsigned long)v.faults);
}

/* The kernel lets nobody read its grant table; who may make grants tells what it has made. */
void dump_grants(void)
{
	struct rs_list_request req = { 0 };
	struct rs_list_reply s;
	struct rs_rights r;

	for (; rs_list(&rs, &req, &s) == 0; req.index++) {
		s.name[sizeof(s.name) - 1] = '\0';
		if (rights_of(s.name, &r) != 0 ||
		    !(r.priv.calls & BIT(SYS_GRANT_CREATE - 0x1000)))
			continue;
		put("%s: may make up to %d grants\n", s.name, GRANT_ROWS);
		put_account(s.name, &r);
	}
}

void dump_names(void)
{
	struct ds_list_request req = { 0 };
	struct ds_list_reply r;

	put("NAME                     ENDPOINT SERVICE          CHANGE\n");
	for (; ds_list(&ds, &req, &r) == 0; req.index++)
		put("%-24.24s %8x %-16s %6lu\n", r.name, r.who.v,
		    name_of_slot(endpoint_slot(r.who)), (unsigned long)r.changes);
}
