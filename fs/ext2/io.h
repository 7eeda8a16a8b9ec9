/* SPDX-License-Identifier: BSD-2-Clause
 * io.h - what ext2.c needs of io.c.
 */
#ifndef EXT2_IO_H
#define EXT2_IO_H

#include "ext2.h"

void io_init(void);
void io_recovered(void);
bool io_notified(uint64_t services);    /* true: something has come */
void io_publish(void);
bool io_is_idle(void);                  /* there is a driver, and it is asked nothing */
err_t disk_info(struct block_info_reply *info) MUST_CHECK;      /* or WAIT */
bool disk_flush(uint64_t *number);      /* false: not now */
bool disk_flushed(uint64_t number, err_t *err);

#endif
