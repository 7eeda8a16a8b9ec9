/* SPDX-License-Identifier: BSD-2-Clause
 * watch.c - a plugin of QEMU's that tells whether one instruction of the guest is reached.
 *
 * Loaded by tools/campaign.py with `-plugin file=watch.so,ram=FILE,watch=FILE`. The first file is
 * the guest's memory, which QEMU maps; of the second, 16 bytes, the first word is the physical
 * address of the instruction, the second the times it was begun. Who writes the address must then
 * change the instruction's bytes: QEMU translates it again, and only then are its uses counted.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- what QEMU offers a plugin: no header of it is packaged ---- */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*f)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int add, void *to,
						uint64_t n);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
int qemu_plugin_version = 1;

struct watch {
	uint64_t at, begun;
};

static struct watch *watch;
static char ram[512];
static uintptr_t base;                  /* of the guest's memory in QEMU's; 0: not known yet */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "watch: %s\n", what);
	exit(1);
}

/* QEMU maps the memory after it has loaded us. */
static void find_base(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024];
	uint64_t from, offset;

	if (!maps)
		die("cannot read /proc/self/maps");
	while (fgets(line, sizeof(line), maps)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64, &from, &offset) == 2 &&
		    offset == 0 && strlen(line) > strlen(ram) &&
		    !strcmp(line + strlen(line) - strlen(ram), ram))
			base = from;
	}
	fclose(maps);
	if (!base)
		die("the guest's memory is not mapped");
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	if (!base)
		find_base();
	if (!watch->at)
		return;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if ((uintptr_t)qemu_plugin_insn_haddr(insn) - base == watch->at)
			qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &watch->begun, 1);
	}
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	int fd;

	(void)info;
	if (argc != 2 || strncmp(argv[0], "ram=", 4) || strncmp(argv[1], "watch=", 6) ||
	    strlen(argv[0] + 4) >= sizeof(ram))
		die("expected ram=FILE,watch=FILE");
	strcpy(ram, argv[0] + 4);
	fd = open(argv[1] + 6, O_RDWR);
	watch = fd < 0 ? MAP_FAILED :
		mmap(NULL, sizeof(*watch), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (watch == MAP_FAILED)
		die("cannot map the file `watch`");
	close(fd);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
