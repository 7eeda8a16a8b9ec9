/* SPDX-License-Identifier: BSD-2-Clause
 * load.c - service start PATH.svc, remove, update, reload: what rs has to be given files for.
 *
 * Job:      reads a manifest and the program that it names, and hands both to rs, which reads no
 *           file.
 * Speaks:   contracts/rs (load, remove, update, reload, refusal).
 * Touches:  nothing.
 * Trusts:   nothing: rs checks what it is given.
 * On crash: it is a program: nothing depends on it.
 */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <contract/rs.h>

enum { TEXT_MAX = 16 * 1024, PATH_ROOM = 512, LINE_ROOM = 256 };

/* Manifest and program, one after the other, as rs wants them. */
static struct { char *bytes; size_t len; } data;

/* Append a file. False, and said: it cannot be read. */
static bool append(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	ssize_t n = 0;
	char *more;

	if (fd < 0 || fstat(fd, &st) != 0)
		goto failed;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		goto failed;
	}
	more = realloc(data.bytes, data.len + (size_t)st.st_size + 1);
	if (more == NULL)
		goto failed;
	data.bytes = more;
	for (off_t left = st.st_size; left > 0; left -= n, data.len += (size_t)n) {
		n = read(fd, data.bytes + data.len, (size_t)left);
		if (n <= 0)
			break;
	}
	if (n < 0)
		goto failed;
	close(fd);
	return true;
failed:
	fprintf(stderr, "service: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return false;
}

/* The value of a line of the manifest, which is all of `data`. Empty: there is no such line. */
static void value_of(const char *word, char *value, size_t room)
{
	const char *at = data.bytes, *end = data.bytes + data.len;

	value[0] = '\0';
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		char line[LINE_ROOM], *rest = line, *first;
		size_t len = (size_t)((stop == NULL ? end : stop) - at);

		snprintf(line, sizeof(line), "%.*s", (int)(len < room ? len : room - 1), at);
		line[strcspn(line, "#")] = '\0';
		first = strtok_r(rest, " \t\r", &rest);
		if (first != NULL && strcmp(first, word) == 0) {
			first = strtok_r(rest, " \t\r", &rest);
			snprintf(value, room, "%s", first == NULL ? "" : first);
			return;
		}
		at += len + 1;
	}
}

/* The program: beside the manifest, or where the image has them. False, and said: there is none. */
static bool find_program(const char *manifest, char *path, size_t room)
{
	const char *slash = strrchr(manifest, '/');
	int folder = slash == NULL ? 0 : (int)(slash - manifest) + 1;
	char name[LINE_ROOM];

	value_of("program", name, sizeof(name));
	if (name[0] == '\0')
		value_of("service", name, sizeof(name));
	if (name[0] == '\0')
		fprintf(stderr, "service: %s: it names no service\n", manifest);
	snprintf(path, room, "%.*s%s", folder, manifest, name);
	if (access(path, R_OK) != 0)
		snprintf(path, room, SERVICE_PROGRAMS "/%s", name);
	return name[0] != '\0';
}

/* What rs has against the manifest, or the program. */
static int refused(const char *manifest, const char *program)
{
	static char text[128] __attribute__((aligned(128)));
	struct rs_refusal_reply r;
	err_t err = rs_refusal(&rs, text, sizeof(text), &r);

	if (err != 0)
		return fail(manifest, err);
	if (r.line != 0)
		fprintf(stderr, "service: %s:%u: %.*s\n", manifest, r.line, (int)r.done, text);
	else
		fprintf(stderr, "service: %s: %.*s\n", program, (int)r.done, text);
	return 1;
}

static int result(err_t err, const char *manifest, const char *program)
{
	switch (-err) {
	case 0:
		return 0;
	case EINVAL:
		return refused(manifest, program);
	case EAGAIN:
		fprintf(stderr, "service: %s: another service is being loaded or removed\n",
			manifest);
		return 1;
	default:
		return fail(manifest, err);
	}
}

int load(const char *manifest, const char *program)
{
	struct rs_load_request req;
	char found[PATH_ROOM];

	if (!append(manifest))
		return 1;
	req.text = (uint32_t)data.len;
	if (data.len == 0 || data.len > TEXT_MAX) {
		fprintf(stderr, "service: %s: not a manifest: it has %zu bytes\n", manifest,
			data.len);
		return 1;
	}
	if (program == NULL) {
		if (!find_program(manifest, found, sizeof(found)))
			return 1;
		program = found;
	}
	if (!append(program))
		return 1;
	if (data.len == req.text) {
		fprintf(stderr, "service: %s: it is empty\n", program);
		return 1;
	}
	return result(rs_load(&rs, &req, data.bytes, data.len), manifest, program);
}

bool is_path(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') != NULL || (len > 4 && strcmp(name + len - 4, ".svc") == 0);
}

bool find_manifest(const char *name, char *path, size_t room)
{
	snprintf(path, room, SERVICE_MANIFESTS "/%s.svc", name);
	return access(path, R_OK) == 0;
}

int remove_service(const char *name)
{
	struct rs_remove_request req = { 0 };
	err_t err;

	if (strlen(name) >= sizeof(req.name))
		return fail(name, -ENOENT);
	strcpy(req.name, name);
	err = rs_remove(&rs, &req);
	switch (-err) {
	case EBUSY:
		fprintf(stderr, "service: %s: it runs, or others need it "
			"(service stop %s comes first)\n", name, name);
		return 1;
	case EOPNOTSUPP:
		fprintf(stderr, "service: %s: it belongs to the boot set, and stays\n", name);
		return 1;
	default:
		return result(err, name, name);
	}
}

/* Its program, as the manifest says that the image has. */
static void default_program(const char *name, char *path, size_t room)
{
	char manifest[PATH_ROOM];

	if (!find_manifest(name, manifest, sizeof(manifest)) || !append(manifest) ||
	    !find_program(manifest, path, room))
		snprintf(path, room, SERVICE_PROGRAMS "/%s", name);
	data.len = 0;
}

int update(const char *name, const char *program)
{
	struct rs_update_request req = { 0 };
	char found[PATH_ROOM];
	err_t err;

	if (strlen(name) >= sizeof(req.name))
		return fail(name, -ENOENT);
	strcpy(req.name, name);
	if (program == NULL) {
		default_program(name, found, sizeof(found));
		program = found;
	}
	if (!append(program))
		return 1;
	if (data.len == 0) {
		fprintf(stderr, "service: %s: it is empty\n", program);
		return 1;
	}
	err = rs_update(&rs, &req, data.bytes, data.len);
	switch (-err) {
	case EOPNOTSUPP:
		fprintf(stderr, "service: %s: it keeps state: that needs live update, which is not "
			"there yet\n", name);
		return 1;
	case EBUSY:
		fprintf(stderr, "service: %s: it never was at rest\n", name);
		return 1;
	case EIO:
		fprintf(stderr, "service: %s: the new program died at once: the old one is back "
			"(see: service log)\n", name);
		return 1;
	default:
		return result(err, name, program);
	}
}

int reload(const char *name, const char *manifest)
{
	struct rs_reload_request req = { 0 };
	char found[PATH_ROOM];
	err_t err;

	if (strlen(name) >= sizeof(req.name))
		return fail(name, -ENOENT);
	strcpy(req.name, name);
	if (manifest == NULL) {
		find_manifest(name, found, sizeof(found));
		manifest = found;
	}
	if (!append(manifest))
		return 1;
	if (data.len == 0 || data.len > TEXT_MAX) {
		fprintf(stderr, "service: %s: not a manifest: it has %zu bytes\n", manifest,
			data.len);
		return 1;
	}
	err = rs_reload(&rs, &req, data.bytes, data.len);
	if (err == -EOPNOTSUPP) {
		fprintf(stderr, "service: %s: it is as the image has it\n", name);
		return 1;
	}
	if (err == -EIO) {
		fprintf(stderr, "service: %s: the kernel does not take its rights (see: service "
			"log)\n", name);
		return 1;
	}
	return err == -ENOENT ? fail(name, err) : result(err, manifest, name);
}
