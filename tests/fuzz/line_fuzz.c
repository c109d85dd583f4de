/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a log line: its head, its time, by known and by own formats. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/parse/prefix.h"

#define ARRIVAL INT64_C(1788256800000)

static struct prefix_parser *make(const char *find, const char *format)
{
	struct log_conf log = { .timezone = (char *)"CET-1CEST,M3.5.0,M10.5.0/3",
				.time_find = (char *)find,
				.time_format = (char *)format };
	struct prefix_parser *p;
	const char *bad;

	if (prefix_parser_new(&log, &p, &bad) < 0)
		abort();
	return p;
}

static void within(struct span s, struct span line)
{
	if (s.n && (s.p < line.p || s.p + s.n > line.p + line.n))
		abort();
}

static void try(struct prefix_parser *p, struct span line, int year, bool finished)
{
	static struct event_time last;
	struct stamp_ctx ctx = { { ARRIVAL }, year, finished };
	struct event_time before = last, t;
	uint64_t clamped = 0;
	volatile char sum = 0;
	struct entry e;

	prefix_parse(p, line, &e);
	within(e.stamp, line);
	within(e.host, line);
	within(e.pid, line);
	if (e.text.n > line.n || e.repeat == 0)
		abort();
	for (size_t i = 0; i < e.text.n; i++)
		sum ^= e.text.p[i];
	for (size_t i = 0; i < e.program.n; i++)
		sum ^= e.program.p[i];
	t = prefix_time(p, &e, &ctx, &last, &clamped);
	if (t.ms < before.ms || t.ms > ARRIVAL + 60000)
		abort();
	prefix_raw_time(p, &e, &ctx, &t);
	if (last.ms >= ARRIVAL)		/* begin anew: all later ones were equal */
		last.ms = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct prefix_parser *known, *start, *middle;
	struct span line = { (const char *)data, size };

	if (!known) {
		known = make(NULL, NULL);
		start = make("^(.{1,40}?) ", "%a %d. %b %y %I:%M:%S %p %z");
		middle = make("time=(\\S+)", "%FT%T.%f%z");
	}
	try(known, line, 0, false);
	try(known, line, 2026, true);
	try(start, line, 0, false);
	try(middle, line, 0, true);
	return 0;
}
