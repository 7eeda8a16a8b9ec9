/* SPDX-License-Identifier: BSD-2-Clause
 * manifest_set.h - what the checks of a set of manifests share.
 */
#ifndef LIB_MANIFEST_SET_H
#define LIB_MANIFEST_SET_H

#include <lib/manifest.h>

struct set {
	const struct manifest *const *m;
	unsigned count;
	struct manifest_error *e;
};

/* Sets the error, for number `which` of the set, and returns -EINVAL. Line 0: the first. */
err_t manifest_bad(const struct set *s, unsigned which, unsigned line, const char *text, ...)
	__attribute__((format(printf, 4, 5)));

/* manifest_sense.c: number i by itself */
err_t manifest_check_sense(const struct set *s, unsigned i) MUST_CHECK;

/* manifest_graph.c: number i and whom it calls, notifies, is called by */
err_t manifest_check_graph(const struct set *s, unsigned i) MUST_CHECK;

#endif
