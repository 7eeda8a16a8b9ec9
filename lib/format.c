/* SPDX-License-Identifier: BSD-2-Clause
 * format.c - the formatter behind print().
 *
 * Job:      a small printf family, see print.h.
 * Speaks:   nothing.
 * Touches:  the buffer it is given.
 * Trusts:   its caller's format, as printf does.
 * On crash: holds no state.
 */
#include <stdbool.h>
#include <stdint.h>

#include <lib/print.h>

struct sink {
	char *to;
	size_t size, used;
};

struct spec {
	bool left, zero, plus;
	int width, precision;           /* precision -1: none */
	int longs;                      /* l, ll, z: 1 or more */
};

static void put(struct sink *s, char c)
{
	if (s->used + 1 < s->size)
		s->to[s->used] = c;
	s->used++;
}

static void pad(struct sink *s, char c, int n)
{
	while (n-- > 0)
		put(s, c);
}

static void put_text(struct sink *s, const struct spec *spec, const char *text)
{
	int len = 0;

	if (text == NULL)
		text = "(null)";
	while ((spec->precision < 0 || len < spec->precision) && text[len] != '\0')
		len++;
	if (!spec->left)
		pad(s, ' ', spec->width - len);
	for (int i = 0; i < len; i++)
		put(s, text[i]);
	if (spec->left)
		pad(s, ' ', spec->width - len);
}

static void put_number(struct sink *s, const struct spec *spec, uint64_t value, unsigned base,
		       const char *prefix, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	int len = 0, prefix_len = 0, zeros;

	while (value != 0 || (len == 0 && spec->precision != 0)) {
		text[len++] = digits[value % base];
		value /= base;
	}
	while (prefix[prefix_len] != '\0')
		prefix_len++;
	zeros = spec->precision - len;
	if (spec->zero && !spec->left && spec->precision < 0)
		zeros = spec->width - prefix_len - len;
	if (zeros < 0)
		zeros = 0;
	if (!spec->left)
		pad(s, ' ', spec->width - prefix_len - zeros - len);
	for (int i = 0; i < prefix_len; i++)
		put(s, prefix[i]);
	pad(s, '0', zeros);
	for (int i = len; i > 0; i--)
		put(s, text[i - 1]);
	if (spec->left)
		pad(s, ' ', spec->width - prefix_len - zeros - len);
}

static int take_int(const char **text)
{
	int n = 0;

	while (**text >= '0' && **text <= '9' && n < 10000)
		n = n * 10 + *(*text)++ - '0';
	return n;
}

/* Everything between % and the conversion letter. */
static struct spec take_spec(const char **text, va_list *ap)
{
	struct spec spec = { .precision = -1 };

	for (;; (*text)++) {
		if (**text == '-')
			spec.left = true;
		else if (**text == '0')
			spec.zero = true;
		else if (**text == '+')
			spec.plus = true;
		else
			break;
	}
	if (**text == '*') {
		spec.width = va_arg(*ap, int);
		(*text)++;
	} else {
		spec.width = take_int(text);
	}
	if (**text == '.') {
		(*text)++;
		if (**text == '*') {
			spec.precision = va_arg(*ap, int);
			(*text)++;
		} else {
			spec.precision = take_int(text);
		}
	}
	for (; **text == 'l' || **text == 'z' || **text == 'h'; (*text)++)
		spec.longs += **text != 'h';
	return spec;
}

static void put_signed(struct sink *s, const struct spec *spec, int64_t value)
{
	uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	put_number(s, spec, size, 10, value < 0 ? "-" : spec->plus ? "+" : "", false);
}

static void convert(struct sink *s, const struct spec *spec, char letter, va_list *ap)
{
	char one[2] = { 0, 0 };
	uint64_t value;

	switch (letter) {
	case 's':
		put_text(s, spec, va_arg(*ap, const char *));
		break;
	case 'c':
		one[0] = (char)va_arg(*ap, int);
		put_text(s, spec, one);
		break;
	case 'd':
	case 'i':
		put_signed(s, spec, spec->longs ? va_arg(*ap, long) : va_arg(*ap, int));
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		value = spec->longs ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned);
		put_number(s, spec, value, letter == 'u' ? 10 : letter == 'o' ? 8 : 16, "",
			   letter == 'X');
		break;
	case 'p':
		put_number(s, spec, (uint64_t)(uintptr_t)va_arg(*ap, void *), 16, "0x", false);
		break;
	default:
		put(s, letter);
		break;
	}
}

size_t format_list(char *to, size_t size, const char *text, va_list list)
{
	struct sink s = { .to = to, .size = size };
	va_list ap;

	va_copy(ap, list);
	while (*text != '\0') {
		struct spec spec;

		if (*text != '%') {
			put(&s, *text++);
			continue;
		}
		text++;
		spec = take_spec(&text, &ap);
		if (*text == '\0')
			break;
		convert(&s, &spec, *text++, &ap);
	}
	va_end(ap);
	if (size > 0)
		to[s.used < size ? s.used : size - 1] = '\0';
	return s.used;
}

size_t format(char *to, size_t size, const char *text, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, text);
	len = format_list(to, size, text, ap);
	va_end(ap);
	return len;
}
