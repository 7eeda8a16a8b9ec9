/* SPDX-License-Identifier: BSD-2-Clause
 * service.h - what the files of the service command share.
 */
#ifndef SERVICE_H
#define SERVICE_H

/* crashes.c: the list of crashes. Exit status. */
int crashes(void);

#endif
