/* SPDX-License-Identifier: BSD-2-Clause
 * boot_test.c - pairs of the boot command line.
 *
 * Links: lib/boot.c
 */
#include <string.h>

#include <lib/boot.h>
#include <tests/unit.h>

static void t_option(void)
{
	char value[4] = "";

	CHECK(boot_option("a=1 bb=2 a=3", "a", value, sizeof(value)));
	CHECK(strcmp(value, "3") == 0);
	CHECK(boot_option("x a=longer", "a", value, sizeof(value)));
	CHECK(strcmp(value, "lon") == 0);
	CHECK(boot_option("a=", "a", value, sizeof(value)) && value[0] == '\0');
	CHECK(!boot_option("ab=1 a c=a=2", "a", value, sizeof(value)));
	CHECK(!boot_option("", "a", value, sizeof(value)));
}

static void t_console(void)
{
	CHECK(boot_console("", "tty1") && boot_console("log=on", "ttyS0"));
	CHECK(boot_console("console=tty1", "tty1") && !boot_console("console=tty1", "ttyS0"));
	CHECK(boot_console("console=tty1 x=y console=ttyS0,115200", "tty1"));
	CHECK(boot_console("console=tty1 x=y console=ttyS0,115200", "ttyS0"));
	CHECK(!boot_console("console=tty10", "tty1") && !boot_console("console=tty", "tty1"));
}

int main(void)
{
	TEST("the last pair of a name counts, cut to size", t_option);
	TEST("each terminal that console= names is a console; without one, all are", t_console);
	return test_result();
}
