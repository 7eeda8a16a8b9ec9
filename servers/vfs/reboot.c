/* SPDX-License-Identifier: BSD-2-Clause
 * reboot.c - the end: everything onto the disks, then off, reset or halt.
 *
 * Job:      reboot(2).
 * Speaks:   the Linux call reboot; contracts/power, as a client; pm.halt.
 * Touches:  what sync touches.
 * Trusts:   nothing in an argument; acpi to do it.
 * On crash: the call is done again: all of it may be repeated.
 * Spec:     reboot(2).
 */
#include "vfs.h"

#include <contract/power.h>

enum { MAGIC1 = 0xfee1dead, RESTART = 0x01234567, RESTART2 = 0xa1b2c3d4, HALT = 0xcdef0123,
       CAD_OFF = 0, SWITCH_OFF = 0x4321fedc };

static bool right_magic(uint32_t a, uint32_t b)
{
	return a == MAGIC1 &&
	       (b == 672274793 || b == 85072278 || b == 369367448 || b == 537993216);
}

/* Who is not published now is not waited for. */
static err_t find_acpi(struct peer *acpi)
{
	struct ds_retrieve_request req = { .name = "acpi" };
	struct ds_retrieve_reply r;
	err_t err = ds_retrieve(&ds, &req, &r);

	if (err == 0)
		acpi->at = r.who;
	return err;
}

static int64_t off_or_reset(const struct op *o, bool off)
{
	struct power_reset_request reset = { .proc = o->client };
	struct power_off_request req = { .proc = o->client };
	struct peer acpi = PEER("acpi");
	err_t err = find_acpi(&acpi);

	print("<0>%s\n", off ? "switching the machine off" : "restarting the machine");
	if (err == 0)
		err = off ? power_off(&acpi, &req) : power_reset(&acpi, &reset);
	print("<3>that does not work: error %d\n", (int)-err);
	return -EIO;
}

/* Programs stand still from now on, the caller too. */
static int64_t halt(const struct op *o)
{
	struct pm_halt_request req = { .proc = o->client };

	print("<0>system halted\n");
	return pm_halt(&pm, &req) == 0 ? 0 : -EIO;
}

int64_t linux_reboot(struct op *o)
{
	uint32_t command = (uint32_t)o->a[2];
	int64_t err;

	op_cred(o);
	if (o->uid != 0)
		return -EPERM;
	if (!right_magic((uint32_t)o->a[0], (uint32_t)o->a[1]))
		return -EINVAL;
	if (command == CAD_OFF)         /* Ctrl-Alt-Del goes to the first process, as always */
		return 0;
	if (command != RESTART && command != RESTART2 && command != HALT && command != SWITCH_OFF)
		return -EINVAL;
	err = disks_readonly(o);
	if (err == -PARKED)
		return err;
	if (command == HALT)
		return halt(o);
	return off_or_reset(o, command == SWITCH_OFF);
}
