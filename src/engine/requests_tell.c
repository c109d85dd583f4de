/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that only tell: from our tables at once, from the ledger later. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "config/account.h"
#include "engine/jsontext.h"
#include "engine/requests.h"
#include "engine/serve.h"
#include "engine/targets.h"
#include "engine/words.h"

#define LINES_MAX 50
#define INCIDENTS_MAX 100000	/* that may be asked for; the ledger tells a tenth of them */

static json_t *seconds(int64_t ms)
{
	return ms == INT64_MAX || ms == 0 ? json_null() : json_real((double)ms / 1000);
}

/* ---- jails */

static const char *state_of(const struct serve *s, uint16_t i, const char **why)
{
	static const char *const modes[] = {
		[MODE_OFF] = "off", [MODE_SHADOW] = "shadow", [MODE_PROPOSE] = "propose", [MODE_ON] = "on",
	};

	*why = s->core->jails[i].lacks;
	if (*why)
		return s->refused[i] ? "refused" : "absent";
	if (s->refused[i]) {
		*why = "its pattern or its test is wrong: bailiff check";
		return "refused";
	}
	if (s->poisoned[i]) {
		*why = "the engine died in it three times";
		return "off";
	}
	if (s->absent[i]) {
		*why = "its service is not on this host";
		return "absent";
	}
	if (brakes_on(s->core->brakes, i)) {
		*why = "its brake tripped: it only watches, until `bailiff jail NAME on`";
		return "braked";
	}
	return modes[s->core->mode[i]];
}

static json_t *jail_json(const struct serve *s, uint16_t i, size_t bans)
{
	const struct jail *j = &s->config->jails[i];
	const char *why, *state = state_of(s, i, &why);

	return json_pack("{s:s,s:s,s:s?,s:I,s:I,s:I}", "jail", j->name, "state", state, "why", why,
		"hits", (json_int_t)s->core->jails[i].hits, "verdicts", (json_int_t)s->core->jails[i].verdicts,
		"bans", (json_int_t)bans);
}

static json_t *jails_json(struct serve *s)
{
	size_t *bans = calloc(s->config->njails + 1, sizeof(*bans)), at = 0;
	json_t *list = json_array();
	const struct ban *b;

	while (bans && (b = bans_next(s->bans, &at)))
		if (b->jail < s->config->njails)
			bans[b->jail]++;
	for (uint16_t i = 0; bans && i < s->config->njails; i++)
		json_array_append_new(list, jail_json(s, i, bans[i]));
	free(bans);
	return list;
}

static void one_jail(struct request *q, const char *name)
{
	struct serve *s = q->s;
	const struct jail *j = config_jail(s->config, name);
	json_t *banned = json_array(), *logs = json_array(), *actions = json_array(), *out;
	struct buf limit = { 0 };
	char text[ADDR_TEXT_MAX];
	const struct ban *b;
	size_t at = 0;

	if (!j) {
		request_no_jail(q, name);
		json_decref(banned);
		json_decref(logs);
		json_decref(actions);
		return;
	}
	while ((b = bans_next(s->bans, &at)))
		if (b->jail != BAN_BY_HAND && &s->config->jails[b->jail] == j)
			json_array_append_new(banned, json_string(addr_print(&b->addr, text)));
	for (size_t i = 0; i < j->nlogs; i++)
		json_array_append_new(logs, json_string(s->config->logs[j->logs[i]].name));
	for (size_t i = 0; i < j->nthen; i++)
		json_array_append_new(actions, json_string(action_name(j->then[i].kind)));
	words_limit(s->config, j, &limit);
	out = jail_json(s, (uint16_t)(j - s->config->jails), json_array_size(banned));
	json_object_set_new(out, "about", json_string(j->about ? j->about : ""));
	json_object_set_new(out, "limit", json_string(buf_cstr(&limit)));
	json_object_set_new(out, "logs", logs);
	json_object_set_new(out, "actions", actions);
	json_object_set_new(out, "banned", banned);
	json_object_set_new(q->answer, "jail", out);
	buf_free(&limit);
	request_end(q);
}

/* ---- status */

static json_t *warnings_json(const struct serve *s)
{
	json_t *list = json_array();
	struct buf line = { 0 };

	for (size_t i = 0; i < s->complaints.n; i++) {
		buf_clear(&line);
		complaint_print(&s->complaints.v[i], &line);
		json_array_append_new(list, json_text(buf_span(&line)));
	}
	for (size_t i = 0; i < s->nnotes; i++)
		json_array_append_new(list, json_text(span_of(s->notes[i].text)));
	buf_free(&line);
	return list;
}

static void status_told(void *arg, const struct message_answer *a)
{
	struct request *q = arg;
	struct serve *s = q->s;
	json_t *fw = json_pack("{s:s,s:b,s:b,s:I,s:I,s:I,s:I,s:s}", "table", s->config->table,
		"owned", (a->flags & ANSWER_OWNED) != 0, "persistent", (a->flags & ANSWER_PERSISTENT) != 0,
		"wanted", (json_int_t)a->wanted, "dropped_packets", (json_int_t)a->packets,
		"dropped_bytes", (json_int_t)a->bytes, "healed", (json_int_t)a->healed, "last_flush", a->text);

	json_object_set_new(fw, "in_kernel", a->in_kernel == UINT64_MAX ? json_null() :
			    json_integer((json_int_t)a->in_kernel));
	if (a->error < 0)
		json_object_set_new(fw, "error", json_string(strerror(-a->error)));
	json_object_set_new(q->answer, "firewall", fw);
	request_end(q);
}

void request_status(struct request *q)
{
	struct serve *s = q->s;
	const char *jail = request_text(q, "jail");
	int trouble = store_trouble(s->store);

	bans_expire(s->bans, clock_wall());
	if (jail) {
		one_jail(q, jail);
		return;
	}
	json_object_set_new(q->answer, "version", json_string(BAILIFF_VERSION));
	json_object_set_new(q->answer, "engine", json_pack("{s:i,s:f}", "pid", (int)getpid(),
		"since", (double)s->started.ms / 1000));
	json_object_set_new(q->answer, "sources", sources_json(s->sources));
	json_object_set_new(q->answer, "jails", jails_json(s));
	json_object_set_new(q->answer, "ledger", json_pack("{s:b,s:s?,s:I,s:I}", "ok", trouble == 0,
		"error", trouble ? strerror(-trouble) : NULL, "waiting", (json_int_t)store_waiting(s->store),
		"dropped", (json_int_t)store_dropped(s->store)));
	json_object_set_new(q->answer, "tracked", json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}",
		"subjects", (json_int_t)windows_used(s->core->windows),
		"threads", (json_int_t)threads_used(s->core->threads),
		"forgotten", (json_int_t)(windows_forgotten(s->core->windows) + threads_forgotten(s->core->threads) +
			networks_forgotten(s->core->networks) + levels_forgotten(s->core->levels) +
			known_forgotten(s->core->known) + submitted_forgotten(s->core->submitted) +
			history_forgotten(s->core->history) +
			(s->core->flow ? flow_forgotten(s->core->flow) : 0)),
		"bytes", (json_int_t)windows_bytes(s->core->windows),
		"messages", (json_int_t)(s->core->flow ? flow_messages(s->core->flow) : 0),
		"messages_bytes", (json_int_t)(s->core->flow ? flow_bytes(s->core->flow) : 0)));
	json_object_set_new(q->answer, "probation",
		json_integer((json_int_t)probation_count(&s->core->probation, (struct event_time){ clock_wall().ms })));
	json_object_set_new(q->answer, "paused_until",
		s->core->paused_until_ms > clock_wall().ms ? seconds(s->core->paused_until_ms) : json_null());
	json_object_set_new(q->answer, "warnings", warnings_json(s));
	serve_ask(s, ASK_FIREWALL, NULL, 0, status_told, q);
}

/* ---- bans */

static json_t *ban_json(const struct serve *s, const struct ban *b)
{
	const struct jail *j = b->jail == BAN_BY_HAND ? NULL : &s->config->jails[b->jail];
	const char *reason = b->reason ? b->reason : j ? j->about : "";
	char text[ADDR_TEXT_MAX];
	json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I}", "addr", addr_print(&b->addr, text),
		"jail", j ? j->name : "hand", "scope", s->config->scopes[b->scope].name,
		"packets", (json_int_t)0, "bytes", (json_int_t)0);

	json_object_set_new(o, "since", seconds(b->since_ms));
	json_object_set_new(o, "until", seconds(b->until_ms));
	json_object_set_new(o, "reason", json_text(span_of(reason ? reason : "")));
	return o;
}

struct counted { struct request *q; json_t *ban; };

static void counted(void *arg, const struct message_answer *a)
{
	struct counted *c = arg;

	json_object_set_new(c->ban, "packets", json_integer((json_int_t)a->packets));
	json_object_set_new(c->ban, "bytes", json_integer((json_int_t)a->bytes));
	if (--c->q->waits == 0)
		request_end(c->q);
	free(c);
}

/* Single elements are asked for their counters, never the whole set. */
#define COUNTERS_MAX 2000

void request_bans(struct request *q)
{
	struct serve *s = q->s;
	const char *jail = request_text(q, "jail");
	json_t *list;
	const struct ban *b;
	size_t at = 0;

	if (jail && strcmp(jail, "hand") != 0 && !config_jail(s->config, jail)) {
		request_no_jail(q, jail);
		return;
	}
	bans_expire(s->bans, clock_wall());
	list = json_array();
	json_object_set_new(q->answer, "bans", list);
	q->waits = 1;
	while ((b = bans_next(s->bans, &at))) {
		const char *name = b->jail == BAN_BY_HAND ? "hand" : s->config->jails[b->jail].name;
		struct counted *c;
		json_t *o;

		if (jail && strcmp(jail, name) != 0)
			continue;
		o = ban_json(s, b);
		json_array_append_new(list, o);
		c = s->config->counters && json_array_size(list) <= COUNTERS_MAX ? malloc(sizeof(*c)) : NULL;
		if (!c)
			continue;
		*c = (struct counted){ q, o };
		q->waits++;
		serve_ask(s, ASK_ELEMENT, &b->addr, b->scope, counted, c);
	}
	if (--q->waits == 0)
		request_end(q);
}

/* ---- places */

/* Where an address is, into what is told of it, as far as a database knows. */
static void tell_place(const struct serve *s, const char *text, json_t *o)
{
	char country[GEO_COUNTRY_MAX];
	struct addr a;
	uint32_t asn;

	if (!text || addr_parse(span_of(text), &a) < 0)
		return;
	if (geo_country(s->core->geo, &a, country))
		json_object_set_new(o, "country", json_string(country));
	if (geo_asn(s->core->geo, &a, &asn))
		json_object_set_new(o, "asn", json_integer(asn));
}

static void tell_places_of_bans(const struct serve *s, json_t *bans)
{
	for (size_t i = 0; i < json_array_size(bans); i++) {
		json_t *o = json_array_get(bans, i);

		tell_place(s, json_string_value(json_object_get(o, "addr")), o);
	}
}

/* ---- the ledger */

static void ledger_told(void *arg, int error, const char *json)
{
	struct request *q = arg;
	json_t *answer = error < 0 ? NULL : json_loads(json, 0, NULL);

	if (error == -ENOENT) {
		request_fail(q, 1, "there is no incident of that number");
		return;
	}
	if (!answer) {
		request_fail(q, 1, "the ledger cannot answer: %s", strerror(error < 0 ? -error : ENOMEM));
		return;
	}
	tell_places_of_bans(q->s, json_object_get(answer, "bans"));
	tell_place(q->s, json_string_value(json_object_get(answer, "subject")), answer);
	if (json_object_get(q->args, "id"))
		json_object_set_new(q->answer, "incident", answer);
	else
		json_object_update_new(q->answer, answer);
	request_end(q);
}

static void ask_ledger(struct request *q, enum store_query what)
{
	char *arg = json_dumps(q->args, JSON_COMPACT);
	int r = arg ? store_query(q->s->store, what, arg, ledger_told, q) : -ENOMEM;

	free(arg);
	if (r < 0)
		request_fail(q, 1, "the ledger cannot be asked: %s", strerror(-r));
}

void request_incidents(struct request *q)
{
	const json_t *limit = json_object_get(q->args, "limit");
	double n = json_number_value(limit);

	if (limit && !(n >= 1 && n <= INCIDENTS_MAX))
		request_fail(q, 2, "the limit is between 1 and %d", INCIDENTS_MAX);
	else
		ask_ledger(q, STORE_Q_INCIDENTS);
}

void request_locks(struct request *q)
{
	ask_ledger(q, STORE_Q_LOCKS);
}

void request_show(struct request *q)
{
	if (!json_is_integer(json_object_get(q->args, "id")))
		request_fail(q, 2, "show needs the number of an incident");
	else
		ask_ledger(q, STORE_Q_SHOW);
}

/* ---- why */

static void why_counts(struct request *q, const char *subject)
{
	struct serve *s = q->s;
	json_t *counts = json_array(), *quiet = json_array(), *lines = json_array();
	struct event_time now = { clock_wall().ms };

	for (uint16_t i = 0; i < s->config->njails; i++) {
		const struct jail *j = &s->config->jails[i];
		struct evidence_line found[LINES_MAX];
		char key[SUBJECT_KEY_MAX], span[40];
		uint64_t amount;
		struct span k;
		size_t n;

		if (core_key_of(s->core, j, subject, key, sizeof(key), &n) < 0)
			continue;
		k = (struct span){ key, n };
		amount = windows_amount(s->core->windows, i, k, now);
		if (amount > 0)
			json_array_append_new(counts, json_pack("{s:s,s:I,s:I,s:s}", "jail", j->name,
				"amount", (json_int_t)amount, "limit", (json_int_t)j->limit.amount,
				"within", clock_print_span(j->limit.within_ms, span, sizeof(span))));
		if (history_quiet(s->core->history, i, k, now))
			json_array_append_new(quiet, json_pack("{s:s}", "jail", j->name));
		n = evidence_find(s->core->evidence, i, k, found, LINES_MAX);
		for (size_t l = n; l > 0; l--)
			json_array_append_new(lines, json_pack("{s:f,s:s,s:o}", "time",
				(double)found[l - 1].when.ms / 1000, "jail", j->name, "line", json_text(found[l - 1].line)));
	}
	json_object_set_new(q->answer, "counts", counts);
	json_object_set_new(q->answer, "quiet", quiet);
	json_object_set_new(q->answer, "lines", lines);
}

static void why_bans(struct request *q, const char *subject)
{
	json_t *list = json_array();
	const struct ban *b;
	struct addr a;
	size_t at = 0;

	if (addr_parse(span_of(subject), &a) == 0)
		while ((b = bans_next(q->s->bans, &at)))
			if (addr_overlaps(&b->addr, &a))
				json_array_append_new(list, ban_json(q->s, b));
	json_object_set_new(q->answer, "bans", list);
}

static void why_probation(struct request *q, const char *subject)
{
	const struct accounts *a = &q->s->config->accounts;
	char name[ORDER_NAME_MAX];
	int64_t until;

	if (account_canonical(a, span_of(subject), name, sizeof(name)) < 0)
		return;
	until = probation_until(&q->s->core->probation, span_of(name), (struct event_time){ clock_wall().ms });
	if (until)
		json_object_set_new(q->answer, "probation", json_pack("{s:o,s:f}", "until", seconds(until),
			"factor", a->probation_factor));
}

void request_why(struct request *q)
{
	const char *subject = request_text(q, "subject");

	if (!subject) {
		request_fail(q, 2, "why needs an address or a name");
		return;
	}
	bans_expire(q->s->bans, clock_wall());
	json_object_set_new(q->answer, "subject", json_string(subject));
	tell_place(q->s, subject, q->answer);
	why_bans(q, subject);
	why_counts(q, subject);
	why_probation(q, subject);
	ask_ledger(q, STORE_Q_VERDICTS_OF);
}

void request_watch(struct request *q)
{
	client_watch(q->c);
	request_end(q);
}
