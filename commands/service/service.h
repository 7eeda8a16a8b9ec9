/* SPDX-License-Identifier: BSD-2-Clause
 * service.h - what the files of the service command share.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/types.h>
#include <lib/peer.h>

/* Where an image has what is not in the boot set. */
#define SERVICE_MANIFESTS "/etc/skink/services"
#define SERVICE_PROGRAMS "/usr/lib/skink/services"

extern struct peer rs;

/* Says what is wrong with a service. 1. */
int fail(const char *name, err_t err);

/* tree.c: who needs whom. Exit status. */
int tree(void);

/* load.c: services that were not in the boot set. Exit status. program NULL: as the manifest
 * says. */
int load(const char *manifest, const char *program);
int remove_service(const char *name);
int update(const char *name, const char *program);      /* NULL: where the image has it */
int reload(const char *name, const char *manifest);
bool is_path(const char *name);                 /* a manifest's, not a service's name */
bool find_manifest(const char *name, char *path, size_t room);

/* crashes.c: the list of crashes. Exit status. */
int crashes(void);

#endif
