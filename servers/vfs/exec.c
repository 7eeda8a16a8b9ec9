/* SPDX-License-Identifier: BSD-2-Clause
 * exec.c - execve.
 *
 * Job:      finds the program, follows `#!`, copies arguments and environment, has pm and vm
 *           replace the process (docs/notes/0007).
 * Speaks:   contracts/pm (exec_begin, exec_finish, exec_fail); contracts/vm through elf.c.
 * Touches:  the process's row: program, descriptors to close.
 * Trusts:   nothing in a file or an argument.
 * On crash: it is done again, until the program runs: by us before what exec_finish needs is
 *           committed, then because the call is lost to pm (note 0027).
 * Spec:     execve(2).
 */
#include "vfs.h"

#include <abi/boot.h>
#include <abi/exec.h>

enum { SCRIPT_DEPTH = 4, SCRIPT_LINE = 256, POINTERS = 64, INIT_FAILED = 16 };

static struct { struct exec_image image; char strings[EXEC_STRINGS_MAX]; } out;
static struct program program, interpreter;
static char script[SCRIPT_DEPTH][SCRIPT_LINE];  /* lines behind #!, outermost first */
static char path[PATH_MAX_], script_path[PATH_MAX_];

struct plan {
	struct found f;                 /* the program in the end */
	unsigned scripts;
};

/* ---- which program ---- */

static int64_t check_file(struct op *o, unsigned inode)
{
	const struct inode *i = &state.inode[inode];

	if (inode == 0)
		return -EACCES;
	if (!is_reg(i))
		return -EACCES;
	if (!may(o, i, 1) || !(i->attr.mode & 0111))
		return -EACCES;
	return i->writers != 0 ? -ETXTBSY : 0;
}

/* The line behind #!: interpreter and at most one argument. -ENOEXEC: it is no script. */
static int64_t read_script(struct op *o, unsigned inode, char *line)
{
	uint64_t size = state.inode[inode].attr.size;
	size_t n = size < SCRIPT_LINE - 1 ? size : SCRIPT_LINE - 1;
	int64_t err;
	char *end;

	memset(line, 0, SCRIPT_LINE);
	err = n < 4 ? -ENOEXEC : file_bytes(o, inode, 0, line, n);
	if (err != 0)
		return err;
	if (line[0] != '#' || line[1] != '!')
		return -ENOEXEC;
	end = strchr(line, '\n');
	if (end == NULL && n < size)
		return -ENOEXEC;
	if (end == NULL)
		end = line + n;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n'))
		end--;
	memset(end, 0, (size_t)(line + SCRIPT_LINE - end));
	memmove(line, line + 2, SCRIPT_LINE - 2);
	while (*line == ' ' || *line == '\t')
		memmove(line, line + 1, SCRIPT_LINE - 3);
	return *line == '\0' ? -ENOEXEC : 0;
}

/* Cut a script's line: the interpreter's path; returns the argument or NULL. */
static char *script_split(char *line)
{
	char *at = line;

	while (*at != '\0' && *at != ' ' && *at != '\t')
		at++;
	if (*at == '\0')
		return NULL;
	*at++ = '\0';
	while (*at == ' ' || *at == '\t')
		at++;
	return *at != '\0' ? at : NULL;
}

/* Follow scripts to a program; its headers are in `program`. */
static int64_t find_program(struct op *o, int dirfd, uint64_t at, unsigned flags, struct plan *p)
{
	int64_t err = user_string(o, at, path, sizeof(path));

	if (err < 0)
		return err;
	err = err == 0 || o->internal ? walk(o, dirfd, at, flags, &p->f) :
		walk_text(o, dirfd, path, flags, &p->f);
	p->scripts = 0;
	while (err == 0) {
		char *argument;

		err = check_file(o, p->f.inode);
		if (err == 0)
			err = elf_read(o, p->f.inode, &program);
		if (err != -ENOEXEC)
			return err;
		if (p->scripts == SCRIPT_DEPTH)
			return -ELOOP;
		err = read_script(o, p->f.inode, script[p->scripts]);
		if (err != 0)
			return err;
		strlcpy(script_path, script[p->scripts], sizeof(script_path));
		argument = script_split(script_path);
		(void)argument;
		p->scripts++;
		err = walk_text(o, AT_FDCWD_, script_path, WALK_FOLLOW, &p->f);
	}
	return err;
}

static int64_t find_interpreter(struct op *o)
{
	struct found f;
	int64_t err;

	interpreter.nr_segs = 0;
	if (program.interp[0] == '\0')
		return 0;
	err = walk_text(o, AT_FDCWD_, program.interp, WALK_FOLLOW, &f);
	if (err == 0)
		err = check_file(o, f.inode);
	if (err == 0)
		err = elf_read(o, f.inode, &interpreter);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

/* ---- arguments ---- */

static bool put(const char *text)
{
	size_t room = sizeof(out.strings) - out.image.strings;
	size_t len = strlen(text) + 1;

	if (len > room)
		return false;
	memcpy(out.strings + out.image.strings, text, len);
	out.image.strings += (uint32_t)len;
	return true;
}

/* Bytes that the next string may have; 0: none. */
static size_t room_for_string(void)
{
	size_t pointers = (out.image.argc + (size_t)out.image.envc + 1) * sizeof(uint64_t);
	size_t used = out.image.strings + pointers;

	if (used >= sizeof(out.strings))
		return 0;
	used = sizeof(out.strings) - used;
	return used < EXEC_STRING_MAX ? used : EXEC_STRING_MAX;
}

/* Pointers to read at once: the array may end at the end of memory, so no page more. */
static size_t chunk_at(const struct op *o, uint64_t at)
{
	size_t n = (PAGE_SIZE - at % PAGE_SIZE) / 8;

	return n == 0 || o->internal ? 1 : n > POINTERS ? POINTERS : n;
}

/* Append the strings of a vector; skip: leave out so many first ones. */
static int64_t take_vector(struct op *o, uint64_t at, unsigned skip, uint32_t *count)
{
	uint64_t pointer[POINTERS];

	if (at == 0)
		return 0;
	for (;;) {
		size_t n = chunk_at(o, at);
		int64_t err = user_read(o, at, pointer, n * 8);

		if (err != 0)
			return err;
		for (size_t k = 0; k < n; k++) {
			int64_t len;

			if (pointer[k] == 0)
				return 0;
			if (skip > 0) {
				skip--;
				continue;
			}
			len = user_string(o, pointer[k], out.strings + out.image.strings,
					  room_for_string());
			if (len < 0)
				return len == -ENAMETOOLONG ? -E2BIG : len;
			out.image.strings += (uint32_t)len + 1;
			(*count)++;
		}
		at += n * 8;
	}
}

/* Did take_vector take all of them? ENOEXEC, which is doubted, if counting alone finds others. */
static int64_t count_again(struct op *o, uint64_t at, unsigned skip, uint32_t count)
{
	uint64_t pointer[POINTERS];
	uint32_t n = 0;

	while (at != 0 && n <= count + skip) {
		size_t left = chunk_at(o, at), some = 0;
		int64_t err = user_read(o, at, pointer, left * 8);

		if (err != 0)
			return err;
		while (some < left && pointer[some] != 0)
			some++;
		n += (uint32_t)some;
		at = some < left ? 0 : at + left * 8;
	}
	return n == count + skip || (n == 0 && count == 0) ? 0 : -ENOEXEC;
}

static int64_t take_arguments(struct op *o, const struct plan *p, uint64_t argv, uint64_t envp)
{
	unsigned skip = p->scripts != 0 ? 1 : 0;
	uint32_t before;
	bool fits = true;
	int64_t err;

	memset(&out.image, 0, sizeof(out.image));
	for (unsigned k = p->scripts; k > 0; k--) {
		char *argument = script_split(script[k - 1]);

		fits &= put(script[k - 1]);
		out.image.argc++;
		if (argument != NULL) {
			fits &= put(argument);
			out.image.argc++;
		}
		if (k > 1)              /* the script that this one interprets */
			continue;
		fits &= put(path);
		out.image.argc++;
	}
	if (!fits)
		return -E2BIG;
	before = out.image.argc;
	err = take_vector(o, argv, skip, &out.image.argc);
	if (err == 0)
		err = count_again(o, argv, skip, out.image.argc - before);
	if (err == 0 && out.image.argc == 0) {
		put("");
		out.image.argc = 1;
	}
	if (err == 0)
		err = take_vector(o, envp, 0, &out.image.envc);
	if (err == 0)
		err = count_again(o, envp, 0, out.image.envc);
	if (err != 0)
		return err;
	return put(path) ? 0 : -E2BIG;
}

/* ---- the point of no return ---- */

static void fill_image(const struct found *f)
{
	const struct inode *i = &state.inode[f->inode];
	const char *last = strrchr(path, '/');
	struct exec_image *m = &out.image;

	m->program_entry = program.h.entry + program.bias;
	m->entry = m->program_entry;
	m->phdr = program.phdr != 0 ? program.phdr + program.bias : 0;
	if (interpreter.nr_segs != 0) {
		m->entry = interpreter.h.entry + interpreter.bias;
		m->base = interpreter.bias;
	}
	m->phent = sizeof(struct elf_segment);
	m->phnum = program.h.phnum;
	m->stack_limit = STACK_LIMIT_DEFAULT;
	m->set_uid = i->attr.mode & S_ISUID_ ? i->attr.uid : UINT32_MAX;
	m->set_gid = (i->attr.mode & (S_ISGID_ | 010)) == (S_ISGID_ | 010) ? i->attr.gid :
		     UINT32_MAX;
	m->stack_exec = program.stack_exec;
	strlcpy(m->name, last != NULL ? last + 1 : path, sizeof(m->name));
}

static void set_program(struct process *p, const struct found *f)
{
	unsigned exe = p->exe, dir = p->exe_dir, name = p->exe_name;

	inode_hold(f->inode);
	state.inode[f->inode].texts++;
	inode_hold(f->dir);
	name_pin(f->name);
	p->exe = (uint16_t)f->inode;
	p->exe_dir = (uint16_t)f->dir;
	p->exe_name = (uint16_t)f->name;
	text_release(exe);
	inode_release(dir);
	name_unpin(name);
}

/* A thread other than the leader lives on alone, under its own endpoint. */
static struct process *process_after(struct op *o)
{
	struct process *p = o->p, *to = &state.process[endpoint_slot(o->client)];

	if (endpoint_eq(p->who, o->client))
		return p;
	memcpy(to, p, sizeof(*to));
	to->who = o->client;
	memset(p, 0, sizeof(*p));
	return to;
}

/* Another process 1 begins in a second: what stood in the way may be over then. It may also be what
 * vfs believes of files: no program lives, so at last it begins afresh. */
static void init_failed(const struct op *o)
{
	if (!o->internal)
		return;
	state.init_failures++;
	undo_commit();
	if (state.init_failures >= INIT_FAILURES) {
		print("no first process can begin: vfs forgets all it knows\n");
		die_of_doubt();
	}
}

/* Its process ends. */
static int64_t exec_fail(struct op *o, unsigned space, int64_t err)
{
	struct pm_exec_fail_request fail = { .client = o->client, .space = (uint16_t)space };

	init_failed(o);
	return pm_exec_fail(&pm, &fail) == 0 ? NO_REPLY : err;
}

void exec_refused(endpoint_t client)
{
	struct pm_exec_fail_request fail = { .client = client, .if_begun = 1 };

	if (pm_exec_fail(&pm, &fail) != 0)
		print("an execve that is refused may have begun\n");
}

static int64_t replace(struct op *o, const struct plan *plan)
{
	struct pm_exec_begin_request begin = { .client = o->client };
	struct pm_exec_begin_reply space;
	struct pm_exec_finish_request finish = { .client = o->client };
	struct pm_exec_finish_reply done;
	struct process *p = o->p;
	err_t err;

	if (program.inode != plan->f.inode || !elf_is(&program) ||
	    (program.interp[0] != '\0' && !elf_is(&interpreter)))
		return -ENOEXEC;        /* which is doubted, once */
	err = pm_exec_begin(&pm, &begin, &space);
	if (err != 0)
		return err;
	err = elf_map(space.space, &program, false);
	if (err == 0 && interpreter.nr_segs != 0)
		err = elf_map(space.space, &interpreter, true);
	if (err != 0) {
		print("%s cannot be mapped: %d\n", path, err);
		return exec_fail(o, space.space, -ENOMEM);
	}
	fill_image(&plan->f);
	finish.space = space.space;
	p = process_after(o);
	set_program(p, &plan->f);
	table_exec(p->table, p->who);
	undo_commit();                  /* once the program runs we are not asked again */
	err = pm_exec_finish(&pm, &finish, &out, sizeof(out.image) + out.image.strings, &done);
	if (err != 0) {
		print("%s cannot be started: %d\n", path, err);
		init_failed(o);
	} else if (o->internal) {
		state.init_failures = 0;
	}
	return NO_REPLY;
}

static int64_t exec(struct op *o, int dirfd, uint64_t at, unsigned flags, uint64_t argv,
		    uint64_t envp)
{
	struct plan p;
	int64_t err = find_program(o, dirfd, at, flags, &p);

	if (err == 0)
		err = find_interpreter(o);
	if (err == 0)
		err = take_arguments(o, &p, argv, envp);
	if (err == 0)
		err = replace(o, &p);
	if (err == -ENOEXEC)            /* which is doubted: then of what the disk has */
		pages_of_inode_refresh(p.f.inode);
	if (err == -ELIBBAD)
		pages_of_inode_refresh(interpreter.inode);
	return err;
}

int64_t linux_execve(struct op *o)
{
	return exec(o, AT_FDCWD_, o->a[0], WALK_FOLLOW, o->a[1], o->a[2]);
}

int64_t linux_execveat(struct op *o)
{
	uint32_t flags = (uint32_t)o->a[4];

	return exec(o, (int)o->a[0], o->a[1], (flags & AT_SYMLINK_NOFOLLOW_ ? 0 : WALK_FOLLOW) |
		    (flags & AT_EMPTY_PATH_ ? WALK_EMPTY : 0), o->a[2], o->a[3]);
}

/* ---- the first process ---- */

static struct boot_info boot;
static const char *const tries[] = {
	boot.cmdline, "/sbin/init", "/etc/init", "/bin/init", "/bin/sh",
};
_Static_assert(COUNT(tries) < INIT_FAILED, "a number of a program, and the flag");
static const char *const init_env[] = { "HOME=/", "TERM=linux", NULL };

/* `init=PATH` of the boot command line, moved to its front; else /init. */
static void find_init_option(void)
{
	struct boot_info_request req = { (uint64_t)(uintptr_t)&boot };
	char *at = boot.cmdline;

	if (sys_boot_info(&req) != 0)
		boot.cmdline[0] = '\0';
	boot.cmdline[BOOT_CMDLINE - 1] = '\0';
	while (*at != '\0') {
		while (*at == ' ')
			at++;
		if (strncmp(at, "init=", 5) == 0) {
			memmove(boot.cmdline, at + 5, strlen(at + 5) + 1);
			at = strchr(boot.cmdline, ' ');
			if (at != NULL)
				*at = '\0';
			return;
		}
		while (*at != ' ' && *at != '\0')
			at++;
	}
	strlcpy(boot.cmdline, "/init", sizeof(boot.cmdline));
}

static int64_t open_console(struct op *o)
{
	struct file new = { .refs = 3, .flags = O_RDWR_ }, *f;
	int64_t err = char_open(o, &new, CHARDEV_DEVICE(5, 1)), fd;

	if (err == -PARKED)
		return err;
	if (err != 0) {
		print("no console for the first process: %d\n", (int)err);
		new.kind = FILE_MEMORY;
		new.device = CHARDEV_DEVICE(1, 3);
	}
	f = file_new(o);
	if (f == NULL)
		return -ENFILE;
	*f = new;
	for (unsigned k = 0; k < 3; k++) {
		fd = fd_new(o, file_index(f), 0, false);
		if (fd < 0)
			return fd;
	}
	return 0;
}

/* row.total: 0: open the console, then 1 + index of the program to try; INIT_FAILED: one was
 * there. */
int64_t linux_exec_init(struct op *o)
{
	struct row *r = o->row;
	int64_t err;

	o->client = o->owner;
	if (o->p == NULL)               /* killed, before it had begun */
		return -ESRCH;
	if (r->total == 0) {
		err = open_console(o);
		if (err != 0)
			return err == -PARKED ? err : exec_fail(o, 0, -EIO);
		r->total = 1;
	}
	find_init_option();
	while (r->total % INIT_FAILED <= COUNT(tries)) {
		const char *file = tries[r->total % INIT_FAILED - 1];
		const char *const argv[] = { file, NULL };

		err = exec(o, AT_FDCWD_, (uint64_t)(uintptr_t)file, WALK_FOLLOW,
			   (uint64_t)(uintptr_t)argv, (uint64_t)(uintptr_t)init_env);
		if (err == -PARKED || err == NO_REPLY)
			return err;
		if (err != -ENOENT) {
			print("%s: error %d\n", file, (int)-err);
			r->total |= INIT_FAILED;
		}
		r->total++;
	}
	print("no program for the first process\n");
	return r->total & INIT_FAILED ? exec_fail(o, 0, -EIO) : -ENOENT;
}
