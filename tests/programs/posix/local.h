/* SPDX-License-Identifier: BSD-2-Clause
 * local.h - what the tests of sockets share. A path that begins with @ is an abstract name.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include "posix.h"

#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FAILS(call, error) CHECK((call) < 0 && errno == (error))

enum { MANY = 300000 };

static void *volatile nowhere __attribute__((unused)) = (void *)8;

static inline socklen_t name_of(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path[0] == '@') {
		memcpy(a->sun_path + 1, path + 1, strlen(path + 1));
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	}
	snprintf(a->sun_path, sizeof(a->sun_path), "%s", path);
	return sizeof(*a);
}

static inline int bind_to(int fd, const char *path)
{
	struct sockaddr_un a;
	socklen_t len = name_of(&a, path);

	return bind(fd, (struct sockaddr *)&a, len);
}

static inline int connect_to(int fd, const char *path)
{
	struct sockaddr_un a;
	socklen_t len = name_of(&a, path);

	return connect(fd, (struct sockaddr *)&a, len);
}

static inline ssize_t send_to(int fd, const char *path, const char *text, int flags)
{
	struct sockaddr_un a;
	socklen_t len = name_of(&a, path);

	return sendto(fd, text, strlen(text), flags, (struct sockaddr *)&a, len);
}

static inline int make(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	CHECK(fd >= 0);
	return fd;
}

static inline int listener(int type, const char *path, int backlog)
{
	int fd = make(type);

	unlink(path);
	CHECK(bind_to(fd, path) == 0 && listen(fd, backlog) == 0);
	return fd;
}

static inline void pair(int type, int s[2])
{
	CHECK(socketpair(AF_UNIX, type, 0, s) == 0);
}

static inline int option(int fd, int which)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CHECK(getsockopt(fd, SOL_SOCKET, which, &value, &len) == 0 && len == sizeof(value));
	return value;
}

static inline short ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static inline void end(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

#endif
