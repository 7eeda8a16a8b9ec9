/* SPDX-License-Identifier: BSD-2-Clause
 * names.c - numbers to names: slots, messages, states, kernel calls.
 *
 * Job:      reads who is who once for each dump, from rs and pm.
 * Speaks:   rs.list, pm.info.
 * Touches:  its table.
 * Trusts:   those it asks, for names.
 * On crash: holds no state.
 */
#include "is.h"

#include <contract/block.h>
#include <contract/chardev.h>
#include <contract/ds.h>
#include <contract/file.h>
#include <contract/log.h>
#include <contract/pci.h>
#include <contract/power.h>
#include <contract/sched.h>
#include <contract/semaphore.h>
#include <contract/serial.h>
#include <contract/summary.h>
#include <contract/toy.h>
#include <lib/manifest.h>
#include <lib/print.h>

static char slot_name[NR_PROCS][NAME];

static const struct contract *const contracts[] = {
	&block_contract, &chardev_contract, &ds_contract, &file_contract, &is_contract,
	&log_contract, &pci_contract, &pm_contract, &power_contract, &rs_contract, &sched_contract,
	&semaphore_contract, &serial_contract, &summary_contract, &toy_contract, &vm_contract,
};

static void read_services(void)
{
	struct rs_list_request req = { 0 };
	struct rs_list_reply r;

	for (; rs_list(&rs, &req, &r) == 0; req.index++)
		if (r.priv < FIRST_PROGRAM)
			memcpy(slot_name[r.priv], r.name, NAME);
}

static void read_programs(void)
{
	struct pm_info_request req = { 0 };
	struct pm_info_reply r;

	for (; pm_info(&pm, &req, &r) == 0; req.from = r.pid + 1) {
		uint32_t slot = endpoint_slot(r.proc);

		if (slot < NR_PROCS)
			memcpy(slot_name[slot], r.name, NAME);
	}
}

void names_read(void)
{
	memset(slot_name, 0, sizeof(slot_name));
	read_services();
	read_programs();
	for (unsigned i = 0; i < NR_PROCS; i++)
		slot_name[i][NAME - 1] = '\0';
}

const char *name_of_slot(unsigned slot)
{
	return slot < NR_PROCS ? slot_name[slot] : "";
}

const char *name_of_type(unsigned type)
{
	static char number[12];
	const char *name = NULL;

	if (type < NR_LINUX)
		name = linux_call_name(type);
	else if (type == TYPE_FAULT)
		name = "page fault";
	else if (type == TYPE_NOTIFY)
		name = "notification";
	for (unsigned i = 0; i < COUNT(contracts) && name == NULL; i++)
		if (type - contracts[i]->base < CONTRACT_OPS)
			name = contracts[i]->op_name[type - contracts[i]->base];
	if (name != NULL)
		return name;
	format(number, sizeof(number), "0x%x", type);
	return number;
}

const char *name_of_state(unsigned state)
{
	if (state & STATE_FROZEN)
		return "frozen";
	if (state & STATE_NEW)
		return "new";
	if (state & STATE_PARKED)
		return "parked";
	if (state & STATE_SENDING)
		return "queued at";
	if (state & STATE_CALLING)
		return "waits for";
	if (state & STATE_RECEIVING)
		return "receives";
	return "ready";
}

const char *name_of_kernel_call(unsigned n)
{
	const char *name = n < NR_KERNEL_CALLS ? kernel_call_name[n] : NULL;

	return name != NULL ? name : "?";
}
