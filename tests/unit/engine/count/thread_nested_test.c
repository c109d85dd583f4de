/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hit that is let go leads to a verdict, and that to a hit of another jail's threads, within the same call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "engine/count/thread_private.h"

#define T0 1700000000000ll
#define HOUR 3600000

enum { F_QID, F_USER, NFIELDS };

static struct field fields[] = {
	[F_QID] = { .name = "qid", .type = FIELD_ID },
	[F_USER] = { .name = "user", .type = FIELD_ACCOUNT },
};

enum { REMEMBER, COUNT };

static struct rule mails[] = {
	[REMEMBER] = { .verb = VERB_REMEMBER, .pattern = (char *)"client" },
	[COUNT] = { .verb = VERB_COUNT, .pattern = (char *)"from" },
};
static struct rule verdicts[] = { { .verb = VERB_COUNT, .pattern = (char *)"jail=mails" } };

#define JAIL(NAME, RULES, N, BY, VERDICTS) { \
	.name = (char *)NAME, .nrules = N, .rules = RULES, .threaded = true, .thread_by = BY, \
	.thread_keep_ms = HOUR / 6, .verdicts = VERDICTS, \
	.limit = { .kind = LIMIT_COUNT, .amount = 1, .within_ms = HOUR / 6, .nper = 1, .per = { F_USER } } }

static struct jail jails[] = { JAIL("mails", mails, 2, F_QID, false), JAIL("verdicts", verdicts, 1, F_USER, true) };

static struct config config = { .njails = 2, .jails = jails, .nfields = NFIELDS, .fields = fields, .tracked_max = 4000 };

/* What was told so far, and the number of the last line. */
struct run {
	struct threads *t;
	unsigned told[2];
	uint64_t line;
};

static void told(void *arg, const struct hit *h, struct event_time when);

static void take(struct run *r, const struct jail *j, int rule, const char *id, const char *user, int64_t when)
{
	struct hit h = { .jail = j, .rule = &j->rules[rule], .line = ++r->line };

	if (id)
		h.capture[h.ncaptures++] = (struct capture){ .field = F_QID, .type = FIELD_ID, .raw = span_of(id) };
	if (user)
		h.capture[h.ncaptures++] = (struct capture){ .field = F_USER, .type = FIELD_ACCOUNT, .raw = span_of(user) };
	assert_int_equal(threads_take(r->t, &h, SPAN_LIT("mx"), SPAN_LIT("postfix/qmgr"),
				      (struct event_time){ when }, told, r), 0);
}

static void told(void *arg, const struct hit *h, struct event_time when)
{
	struct run *r = arg;

	r->told[h->jail - jails]++;
	if (h->jail == &jails[0])
		take(r, &jails[1], 0, NULL, "joe", when.ms);
	assert_true(span_eq(hit_find(h, F_USER)->raw, SPAN_LIT("joe")));
}

/* The verdict's thread makes room: by the clock of a log that is ahead the one at work is over. */
static void test_stays(void **state)
{
	struct run r = { .line = 0 };

	(void)state;
	assert_int_equal(threads_new(&config, &r.t), 0);
	take(&r, &jails[0], COUNT, "AHEAD", NULL, T0 + 2 * HOUR);
	take(&r, &jails[0], COUNT, "A", NULL, T0);
	take(&r, &jails[0], REMEMBER, "A", "joe", T0 + 1000);
	assert_int_equal(r.told[0], 1);
	assert_int_equal(r.told[1], 1);
	threads_free(&r.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stays),
	};

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
