/* SPDX-License-Identifier: BSD-2-Clause
 * babbler.c - a service that makes requests which no contract allows.
 *
 * Job:      every other second one, of the next one in `nonsense`; nothing when it has made all.
 * Speaks:   contracts/vm, ds, log, sched, pm, pci, rs: not as they want it.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: recovers in place, and goes on with the next one.
 */
#include <contract/ds.h>
#include <contract/log.h>
#include <contract/pci.h>
#include <contract/pm.h>
#include <contract/rs.h>
#include <contract/sched.h>
#include <contract/vm.h>
#include <lib/clock.h>
#include <lib/ipc.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/server.h>

static unsigned next SECTION_STATE;
static uint64_t latest_ns SECTION_STATE;

static err_t no_such_call(const char *name, uint32_t base)
{
	struct peer to = PEER("");
	struct message m = { .type = base + CONTRACT_OPS - 1 };
	err_t err;

	strlcpy(to.name, name, sizeof(to.name));
	err = peer_find(&to);
	m.peer = to.at;
	return err != 0 ? err : ipc_sendrec(&m, NULL, 0) != 0 ? -EIO : (err_t)m.type;
}

/* What a handler refuses may be its own fault: nobody complains. */
static err_t no_such_vm_call(void)
{
	struct peer vm = PEER("vm");
	err_t err = vm_limit(&vm, &(struct vm_limit_request){ .space = 1 });

	return err != -EPERM ? err : no_such_call("vm", VM_BASE);
}

static err_t no_such_pm_call(void)
{
	struct peer pm = PEER("pm");
	struct pm_fork_reply reply;
	err_t err = pm_fork(&pm, &(struct pm_fork_request){ .flags = 0 }, &reply);

	return err != -EPERM ? err : no_such_call("pm", PM_BASE);
}

static err_t endless_name(void)
{
	struct peer ds = PEER("ds");
	struct ds_retrieve_request req;
	struct ds_retrieve_reply reply;

	memset(req.name, 'x', sizeof(req.name));
	return ds_retrieve(&ds, &req, &reply);
}

static err_t no_such_level(void)
{
	struct peer log = PEER("log");

	return log_console(&log, &(struct log_console_request){ .level = 99 });
}

static err_t no_such_priority(void)
{
	struct peer sched = PEER("sched");

	return sched_service(&sched, &(struct sched_service_request){ .priority = 99 });
}

static err_t no_such_bar(void)
{
	struct peer pci = PEER("pci");
	struct pci_bar_reply reply;

	return pci_bar(&pci, &(struct pci_bar_request){ .bar = 99 }, &reply);
}

static err_t no_such_reason(void)
{
	struct peer rs = PEER("rs");

	return rs_complain(&rs, &(struct rs_complain_request){ .reason = 0 });
}

/* sched, once more: it, too, may be wrong. */
static err_t (*const nonsense[])(void) = {
	no_such_level, no_such_vm_call, no_such_pm_call, endless_name, no_such_priority,
	no_such_priority, no_such_bar, no_such_reason,
};

static void audit(void)
{
	uint64_t now = clock_monotonic_ns();
	unsigned n = next;

	if (n == COUNT(nonsense) || now - latest_ns < 1500000000)
		return;
	next = n + 1;
	latest_ns = now;
	server_commit();
	print("request %u: %d\n", n, (int)nonsense[n]());
}

static const struct server server = { .name = "babbler", .audit = audit };

int main(void)
{
	server_run(&server);
}
