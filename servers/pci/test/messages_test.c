/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - pci on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

extern const struct fuzz_call pci_fuzz[];
extern const unsigned pci_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "pci", .messages = 100000,
	.protocol = { { pci_fuzz, &pci_fuzz_count } },
};
