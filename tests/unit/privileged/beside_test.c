/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On one processor while there is little to do, anywhere while there is much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "privileged/beside.h"

static cpu_set_t home;

static int first(void)
{
	int cpu = 0;

	while (!CPU_ISSET(cpu, &home))
		cpu++;
	return cpu;
}

static int last(void)
{
	int cpu = CPU_SETSIZE - 1;

	while (!CPU_ISSET(cpu, &home))
		cpu--;
	return cpu;
}

static void assert_at(int cpu)
{
	cpu_set_t now, want = home;

	if (cpu >= 0) {
		CPU_ZERO(&want);
		CPU_SET(cpu, &want);
	}
	assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
	assert_true(CPU_EQUAL(&now, &want));
}

static int setup(void **state)
{
	(void)state;
	return sched_getaffinity(0, sizeof(home), &home);
}

static int teardown(void **state)
{
	(void)state;
	return sched_setaffinity(0, sizeof(home), &home);
}

static void it_goes_where_the_engine_was(void **state)
{
	struct beside b;

	(void)state;
	beside_init(&b);
	assert_at(-1);
	beside_came(&b, first(), 80, (struct mono){ 1 });
	assert_at(first());
	beside_came(&b, last(), BESIDE_MUCH - 1, (struct mono){ 2 });
	assert_at(last());
}

static void it_is_let_go_while_much_comes(void **state)
{
	struct beside b;

	(void)state;
	beside_init(&b);
	beside_came(&b, first(), 80, (struct mono){ 5000 });
	beside_came(&b, first(), BESIDE_MUCH, (struct mono){ 6000 });
	assert_at(-1);
	beside_came(&b, first(), 80, (struct mono){ 6000 + BESIDE_QUIET_MS - 1 });
	assert_at(-1);
	beside_came(&b, first(), 80, (struct mono){ 6000 + BESIDE_QUIET_MS });
	assert_at(first());
}

/* Not told, or told what cannot be: it stays where it is. */
static void nonsense_moves_nobody(void **state)
{
	const int wrong[] = { -1, CPU_SETSIZE, UINT16_MAX - 1 };
	struct beside b;

	(void)state;
	beside_init(&b);
	beside_came(&b, last(), 80, (struct mono){ 1 });
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		beside_came(&b, wrong[i], 80, (struct mono){ 2 });
		assert_at(last());
	}
}

/* An admin's `taskset` or CPUAffinity= holds. */
static void it_keeps_to_where_it_was_started(void **state)
{
	cpu_set_t one;
	struct beside b;

	(void)state;
	CPU_ZERO(&one);
	CPU_SET(first(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	beside_init(&b);
	beside_came(&b, last(), 80, (struct mono){ 1 });
	assert_at(first());
	beside_came(&b, last(), BESIDE_MUCH, (struct mono){ 2 });
	assert_at(first());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_goes_where_the_engine_was, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_let_go_while_much_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_moves_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(it_keeps_to_where_it_was_started, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
