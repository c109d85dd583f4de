/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lower limits for an account that was stolen, to the hit and to the millisecond. */
#include "world.h"

static const char *const jails[] = {
	"burst.yaml", "log: mail\nprogram: x\nmatch: '<ip> <user>$'\n"
	"limit: {count: 5, per: user, within: 10m}\nthen: [lock]\n",
	"guess.yaml", "log: mail\nprogram: y\nmatch: '<ip> <user>$'\n"
	"limit: {count: 3, per: user, within: 10m}\nthen: []\n",
	"volume.yaml", "log: mail\nprogram: z\nmatch: '<ip> <user> <size>$'\n"
	"limit: {sum: size, over: 1001, per: user, within: 10m}\nthen: [lock]\n", NULL
};

static void begin(struct world *w, const char *factor)
{
	char yaml[64];

	snprintf(yaml, sizeof(yaml), "accounts: {probation_factor: %s}\n", factor);
	world_begin(w, yaml, jails);
}

static void limits(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "0.5");
	probation_begin(&w.core->probation, SPAN_LIT("joe"), T0 + 60000);
	/* 5 * 0.5 are 3; ann's limit is what it was; who is only counted is as well */
	world_run(&w, "0 x: 203.0.113.9 joe\n1 x: 203.0.113.9 ann\n2 x: 203.0.113.9 JOE\n3 x: 203.0.113.9 ann\n");
	assert_int_equal(world_differs(&w, "two", ""), 0);
	world_run(&w, "4 x: 203.0.113.9 ann\n5 x: 203.0.113.9 joe\n6 x: 203.0.113.9 ann\n");
	assert_int_equal(world_differs(&w, "the third", "5 burst joe 3: lock joe\n"), 0);
	world_run(&w, "7 x: 203.0.113.9 ann\n");
	assert_int_equal(world_differs(&w, "the fifth", "7 burst ann 5: lock ann\n"), 0);
	world_run(&w, "8 y: 203.0.113.9 joe\n9 y: 203.0.113.9 joe\n10 y: 203.0.113.9 joe\n");
	assert_int_equal(world_differs(&w, "no account is acted on", "10 guess joe 3: \n"), 0);
	/* 1001 * 0.5 are 500, which must be exceeded */
	world_run(&w, "11 z: 203.0.113.9 joe 500\n");
	assert_int_equal(world_differs(&w, "500", ""), 0);
	world_run(&w, "12 z: 203.0.113.9 joe 1\n");
	assert_int_equal(world_differs(&w, "501", "12 volume joe 501: lock joe\n"), 0);
	world_end(&w);
}

static void ends(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "0.2");
	probation_begin(&w.core->probation, SPAN_LIT("joe"), T0 + 1000);
	probation_begin(&w.core->probation, SPAN_LIT("eve"), T0 + 1000);
	probation_end(&w.core->probation, SPAN_LIT("eve"));
	world_run(&w, "998 x: 203.0.113.9 eve\n1000 x: 203.0.113.9 joe\n");
	assert_int_equal(world_differs(&w, "over", ""), 0);
	probation_begin(&w.core->probation, SPAN_LIT("joe"), T0 + 2000);
	world_run(&w, "1999 x: 203.0.113.9 joe\n");
	assert_int_equal(world_differs(&w, "again", "1999 burst joe 2: lock joe\n"), 0);
	world_end(&w);
}

static void bars(void **state)
{
	static const struct { enum limit_kind kind; uint64_t amount; double factor; uint64_t want; } rows[] = {
		{ LIMIT_COUNT, 200, 0.5, 100 }, { LIMIT_COUNT, 201, 0.5, 101 }, { LIMIT_COUNT, 30, 0.1, 3 },
		{ LIMIT_COUNT, 5, 0, 1 }, { LIMIT_COUNT, 1, 0.5, 1 }, { LIMIT_COUNT, 7, 1, 7 },
		{ LIMIT_SUM, 1001, 0.5, 500 }, { LIMIT_SUM, 5, 0, 0 }, { LIMIT_DISTINCT, 3, 0.5, 2 },
		{ LIMIT_SUM, 1000000000000000, 0.999, 999000000000000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct limit l = { .kind = rows[i].kind };
		struct bar bar = { .amount = rows[i].amount, .alone = rows[i].amount }, got;

		got = probation_bar(&bar, &l, rows[i].factor);
		assert_int_equal(got.amount, rows[i].want);
		assert_int_equal(got.alone, rows[i].want);
	}
}

static void kept(void **state)
{
	struct probation p = { .n = 0 }, again = { .n = 0 };
	struct event_time now = { 5 };
	struct buf out = { 0 };
	struct reader in;
	char name[16];

	(void)state;
	for (int i = 0; i < 1100; i++) {	/* the ones that end first go */
		snprintf(name, sizeof(name), "u%d", i);
		probation_begin(&p, span_of(name), 1000 + i);
	}
	assert_int_equal(probation_count(&p, now), 1024);
	assert_int_equal(probation_until(&p, SPAN_LIT("u75"), now), 0);
	assert_int_equal(probation_until(&p, SPAN_LIT("u76"), now), 1076);
	probation_save(&p, &out);
	in = (struct reader){ .p = out.p, .n = out.n };
	assert_int_equal(probation_restore(&again, &in), 0);
	assert_int_equal(probation_until(&again, SPAN_LIT("u1099"), (struct event_time){ 2098 }), 2099);
	assert_int_equal(probation_until(&again, SPAN_LIT("u1099"), (struct event_time){ 2099 }), 0);
	in = (struct reader){ .p = out.p, .n = out.n - 3 };
	assert_int_equal(probation_restore(&again, &in), -EBADMSG);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits), cmocka_unit_test(ends), cmocka_unit_test(bars), cmocka_unit_test(kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
