/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bans do not mail; once a day one mail tells them. The ledger counts, here
 * it becomes text. One timer a day: an idle engine is not woken for it.
 */
#include "engine/digest.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/serve.h"

#define DAY_MS 86400000LL

static long long number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static const char *text(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s ? s : "";
}

/* true: there is something to tell. */
static bool compose(const struct serve *s, const json_t *d, struct buf *out)
{
	const json_t *rows, *row;
	bool any = false;
	size_t i;

	buf_printf(out, "What bailiff did on %s in the last 24 hours\n\n", s->host);
	buf_printf(out, "  %-24s %9s %9s %9s\n", "jail", "verdicts", "bans", "shadow");
	rows = json_object_get(d, "jails");
	json_array_foreach(rows, i, row) {
		any |= number(row, "verdicts") + number(row, "bans") > 0;
		buf_printf(out, "  %-24s %9lld %9lld %9lld\n", text(row, "jail"), number(row, "verdicts"),
			   number(row, "bans"), number(row, "shadow"));
	}
	rows = json_object_get(d, "networks");
	if (json_array_size(rows) > 0)
		buf_puts(out, "\nNetworks with the most bans\n");
	json_array_foreach(rows, i, row)
		if (i < 10)
			buf_printf(out, "  %-24s %9lld\n", text(row, "network"), number(row, "bans"));
	rows = json_object_get(d, "refused");
	if (json_array_size(rows) > 0)
		buf_puts(out, "\nWhat was asked for and not done\n");
	json_array_foreach(rows, i, row)
		buf_printf(out, "  %6lld times %s (%s, e.g. %s): %s\n", number(row, "count"), text(row, "what"),
			   text(row, "jail"), text(row, "example"), text(row, "reason"));
	rows = json_object_get(d, "accounts");
	if (json_array_size(rows) > 0)
		buf_puts(out, "\nAccounts\n");
	json_array_foreach(rows, i, row)
		if (strcmp(text(row, "what"), "look") != 0)
			buf_printf(out, "  incident %lld: %s %s: %s\n", number(row, "incident"), text(row, "what"),
			   text(row, "target"), text(row, "status"));
	buf_puts(out, "\n`bailiff bans` lists what is banned now, `bailiff why ADDR` tells why.\n");
	return any;
}

static void sent(void *arg, const struct outcome *o)
{
	(void)arg;
	if (o->status != OUTCOME_DONE)
		log_warning("the daily digest was not sent: %s", o->text);
}

static void counted(void *arg, int error, const char *json)
{
	struct serve *s = arg;
	json_t *d = error < 0 ? NULL : json_loads(json, 0, NULL);
	struct buf out = { 0 };

	if (d && compose(s, d, &out))
		incidents_mail(s, store_next_id(s->store), false, NULL, "bailiff: daily digest", buf_cstr(&out), sent, s);
	else if (!d)
		log_warning("no digest: the ledger did not answer");
	json_decref(d);
	buf_free(&out);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int events)
{
	struct serve *s = t->data;
	int64_t now = clock_wall().ms;
	char arg[96];

	(void)loop;
	(void)events;
	snprintf(arg, sizeof(arg), "{\"since\":%lld,\"until\":%lld}", (long long)(now - DAY_MS), (long long)now);
	if (store_query(s->store, STORE_Q_DIGEST, arg, counted, s) < 0)
		log_warning("no digest: the ledger is busy");
	digest_arm(s);
}

void digest_arm(struct serve *s)
{
	time_t now = (time_t)(clock_wall().ms / 1000);
	int64_t left, today;
	struct tm tm;

	if (s->config->notify.digest_at_ms < 0 || !s->config->notify.mail || !localtime_r(&now, &tm))
		return;
	today = ((tm.tm_hour * 60 + tm.tm_min) * 60LL + tm.tm_sec) * 1000;
	left = (s->config->notify.digest_at_ms - today + DAY_MS) % DAY_MS;
	ev_timer_stop(s->loop, &s->digest_timer);
	ev_timer_init(&s->digest_timer, on_timer, (double)(left ? left : DAY_MS) / 1000, 0.);
	s->digest_timer.data = s;
	ev_timer_start(s->loop, &s->digest_timer);
}
