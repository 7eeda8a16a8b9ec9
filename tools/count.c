/* SPDX-License-Identifier: BSD-2-Clause
 * count.c - a plugin of QEMU's that counts what the guest does between two marks.
 *
 * Loaded by tools/count.py with `-plugin file=count.so,config=FILE`. Each line of the file is a
 * word and its values; numbers are hexadecimal:
 *
 *   out PATH              where the results go
 *   ram PATH              the guest's memory, a file that QEMU maps shared
 *   kernel CURRENT PROCS PROCS-AT RING NEXT IDLE STUBS
 *                         physical addresses of the pointer to the current process, of procs, the
 *                         trace ring and its count; virtual ones of procs (the first), the idle
 *                         loop and the trap stubs
 *   switch ADDRESS        an instruction that changes the address space
 *   reached PATH          which blocks of user code ran, whose and how often, goes there at the end
 *   mark NAME ADDRESS BYTES
 *                         code of a program: counts as `now` or `end` if these bytes stand there
 *
 * At each mark `now` an interval ends and the next one begins; at a mark `end` the latest whole
 * interval is written out: its instructions, address-space switches, messages and kernel calls (by
 * the kernel's trace ring), and how often each block of instructions ran, in whose address space.
 * At the first mark and when QEMU ends the longest stays in the kernel since the boot, or since the
 * first mark, are written, by what brought the CPU there; at last all instructions since the reset.
 * Without `kernel` these are all that is counted: it may be any guest.
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

#include <abi/message.h>
#include <abi/trace.h>

/* ---- what QEMU offers a plugin: no header of it is packaged ---- */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*f)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*f)(unsigned cpu, void *arg), int flags, void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*f)(unsigned cpu, void *arg), int flags,
					    void *arg);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*f)(uint64_t id, void *arg), void *arg);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
int qemu_plugin_version = 1;

/* ---- what is counted ---- */

enum { SWITCHES_MAX = 16, MARKS_MAX = 16, BYTES_MAX = 16, KINDS = 1 << 14, RUNS_MAX = 1 << 18 };
enum { PROC_SIZE = 512, STUB_SIZE = 16, ORIG_RAX = 160, NR_CAUSES = 0x1100,
       CAUSE_UNKNOWN = NR_CAUSES + 256, EVENTS = 16 };

struct block {                          /* of instructions, as QEMU translated it */
	uint64_t address;
	uint64_t count, before;         /* times run: since the mark, between the last two */
	uint32_t length;
	uint16_t slot;                  /* whose, if a user's */
	bool touched, idle;
};

struct list { struct block **item; size_t count, room; };

struct counters { uint64_t instructions, kernel, switches, entries, calls, event[EVENTS]; };

/* Messages of one kind: event, sender's and receiver's slot, type. */
struct kind { uint64_t key, count, before; };

struct stay { uint64_t times, longest; size_t runs; struct run *run; };
struct run { const struct block *block; uint64_t times; };

struct mark { bool end; uint64_t address; uint8_t byte[BYTES_MAX]; size_t len; };

static uint64_t switches[SWITCHES_MAX];
static uint64_t current_at, procs_va, procs_at, ring_at, next_at, idle_va, stubs_va;
static size_t nr_switches, nr_marks, ends;
static struct mark marks[MARKS_MAX];
static const uint8_t *ram;
static FILE *out, *reached;

static struct counters now, begun, interval;
static struct list touched, last;
static struct kind kinds[KINDS];
static size_t nr_kinds;
static uint64_t traced;                 /* records of the ring that are counted */

static struct stay stays[CAUSE_UNKNOWN + 1];    /* by call and by vector */
static struct run path[RUNS_MAX];
static uint64_t stayed;                 /* instructions of the stay that goes on; 0: in user mode */
static size_t path_len, cause;
static uint64_t entered_by;             /* offset in procs of the process, plus 1; 0: idle */
static bool seen_user;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "count: %s\n", what);
	exit(1);
}

static uint64_t word(uint64_t at)
{
	uint64_t value;

	memcpy(&value, ram + at, sizeof(value));
	return value;
}

static void push(struct list *l, struct block *b)
{
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 1024;
		l->item = realloc(l->item, l->room * sizeof(l->item[0]));
		if (!l->item)
			die("no memory");
	}
	l->item[l->count++] = b;
}

/* ---- messages and kernel calls, from the trace ring ---- */

static void count_kind(uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15u) >> 50;

	while (kinds[i].key && kinds[i].key != key)
		i = (i + 1) % KINDS;
	if (!kinds[i].key && ++nr_kinds == KINDS)
		die("too many kinds of messages");
	kinds[i].key = key;
	kinds[i].count++;
}

static void read_trace(void)
{
	uint64_t end = word(next_at);

	if (end - traced > NR_TRACE)
		traced = end - NR_TRACE;
	for (; traced < end; traced++) {
		uint64_t key = word(ring_at + traced % NR_TRACE * sizeof(struct trace_record));

		now.event[key % EVENTS]++;
		count_kind(key);
	}
}

/* ---- stays in the kernel ---- */

static void stay_begin(const struct block *b)
{
	uint64_t current = word(current_at);

	now.entries++;
	entered_by = current ? current - procs_va + 1 : 0;
	cause = CAUSE_UNKNOWN;
	if (b->address >= stubs_va && b->address < stubs_va + 256 * STUB_SIZE)
		cause = NR_CAUSES + (b->address - stubs_va) / STUB_SIZE;
	path_len = 0;
}

static void stay_end(void)
{
	struct stay *s = &stays[cause];

	if (nr_marks)
		read_trace();
	now.calls += cause >= IPC_SENDREC + NR_IPC && cause < NR_CAUSES;
	s->times++;
	if (stayed > s->longest && seen_user) {
		s->longest = stayed;
		s->runs = path_len;
		s->run = realloc(s->run, (path_len + 1) * sizeof(path[0]));
		if (!s->run)
			die("no memory");
		memcpy(s->run, path, path_len * sizeof(path[0]));
	}
	stayed = 0;
}

/* The entry code, one block, has stored the number of the call. */
static void find_cause(void)
{
	uint64_t n = word(procs_at + entered_by - 1 + ORIG_RAX);

	cause = n < NR_CAUSES ? n : cause;
}

static void stay_on(const struct block *b)
{
	if (!stayed)
		stay_begin(b);
	else if (path_len == 1 && cause == CAUSE_UNKNOWN && entered_by)
		find_cause();
	stayed += b->length;
	if (path_len && path[path_len - 1].block == b)
		path[path_len - 1].times++;
	else if (path_len < RUNS_MAX)
		path[path_len++] = (struct run){ b, 1 };
}

/* ---- while the guest runs ---- */

static void block_runs(unsigned cpu, void *arg)
{
	struct block *b = arg;

	(void)cpu;
	now.instructions += b->length;
	if (!current_at)
		return;
	b->count++;
	if (!b->touched) {
		b->touched = true;
		push(&touched, b);
	}
	if (b->address >> 63 && !b->idle) {
		now.kernel += b->length;
		stay_on(b);
		return;
	}
	if (stayed)
		stay_end();
	if (!b->idle) {
		uint64_t current = word(current_at);

		seen_user |= current != 0;
		b->slot = (uint16_t)(current ? (current - procs_va) / PROC_SIZE : 0);
	}
}

static void space_switched(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	now.switches++;
}

static void interval_over(void)
{
	struct list swap = last;

	for (size_t i = 0; i < last.count; i++)
		last.item[i]->before = 0;
	for (size_t i = 0; i < touched.count; i++) {
		struct block *b = touched.item[i];

		b->before = b->count;
		b->count = 0;
		b->touched = false;
	}
	last = touched;
	touched = swap;
	touched.count = 0;
	for (unsigned i = 0; i < EVENTS; i++)
		interval.event[i] = now.event[i] - begun.event[i];
	interval.instructions = now.instructions - begun.instructions;
	interval.kernel = now.kernel - begun.kernel;
	interval.switches = now.switches - begun.switches;
	interval.entries = now.entries - begun.entries;
	interval.calls = now.calls - begun.calls;
	if (now.entries != begun.entries) {
		for (size_t i = 0; i < KINDS; i++) {
			kinds[i].before = kinds[i].count;
			kinds[i].count = 0;
		}
	}
	begun = now;
}

static void interval_write(void)
{
	const struct counters *c = &interval;
	const uint64_t head[] = { c->instructions, c->kernel, c->switches, c->entries, c->calls };

	fprintf(out, "interval %zu", ends++);
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		fprintf(out, " %" PRIu64, head[i]);
	for (unsigned i = 0; i < EVENTS; i++)
		fprintf(out, " %" PRIu64, c->event[i]);
	fputc('\n', out);
	for (size_t i = 0; c->entries && i < KINDS; i++)
		if (kinds[i].before)
			fprintf(out, "k %" PRIx64 " %" PRIu64 "\n", kinds[i].key, kinds[i].before);
	for (size_t i = 0; i < last.count; i++) {
		const struct block *b = last.item[i];

		fprintf(out, "b %u %" PRIx64 " %u %" PRIu64 "\n", b->slot, b->address, b->length,
			b->before);
	}
	fflush(out);
}

/* The longest stays so far; then anew. */
static void stays_write(const char *when)
{
	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++) {
		struct stay *s = &stays[i];

		if (s->times)
			fprintf(out, "stay %s %zx %" PRIu64 " %" PRIu64 "\n", when, i, s->times,
				s->longest);
		for (size_t k = 0; s->longest && k < s->runs; k++)
			fprintf(out, "r %" PRIx64 " %u %" PRIu64 "\n", s->run[k].block->address,
				s->run[k].block->length, s->run[k].times);
		s->times = s->longest = 0;
	}
}

static void mark_reached(unsigned cpu, void *arg)
{
	const struct mark *m = arg;

	static bool marked;

	(void)cpu;
	if (!marked)
		stays_write("boot");
	marked = true;
	if (m->end)
		interval_write();
	else
		interval_over();
}

/* The blocks since the last mark. */
static void reached_write(void)
{
	for (size_t i = 0; i < touched.count; i++) {
		const struct block *b = touched.item[i];

		if (!(b->address >> 63))
			fprintf(reached, "%u %" PRIx64 " %u %" PRIu64 "\n", b->slot, b->address,
				b->length, b->count);
	}
	fclose(reached);
}

static void finished(uint64_t id, void *arg)
{
	(void)id;
	(void)arg;
	stays_write("run");
	fprintf(out, "total %" PRIu64 "\n", now.instructions);
	fclose(out);
	if (reached)
		reached_write();
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct block *b = calloc(1, sizeof(*b));

	(void)id;
	if (!b)
		die("no memory");
	b->address = qemu_plugin_tb_vaddr(tb);
	b->length = (uint32_t)qemu_plugin_tb_n_insns(tb);
	for (size_t i = 0; i < b->length; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);

		/* `sti; hlt`, each a block of its own: the way there is the kernel's still. */
		b->idle |= at - idle_va < 16 && i == 0 && at != idle_va;
		for (size_t s = 0; s < nr_switches; s++)
			if (switches[s] == at)
				qemu_plugin_register_vcpu_insn_exec_cb(insn, space_switched, 0,
								       NULL);
		for (size_t m = 0; m < nr_marks; m++)
			if (marks[m].address == at &&
			    !memcmp(qemu_plugin_insn_data(insn), marks[m].byte,
				    qemu_plugin_insn_size(insn)))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_reached, 0,
								       &marks[m]);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, 0, b);
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

static void add_mark(const char *name, uint64_t address, const char *hex)
{
	struct mark *m = &marks[nr_marks];
	unsigned byte;

	if (nr_marks++ == MARKS_MAX)
		die("too many marks");
	m->end = !strcmp(name, "end");
	m->address = address;
	for (; m->len < BYTES_MAX && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		m->byte[m->len++] = (uint8_t)byte;
}

static void configure(const char *line)
{
	char name[256], text[256];
	uint64_t a;

	if (sscanf(line, "out %255s", name) == 1) {
		out = fopen(name, "w");
		if (!out)
			die("cannot write the results");
	} else if (sscanf(line, "reached %255s", name) == 1) {
		reached = fopen(name, "w");
		if (!reached)
			die("cannot write what was reached");
	} else if (sscanf(line, "ram %255s", name) == 1) {
		map_ram(name);
	} else if (!strncmp(line, "kernel ", 7)) {
		if (sscanf(line, "kernel %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
			   " %" SCNx64 " %" SCNx64, &current_at, &procs_va, &procs_at, &ring_at,
			   &next_at, &idle_va, &stubs_va) != 7)
			die("`kernel` has seven values");
	} else if (sscanf(line, "switch %" SCNx64, &a) == 1) {
		if (nr_switches == SWITCHES_MAX)
			die("too many switches");
		switches[nr_switches++] = a;
	} else if (sscanf(line, "mark %255s %" SCNx64 " %255s", name, &a, text) == 3) {
		add_mark(name, a, text);
	} else {
		die("a line of the configuration is not known");
	}
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
	if (!out || !ram)
		die("the configuration lacks `out` or `ram`");
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
