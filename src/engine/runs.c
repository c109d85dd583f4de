/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that jails run, and their undoing. The engine sends names and
 * values, never a word of a command: the argv is root's own copy's.
 */
#include "engine/runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/waiters.h"

/* One that has no outcome yet. */
struct running {
	struct running *next, **at;	/* *at is this one */
	uint64_t incident;
	struct waiter *waiters;
};

/* name NUL value NUL ...; false: they do not fit. */
static bool pack_values(const json_t *values, struct order_run *o)
{
	struct buf b = { .max = sizeof(o->values) };
	const char *name;
	json_t *value;
	bool fits;

	json_object_foreach((json_t *)values, name, value) {
		const char *text = json_string_value(value);

		if (!text || strlen(text) != json_string_length(value))
			continue;
		buf_put(&b, name, strlen(name) + 1);
		buf_put(&b, text, strlen(text) + 1);
	}
	fits = buf_error(&b) == 0;
	if (fits && b.n > 0)
		memcpy(o->values, b.p, b.n);
	o->len = (uint32_t)b.n;
	buf_free(&b);
	return fits;
}

static void told(void *arg, const struct outcome *o)
{
	struct running *r = arg;

	(void)o;
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	waiters_tell(&r->waiters);
	free(r);
}

static void send(struct serve *s, const struct order_run *o, uint64_t incident)
{
	struct running *r = calloc(1, sizeof(*r));

	if (!r) {
		serve_order(s, &o->head, -1);
		return;
	}
	*r = (struct running){ .next = s->runs, .at = &s->runs, .incident = incident };
	if (r->next)
		r->next->at = &r->next;
	s->runs = r;
	serve_order_told(s, &o->head, -1, told, r);
}

bool runs_end(struct serve *s, uint64_t incident, void (*fn)(void *arg), void *arg)
{
	struct running *r = s->runs;

	while (r && r->incident != incident)
		r = r->next;
	return r && waiters_add(&r->waiters, fn, arg);
}

void runs_send(struct serve *s, uint64_t id, uint64_t incident, uint16_t jail,
	       uint16_t action, const json_t *values)
{
	struct order_run o = { .head = { .id = id, .type = ORDER_RUN, .origin = ORIGIN_JAIL,
					 .jail = jail, .action = action } };
	char *target = json_dumps(values, JSON_COMPACT);
	char what[16];

	snprintf(what, sizeof(what), "run %u", action);
	if (target && pack_values(values, &o)) {
		store_order(s->store, id, incident, ORDER_RUN, what, target, clock_wall().ms);
		send(s, &o, incident);
	} else {
		log_err("jail %s: run: the values are too long", s->config->jails[jail].name);
	}
	free(target);
}

bool runs_undo(struct serve *s, uint64_t incident, const char *jail, const json_t *order,
	       int admin_fd, outcome_fn *fn, void *arg)
{
	const struct jail *j = jail ? config_jail(s->config, jail) : NULL;
	const char *what = json_string_value(json_object_get(order, "what"));
	const char *target = json_string_value(json_object_get(order, "target"));
	const char *status = json_string_value(json_object_get(json_object_get(order, "outcome"), "status"));
	struct order_run o = { .undo = 1 };
	struct outcome open = { .type = ORDER_RUN, .status = OUTCOME_UNKNOWN,
				.text = "what became of the command is not known: it was not taken back" };
	json_t *values;
	unsigned action;
	bool sent = false;

	if (!j || !what || !target || sscanf(what, "run %u", &action) != 1 || action >= j->nthen ||
	    j->then[action].undo.n == 0)
		return false;
	if (!status || strcmp(status, "unknown") == 0) {
		fn(arg, &open);
		return true;
	}
	if (strcmp(status, "done") != 0)
		return false;
	values = json_loads(target, 0, NULL);
	o.head = (struct order_head){ .id = store_next_id(s->store), .type = ORDER_RUN,
				      .origin = ORIGIN_HAND, .jail = (uint16_t)(j - s->config->jails),
				      .action = (uint16_t)action };
	if (values && pack_values(values, &o)) {
		store_order(s->store, o.head.id, incident, ORDER_RUN, "undo run", target, clock_wall().ms);
		serve_order_told(s, &o.head, admin_fd, fn, arg);
		sent = true;
	}
	json_decref(values);
	return sent;
}
