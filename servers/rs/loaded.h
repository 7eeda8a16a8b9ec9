/* SPDX-License-Identifier: BSD-2-Clause
 * loaded.h - what rs remembers of programs and manifests that are not in the boot archive.
 */
#ifndef RS_LOADED_H
#define RS_LOADED_H

#include <abi/kernel.h>
#include <abi/layout.h>

/* Each service has two places in the window, so that the old one is there while a new one is tried:
 * a manifest at the beginning, a program behind it. */
enum { NR_PLACES = 2, TEXT_MAX = 16 * 1024 };
#define PROGRAM_MAX (RS_WINDOW_AREA - TEXT_MAX)

struct loaded {
	bool is_guest;                  /* not of the boot set */
	uint8_t text, program;          /* place + 1 of the one in use; 0: the archive's */
	uint32_t text_len[NR_PLACES];   /* bytes */
	uint32_t program_len[NR_PLACES];
	uint32_t frames;                /* of the service, by vm */
};

enum load_kind { LOAD_START, LOAD_REMOVE, LOAD_UPDATE, LOAD_RELOAD };

/* LEAVE and TIDY take back what is not in use; then the client is answered. */
enum load_phase {
	LOAD_IDLE,
	LOAD_COPY,                      /* until there is room for what the client lends */
	LOAD_MEMORY,                    /* until there is room for the service */
	LOAD_QUIET,                     /* update: until the old one is at rest */
	LOAD_TRIAL,                     /* until it is ready */
	LOAD_SETTLE,                    /* update: until it has lived for a second */
	LOAD_LEAVE,                     /* a guest goes: its name, its space */
	LOAD_TIDY,                      /* places and pages that are not in use go */
};

/* One at a time. */
struct loading {
	uint8_t phase, kind;
	uint8_t id;
	uint8_t text_place, program_place;      /* where the new ones are */
	uint8_t old_program;            /* update: as loaded.program was */
	uint32_t tries;                 /* QUIET */
	uint8_t asks;                   /* vm was asked so often for the page that is missing */
	uint64_t asked_for;
	int32_t result;                 /* for the client, at the end */
	endpoint_t client;              /* NONE: answered, or gone */
	uint32_t serial;
	uint32_t text_len, program_len; /* of what it lends */
};

/* Why the latest manifest or program was refused. */
struct refusal {
	uint32_t line;                  /* of the manifest; 0: the program */
	char text[120];
};

#endif
