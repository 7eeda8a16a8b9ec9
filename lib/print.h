/* SPDX-License-Identifier: BSD-2-Clause
 * print.h - formatted text: %d %i %u %x %X %o %s %c %p %%, with - 0 + width .precision l ll z h.
 */
#ifndef LIB_PRINT_H
#define LIB_PRINT_H

#include <stdarg.h>
#include <stddef.h>

enum { PRINT_MAX = 512 };               /* bytes that one print() can say */

/* To descriptor 1, which is the log. What does not fit PRINT_MAX is cut off. */
void print(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* As snprintf: at most size bytes with the NUL; returns what it would have been. */
size_t format(char *to, size_t size, const char *text, ...) __attribute__((format(printf, 3, 4)));
size_t format_list(char *to, size_t size, const char *text, va_list ap)
	__attribute__((format(printf, 3, 0)));

#endif
