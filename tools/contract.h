/* SPDX-License-Identifier: BSD-2-Clause
 * contract.h - the contract compiler's picture of a protocol, and its parts' entry points.
 *
 * Invariants, established by contract_parse.c and contract_check.c, relied on by the generators:
 * C1  names are lower-case C identifiers and no keywords;
 * C2  every payload fits 56 bytes, offsets are natural, so a struct needs no packing;
 * C3  a call lends at most one range; kernel calls lend none;
 * C4  numbers are unique within a protocol and below 64.
 */
#ifndef TOOLS_CONTRACT_H
#define TOOLS_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	NAME_SIZE = 32, NOTE_SIZE = 256, EXPR_SIZE = 512,
	FIELDS_MAX = 16, ERRS_MAX = 16, REQUIRES_MAX = 8,
	OPS_MAX = 64, CONSTS_MAX = 64, STATES_MAX = 16, PAYLOAD_SIZE = 56,
	STATE_REFUSED = 255,
};

enum type_kind { KIND_UNSIGNED, KIND_SIGNED, KIND_ID, KIND_CHAR };

struct type {
	const char *name;               /* in a contract */
	const char *c_name;
	unsigned size;
	enum type_kind kind;
};

struct field {
	char name[NAME_SIZE];
	const struct type *type;
	unsigned count;                 /* array elements, 0: a scalar */
	unsigned offset;
	int line;
	char note[NOTE_SIZE];           /* the comment beside it */
	bool has_min, has_max;          /* from `requires`, for the fuzzer */
	uint64_t min, max;
};

struct payload {
	struct field field[FIELDS_MAX];
	unsigned count;
	unsigned size;
};

/* `in endpoint NAME managed guarded held`: the process that a kernel call is about. */
enum { ABOUT_MANAGED = 1, ABOUT_GUARDED = 2, ABOUT_HELD = 4 };

struct require {
	char text[EXPR_SIZE];           /* as written */
	char c[EXPR_SIZE * 2];          /* as C */
	int line;
};

struct documented {                     /* an error, an event or a constant */
	char name[NAME_SIZE];
	char text[NOTE_SIZE];
	uint64_t value;
	bool misuse;                    /* an error that a client which is right never gets */
	int line;
};

struct call {
	char name[NAME_SIZE];
	unsigned number;
	int line;
	bool idempotent;
	char doc[NOTE_SIZE];
	struct payload in, out;
	char lend[NAME_SIZE];           /* empty: lends nothing */
	bool lend_write;
	char lend_note[NOTE_SIZE];
	char about[NAME_SIZE];          /* empty: about no process in particular */
	unsigned about_how;             /* ABOUT_ */
	struct require require[REQUIRES_MAX];
	unsigned nr_requires;
	struct require ensure[REQUIRES_MAX];    /* of an answer without an error */
	unsigned nr_ensures;
	struct documented err[ERRS_MAX];
	unsigned nr_errs;
};

struct step {                           /* within a state: op -> target */
	char op[NAME_SIZE];
	char target[NAME_SIZE];
	int line;
};

struct state {
	char name[NAME_SIZE];
	struct step step[OPS_MAX];
	unsigned nr_steps;
	int line;
};

struct protocol {
	const char *file;
	char name[NAME_SIZE];
	char upper[NAME_SIZE];
	unsigned base;
	bool kernel;
	bool shared;                    /* requests travel in shared memory, not in messages */
	int line;
	char doc[NOTE_SIZE];
	struct call call[OPS_MAX];
	unsigned nr_calls;
	struct documented event[OPS_MAX];
	unsigned nr_events;
	struct documented constant[CONSTS_MAX];
	unsigned nr_consts;
	struct state state[STATES_MAX];
	unsigned nr_states;
};

/* contract.c */
__attribute__((noreturn, format(printf, 3, 4)))
void refuse(const char *file, int line, const char *format, ...);
FILE *output(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *upper(const char *name);

/* contract_parse.c */
void parse_file(const char *path, struct protocol *p);

/* contract_item.c: the lines inside a call, and states */
void parse_field(struct protocol *p, struct call *call, bool in, char *rest, const char *note,
		 int line);
void parse_err(struct protocol *p, struct call *call, bool misuse, char *rest, int line);
void parse_state(struct protocol *p, char *rest, int line);
char *next_word(char **rest);
void take_name(const struct protocol *p, int line, const char *word, char *to);
uint64_t take_number(const struct protocol *p, int line, const char *word);
void take_quoted(const struct protocol *p, int line, char **rest, char *to);
void take_end(const struct protocol *p, int line, char *rest);

/* contract_expr.c: `requires` and `ensures` into C */
void translate_require(const struct protocol *p, struct call *call, struct require *r);
void translate_ensure(const struct protocol *p, struct call *call, struct require *r);

/* contract_check.c */
void check_protocol(struct protocol *p);
void check_together(const struct protocol *p, unsigned count);

/* Generators. */
void generate_header(const struct protocol *p);
void generate_payload(FILE *f, const struct protocol *p, const struct call *c, bool request);
void generate_stub_head(FILE *f, const struct protocol *p, const struct call *c);
void generate_client(const struct protocol *p);
void generate_answers(const struct protocol *p);
void generate_fit(FILE *f, const struct protocol *p, const struct call *c);
void generate_server(const struct protocol *p);
void generate_fuzz(const struct protocol *p);
void generate_protocols(const struct protocol *p, unsigned count);
void generate_kernel(const struct protocol *p);
void generate_doc(const struct protocol *p);

#endif
