/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a verdict's actions are about. */
#include "world.h"

static const char *const jails[] = {
	"every.yaml", "log: mail\nprogram: x\nmatch: '<ip> <user>$'\n"
	"limit: {count: 1, per: [ip, user], within: 1m}\n"
	"then:\n  - deny: {for: 1h}\n  - park\n  - lock\n  - kick\n  - hold\n  - contain\n  - notify\n"
	"  - run: [/bin/true, <ip>]\n  - ban: {for: 1m, scope: mail, v4: 24, v6: 56}\n", NULL
};

static const struct { const char *name, *line, *want; } rows[] = {
	{ "every kind", "0 x: 203.0.113.9 joe",
	  "deny:joe,park:joe,lock:joe,kick:joe,hold:joe,contain:joe,notify:ip=203.0.113.9 user=joe,"
	  "run:ip=203.0.113.9 user=joe; ban:203.0.113.0/24 of 203.0.113.9" },
	{ "the host as captured, counted by its /64", "0 x: 2001:db8:1:2ff::9 joe",
	  "deny:joe,park:joe,lock:joe,kick:joe,hold:joe,contain:joe,notify:ip=2001:db8:1:2ff::/64 user=joe,"
	  "run:ip=2001:db8:1:2ff::/64 user=joe; "
	  "ban:2001:db8:1:200::/56 of 2001:db8:1:2ff::9" },
};

struct told {
	struct buf kinds, rest;
};

static void on_target(void *arg, const struct decided *d, const struct addr *host, const char *target)
{
	struct told *t = arg;
	char text[ADDR_TEXT_MAX];

	assert_int_equal(d->action->kind == ACTION_BAN, host != NULL);
	if (!host) {
		buf_printf(&t->kinds, "%s%s:%s", t->kinds.n ? "," : "", action_name(d->action->kind), target);
	} else {
		buf_printf(&t->rest, "; ban:%s of %s", target, addr_print(host, text));
	}
}

static void on_verdict(void *arg, const struct core_verdict *v)
{
	struct world *w = arg;
	struct told t = { .kinds = { 0 } };

	targets_each(w->made.config, v, on_target, &t);
	buf_printf(&w->verdicts, "%s%s", buf_cstr(&t.kinds), buf_cstr(&t.rest));
	buf_free(&t.kinds);
	buf_free(&t.rest);
}

static void each(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;

		world_begin(&w, "", jails);
		w.core->fn = on_verdict;
		world_run(&w, rows[i].line);
		wrong += world_differs(&w, rows[i].name, rows[i].want);
		world_end(&w);
	}
	assert_int_equal(wrong, 0);
}

/* The names are those that jails are written with. */
static void names(void **state)
{
	static const char *const want[] = {
		"ban", "park", "deny", "lock", "kick", "hold", "contain", "notify", "run",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(want); i++)
		assert_string_equal(action_name((enum action_kind)i), want[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each), cmocka_unit_test(names) };

	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
