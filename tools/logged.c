/* SPDX-License-Identifier: BSD-2-Clause
 * logged.c - a plugin of QEMU's that finds stores to a service's state that its undo log misses.
 *
 * Loaded by tests/system/logged.py with `-plugin file=logged.so,config=FILE`. Each line of the file
 * is a word and its values; numbers are hexadecimal:
 *
 *   ram PATH              the guest's memory, a file that QEMU maps shared
 *   out PATH              where the results go when QEMU ends
 *   current AT PROCS      physical address of the pointer to the current process; that of procs
 *   service SLOT MARK BYTES SPAN STATE
 *                         a service, and where it has undo_mark, undo_bytes, undo_span and state
 *                         that is logged
 *
 * Every store that a service does itself to its state, while undo_span is not 0, must be to bytes
 * that a record in the log holds since the last commit. Where undo_mark, undo_bytes and undo_span
 * lie in the guest's memory is known from the stores to them. What the kernel copies is not seen.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what QEMU offers a plugin: no header of it is packaged ---- */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*f)(uint64_t id, struct qemu_plugin_tb *tb));
typedef void memory_t(unsigned cpu, uint32_t info, uint64_t at, void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, memory_t *f, int flags,
				      int kind, void *arg);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*f)(uint64_t id, void *arg), void *arg);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);
unsigned qemu_plugin_mem_size_shift(uint32_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t at);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *at);
enum { STORES = 2 };

#define EXPORT __attribute__((visibility("default")))
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
int qemu_plugin_version = 1;

/* ---- what is known of the services ---- */

enum { SLOTS = 64, PROC_SIZE = 512, PAGE = 4096, LOG_SIZE = 32768, RANGES = 4096, BAD = 256 };
enum { STATE = 0x10000000, STATE_SIZE = 0x08000000 };

struct range { uint32_t from, to; };    /* in the state */

struct service {
	uint64_t mark, bytes, span, state;      /* addresses; 0: there is no such service */
	uint64_t mark_at, span_at;      /* and in the guest's memory; 0: not known yet */
	uint64_t log_at[LOG_SIZE / PAGE];
	uint32_t used, nr_ranges;
	struct range range[RANGES];     /* logged since the last commit */
	uint64_t stores, commits;
};

struct bad { unsigned slot; uint64_t pc, at, times; };

static struct service services[SLOTS];
static struct bad bad[BAD];
static unsigned nr_bad;
static uint64_t current_at, procs;
static const uint8_t *ram;
static FILE *out;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "logged: %s\n", what);
	exit(1);
}

static uint64_t word(uint64_t at)
{
	uint64_t value;

	memcpy(&value, ram + at, sizeof(value));
	return value;
}

static uint64_t log_word(const struct service *s, uint32_t offset)
{
	return word(s->log_at[offset / PAGE] + offset % PAGE);
}

/* ---- while the guest runs ---- */

/* Records that end at `end` have been counted. */
static void counted(struct service *s, uint32_t end)
{
	uint32_t begin = s->used;

	s->used = end;
	while (end > begin) {
		uint64_t header = log_word(s, end - 8);
		uint32_t words = (uint32_t)(header >> 32) + 1, from = (uint32_t)header;

		from -= from >= STATE ? STATE : 0;
		if (s->nr_ranges == RANGES || 8 * words + 8 > end - begin)
			die("a record is wrong");
		s->range[s->nr_ranges++] = (struct range){ from, from + 8 * words };
		end -= 8 * words + 8;
	}
}

static void marked(struct service *s)
{
	uint32_t used = word(s->mark_at) & 0xffff;

	if (used > s->used) {
		counted(s, used);
	} else {
		s->used = s->nr_ranges = 0;
		s->commits++;
	}
}

static bool is_logged(const struct service *s, uint32_t from, uint32_t to)
{
	for (uint32_t i = s->nr_ranges; i > 0 && from < to; i--) {
		const struct range *r = &s->range[i - 1];

		if (r->from <= from && from < r->to) {
			from = r->to;
			i = s->nr_ranges + 1;
		}
	}
	return from >= to;
}

static void report(unsigned slot, uint64_t pc, uint64_t at)
{
	for (unsigned i = 0; i < nr_bad; i++) {
		if (bad[i].slot == slot && bad[i].pc == pc) {
			bad[i].times++;
			return;
		}
	}
	if (nr_bad < BAD)
		bad[nr_bad++] = (struct bad){ slot, pc, at, 1 };
}

static void stored(unsigned cpu, uint32_t info, uint64_t at, void *arg)
{
	uint64_t current = word(current_at), slot = (current - procs) / PROC_SIZE, physical;
	uint32_t size = 1u << qemu_plugin_mem_size_shift(info);
	struct service *s = &services[slot];

	(void)cpu;
	if (current == 0 || slot >= SLOTS || s->mark == 0 || !qemu_plugin_mem_is_store(info))
		return;
	if (at - STATE < STATE_SIZE) {
		if (at < s->state)
			return;
		s->stores++;
		if (s->span_at && word(s->span_at) != 0 &&
		    !is_logged(s, (uint32_t)(at - STATE), (uint32_t)(at - STATE) + size))
			report((unsigned)slot, (uint64_t)(uintptr_t)arg, at);
		return;
	}
	if (at != s->mark && at != s->span && at - s->bytes >= LOG_SIZE)
		return;
	physical = qemu_plugin_hwaddr_phys_addr(qemu_plugin_get_hwaddr(info, at));
	if (at == s->span) {
		s->span_at = physical;
	} else if (at == s->mark) {
		s->mark_at = physical;
		marked(s);
	} else {
		s->log_at[(at - s->bytes) / PAGE] = physical & -(uint64_t)PAGE;
	}
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);

		if (at < STATE)
			qemu_plugin_register_vcpu_mem_cb(insn, stored, 0, STORES,
							 (void *)(uintptr_t)at);
	}
}

static void finished(uint64_t id, void *arg)
{
	(void)id;
	(void)arg;
	for (unsigned i = 0; i < SLOTS; i++)
		if (services[i].stores)
			fprintf(out, "service %u %" PRIu64 " %" PRIu64 "\n", i, services[i].stores,
				services[i].commits);
	for (unsigned i = 0; i < nr_bad; i++)
		fprintf(out, "bad %u %" PRIx64 " %" PRIx64 " %" PRIu64 "\n", bad[i].slot, bad[i].pc,
			bad[i].at, bad[i].times);
	fclose(out);
}

/* ---- start-up ---- */

static void map_ram(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0)
		die("cannot open the guest's memory");
	ram = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED)
		die("cannot map the guest's memory");
	close(fd);
}

static void configure(const char *line)
{
	struct service s = { 0 };
	char name[256];
	unsigned slot;

	if (sscanf(line, "out %255s", name) == 1)
		out = fopen(name, "w");
	else if (sscanf(line, "ram %255s", name) == 1)
		map_ram(name);
	else if (sscanf(line, "service %x %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &slot,
			&s.mark, &s.bytes, &s.span, &s.state) == 5 && slot < SLOTS)
		services[slot] = s;
	else if (sscanf(line, "current %" SCNx64 " %" SCNx64, &current_at, &procs) != 2)
		die("a line of the configuration is not known");
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	char line[1024];
	FILE *config;

	(void)info;
	if (argc != 1 || strncmp(argv[0], "config=", 7))
		die("expected config=FILE");
	config = fopen(argv[0] + 7, "r");
	if (!config)
		die("cannot read the configuration");
	while (fgets(line, sizeof(line), config))
		configure(line);
	fclose(config);
	if (!out || !ram || !current_at)
		die("the configuration lacks `out`, `ram` or `current`");
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
