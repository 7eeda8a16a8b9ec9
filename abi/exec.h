/* SPDX-License-Identifier: BSD-2-Clause
 * exec.h - what vfs hands to pm at the end of an execve (pm.exec_finish).
 */
#ifndef ABI_EXEC_H
#define ABI_EXEC_H

#include <abi/types.h>

/* Linux's bounds: one string, with its NUL; all strings and the pointers to them. */
enum { EXEC_NAME = 16, EXEC_STRING_MAX = 128 * 1024, EXEC_STRINGS_MAX = 2048 * 1024 };

/* Followed by `strings` bytes: argc arguments, envc environment strings, the path as it was given
 * to execve; each ends with a NUL. */
struct exec_image {
	uint64_t entry;                 /* where the process starts: the interpreter's, if any */
	uint64_t program_entry;         /* AT_ENTRY */
	uint64_t phdr;                  /* AT_PHDR: address of the program headers */
	uint64_t base;                  /* AT_BASE: where the interpreter lies, 0: none */
	uint64_t stack_limit;           /* bytes */
	uint32_t phent, phnum;
	uint32_t argc, envc;
	uint32_t strings;
	uint32_t set_uid, set_gid;      /* new effective ids, UINT32_MAX: unchanged */
	uint32_t stack_exec;            /* PT_GNU_STACK wants an executable stack */
	char name[EXEC_NAME];           /* last part of the path, for ps */
};

#endif
