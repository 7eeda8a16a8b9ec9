/* SPDX-License-Identifier: BSD-2-Clause
 * stage.c - the tree that scripts run in.
 *
 * Job:      a file system in memory with busybox, its applets by their names, the service command,
 *           /dev and the scripts; and into it, so that every path is there, whatever disk is dead.
 * Speaks:   Linux calls.
 * Touches:  /var/run/recover.
 * Trusts:   the root file system, as it is at the start.
 * On crash: begun anew: every step is as right if it has been done before.
 */
#include "recoverd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TREE "/var/run/recover"
#define BUSYBOX "/bin/busybox"
#define SERVICE "/usr/sbin/service"
#define NEW ".new"                      /* ends the name of a file that is not whole */

enum { PART = 64 * 1024, PATH_ROOM = 512 };

static bool fail(const char *what)
{
	complain(what);
	return false;
}

static bool folder(const char *path, mode_t mode)
{
	return mkdir(path, mode) == 0 || errno == EEXIST ? true : fail(path);
}

/* ---- files ---- */

static bool copy_bytes(int from, int to)
{
	static char part[PART];
	ssize_t n;

	while ((n = read(from, part, sizeof(part))) > 0)
		if (write(to, part, (size_t)n) != n)
			return false;
	return n == 0;
}

/* Under another name until it is whole: the old one may be running. */
static bool copy(int from, const char *to, mode_t mode)
{
	char temporary[PATH_ROOM];
	bool good;
	int fd;

	snprintf(temporary, sizeof(temporary), "%s" NEW, to);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	good = from >= 0 && fd >= 0 && copy_bytes(from, fd) && fchmod(fd, mode) == 0;
	if (fd >= 0 && close(fd) != 0)
		good = false;
	if (from >= 0)
		close(from);
	return good && rename(temporary, to) == 0 ? true : fail(to);
}

static bool copy_program(const char *from, const char *to)
{
	return copy(open(from, O_RDONLY | O_CLOEXEC), to, 0755);
}

/* ---- scripts ---- */

static DIR *folder_of(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return again < 0 ? NULL : fdopendir(again);
}

/* Those that are no longer there. */
static void remove_old(const struct outside *o)
{
	DIR *d = opendir(SCRIPTS);
	char path[PATH_ROOM];

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		snprintf(path, sizeof(path), SCRIPTS "/%s", e->d_name);
		if (e->d_name[0] != '.' && faccessat(o->scripts, e->d_name, F_OK, 0) != 0)
			unlink(path);
	}
	if (d != NULL)
		closedir(d);
}

void stage_scripts(const struct outside *o)
{
	DIR *d = folder_of(o->scripts);
	char path[PATH_ROOM];
	struct stat s;

	if (d == NULL)
		complain(SCRIPTS);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		if (e->d_name[0] == '.' || fstatat(o->scripts, e->d_name, &s, 0) != 0 ||
		    !S_ISREG(s.st_mode))
			continue;
		snprintf(path, sizeof(path), SCRIPTS "/%s", e->d_name);
		copy(openat(o->scripts, e->d_name, O_RDONLY | O_CLOEXEC), path, 0755);
	}
	if (d != NULL)
		closedir(d);
	remove_old(o);
}

/* ---- the tree ---- */

/* Are we mounted there already, in an earlier life? Then that tree is used: it may be busy. */
static bool is_mounted(const char *path, const char *above)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(above, &b) == 0 && a.st_dev != b.st_dev;
}

static bool mounted(const char *path, const char *above, const char *type, const char *options)
{
	return is_mounted(path, above) || mount(type, path, type, 0, options) == 0 ? true
										   : fail(path);
}

/* busybox knows its own names. */
static bool install(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);      /* says of each name that is there already */
		execl(BUSYBOX, "busybox", "--install", "-s", TREE "/bin", (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return access(TREE "/bin/sleep", F_OK) == 0 ? true : fail(TREE "/bin");
}

static bool link_to(const char *target, const char *path)
{
	return symlink(target, path) == 0 || errno == EEXIST ? true : fail(path);
}

static bool make_tree(void)
{
	return folder("/var/run", 0755) && folder(TREE, 0700) &&
	       mounted(TREE, "/var/run", "tmpfs", "mode=0700") && folder(TREE "/bin", 0755) &&
	       folder(TREE "/dev", 0755) && folder(TREE "/tmp", 01777) &&
	       folder(TREE "/usr", 0755) && folder(TREE "/etc", 0755) &&
	       folder(TREE "/etc/skink", 0755) && folder(TREE SCRIPTS, 0755) &&
	       mounted(TREE "/dev", TREE, "devtmpfs", NULL) && install() &&
	       copy_program(BUSYBOX, TREE BUSYBOX) && copy_program(SERVICE, TREE "/bin/service") &&
	       link_to("bin", TREE "/sbin") && link_to("../bin", TREE "/usr/bin") &&
	       link_to("../bin", TREE "/usr/sbin");
}

bool stage_enter(const char *from, struct outside *o)
{
	o->root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	o->scripts = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	o->console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	o->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (o->scripts < 0)
		return fail(from);
	if (!make_tree())
		return false;
	if (chroot(TREE) != 0 || chdir("/") != 0)
		return fail(TREE);
	stage_scripts(o);
	return true;
}
