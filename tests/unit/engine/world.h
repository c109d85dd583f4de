/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UNIT_ENGINE_WORLD_H
#define UNIT_ENGINE_WORLD_H

/*
 * The engine's road from bytes to verdicts over a configuration of texts.
 * Lines are written "MS PROGRAM: TEXT", MS being milliseconds after T0; they
 * go in as syslog lines with RFC 3339 stamps. A line that begins with ~ comes
 * from a second source of the same log, whose time runs for itself. Verdicts
 * come out as text, one a line:
 *
 *   MS JAIL SUBJECT AMOUNT[ shadow]: ACTION TARGET[ SECONDS][, ...]
 */
#include "unit/config/setup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"
#include "engine/count/subject.h"
#include "engine/targets.h"

#define T0 INT64_C(1787306400000)	/* 2026-08-21T10:00:00Z */
#define YEAR_MS (366 * 86400000ll)

struct world {
	struct made made;
	struct core *core;
	struct prefix_parser *parser;
	struct event_time last[2];	/* of the two sources */
	uint64_t clamped, offset;
	struct buf verdicts;
	struct core_verdict cv;		/* the last one; its pointers are stale */
	bool trusted;
};

struct world_print {
	struct buf *out;
	unsigned n;
};

static inline void world_target(void *arg, const struct decided *d, const struct addr *host,
				const char *target)
{
	struct world_print *p = arg;

	buf_printf(p->out, "%s%s %s", p->n++ ? ", " : "", action_name(d->action->kind), target);
	if (d->for_ms)
		buf_printf(p->out, " %" PRId64, d->for_ms / 1000);
	if (host && !addr_is_host(host))
		buf_puts(p->out, " (no host)");
}

static inline void world_verdict(void *arg, const struct core_verdict *v)
{
	struct world *w = arg;
	struct world_print p = { .out = &w->verdicts };

	w->cv = *v;
	buf_printf(&w->verdicts, "%" PRId64 " %s ", v->v->when.ms - T0, v->v->jail->name);
	subject_print(w->made.config, v->subject, &w->verdicts);
	buf_printf(&w->verdicts, " %" PRIu64 "%s: ", v->v->amount, v->v->shadow ? " shadow" : "");
	targets_each(w->made.config, v, world_target, &p);
	for (size_t i = 0; i < v->nseen; i++) {
		char text[ADDR_TEXT_MAX];

		if (v->spared[i])
			buf_printf(&w->verdicts, "; %s spared: %s", addr_print(&v->seen[i], text), v->spared[i]);
	}
	buf_putc(&w->verdicts, '\n');
}

/* From bailiff.yaml and jails as {name, yaml, name, yaml, NULL}; all must load. */
static inline void world_begin(struct world *w, const char *main_yaml, const char *const *jails)
{
	struct complaints bad = { 0 };
	const char *why = NULL;

	memset(w, 0, sizeof(*w));
	w->trusted = true;
	made_begin(&w->made, main_yaml);
	for (; jails[0]; jails += 2)
		made_jail(&w->made, PACK_JAIL_ADMIN, jails[0], jails[1]);
	made_load(&w->made);
	if (w->made.err || w->made.bad.n)
		fail_msg("%d %s", w->made.err, buf_cstr(&w->made.text));
	assert_int_equal(core_new(w->made.config, false, &bad, &w->core), 0);
	assert_int_equal(bad.n, 0);
	assert_int_equal(prefix_parser_new(&w->made.config->logs[0], &w->parser, &why), 0);
	w->core->fn = world_verdict;
	w->core->arg = w;
}

static inline void world_end(struct world *w)
{
	prefix_parser_free(&w->parser);
	core_free(&w->core);
	made_free(&w->made);
	buf_free(&w->verdicts);
}

/* One line of a script, without its newline. */
static inline unsigned world_line(struct world *w, struct span script)
{
	unsigned source = script.n > 0 && script.p[0] == '~';
	const char *p = script.p + source, *colon;
	struct position pos = { .offset = w->offset += 100 };
	struct clockwork clock = {
		.parser = w->parser, .ctx.arrival.ms = T0 + YEAR_MS,
		.last = &w->last[source], .clamped = &w->clamped,
	};
	char *rest, stamp[40];
	int64_t ms = T0 + strtoll(p, &rest, 10);
	time_t s = (time_t)(ms / 1000);
	struct buf line = { 0 };
	struct entry e;
	struct tm tm;
	unsigned hits;

	p = rest + 1;
	colon = memmem(p, (size_t)(script.p + script.n - p), ": ", 2);
	assert_non_null(colon);
	gmtime_r(&s, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(&line, "%s.%03d+00:00 mx %.*s[9]: ", stamp, (int)(ms % 1000), (int)(colon - p), p);
	buf_put(&line, colon + 2, (size_t)(script.p + script.n - colon) - 2);
	prefix_parse(w->parser, buf_span(&line), &e);
	hits = core_take(w->core, 0, &e, buf_span(&line), &pos, &clock, w->trusted);
	buf_free(&line);
	return hits;
}

/* All lines of a script; how many were hits. */
static inline unsigned world_run(struct world *w, const char *script)
{
	unsigned hits = 0;

	while (*script) {
		size_t n = strcspn(script, "\n");

		hits += world_line(w, (struct span){ script, n });
		script += n + (script[n] == '\n');
	}
	return hits;
}

/* The verdicts since the last call. */
static inline int world_differs(struct world *w, const char *name, const char *want)
{
	int r = differs(name, buf_cstr(&w->verdicts), want);

	buf_clear(&w->verdicts);
	return r;
}

static inline struct span world_key(struct world *w, const char *jail, const char *subject,
				    char key[SUBJECT_KEY_MAX])
{
	struct span k = { key, 0 };

	assert_int_equal(core_key_of(w->core, config_jail(w->made.config, jail), subject, key,
				     SUBJECT_KEY_MAX, &k.n), 0);
	return k;
}

#endif
