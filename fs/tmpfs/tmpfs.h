/* SPDX-License-Identifier: BSD-2-Clause
 * tmpfs.h - what the files of tmpfs share.
 */
#ifndef TMPFS_H
#define TMPFS_H

#include "state.h"
#include <lib/clock.h>
#include <lib/file.h>

enum { TYPE_MASK = 0170000, TYPE_DIR = 0040000, TYPE_LINK = 0120000, TYPE_FILE = 0100000 };
enum { ROOT = 1 };

/* ---- node.c ---- */
void tables_init(void);
struct node *node_of(uint64_t file);            /* NULL: no such file */
uint32_t node_number(const struct node *n);
struct node *node_new(uint32_t mode, uint32_t uid, uint32_t gid);       /* NULL: full */
void node_release(struct node *n);              /* without links and not in use: free it */
bool is_dir(const struct node *n);
int64_t now(void);
void fill_attr(const struct node *n, struct file_attr *a);
struct dirent *entry_find(const struct node *dir, const char *name);
bool entries_full(void);
err_t entry_add(struct node *dir, const char *name, struct node *n) MUST_CHECK;
void entry_remove(struct node *dir, struct dirent *e);
uint32_t *entry_bucket(uint32_t dir, const char *name);

/* ---- page.c ---- */
uint8_t *page_find(const struct node *n, uint32_t index);       /* NULL: a hole */
uint8_t *page_make(struct node *n, uint32_t index);             /* NULL: full */
void pages_cut(struct node *n, uint64_t size);                  /* none beyond size */
err_t source_copy(struct node *n) MUST_CHECK;                   /* from the archive into pages */
uint32_t *page_bucket(uint32_t node, uint32_t index);

/* ---- check.c ---- */
err_t tree_check(void);                         /* after a recovery: repairs */

/* ---- cpio.c ---- */
void cpio_load(const uint8_t *bytes, uint64_t size);

#endif
