/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `top` and `trace`, of what the daemon has seen. */
#include "base/clock.h"
#include "engine/flow/answer.h"
#include "engine/requests.h"
#include "engine/serve.h"

static bool country_of(void *arg, const struct addr *a, char buf[3])
{
	return geo_country(arg, a, buf);
}

static json_t *top_answer(const struct flow *f, const struct flow_request *a)
{
	int64_t span = a->since_ms && a->since_ms < FLOW_WINDOW_MS ? a->since_ms : FLOW_WINDOW_MS;
	struct top *t = NULL;
	json_t *j = NULL;

	if (top_new(a->what, a->places, &t) == 0) {
		top_add_all(t, f, clock_wall().ms - span);
		j = top_json(t, a->by, a->limit);
	}
	top_free(&t);
	return j;
}

static json_t *trace_answer(const struct request *q, const struct flow *f, const struct flow_request *a)
{
	struct trace t;

	trace_init(&t, &q->s->config->accounts, a->of, a->limit);
	return trace_json(&t, f);
}

static void answer(struct request *q, bool trace)
{
	const struct flow *f = q->s->core->flow;
	struct geo *geo = q->s->located.geo;
	struct top_places places = { country_of, geo };
	struct flow_request a = { .places = geo_has(geo, DATABASE_COUNTRY) ? &places : NULL };
	char why[160];
	json_t *j;

	if (!f) {
		request_fail(q, 1, "`flow: no` in bailiff.yaml: name the logs to be read");
		return;
	}
	if (flow_request_read(q->args, trace, &a, why, sizeof(why)) < 0) {
		request_fail(q, 2, "%s", why);
		return;
	}
	j = trace ? trace_answer(q, f, &a) : top_answer(f, &a);
	if (!j) {
		request_fail(q, 1, "out of memory");
		return;
	}
	flow_tell_bounds(f, true, j);
	json_object_update_new(q->answer, j);
	request_end(q);
}

void request_top(struct request *q)
{
	answer(q, false);
}

void request_trace(struct request *q)
{
	answer(q, true);
}
