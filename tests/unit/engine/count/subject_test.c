/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subjects: keys and back, what is equal, what is refused, how it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/addr.h"
#include "engine/count/subject.h"

static struct field fields[] = {
	{ .name = "ip", .type = FIELD_ADDR },
	{ .name = "user", .type = FIELD_ACCOUNT },
	{ .name = "sender", .type = FIELD_MAIL },
	{ .name = "net", .type = FIELD_ADDR },
};
static struct config config = { .nfields = 4, .fields = fields };

static const struct {
	const char *name;
	const char *part[5];	/* "field=value" */
	size_t n;		/* bytes of the key */
	const char *print;
} rows[] = {
	{ "an address", { "ip=192.0.2.7" }, 19, "192.0.2.7" },
	{ "a prefix", { "ip=2001:db8::/64" }, 19, "2001:db8::/64" },
	{ "an account", { "user=joe@example.com" }, 18, "joe@example.com" },
	{ "no text", { "user=" }, 3, "" },
	{ "hostile text", { "sender=a\nb\xff\\" }, 8, "a\\x0Ab\\xFF\\" },
	{ "two", { "ip=192.0.2.7", "user=joe" }, 25, "ip=192.0.2.7 user=joe" },
	{ "four", { "ip=192.0.2.7", "user=joe", "sender=x", "net=10.0.0.0/8" }, 48,
	  "ip=192.0.2.7 user=joe sender=x net=10.0.0.0/8" },
};

static void make(const char *const *part, struct subject *s, struct jail *j)
{
	memset(s, 0, sizeof(*s));
	memset(j, 0, sizeof(*j));
	for (; part[s->n]; s->n++) {
		struct subject_part *p = &s->part[s->n];
		const char *eq = strchr(part[s->n], '=');

		for (uint16_t f = 0; f < 4; f++)
			if (strncmp(fields[f].name, part[s->n],
				    (size_t)(eq - part[s->n])) == 0)
				p->field = f;
		p->type = (uint8_t)fields[p->field].type;
		if (p->type == FIELD_ADDR)
			assert_int_equal(addr_parse(span_of(eq + 1), &p->addr), 0);
		else
			p->text = span_of(eq + 1);
		j->limit.per[j->limit.nper++] = p->field;
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char key[SUBJECT_KEY_MAX], again[SUBJECT_KEY_MAX];
		struct buf out = { .p = NULL };
		struct subject s, back;
		struct jail j;
		size_t n = 0, m = 0;

		make(rows[i].part, &s, &j);
		assert_int_equal(subject_key(&s, key, sizeof(key), &n), 0);
		assert_int_equal(n, rows[i].n);
		assert_int_equal(subject_from_key(&config, &j, (struct span){ key, n }, &back), 0);
		assert_int_equal(subject_key(&back, again, sizeof(again), &m), 0);
		assert_int_equal(n, m);
		assert_memory_equal(key, again, n);
		subject_print(&config, &back, &out);
		if (strcasecmp(buf_cstr(&out), rows[i].print) != 0)
			fail_msg("%s: %s", rows[i].name, buf_cstr(&out));
		buf_free(&out);
		/* Cut short, or with something after it, it is no key. */
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(subject_from_key(&config, &j,
					 (struct span){ key, cut }, &back), -EINVAL);
		if (n < sizeof(key))
			assert_int_equal(subject_from_key(&config, &j,
					 (struct span){ key, n + 1 }, &back), -EINVAL);
		for (size_t size = 0; size < n; size++)
			assert_int_equal(subject_key(&s, again, size, &m), -E2BIG);
	}
}

static void test_equal(void **state)
{
	static const struct { const char *a[3], *b[3]; } pairs[] = {
		{ { "user=ab", "sender=c" }, { "user=a", "sender=bc" } },
		{ { "user=a" }, { "sender=a" } },
		{ { "ip=10.0.0.0/8" }, { "ip=10.0.0.0/16" } },
		{ { "ip=::a00:0" }, { "ip=10.0.0.0" } },
		{ { "user=a" }, { "user=a", "sender=" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char a[SUBJECT_KEY_MAX], b[SUBJECT_KEY_MAX];
		struct subject s;
		struct jail j;
		size_t na = 0, nb = 0;

		make(pairs[i].a, &s, &j);
		assert_int_equal(subject_key(&s, a, sizeof(a), &na), 0);
		make(pairs[i].b, &s, &j);
		assert_int_equal(subject_key(&s, b, sizeof(b), &nb), 0);
		assert_false(na == nb && memcmp(a, b, na) == 0);
	}
}

static void test_refused(void **state)
{
	static const char *const user[] = { "user=joe", NULL };
	static char text[SUBJECT_KEY_MAX];
	char key[2 * SUBJECT_KEY_MAX];
	struct subject s = { .n = 0 };
	struct jail j;
	size_t n = 7;

	(void)state;
	assert_int_equal(subject_key(&s, key, sizeof(key), &n), -EINVAL);
	s.n = 5;
	assert_int_equal(subject_key(&s, key, sizeof(key), &n), -EINVAL);
	make(user, &s, &j);
	s.part[0].text = (struct span){ text, SUBJECT_KEY_MAX - 2 };
	assert_int_equal(subject_key(&s, key, sizeof(key), &n), -E2BIG);
	assert_int_equal(n, 7);
	s.part[0].text.n--;
	assert_int_equal(subject_key(&s, key, sizeof(key), &n), 0);
	assert_int_equal(n, SUBJECT_KEY_MAX);
	/* A jail that counts something else by now. */
	make(user, &s, &j);
	assert_int_equal(subject_key(&s, key, sizeof(key), &n), 0);
	j.limit.per[0] = 0;
	assert_int_equal(subject_from_key(&config, &j, (struct span){ key, n }, &s), -EINVAL);
	j.limit.per[0] = 9;
	assert_int_equal(subject_from_key(&config, &j, (struct span){ key, n }, &s), -EINVAL);
	j.limit.nper = 0;
	assert_int_equal(subject_from_key(&config, &j, (struct span){ key, 0 }, &s), -EINVAL);
	/* No address. */
	memset(key, 0, 19);
	key[0] = FIELD_ADDR;
	j.limit.nper = 1;
	j.limit.per[0] = 0;
	assert_int_equal(subject_from_key(&config, &j, (struct span){ key, 19 }, &s), -EINVAL);
	key[17] = ADDR_V4;
	key[18] = 33;
	assert_int_equal(subject_from_key(&config, &j, (struct span){ key, 19 }, &s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
