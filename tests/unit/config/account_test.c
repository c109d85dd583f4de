/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logins in their one form, and the Unix accounts behind them. */
#include "config/account.h"
#include "setup.h"

static char *domains[] = { (char *)"Example.com", (char *)"example.net" };
static char *protected[] = { (char *)"postmaster", (char *)"Boss@example.org", (char *)"vip+x" };

static const struct accounts plain = { .local_domains = { 2, domains }, .protect = { 3, protected } };
static const struct accounts folded = {
	.local_domains = { 1, domains + 1 }, .default_domain = (char *)"EXAMPLE.com",
	.strip_tag = true, .protect = { 3, protected },
};

static const struct { const struct accounts *a; const char *login; int err; const char *want; } forms[] = {
	{ &plain, "Joe", 0, "joe" },
	{ &plain, "JOE@Example.ORG", 0, "joe@example.org" },
	{ &plain, "joe+tag@x", 0, "joe+tag@x" },
	{ &plain, "a@b@c", 0, "a@b@c" },
	{ &folded, "Joe", 0, "joe@example.com" },
	{ &folded, "joe+tag", 0, "joe@example.com" },
	{ &folded, "joe+a+b@x.org", 0, "joe@x.org" },
	{ &plain, "", -EINVAL, NULL },
	{ &plain, "-x", -EINVAL, NULL },
	{ &plain, "a b", -EINVAL, NULL },
	{ &plain, "a\tb", -EINVAL, NULL },
	{ &plain, "a\x7f", -EINVAL, NULL },
	{ &plain, "../etc/passwd", -EINVAL, NULL },
	{ &plain, "a,b", -EINVAL, NULL },
	{ &plain, "a:b", -EINVAL, NULL },
	{ &plain, "@x", -EINVAL, NULL },
	{ &plain, "x@", -EINVAL, NULL },
	{ &folded, "+tag", -EINVAL, NULL },
	{ &plain, "j\xc3\xb6rg", 0, "j\xc3\xb6rg" },
	{ &plain, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -ENAMETOOLONG, NULL },
};

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		char got[40] = "untouched";

		assert_int_equal(account_canonical(forms[i].a, span_of(forms[i].login), got, sizeof(got)),
				 forms[i].err);
		assert_string_equal(got, forms[i].want ? forms[i].want : "untouched");
	}
}

static const struct { const struct accounts *a; const char *name; int err; const char *want; } unixes[] = {
	{ &plain, "joe", 0, "joe" },
	{ &plain, "joe@example.com", 0, "joe" },
	{ &plain, "joe@example.net", 0, "joe" },
	{ &plain, "joe@example.org", -ENOENT, NULL },
	{ &plain, "joe@x@example.net", 0, "joe@x" },
	{ &folded, "joe@example.com", 0, "joe" },
	{ &folded, "@example.com", -ENOENT, NULL },
	{ &plain, "averyveryverylongname", -ENAMETOOLONG, NULL },
};

static void test_unix(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unixes); i++) {
		char got[16] = "untouched";

		assert_int_equal(account_unix_name(unixes[i].a, unixes[i].name, got, sizeof(got)),
				 unixes[i].err);
		assert_string_equal(got, unixes[i].want ? unixes[i].want : "untouched");
	}
}

static const struct { const struct accounts *a; const char *name; bool want; } protections[] = {
	{ &plain, "postmaster", true },
	{ &plain, "postmaster@example.com", true },
	{ &plain, "postmaster@example.org", false },
	{ &plain, "boss@example.org", true },
	{ &plain, "boss", false },
	{ &plain, "boss@example.com", false },
	{ &plain, "vip", false },
	{ &folded, "postmaster@example.com", true },
	{ &folded, "vip@example.com", true },
	{ &folded, "joe@example.com", false },
};

static void test_protected(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(protections); i++)
		if (account_is_protected(protections[i].a, protections[i].name) != protections[i].want)
			fail_msg("%s", protections[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms), cmocka_unit_test(test_unix),
		cmocka_unit_test(test_protected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
