/* SPDX-License-Identifier: BSD-2-Clause
 * complain.c - complaints about other services.
 *
 * Job:      hands them to rs.
 * Speaks:   contracts/rs (complain).
 * Touches:  nothing.
 * Trusts:   rs, which has the same endpoint in all its lives: it is not looked for by ds, who may
 *           be the accused.
 * On crash: a complaint is not state: what it was about shows again, or it does not matter.
 */
#include <lib/complain.h>
#include <lib/ipc.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/service_ids.h>
#include <lib/string.h>

static struct rs_complain_request request(endpoint_t accused, uint32_t reason, const char *text)
{
	struct rs_complain_request req = {
		.accused = accused, .reason = reason, .asked_ns = UINT64_MAX,
	};

	strlcpy(req.text, text, sizeof(req.text));
	return req;
}

static struct peer rs = { .name = "rs", .at = FIRST_ENDPOINT(ID_RS) };

err_t complain(endpoint_t accused, uint32_t reason, const char *text)
{
	struct rs_complain_request req = request(accused, reason, text);

	return rs_complain(&rs, &req);
}

err_t complain_of_answer(endpoint_t accused, uint64_t asked_ns, const char *text)
{
	struct rs_complain_request req = request(accused, RS_COMPLAINT_PROTOCOL, text);

	req.asked_ns = asked_ns;
	return rs_complain(&rs, &req);
}

static err_t send(const struct rs_complain_request *req)
{
	struct message m = { .peer = FIRST_ENDPOINT(ID_RS), .type = RS_COMPLAIN };

	memcpy(m.w, req, sizeof(*req));
	return ipc_sendnb(&m);
}

err_t complain_without_waiting(endpoint_t accused, uint32_t reason, const char *text)
{
	struct rs_complain_request req = request(accused, reason, text);

	return send(&req);
}

static struct rs_complain_request of_request(const struct call *c, err_t err, uint64_t seen_ns)
{
	struct rs_complain_request req = request(c->client, RS_COMPLAINT_REQUEST, "");

	format(req.text, sizeof(req.text), "its request 0x%x is none: %d", c->type, (int)err);
	req.asked_ns = seen_ns;
	return req;
}

bool complain_of_request(const struct call *c, err_t err, uint64_t seen_ns)
{
	struct rs_complain_request req = of_request(c, err, seen_ns);

	return rs_complain(&rs, &req) != -ENOTREADY;
}

bool complain_of_request_from_below(const struct call *c, err_t err, uint64_t seen_ns)
{
	struct rs_complain_request req = of_request(c, err, seen_ns);

	return send(&req) != -ENOTREADY;
}
