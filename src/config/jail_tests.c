/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `tests`: rows for the engine to run; here only their form is checked. */
#include <stdlib.h>

#include "base/addr.h"
#include "config/loader.h"

#define LINES_MAX 10000
#define PLACES_MAX 64

/* `hit` or `verdict`: `none`, or captures and their values. */
static void take_wants(struct loader *l, const struct node *n, const char *key,
		       const struct captures *caps, struct jail_test *ret)
{
	if (n->kind == NODE_SCALAR && strcmp(n->text, "none") == 0) {
		ret->none = true;
		return;
	}
	if (n->kind != NODE_MAP) {
		complain(l, n->place, "'%s' is none or a map of captures, not %s", key,
			 n->kind == NODE_SCALAR ? arena_printf(l->arena, "'%.80s'", n->text)
						: node_kind_name(n));
		return;
	}
	ret->want = arena_array(l->arena, n->n, sizeof(*ret->want));
	for (size_t i = 0; i < n->n; i++) {
		const struct node *name = n->keys[i], *value = n->items[i];
		const char *text = NULL;

		if (loader_captured(l, caps, name->place, key, span_of(name->text)) >= 0)
			text = value_scalar(l, value, "'%s'", name->text);
		if (!text)
			continue;
		ret->want[ret->nwant].name = arena_strdup(l->arena, name->text);
		ret->want[ret->nwant++].value = arena_strdup(l->arena, text);
	}
}

static void take_line(struct loader *l, const struct node *n, const struct jail_test_line *base,
		      struct jail_test_line *ret)
{
	const char *text;

	*ret = (struct jail_test_line){ .program = base->program, .host = base->host, .place = n->place };
	ret->at_ms = -1;
	if (n->kind == NODE_MAP) {
		value_read_map(l, schema_test_line_keys, n, ret);
		if (!ret->text)
			complain(l, n->place, "'line' is missing");
	} else {
		text = value_scalar(l, n, "an item of 'lines'");
		ret->text = text ? arena_strdup(l->arena, text) : NULL;
	}
	ret->has_at = ret->at_ms >= 0;
	if (!ret->has_at)
		ret->at_ms = 0;
}

static void take_lines(struct loader *l, const struct test_draft *d, struct jail_test *ret)
{
	const struct node *n = d->lines;
	int64_t last = 0;

	if (n->kind != NODE_LIST || n->n == 0 || n->n > LINES_MAX) {
		complain(l, n->place, "'lines' takes a list of 1 to %d lines", LINES_MAX);
		return;
	}
	ret->lines = arena_array(l->arena, n->n, sizeof(*ret->lines));
	for (size_t i = 0; i < n->n; i++) {
		struct jail_test_line *line = &ret->lines[ret->nlines++];

		take_line(l, n->items[i], &d->line, line);
		if (line->has_at && line->at_ms < last)
			complain(l, line->place, "'at' is before the line before");
		if (line->has_at)
			last = line->at_ms;
	}
}

/* "DE", "AS64500", "DE AS64500". */
static bool parse_place(const char *text, struct jail_test_place *ret)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	char *end;

	if (n == 2 && (!text[2] || text[2] == ' ')) {
		memcpy(ret->country, text, 2);
		text += 2 + strspn(text + 2, " ");
		if (!*text)
			return true;
	}
	if (strncmp(text, "AS", 2) != 0 || text[2] < '1' || text[2] > '9')
		return false;
	ret->asn = (uint32_t)strtoul(text + 2, &end, 10);
	return !*end;
}

static void take_places(struct loader *l, const struct node *n, struct jail_test *ret)
{
	if (n->kind != NODE_MAP || n->n > PLACES_MAX) {
		complain(l, n->place, "'places' takes a map of at most %d addresses", PLACES_MAX);
		return;
	}
	ret->places = arena_array(l->arena, n->n, sizeof(*ret->places));
	for (size_t i = 0; i < n->n; i++) {
		struct jail_test_place one = { 0 };
		const char *text = value_scalar(l, n->items[i], "a place");

		if (addr_parse(span_of(n->keys[i]->text), &one.addr) < 0)
			complain(l, n->keys[i]->place, "'%.80s' is no address or prefix", n->keys[i]->text);
		else if (text && !parse_place(text, &one))
			complain(l, n->items[i]->place, "a place is a country, a system or both: "
				 "'DE AS64500', not '%.80s'", text);
		else if (text)
			ret->places[ret->nplaces++] = one;
	}
}

static void take_test(struct loader *l, const struct node *n, const struct captures *caps,
		      struct jail_test *ret)
{
	struct test_draft d = { .line = { .place = n->place } };
	unsigned errors = l->errors;

	ret->place = n->place;
	if (n->kind != NODE_MAP) {
		complain(l, n->place, "a test is a map of 'line' and 'hit', or 'lines' and 'verdict', not %s",
			 node_kind_name(n));
		return;
	}
	value_read_map(l, schema_test_keys, n, &d);
	if (l->errors != errors)
		return;
	if (!d.line.text == !d.lines || !d.line.text != !d.hit || !d.lines != !d.verdict) {
		complain(l, n->place, "a test has 'line' and 'hit', or 'lines' and 'verdict'");
		return;
	}
	if (d.places)
		take_places(l, d.places, ret);
	ret->wants_verdict = d.verdict;
	if (d.lines) {
		take_lines(l, &d, ret);
		take_wants(l, d.verdict, "verdict", caps, ret);
		return;
	}
	ret->lines = arena_array(l->arena, 1, sizeof(*ret->lines));
	ret->lines[ret->nlines++] = d.line;
	take_wants(l, d.hit, "hit", caps, ret);
}

void loader_tests(struct loader *l, const struct node *tests, const struct captures *caps,
		  struct jail *j)
{
	if (tests->kind != NODE_LIST) {
		complain(l, tests->place, "'tests' takes a list, not %s", node_kind_name(tests));
		return;
	}
	j->tests = arena_array(l->arena, tests->n, sizeof(*j->tests));
	for (size_t i = 0; i < tests->n; i++)
		take_test(l, tests->items[i], caps, &j->tests[j->ntests++]);
}
