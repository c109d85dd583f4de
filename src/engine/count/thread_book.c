/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which jails can share one set of threads. What an account's jails remember
 * of a message and when they forget it is mostly the same, and a message of
 * an account would else be kept once for each of them.
 *
 * Jails with the same log, programs, prefix, id and time are of one book if
 * their rules that do something to a thread are the same and come before all
 * others: only then is it sure that a line does the same in each of them.
 * What they count, and what waits to be counted, stays each one's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/count/thread_private.h"

#define WAIT_MS_LEAST 600000

/* ---- what a jail asks for */

static uint16_t field_named(const struct config *c, const char *name, const char *tail)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < c->nfields; i++)
		if (strncmp(c->fields[i].name, name, n) == 0 &&
		    strcmp(c->fields[i].name + n, tail) == 0)
			return (uint16_t)i;
	return TOLD_GONE;
}

/* The field that a derived one is made from in the end; itself otherwise. */
static uint16_t base_of(const struct config *c, uint16_t field)
{
	for (int i = 0; i < 4 && field < c->nfields && c->fields[field].from; i++) {
		uint16_t from = field_named(c, c->fields[field].from, "");

		if (from == TOLD_GONE)
			break;
		field = from;
	}
	return field;
}

/* What one jail asks of its threads. */
static void jail_init(const struct config *c, const struct jail *j,
		      struct thread_jail *ret)
{
	const struct limit *l = &j->limit;

	for (size_t i = 0; i < l->nper && i < THREAD_NEEDS_MAX - 1; i++)
		ret->need[ret->nneeds++] = l->per[i];
	if (l->kind == LIMIT_SUM || l->kind == LIMIT_DISTINCT || l->kind == LIMIT_LEVEL)
		ret->need[ret->nneeds++] = l->value;
	for (unsigned i = 0; i < ret->nneeds; i++)
		ret->base[i] = base_of(c, ret->need[i]);
	ret->wait_ms = l->within_ms > WAIT_MS_LEAST ? l->within_ms : WAIT_MS_LEAST;
	if (ret->wait_ms > j->thread_keep_ms)
		ret->wait_ms = j->thread_keep_ms;
}

/* ---- books */

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_strings(const struct strings *a, const struct strings *b)
{
	size_t i = 0;

	while (i < a->n && i < b->n && strcmp(a->v[i], b->v[i]) == 0)
		i++;
	return i == a->n && i == b->n;
}

/* Does it change threads, and not only count? */
static bool is_threads(const struct rule *r)
{
	return (r->verb != VERB_COUNT && r->verb != VERB_MATCH) || r->tells;
}

/* How many rules that are about threads stand first; SIZE_MAX: others stand among them. */
static size_t leading(const struct jail *j)
{
	size_t n = 0;

	while (n < j->nrules && is_threads(&j->rules[n]) && !j->rules[n].tells)
		n++;
	for (size_t i = n; i < j->nrules; i++)
		if (is_threads(&j->rules[i]))
			return SIZE_MAX;
	return n;
}

static bool same_rules(const struct jail *a, const struct jail *b)
{
	size_t n = leading(a);

	if (n == SIZE_MAX || leading(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (a->rules[i].verb != b->rules[i].verb || !same_text(a->rules[i].pattern, b->rules[i].pattern))
			return false;
	return true;
}

/* A verdict is told to each jail as a line of its own, so what one jail did with it is not known to the next. */
static bool same_place(const struct jail *a, const struct jail *b)
{
	return !a->verdicts && !b->verdicts && a->nlogs == b->nlogs &&
	       (a->nlogs == 0 || memcmp(a->logs, b->logs, a->nlogs * sizeof(a->logs[0])) == 0) &&
	       same_strings(&a->programs, &b->programs) && same_text(a->prefix, b->prefix) &&
	       a->nignore == 0 && b->nignore == 0;
}

static struct thread_book *book_like(struct threads *t, const struct jail *j)
{
	for (size_t i = 0; i < t->nbooks; i++) {
		struct thread_book *b = &t->book[i];

		if (b->njails < BOOK_JAILS_MAX && b->first->thread_by == j->thread_by &&
		    b->keep_ms == j->thread_keep_ms && same_place(b->first, j) && same_rules(b->first, j))
			return b;
	}
	return NULL;
}

static struct thread_book *book_new(struct threads *t, const struct jail *j)
{
	struct thread_book *b = &t->book[t->nbooks];

	*b = (struct thread_book){ .first = j, .by2 = TOLD_GONE, .keep_ms = j->thread_keep_ms,
				   .gate = t->nbooks < THREADS_WHO ? (uint8_t)t->nbooks : THREADS_WHO - 1 };
	if (j->thread_by < t->config->nfields)
		b->by2 = field_named(t->config, t->config->fields[j->thread_by].name, "2");
	t->nbooks++;
	return b;
}

int thread_books(struct threads *t)
{
	const struct config *c = t->config;

	t->jail = calloc(c->njails + 1, sizeof(t->jail[0]));
	t->book = calloc(c->njails + 1, sizeof(t->book[0]));
	if (!t->jail || !t->book)
		return -ENOMEM;
	for (size_t i = 0; i < c->njails; i++) {
		struct thread_jail *j = &t->jail[i];
		struct thread_book *b;

		if (!c->jails[i].threaded)
			continue;
		jail_init(c, &c->jails[i], j);
		b = book_like(t, &c->jails[i]);
		if (!b)
			b = book_new(t, &c->jails[i]);
		j->book = (uint16_t)(b - t->book);
		j->bit = UINT32_C(1) << b->njails++;
		if (j->wait_ms > b->wait_ms)
			b->wait_ms = j->wait_ms;
	}
	return 0;
}
