/* SPDX-License-Identifier: BSD-2-Clause
 * socket_option.c - options of sockets.
 *
 * Job:      getsockopt, setsockopt.
 * Speaks:   Linux calls.
 * Touches:  limits and flags of a socket.
 * Trusts:   nothing in a call.
 * On crash: recovers in place.
 * Spec:     socket(7), unix(7) "Socket options".
 */
#include "socket.h"

enum { SO_REUSEADDR_ = 2, SO_TYPE_, SO_ERROR_, SO_BROADCAST_ = 6, SO_SNDBUF_, SO_RCVBUF_,
       SO_KEEPALIVE_, SO_PASSCRED_ = 16, SO_PEERCRED_, SO_RCVLOWAT_, SO_RCVTIMEO_ = 20,
       SO_SNDTIMEO_, SO_ACCEPTCONN_ = 30, SO_SNDBUFFORCE_ = 32, SO_RCVBUFFORCE_, SO_PROTOCOL_ = 38,
       SO_DOMAIN_, SO_RCVTIMEO_NEW_ = 66, SO_SNDTIMEO_NEW_ };
enum { US_MOST = 999999 };

/* What is on or off. All but PASSCRED mean nothing to this family, on Linux neither. */
static unsigned flag_of(uint32_t option)
{
	switch (option) {
	case SO_PASSCRED_:
		return SOCKET_PASSCRED;
	case SO_REUSEADDR_:
		return SOCKET_REUSEADDR;
	case SO_KEEPALIVE_:
		return SOCKET_KEEPALIVE;
	case SO_BROADCAST_:
		return SOCKET_BROADCAST;
	default:
		return 0;
	}
}

static uint64_t *time_of(struct socket *s, uint32_t option)
{
	switch (option) {
	case SO_RCVTIMEO_:
	case SO_RCVTIMEO_NEW_:
		return &s->receive_ns;
	case SO_SNDTIMEO_:
	case SO_SNDTIMEO_NEW_:
		return &s->send_ns;
	default:
		return NULL;
	}
}

/* ---- set ---- */

static int64_t set_time(struct op *o, uint64_t *to)
{
	enum { SECONDS_MOST = 1000000000 };
	int64_t t[2], err;              /* seconds, microseconds */

	if ((uint32_t)o->a[4] < sizeof(t))
		return -EINVAL;
	err = user_read(o, o->a[3], t, sizeof(t));
	if (err != 0)
		return err;
	if (t[1] < 0 || t[1] > US_MOST)
		return -EDOM;
	if (t[0] < 0)
		*to = 1;                /* it has passed */
	else
		*to = t[0] > SECONDS_MOST ? 0 :
			(uint64_t)t[0] * 1000000000 + (uint64_t)t[1] * 1000;
	return 0;
}

/* Twice what is asked for, as on Linux, which counts its own needs. */
static uint32_t limit_of(int32_t asked)
{
	uint32_t n = asked < 0 || asked > LIMIT_MOST / 2 ? LIMIT_MOST : (uint32_t)asked * 2;

	return n < LIMIT_LEAST ? LIMIT_LEAST : n;
}

static int64_t set(struct op *o, struct socket *s, uint32_t option, int32_t value)
{
	unsigned flag = flag_of(option);

	if (flag != 0) {
		s->flags = (uint8_t)(value != 0 ? s->flags | flag : s->flags & ~flag);
		return 0;
	}
	switch (option) {
	case SO_SNDBUFFORCE_:
	case SO_RCVBUFFORCE_:
		if (!is_root(o))
			return -EPERM;
		/* fallthrough */
	case SO_SNDBUF_:
	case SO_RCVBUF_:
		if (option == SO_SNDBUF_ || option == SO_SNDBUFFORCE_)
			s->send_limit = limit_of(value);
		else
			s->receive_limit = limit_of(value);
		socket_wake(s);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int64_t linux_setsockopt(struct op *o)
{
	uint32_t option = (uint32_t)o->a[2];
	int32_t value;
	uint64_t *time;
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	if (f == NULL)
		return err;
	if ((int32_t)o->a[4] < 0)
		return -EINVAL;
	if ((uint32_t)o->a[1] != SOL_SOCKET_)
		return -EOPNOTSUPP;
	time = time_of(socket_of(f), option);
	if (time != NULL)
		return set_time(o, time);
	if ((uint32_t)o->a[4] < sizeof(value))
		return -EINVAL;
	err = user_read(o, o->a[3], &value, sizeof(value));
	return err != 0 ? err : set(o, socket_of(f), option, value);
}

/* ---- get ---- */

/* What is one number: 0, or ENOPROTOOPT. */
static int64_t number_of(const struct socket *s, uint32_t option, int32_t *value)
{
	switch (option) {
	case SO_TYPE_:
		*value = s->type;
		return 0;
	case SO_ERROR_:
		*value = s->error;
		return 0;
	case SO_SNDBUF_:
		*value = (int32_t)s->send_limit;
		return 0;
	case SO_RCVBUF_:
		*value = (int32_t)s->receive_limit;
		return 0;
	case SO_RCVLOWAT_:
		*value = 1;
		return 0;
	case SO_ACCEPTCONN_:
		*value = s->phase == SOCKET_LISTENS;
		return 0;
	case SO_PROTOCOL_:
		*value = 0;
		return 0;
	case SO_DOMAIN_:
		*value = AF_UNIX_;
		return 0;
	default:
		*value = (s->flags & flag_of(option)) != 0;
		return flag_of(option) != 0 ? 0 : -ENOPROTOOPT;
	}
}

union value { int32_t number; int64_t time[2]; uint32_t cred[3]; };

int64_t linux_getsockopt(struct op *o)
{
	uint32_t option = (uint32_t)o->a[2];
	union value v = { .time = { 0, 0 } };
	int32_t len, size = sizeof(v.number);
	struct socket *s;
	uint64_t *time;
	int64_t err;
	struct file *f = socket_file(o, (int)o->a[0], &err);

	if (f != NULL)
		err = user_read(o, o->a[4], &len, sizeof(len));
	if (err != 0)
		return err;
	if (len < 0)
		return -EINVAL;
	if ((uint32_t)o->a[1] != SOL_SOCKET_)
		return -EOPNOTSUPP;
	s = socket_of(f);
	time = time_of(s, option);
	if (time != NULL) {
		v.time[0] = (int64_t)(*time / 1000000000);
		v.time[1] = (int64_t)(*time % 1000000000 / 1000);
		size = sizeof(v.time);
	} else if (option == SO_PEERCRED_) {
		memcpy(v.cred, &s->other, sizeof(v.cred));
		size = sizeof(v.cred);
	} else {
		err = number_of(s, option, &v.number);
	}
	len = len < size ? len : size;
	if (err == 0)
		err = user_write(o, o->a[3], &v, (size_t)len);
	if (err == 0)
		err = user_write(o, o->a[4], &len, sizeof(len));
	if (err == 0 && option == SO_ERROR_)
		s->error = 0;
	return err;
}
