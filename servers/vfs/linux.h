/* SPDX-License-Identifier: BSD-2-Clause
 * linux.h - numbers and structures of the Linux x86-64 interface that vfs answers by.
 * Source: Linux uapi headers (asm-generic/fcntl.h, linux/stat.h, asm/stat.h, linux/fs.h, ...).
 */
#ifndef VFS_LINUX_H
#define VFS_LINUX_H

#include <abi/types.h>

enum {
	O_ACCMODE_ = 3, O_RDONLY_ = 0, O_WRONLY_ = 1, O_RDWR_ = 2,
	O_CREAT_ = 0100, O_EXCL_ = 0200, O_NOCTTY_ = 0400, O_TRUNC_ = 01000, O_APPEND_ = 02000,
	O_NONBLOCK_ = 04000, O_DSYNC_ = 010000, O_ASYNC_ = 020000, O_DIRECT_ = 040000,
	O_LARGEFILE_ = 0100000, O_DIRECTORY_ = 0200000, O_NOFOLLOW_ = 0400000,
	O_NOATIME_ = 01000000, O_CLOEXEC_ = 02000000, O_SYNC_ = 04000000, O_PATH_ = 010000000,
	O_TMPFILE_ = 020000000,
	O_SETTABLE_ = O_APPEND_ | O_NONBLOCK_ | O_ASYNC_ | O_DIRECT_ | O_NOATIME_,
};

enum {
	S_IFMT_ = 0170000, S_IFSOCK_ = 0140000, S_IFLNK_ = 0120000, S_IFREG_ = 0100000,
	S_IFBLK_ = 0060000, S_IFDIR_ = 0040000, S_IFCHR_ = 0020000, S_IFIFO_ = 0010000,
	S_ISUID_ = 04000, S_ISGID_ = 02000, S_ISVTX_ = 01000,
};

enum { AT_FDCWD_ = -100, AT_SYMLINK_NOFOLLOW_ = 0x100, AT_REMOVEDIR_ = 0x200, AT_EACCESS_ = 0x200,
       AT_SYMLINK_FOLLOW_ = 0x400, AT_EMPTY_PATH_ = 0x1000 };

enum { POLLIN_ = 1, POLLPRI_ = 2, POLLOUT_ = 4, POLLERR_ = 8, POLLHUP_ = 16, POLLNVAL_ = 32,
       POLLRDNORM_ = 64, POLLWRNORM_ = 256, POLLWRBAND_ = 512, POLLRDHUP_ = 0x2000 };

enum { SEEK_SET_, SEEK_CUR_, SEEK_END_, SEEK_DATA_, SEEK_HOLE_ };

enum { SIGPIPE_ = 13, SIGXFSZ_ = 25, SI_KERNEL_ = 0x80 };

enum { PATH_MAX_ = 4096, LINKS_MAX = 40, IOV_MAX_ = 1024 };
#define RW_MAX 0x7ffff000ull

struct linux_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad0;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	int64_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
	int64_t unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat of x86-64");

struct linux_statx_time { int64_t sec; uint32_t nsec; int32_t pad; };

struct linux_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad0;
	uint64_t ino, size, blocks, attributes_mask;
	struct linux_statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id;
	uint64_t spare[13];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");

struct linux_statfs {
	int64_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree;
	uint32_t fsid[2];
	int64_t namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs");

struct linux_flock {
	int16_t type, whence;
	int32_t pad;
	int64_t start, len;
	int32_t pid, pad2;
};

struct linux_iovec { uint64_t base, len; };
struct linux_pollfd { int32_t fd; int16_t events, revents; };
struct linux_timespec { int64_t sec, nsec; };

#endif
