/* SPDX-License-Identifier: BSD-2-Clause
 * service_ids.h - privilege ids (which are slots) of the services that others must find without
 * asking ds. The manifests' `id` lines say the same; the image check compares.
 */
#ifndef LIB_SERVICE_IDS_H
#define LIB_SERVICE_IDS_H

#include <abi/types.h>

enum {
	ID_RS = 0, ID_LOG = 1, ID_DS = 2, ID_VM = 3, ID_SCHED = 4, ID_PM = 5, ID_VFS = 6,
	ID_PCI = 7, ID_TTY = 8, ID_UART = 9, ID_RSGUARD = 10, ID_IS = 11,
	ID_KEYBOARD = 18, ID_SCREEN = 19, ID_ACPI = 22,
};

enum { FIRST_GENERATION = 1 };          /* of a service's endpoint, at its first start */

/* Where a service is at its first start. A recovery in place keeps it. */
#define FIRST_ENDPOINT(id) ENDPOINT(FIRST_GENERATION, id)

#endif
