/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backlog keeps order and bytes, over chunks, and its bound. */
#include "engine/record/backlog.h"

#include <errno.h>

#include "place.h"

#define MAX (1 << 20)

static struct value number(int64_t i)
{
	return (struct value){ .type = VALUE_INT, .i = i };
}

/* Record i: its number, and a blob of a size that varies. */
static int push(struct backlog *b, unsigned i, size_t max)
{
	static char bytes[3000];
	struct value v[] = {
		number(i), { .type = VALUE_NULL },
		{ .type = VALUE_BLOB, .s = { bytes, i * 37 % sizeof(bytes) } },
	};

	return backlog_push(b, max, i % 5, v, 3);
}

static void assert_next(const struct backlog *b, struct backlog_cursor *at, unsigned i)
{
	struct record r;
	size_t bytes = 0;

	assert_true(backlog_next(b, at, &r, &bytes));
	assert_int_equal(r.kind, i % 5);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.v[0].i, i);
	assert_int_equal(r.v[1].type, VALUE_NULL);
	assert_int_equal(r.v[2].s.n, i * 37 % 3000);
	assert_true(bytes > r.v[2].s.n);
}

static void test_order(void **state)
{
	struct backlog a = { 0 }, b = { 0 };
	struct backlog_cursor at = { 0 }, again;
	struct record r;
	size_t bytes;
	unsigned i = 0, n = 0;

	(void)state;
	assert_false(backlog_next(&b, &at, &r, &bytes));
	backlog_forget(&b, &at);
	while (push(&a, n, MAX / 2) == 0)
		n++;
	assert_true(n > 100);
	backlog_take(&b, &a);
	assert_null(a.head);
	assert_int_equal(push(&a, n++, MAX / 2), 0);
	backlog_take(&b, &a);
	backlog_take(&b, &a);
	for (; i < n / 2; i++)
		assert_next(&b, &at, i);
	again = at;
	assert_next(&b, &again, i);
	bytes = b.bytes;
	backlog_forget(&b, &at);
	assert_true(b.bytes < bytes);
	for (; i < n; i++)
		assert_next(&b, &at, i);
	assert_false(backlog_next(&b, &at, &r, &bytes));
	backlog_forget(&b, &at);
	assert_null(b.head);
	assert_int_equal(b.bytes, 0);
	assert_int_equal(push(&b, 7, MAX), 0);
	assert_next(&b, &at, 7);
	backlog_free(&b);
}

static void test_bound(void **state)
{
	struct backlog b = { 0 };
	char *big = calloc(1, MAX);
	struct value v = { .type = VALUE_TEXT, .s = { big, MAX } };
	struct backlog_cursor at = { 0 };
	struct record r;
	size_t bytes;

	(void)state;
	assert_int_equal(backlog_push(&b, MAX, 0, &v, 1), -ENOBUFS);
	v.s.n = MAX / 2;
	assert_int_equal(backlog_push(&b, MAX, 0, &v, 1), 0);
	assert_int_equal(backlog_push(&b, MAX, 0, &v, 1), -ENOBUFS);
	assert_int_equal(push(&b, 1, MAX), 0);
	assert_true(b.bytes <= MAX);
	assert_true(backlog_next(&b, &at, &r, &bytes));
	assert_int_equal(r.v[0].s.n, MAX / 2);
	assert_next(&b, &at, 1);
	backlog_free(&b);
	assert_int_equal(b.bytes, 0);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
