/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What people see. Tables are lists of columns, the rest are sentences; each
 * member that the engine sent goes through ctl/grid.c or text_say(), which
 * make it fit for a terminal.
 */
#include "ctl/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/grid.h"
#include "ctl/text.h"

static const struct column source_columns[] = {
	{ "LOG", "log", CELL_TEXT }, { "KIND", "kind", CELL_TEXT },
	{ "STATE", "state", CELL_WORD }, { "LINES", "lines", CELL_NUMBER },
	{ "HITS", "hits", CELL_NUMBER }, { "LAG", "lag", CELL_BYTES },
	{ "PATH", "path", CELL_TEXT }, { "ERROR", "error", CELL_TEXT }, { 0 }
};

static const struct column jail_columns[] = {
	{ "JAIL", "jail", CELL_TEXT }, { "STATE", "state", CELL_WORD },
	{ "HITS", "hits", CELL_NUMBER }, { "TRACKED", "tracked", CELL_NUMBER },
	{ "VERDICTS", "verdicts", CELL_NUMBER }, { "BANS", "bans", CELL_NUMBER },
	{ "WHY", "why", CELL_TEXT }, { 0 }
};

static const struct column status_facts[] = {
	{ "Firewall table", "firewall.table", CELL_TEXT },
	{ "Owned by bailiff", "firewall.owned", CELL_TEXT },
	{ "Stays without it", "firewall.persistent", CELL_TEXT },
	{ "Bans wanted", "firewall.wanted", CELL_TEXT },
	{ "In the kernel", "firewall.in_kernel", CELL_TEXT },
	{ "Packets dropped", "firewall.dropped_packets", CELL_TEXT },
	{ "Bytes dropped", "firewall.dropped_bytes", CELL_BYTES },
	{ "Flushed and healed", "firewall.healed", CELL_TEXT },
	{ "Last flush", "firewall.last_flush", CELL_WHEN },
	{ "Subjects tracked", "tracked.subjects", CELL_TEXT },
	{ "Threads tracked", "tracked.threads", CELL_TEXT },
	{ "Forgotten early", "tracked.forgotten", CELL_TEXT },
	{ "Memory for them", "tracked.bytes", CELL_BYTES },
	{ "Messages followed", "tracked.messages", CELL_TEXT },
	{ "Ledger", "ledger.ok", CELL_TEXT },
	{ "Ledger trouble", "ledger.error", CELL_TEXT },
	{ "Waiting for it", "ledger.waiting", CELL_TEXT },
	{ "Accounts on probation", "probation", CELL_TEXT },
	{ "Paused, ends", "paused_until", CELL_WHEN }, { 0 }
};

static const struct column jail_facts[] = {
	{ "Jail", "jail", CELL_TEXT }, { "About", "about", CELL_TEXT },
	{ "State", "state", CELL_WORD }, { "Why", "why", CELL_TEXT },
	{ "Mode", "mode", CELL_TEXT }, { "Logs", "logs", CELL_TEXT },
	{ "Limit", "limit", CELL_TEXT }, { "Then", "actions", CELL_TEXT },
	{ "Hits", "hits", CELL_TEXT }, { "Tracked", "tracked", CELL_TEXT },
	{ "Verdicts", "verdicts", CELL_TEXT }, { "Bans", "bans", CELL_TEXT },
	{ "Banned now", "banned", CELL_TEXT }, { 0 }
};

static const struct column ban_columns[] = {
	{ "ADDRESS", "addr", CELL_TEXT }, { "JAIL", "jail", CELL_TEXT },
	{ "SCOPE", "scope", CELL_TEXT }, { "SINCE", "since", CELL_WHEN },
	{ "ENDS", "until", CELL_UNTIL }, { "PACKETS", "packets", CELL_NUMBER },
	{ "BYTES", "bytes", CELL_BYTES }, { "REASON", "reason", CELL_TEXT }, { 0 }
};

static const struct column lock_columns[] = {
	{ "USER", "user", CELL_TEXT }, { "SINCE", "since", CELL_WHEN },
	{ "INCIDENT", "incident", CELL_NUMBER }, { "BY", "by", CELL_TEXT },
	{ "STATE", "state", CELL_WORD }, { 0 }
};

static const struct column incident_columns[] = {
	{ "ID", "id", CELL_NUMBER }, { "WHEN", "time", CELL_WHEN },
	{ "JAIL", "jail", CELL_TEXT }, { "SUBJECT", "subject", CELL_TEXT },
	{ "COUNT", "amount", CELL_NUMBER }, { "MODE", "mode", CELL_WORD },
	{ "STATE", "state", CELL_WORD }, { "ORDERS", "orders", CELL_TEXT },
	{ "WHAT", "what", CELL_TEXT }, { "REASON", "reason", CELL_TEXT },
	{ "BY", "by", CELL_TEXT }, { 0 }
};

static const struct column incident_facts[] = {
	{ "Incident", "id", CELL_TEXT }, { "When", "time", CELL_WHEN },
	{ "Jail", "jail", CELL_TEXT }, { "Subject", "subject", CELL_TEXT },
	{ "Country", "country", CELL_TEXT }, { "ASN", "asn", CELL_TEXT },
	{ "Count", "amount", CELL_TEXT }, { "Mode", "mode", CELL_WORD },
	{ "State", "state", CELL_WORD }, { "Ends", "until", CELL_WHEN },
	{ "What", "what", CELL_TEXT }, { "Reason", "reason", CELL_TEXT },
	{ "By", "by", CELL_TEXT }, { "Closed", "closed.how", CELL_TEXT },
	{ "Closed by", "closed.by", CELL_TEXT }, { "Closed at", "closed.time", CELL_WHEN }, { 0 }
};

static const struct column place_facts[] = {
	{ "Country", "country", CELL_TEXT }, { "ASN", "asn", CELL_TEXT },
	{ "On probation, ends", "probation.until", CELL_WHEN },
	{ "Its limits are times", "probation.factor", CELL_TEXT }, { 0 }
};

static const struct column order_columns[] = {
	{ "ORDER", "id", CELL_NUMBER }, { "WHAT", "what", CELL_TEXT },
	{ "TARGET", "target", CELL_TEXT }, { "WHEN", "time", CELL_WHEN },
	{ "OUTCOME", "outcome.status", CELL_WORD }, { "NOTE", "outcome.text", CELL_TEXT }, { 0 }
};

static const struct column old_ban_columns[] = {
	{ "ADDRESS", "addr", CELL_TEXT }, { "COUNTRY", "country", CELL_TEXT },
	{ "ASN", "asn", CELL_TEXT }, { "JAIL", "jail", CELL_TEXT },
	{ "SCOPE", "scope", CELL_TEXT }, { "SINCE", "since", CELL_WHEN },
	{ "UNTIL", "until", CELL_UNTIL }, { "ENDED", "ended", CELL_WHEN },
	{ "HOW", "ended_why", CELL_TEXT }, { "BY", "ended_by", CELL_TEXT },
	{ "REASON", "reason", CELL_TEXT }, { 0 }
};

static const struct column count_columns[] = {
	{ "JAIL", "jail", CELL_TEXT }, { "COUNT", "amount", CELL_NUMBER },
	{ "LIMIT", "limit", CELL_NUMBER }, { "WITHIN", "within", CELL_SPAN }, { 0 }
};

static const struct column quiet_columns[] = {
	{ "JAIL", "jail", CELL_TEXT }, { "UNTIL", "until", CELL_UNTIL }, { 0 }
};

static const struct column line_columns[] = {
	{ "WHEN", "time", CELL_WHEN }, { "JAIL", "jail", CELL_TEXT },
	{ "LINE", "line", CELL_TEXT }, { 0 }
};

static const struct column step_columns[] = {
	{ "STEP", "do", CELL_TEXT }, { "TARGET", "target", CELL_TEXT },
	{ "OUTCOME", "status", CELL_WORD }, { "NOTE", "text", CELL_TEXT }, { 0 }
};

static const char *string_at(const json_t *object, const char *path)
{
	const json_t *v = grid_get(object, path);

	return json_is_string(v) ? json_string_value(v) : "?";
}

static void print(struct buf *out)
{
	fputs(buf_cstr(out), stdout);
	buf_free(out);
}

static void show_rows(const char *headline, const json_t *array, const struct column *columns)
{
	struct buf out = { 0 };

	if (json_array_size(array) == 0)
		return;
	if (headline)
		printf("\n%s%s%s\n", text_bold(), headline, text_plain());
	grid_rows(&out, array, columns, clock_wall());
	print(&out);
}

static void show_facts(const json_t *object, const struct column *columns)
{
	struct buf out = { 0 };

	grid_facts(&out, object, columns, clock_wall());
	print(&out);
}

/* A table that is all there is to say, or the words for none. */
static void show_list(const json_t *array, const struct column *columns, const char *none)
{
	if (json_array_size(array) == 0)
		text_say("%s", none);
	show_rows(NULL, array, columns);
}

/* ---- reading ---- */

void show_status(const json_t *request, const json_t *answer)
{
	const json_t *wanted = grid_get(answer, "firewall.wanted");
	const json_t *present = grid_get(answer, "firewall.in_kernel"), *warnings;
	char since[80];

	(void)request;
	if (json_object_get(answer, "jail")) {
		show_facts(json_object_get(answer, "jail"), jail_facts);
		return;
	}
	text_say("bailiff %s, engine %lld, started %s", string_at(answer, "version"),
		 (long long)json_integer_value(grid_get(answer, "engine.pid")),
		 text_when(grid_ms(grid_get(answer, "engine.since")), clock_wall(), since,
			   sizeof(since)));
	warnings = json_object_get(answer, "warnings");
	for (size_t i = 0; i < json_array_size(warnings); i++)
		text_say("Warning: %s", json_string_value(json_array_get(warnings, i)) ?: "?");
	if (json_is_number(present) && json_number_value(wanted) != json_number_value(present))
		text_say("Warning: %.0f bans are wanted, the kernel holds %.0f",
			 json_number_value(wanted), json_number_value(present));
	show_rows("Sources", json_object_get(answer, "sources"), source_columns);
	show_rows("Jails", json_object_get(answer, "jails"), jail_columns);
	putchar('\n');
	show_facts(answer, status_facts);
}

void show_bans(const json_t *request, const json_t *answer)
{
	(void)request;
	show_list(json_object_get(answer, "bans"), ban_columns, "nobody is banned");
}

void show_locks(const json_t *request, const json_t *answer)
{
	(void)request;
	show_list(json_object_get(answer, "locks"), lock_columns, "no account is locked by bailiff");
}

void show_incidents(const json_t *request, const json_t *answer)
{
	(void)request;
	show_list(json_object_get(answer, "incidents"), incident_columns, "no incidents");
}

static void show_evidence(const json_t *lines)
{
	if (json_array_size(lines) > 0)
		printf("\n%sEvidence%s\n", text_bold(), text_plain());
	for (size_t i = 0; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);

		text_say("  %s", json_is_string(line) ? json_string_value(line) :
			 string_at(line, "line"));
	}
}

void show_incident(const json_t *request, const json_t *answer)
{
	const json_t *incident = json_object_get(answer, "incident");

	(void)request;
	show_facts(incident, incident_facts);
	show_evidence(json_object_get(incident, "evidence"));
	show_rows("Orders", json_object_get(incident, "orders"), order_columns);
	show_rows("Bans", json_object_get(incident, "bans"), old_ban_columns);
}

void show_why(const json_t *request, const json_t *answer)
{
	static const struct { const char *headline, *key; const struct column *columns; } parts[] = {
		{ "Bans", "bans", old_ban_columns },
		{ "Counted now", "counts", count_columns },
		{ "No further verdict", "quiet", quiet_columns },
		{ "Verdicts", "verdicts", incident_columns },
		{ "By hand", "hand", incident_columns },
		{ "Lines", "lines", line_columns },
	};

	text_say("%s", string_at(answer, "subject"));
	show_facts(answer, place_facts);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		show_rows(parts[i].headline, json_object_get(answer, parts[i].key),
			  parts[i].columns);
	(void)request;
}

/* ---- doing ---- */

static void say_said(const json_t *answer)
{
	if (json_is_string(json_object_get(answer, "said")))
		text_say("%s", string_at(answer, "said"));
}

/* "192.0.2.7 is banned, scope mail; it ends in 10m (10:31:05)" */
static void say_until(const char *what, const char *who, const char *more, const json_t *answer)
{
	const json_t *until = json_object_get(answer, "until");
	char when[80];

	if (json_is_number(until))
		text_say("%s %s%s; it ends %s", who, what, more,
			 text_when(grid_ms(until), clock_wall(), when, sizeof(when)));
	else
		text_say("%s %s%s, for good", who, what, more);
}

void show_banned(const json_t *request, const json_t *answer)
{
	char scope[300];

	(void)request;
	snprintf(scope, sizeof(scope), ", scope %s", string_at(answer, "scope"));
	say_until("is banned", string_at(answer, "addr"), scope, answer);
	say_said(answer);
}

void show_unbanned(const json_t *request, const json_t *answer)
{
	const json_t *list = json_object_get(answer, "unbanned");
	size_t n = json_array_size(list);

	(void)request;
	for (size_t i = 0; i < n && n <= 20; i++)
		text_say("%s is no longer banned",
			 json_string_value(json_array_get(list, i)) ?: "?");
	if (n != 1)
		text_say("%lld bans ended", (long long)json_integer_value(json_object_get(answer, "n")));
	say_said(answer);
}

void show_allowed(const json_t *request, const json_t *answer)
{
	(void)request;
	say_until("is allowed: no ban reaches it", string_at(answer, "addr"), "", answer);
	say_said(answer);
}

void show_disallowed(const json_t *request, const json_t *answer)
{
	text_say("%s is no longer allowed", string_at(request, "addr"));
	say_said(answer);
}

void show_protected(const json_t *request, const json_t *answer)
{
	text_say("%s is protected: its account will not be touched", string_at(request, "user"));
	say_said(answer);
}

/* Was something done that an undo takes back? Mail that went, or is deleted, is not. */
static bool any_done(const json_t *steps)
{
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);
		const char *what = string_at(step, "do");

		if (strcmp(string_at(step, "status"), "done") == 0 && strcmp(what, "release") != 0 &&
		    strcmp(what, "purge") != 0)
			return true;
	}
	return false;
}

/* What an unlock leaves as it is. */
static void say_still(const json_t *still)
{
	for (size_t i = 0; i < json_array_size(still); i++) {
		const json_t *one = json_array_get(still, i), *what = json_object_get(one, "what");
		long long id = (long long)json_integer_value(json_object_get(one, "incident"));
		struct buf list = { 0 };
		bool mail = false;

		for (size_t k = 0; k < json_array_size(what); k++) {
			const char *step = json_string_value(json_array_get(what, k));

			buf_printf(&list, "%s%s", k ? ", " : "", step ? step : "?");
			mail |= step && strcmp(step, "deny") != 0;
		}
		if (list.n == 0)
			text_say("incident %lld is still open; bailiff undo %lld closes it", id, id);
		else
			text_say("still in force by incident %lld: %s; bailiff undo %lld takes it back%s", id, buf_cstr(&list),
				 id, mail ? " (with --release-mail: the mail on hold goes out)" : "");
		buf_free(&list);
	}
}

void show_steps(const json_t *request, const json_t *answer)
{
	const json_t *incident = json_object_get(answer, "incident");
	const json_t *steps = json_object_get(answer, "steps");

	if (json_is_true(json_object_get(request, "dry_run")))
		text_say("Nothing was done; this would be:");
	show_list(steps, step_columns, "there was nothing to do");
	if (json_is_integer(incident) && any_done(steps) &&
	    strcmp(string_at(request, "cmd"), "unlock") != 0)
		text_say("incident %lld; bailiff undo %lld takes it back",
			 (long long)json_integer_value(incident),
			 (long long)json_integer_value(incident));
	say_still(json_object_get(answer, "still"));
	say_said(answer);
}

void show_mode(const json_t *request, const json_t *answer)
{
	(void)request;
	text_say("%s is now %s", string_at(answer, "jail"), string_at(answer, "mode"));
}

void show_pause(const json_t *request, const json_t *answer)
{
	const json_t *until = json_object_get(answer, "until");
	char when[80];

	(void)request;
	if (json_number_value(until) * 1000 > (double)clock_wall().ms)
		text_say("paused: jails act on nothing; it ends %s",
			 text_when(grid_ms(until), clock_wall(), when, sizeof(when)));
	else
		text_say("not paused: jails act");
}

void show_reload(const json_t *request, const json_t *answer)
{
	(void)request;
	if (json_is_string(json_object_get(answer, "said")))
		say_said(answer);
	else
		text_say("the configuration is loaded");
}

void show_teardown(const json_t *request, const json_t *answer)
{
	(void)request;
	(void)answer;
	text_say("the table and all bans are removed, and bailiff has ended");
}

/* ---- streams and programs ---- */

void show_event(const json_t *event)
{
	struct buf line = { 0 };
	const char *key;
	json_t *v;
	const json_t *time = json_object_get(event, "time");
	time_t at = (time_t)((json_is_number(time) ? grid_ms(time) : clock_wall().ms) / 1000);
	char clock[16] = "?";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	buf_printf(&line, "%s %-8s", clock, string_at(event, "event"));
	json_object_foreach((json_t *)event, key, v) {
		const char *text = json_string_value(v);
		char *dump;

		if (strcmp(key, "time") == 0 || strcmp(key, "event") == 0 || json_is_null(v) ||
		    (text && !*text))
			continue;
		if (text && !strpbrk(text, " \"=")) {
			buf_printf(&line, " %s=%s", key, text);
			continue;
		}
		dump = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		buf_printf(&line, " %s=%s", key, dump ? dump : "?");
		free(dump);
	}
	text_say("%s", buf_cstr(&line));
	fflush(stdout);
	buf_free(&line);
}

/* jansson leaves DEL as it is; it stands in strings alone. */
static int put_ascii(const char *p, size_t n, void *to)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == 0x7f)
			fputs("\\u007f", to);
		else
			putc(p[i], to);
	return 0;
}

void show_json(const json_t *value)
{
	json_dump_callback(value, put_ascii, stdout,
			   JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_COMPACT |
			   JSON_REAL_PRECISION(15));
	putchar('\n');
	fflush(stdout);
}
