/* SPDX-License-Identifier: BSD-2-Clause
 * guesser.c - guesses grants, calls, ports and lines that are others'.
 *
 * Job:      with kernel calls that it may make, tries every grant, call in progress, port and line
 *           that is not its own; tells what was not refused. Without arguments: lends its own.
 * Speaks:   nothing.
 * Touches:  what it can; its own port is 0x80, its line 23.
 * Trusts:   nothing.
 * On crash: stays dead.
 */
#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/ipc.h>
#include <lib/print.h>
#include <lib/service_ids.h>

enum { TOLD_MAX = 100, SERIALS = 64, GENERATIONS = 8, OWN_PORT = 0x80, OWN_LINE = 23 };

static uint64_t tried, refused, existing;
static uint8_t loot[64];

static void judge(bool is_refused, const char *what, uint64_t a, err_t err)
{
	tried++;
	refused += is_refused;
	if (!is_refused && tried - refused <= TOLD_MAX)
		print("<2>allowed: %s %lu = %d\n", what, (unsigned long)a, err);
}

static bool nobody(err_t err)
{
	return err == -EPERM || err == -EDEADPEER;
}

static void try_grant(grant_t grant, uint32_t dir)
{
	struct grant_copy_request req = {
		.grant = grant, .dir = dir, .local = (uint64_t)(uintptr_t)loot, .len = 1,
	};
	struct grant_copy_reply reply;
	err_t err = sys_grant_copy(&req, &reply);

	existing += err == -EPERM;
	judge(nobody(err), "grant", grant.v, err);
}

static void try_revoke(grant_t grant)
{
	struct grant_revoke_request req = { .grant = grant };
	err_t err = sys_grant_revoke(&req);

	judge(err == -EINVAL, "revoke", grant.v, err);
}

static void try_grants(uint32_t sequences)
{
	for (uint32_t n = 0; n < sequences * NR_PRIVS * GRANT_ROWS; n++) {
		uint32_t priv = n / GRANT_ROWS % NR_PRIVS;
		grant_t grant = GRANT(n / GRANT_ROWS / NR_PRIVS, priv, n % GRANT_ROWS);

		try_grant(grant, COPY_IN);
		try_grant(grant, COPY_OUT);
		if (priv != service_id())
			try_revoke(grant);
	}
}

/* Part of a call that it does not hold, copied or lent on. */
static void try_call(endpoint_t client, uint32_t serial)
{
	struct call_copy_request copy = {
		.client = client, .serial = serial, .local = (uint64_t)(uintptr_t)loot, .len = 8,
		.remote = 0x400000,
	};
	struct grant_create_request lend = {
		.grant = GRANT(1, service_id(), 0), .borrower = FIRST_ENDPOINT(ID_DS),
		.base = 0x400000, .len = 8, .dir = GRANT_READ, .client = client, .serial = serial,
	};
	struct call_copy_reply reply;
	err_t err = sys_call_copy(&copy, &reply);

	judge(err == -EDEADPEER, "call of", client.v, err);
	err = sys_grant_create(&lend);
	judge(err == -EDEADPEER, "delegation of the call of", client.v, err);
}

static void try_calls(void)
{
	struct call_cancelled_reply reply;

	for (unsigned slot = 0; slot < NR_PROCS; slot++)
		for (unsigned gen = 1; gen < GENERATIONS; gen++)
			for (uint32_t serial = 0; serial < SERIALS; serial += 1 + serial / 4)
				try_call(ENDPOINT(gen, slot), serial);
	judge(sys_call_cancelled(&reply) == -ENOENT, "a cancelled call", 0, 0);
}

/* Other owners' rows, and memory that is nobody's to lend. */
static void try_lending(void)
{
	for (unsigned priv = 0; priv < NR_PRIVS; priv++) {
		struct grant_create_request req = {
			.grant = GRANT(1, priv, 0), .borrower = FIRST_ENDPOINT(ID_DS),
			.base = 0x400000, .len = 8, .dir = GRANT_READ, .client = ENDPOINT_NONE,
		};

		if (priv != service_id())
			judge(sys_grant_create(&req) == -EINVAL, "a row of", priv, 0);
		req.grant = GRANT(1, service_id(), 0);
		req.base = BIT(63) | (uint64_t)priv << PAGE_SHIFT;
		judge(sys_grant_create(&req) == -EINVAL, "a grant of the kernel's page", priv, 0);
	}
}

static void try_port(uint32_t port, uint8_t width, uint8_t write)
{
	struct port_op op[2] = {
		{ .port = OWN_PORT, .width = 1 },
		{ .port = (uint16_t)port, .width = width, .write = write },
	};
	struct port_io_request req = { .address = (uint64_t)(uintptr_t)op, .count = 2 };
	struct port_io_reply reply;
	err_t err = sys_port_io(&req, &reply);

	judge(err == -EPERM, "port", port, err);
}

static void try_ports(void)
{
	for (uint32_t port = 0; port < 0x10000; port++) {
		for (uint8_t width = 1; width <= 4; width = (uint8_t)(width * 2)) {
			if (port == OWN_PORT && width == 1)
				continue;
			try_port(port, width, 0);
			try_port(port, width, 1);
		}
	}
}

static void try_lines(void)
{
	for (uint32_t line = 0; line < LINE_MSI + NR_MSI; line++) {
		struct irq_claim_request claim = { .line = line, .bit = 1 };
		struct irq_claim_reply reply;
		struct irq_ack_request ack = { .line = line };
		err_t err;

		if (line == OWN_LINE)
			continue;
		err = sys_irq_claim(&claim, &reply);
		judge(err == -EPERM, "line", line, err);
		err = sys_irq_ack(&ack);
		judge(err == -EPERM, "acknowledging line", line, err);
	}
}

__attribute__((noreturn)) static void loop(void)
{
	for (;;)
		__asm__ volatile("pause");
}

/* Everything that it has, to ds: for another guesser to find. */
__attribute__((noreturn)) static void lend(void)
{
	static uint8_t secret[64] = { [0 ... 63] = 0x5a };

	for (unsigned row = 0; row < GRANT_ROWS; row++) {
		struct grant_create_request req = {
			.grant = GRANT(1 + row, service_id(), row), .client = ENDPOINT_NONE,
			.borrower = FIRST_ENDPOINT(ID_DS), .base = (uint64_t)(uintptr_t)secret,
			.len = sizeof(secret), .dir = GRANT_READ | GRANT_WRITE,
		};

		assert(sys_grant_create(&req) == 0);
	}
	ipc_notify(FIRST_ENDPOINT(ID_RS));
	loop();
}

int main(void)
{
	if (service_arg_number(0, 0) == 0)
		lend();
	ipc_notify(FIRST_ENDPOINT(ID_RS));
	try_ports();
	try_lines();
	try_lending();
	try_calls();
	try_grants((uint32_t)service_arg_number(0, 1));
	for (unsigned i = 0; i < sizeof(loot); i++)
		judge(loot[i] == 0, "loot", i, 0);
	print("<2>done: %lu tried, %lu refused; %lu guesses met a grant of others\n",
	      (unsigned long)tried, (unsigned long)refused, (unsigned long)existing);
	loop();
}
