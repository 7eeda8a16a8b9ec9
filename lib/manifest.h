/* SPDX-License-Identifier: BSD-2-Clause
 * manifest.h - NAME.svc read into a struct, checked alone and together (docs/notes/0004).
 *
 * Used by rs and by the image tool, so there is one reading of a manifest. No allocation.
 */
#ifndef LIB_MANIFEST_H
#define LIB_MANIFEST_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <abi/message.h>

enum {
	MANIFEST_NAME = 16,             /* with the NUL */
	MANIFEST_PROGRAM = 32,          /* as ARCHIVE_NAME */
	MANIFEST_ARGS = 128,
	MANIFEST_SCRIPT = 32,
	MANIFEST_LIST = 24,             /* names in one list */
	MANIFEST_PCI = 8,
	MANIFEST_IDS = 63,              /* 0..62 */
	MANIFEST_RANKS = 15,
};

enum manifest_restart { RESTART_BACKOFF, RESTART_NEVER, RESTART_RECOVER };
enum { ANSWERS_FAULTS = 1, ANSWERS_EXCEPTIONS = 2 };

/* In the order of the note; an index into line[]. */
enum manifest_word {
	WORD_SERVICE, WORD_ID, WORD_RANK, WORD_PROGRAM, WORD_ARGS, WORD_USER, WORD_SERVES,
	WORD_TALKS, WORD_NOTIFIES, WORD_PRIMITIVES, WORD_CALLS, WORD_POSIX, WORD_USES,
	WORD_RIGHTS, WORD_PORTS, WORD_LINES, WORD_MMIO, WORD_PCI, WORD_MEMORY, WORD_STACK,
	WORD_PRIORITY, WORD_QUANTUM, WORD_HEARTBEAT, WORD_RESTART, WORD_COPY, WORD_NEEDS,
	WORD_ANSWERS, WORD_ARCHIVE, WORD_FRAMEBUFFER, WORD_SCRIPT, WORD_COMPLAINS,
	WORD_INJECTS,
	NR_WORDS,
};

struct manifest_name {
	char name[MANIFEST_NAME];
	uint16_t line;
};

struct manifest_list {
	struct manifest_name of[MANIFEST_LIST];
	unsigned count;
};

/* flags: LINE_LEVEL, LINE_LOW. at: the line of the manifest. */
struct manifest_line { uint32_t line, flags; uint16_t at; };
struct manifest_pci { uint16_t vendor, device, at; };

struct manifest {
	char name[MANIFEST_NAME];
	uint8_t id, rank;
	char program[MANIFEST_PROGRAM]; /* archive entry */
	char args[MANIFEST_ARGS];       /* words, each ended by NUL; two NULs at the end */
	uint32_t uid, gid;
	struct manifest_list serves;    /* contracts; without `programs` */
	bool serves_programs;
	struct manifest_list talks, notifies, needs, complains, injects;
	bool complains_all;             /* of whoever serves it, or has a CPU */
	bool injects_all;               /* faults into every service's code but the guardians' */
	bool notifies_all;              /* `notifies all` */
	bool talks_all;                 /* `talks all`: to every service of lower rank */
	uint32_t primitives;            /* bit n: IPC_SENDREC + n */
	uint64_t calls;                 /* bit n: kernel call SYS_FIRST + n */
	uint64_t posix[NR_LINUX / 64];  /* Linux calls it answers for programs */
	uint64_t uses[NR_LINUX / 64];   /* Linux calls it makes besides write and exit */
	uint32_t rights;                /* RIGHT_ */
	struct range16 ports[PRIV_PORTS];
	uint16_t ports_at[PRIV_PORTS], mmio_at[PRIV_MMIO];      /* lines of the manifest */
	unsigned nr_ports;
	struct manifest_line lines[PRIV_LINES];
	unsigned nr_lines;
	struct pfn_range mmio[PRIV_MMIO];
	unsigned nr_mmio;
	struct manifest_pci pci[MANIFEST_PCI];
	unsigned nr_pci;
	uint64_t memory, stack;         /* bytes */
	uint8_t priority, quantum;
	uint32_t heartbeat_ms, heartbeat_count;
	enum manifest_restart restart;
	bool copy;
	bool archive;                   /* the boot archive is mapped, read-only */
	bool framebuffer;               /* the boot loader's framebuffer is its device memory */
	uint32_t answers;               /* ANSWERS_ */
	char script[MANIFEST_SCRIPT];   /* recovery script and its arguments, or empty */
	uint16_t line[NR_WORDS];        /* where a word stands first; 0: nowhere */
};

struct manifest_error {
	unsigned which;                 /* index in the set that manifest_check was given */
	unsigned line;
	char text[96];
};

/* -EINVAL: e says what and where. */
err_t manifest_parse(const char *text, size_t len, struct manifest *m, struct manifest_error *e)
	MUST_CHECK;

/* Whether these can run together. -EINVAL: e says what and where. */
err_t manifest_check(const struct manifest *const *set, unsigned count, struct manifest_error *e)
	MUST_CHECK;

/* The one of that name, or NULL. */
const struct manifest *manifest_find(const struct manifest *const *set, unsigned count,
				     const char *name);

/* The order to start them in: order[] gets indices, those needed first. -ELOOP: a cycle. */
err_t manifest_order(const struct manifest *const *set, unsigned count, uint8_t *order)
	MUST_CHECK;

/* Numbers, as bits, of those that programs cannot run without: who answers their calls, who has
 * their memory file systems, and whom these need and call, however far around. `roots`: more to
 * begin with. */
uint64_t manifest_essential(const struct manifest *const *set, unsigned count, uint64_t roots);

/* Does m list the other: by name; or by `all`, if it talks to it, or may notify it and is served by
 * it in shared memory, or has the right to schedule it? */
bool manifest_may_complain(const struct manifest *m, const struct manifest *of);

/* May m call the other? */
bool manifest_may_talk(const struct manifest *m, const struct manifest *to);

/* May m put other bytes into the other's code, by rs? */
bool manifest_may_inject(const struct manifest *m, const struct manifest *of);

/* What the kernel is told of it. */
void manifest_priv(const struct manifest *m, const struct manifest *const *set, unsigned count,
		   struct priv_desc *d);

/* The word that a line begins with. */
const char *manifest_word_name(unsigned word);

/* Name of a Linux call, or NULL; and back, or -1. */
const char *linux_call_name(unsigned number);
int linux_call_number(const char *name);

/* ---- manifest_value.c: the words of one line ---- */

struct manifest_reader {
	struct manifest *m;
	struct manifest_error *e;
	enum manifest_word word;        /* that the line begins with */
	unsigned line;
	char *rest;                     /* of the line, cut up as it is read */
};

/* Sets the error and returns -EINVAL. */
err_t manifest_refuse(const struct manifest_reader *r, const char *text, ...)
	__attribute__((format(printf, 2, 3)));
char *manifest_next(struct manifest_reader *r);         /* NULL: no more words */
err_t manifest_number(struct manifest_reader *r, const char *word, unsigned base, uint64_t min,
		      uint64_t max, uint64_t *value) MUST_CHECK;
err_t manifest_value(struct manifest_reader *r) MUST_CHECK;

#endif
