/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values as attackers would choose them, in argv templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "config/fields.h"
#include "privileged/runner/template.h"

#define MAX_WORDS 8

static struct config config;
static char account[ORDER_NAME_MAX];

static int setup(void **state)
{
	size_t n = 0;

	(void)state;
	while (config_field_table[n].name)
		n++;
	config.fields = (struct field *)(uintptr_t)config_field_table;
	config.nfields = n;
	return 0;
}

static int note_account(void *arg, const char *name, char *why)
{
	(void)arg;
	if (strcmp(name, "boss") == 0) {
		strcpy(why, "boss is protected");
		return -EPERM;
	}
	strcpy(account, name);
	return 0;
}

#define V(name, value) name "\0" value "\0"
#define VALUES(s) { s, sizeof(s) - 1 }

static const struct row {
	const char *name;
	const char *template[MAX_WORDS];
	struct span values;
	const char *want[MAX_WORDS];	/* none: refused */
	const char *why;
	const char *account;
} rows[] = {
	{ "plain words", { "echo", "-n", "a b" }, VALUES(""), { "echo", "-n", "a b" }, NULL, "" },
	{ "a value", { "x", "--", "<user>" }, VALUES(V("user", "joe")), { "x", "--", "joe" }, NULL, "joe" },
	{ "within a word", { "x", "u=<user>;ip=<ip>" }, VALUES(V("ip", "192.0.2.7") V("user", "joe")),
	  { "x", "u=joe;ip=192.0.2.7" }, NULL, "joe" },
	{ "in brackets", { "x", "<<sender>>" }, VALUES(V("sender", "a@b.c")), { "x", "<a@b.c>" }, NULL, "" },
	{ "a literal", { "x", "\\<user>" }, VALUES(V("user", "joe")), { "x", "<user>" }, NULL, "" },
	{ "not a placeholder", { "x", "a<b c>", "<", "<>" }, VALUES(""), { "x", "a<b c>", "<", "<>" }, NULL, "" },
	{ "stays one word", { "x", "<helo>" }, VALUES(V("helo", "a b;rm -rf /|$(id)`id`")),
	  { "x", "a b;rm -rf /|$(id)`id`" }, NULL, "" },
	{ "control characters", { "x", "<helo>" }, VALUES(V("helo", "a\nb\033[2J\x7f")),
	  { "x", "a?b?[2J?" }, NULL, "" },
	{ "account folded", { "x", "<user>" }, VALUES(V("user", "JOE")), { "x", "joe" }, NULL, "joe" },
	{ "address canonical", { "x", "<ip>" }, VALUES(V("ip", "::ffff:192.0.2.7")), { "x", "192.0.2.7" }, NULL, "" },
	{ "an empty sender", { "x", "<sender>" }, VALUES(V("sender", "")), { "x", "" }, NULL, "" },
	{ "a value with a placeholder in it", { "x", "<helo>" }, VALUES(V("helo", "<user>") V("user", "joe")),
	  { "x", "<user>" }, NULL, "" },
	{ "the first of two", { "x", "<user>" }, VALUES(V("user", "joe") V("user", "root")), { "x", "joe" }, NULL, "joe" },
	{ "a dash of the template's own", { "x", "-u<user>" }, VALUES(V("user", "joe")), { "x", "-ujoe" }, NULL, "joe" },

	{ "an option", { "x", "<helo>" }, VALUES(V("helo", "--exec=sh")), { 0 }, "a value would be an option", "" },
	{ "an option by joining", { "x", "<sender>rest" }, VALUES(V("sender", "-a@b")), { 0 }, "a value would be an option", "" },
	{ "an account that is an option", { "x", "<user>" }, VALUES(V("user", "-rf")), { 0 }, "the value of <user> is not one", "" },
	{ "an account with a path", { "x", "/home/<user>" }, VALUES(V("user", "../etc")), { 0 }, "the value of <user> is not one", "" },
	{ "an account with a colon", { "x", "<user>" }, VALUES(V("user", "a:b")), { 0 }, "the value of <user> is not one", "" },
	{ "an account with a space", { "x", "<user>" }, VALUES(V("user", "a b")), { 0 }, "the value of <user> is not one", "" },
	{ "an account with a newline", { "x", "<user>" }, VALUES(V("user", "a\nroot")), { 0 }, "the value of <user> is not one", "" },
	{ "an account that may not", { "x", "<user>" }, VALUES(V("user", "Boss")), { 0 }, "boss is protected", "" },
	{ "not an address", { "x", "<ip>" }, VALUES(V("ip", "192.0.2.7;id")), { 0 }, "the value of <ip> is not one", "" },
	{ "not a number", { "x", "<size>" }, VALUES(V("size", "1e9")), { 0 }, "the value of <size> is not one", "" },
	{ "a long number", { "x", "<size>" }, VALUES(V("size", "123456789012345678901")), { 0 }, "the value of <size> is not one", "" },
	{ "not an id", { "x", "<qid>" }, VALUES(V("qid", "4F1C ALL")), { 0 }, "the value of <qid> is not one", "" },
	{ "an id that is an option", { "x", "<session>" }, VALUES(V("session", "-d")), { 0 }, "a value would be an option", "" },
	{ "not a domain", { "x", "<domain>" }, VALUES(V("domain", "a/b")), { 0 }, "the value of <domain> is not one", "" },
	{ "not a mail address", { "x", "<sender>" }, VALUES(V("sender", "a@b> c")), { 0 }, "the value of <sender> is not one", "" },
	{ "no value", { "x", "<user>" }, VALUES(V("ip", "192.0.2.7")), { 0 }, "no value for <user>", "" },
	{ "no such field", { "x", "<nobody>" }, VALUES(V("nobody", "x")), { 0 }, "no value for <nobody>", "" },
	{ "a name cut off", { "x", "<user>" }, VALUES("user"), { 0 }, "no value for <user>", "" },
	{ "a value cut off", { "x", "<user>" }, VALUES("user\0joe"), { 0 }, "no value for <user>", "" },
	{ "the command itself", { "<helo>", "x" }, VALUES(V("helo", "sh")), { 0 }, "the command's own name is a placeholder", "" },
	{ "no words", { 0 }, VALUES(""), { 0 }, "no argv of 1 to 64 words", "" },
};

static void check(const struct row *r)
{
	struct strings t = { 0, (char **)(uintptr_t)r->template };
	char why[TEMPLATE_WHY_MAX] = "";
	char **argv = NULL;
	int ret;

	account[0] = 0;
	while (t.n < MAX_WORDS && r->template[t.n])
		t.n++;
	ret = template_expand(&config, &t, r->values, note_account, NULL, why, &argv);
	if (!r->want[0]) {
		if (ret >= 0 || strcmp(why, r->why) != 0)
			fail_msg("%s: %d '%s' '%s'", r->name, ret, why, argv ? argv[1] : "");
		return;
	}
	if (ret < 0)
		fail_msg("%s: %d '%s'", r->name, ret, why);
	for (size_t i = 0; i <= t.n; i++)
		if ((argv[i] == NULL) != (i == t.n) || (argv[i] && strcmp(argv[i], r->want[i])))
			fail_msg("%s: word %zu '%s'", r->name, i, argv[i]);
	if (strcmp(account, r->account) != 0)
		fail_msg("%s: account '%s'", r->name, account);
	argv_free(&argv);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check(&rows[i]);
}

static void test_long(void **state)
{
	static char values[5 + 1100 + 1] = "helo", word[5000];
	char why[TEMPLATE_WHY_MAX], *words[] = { word, word };
	struct strings t = { 2, words };
	char **argv = NULL;

	(void)state;
	memset(values + 5, 'a', 1100);
	strcpy(word, "<helo>");
	assert_int_equal(template_expand(&config, &(struct strings){ 1, words + 1 },
					 (struct span){ values, sizeof(values) }, NULL, NULL, why, &argv), -EINVAL);
	memset(word, 'a', sizeof(word) - 1);
	assert_int_equal(template_expand(&config, &t, (struct span){ 0 }, NULL, NULL, why, &argv), -EINVAL);
	assert_null(argv);
}

static void test_helper(void **state)
{
	char *words[] = { (char []){ "docker" }, (char []){ "exec" } };
	static const char *const more[] = { "-l", "--", "<user>", NULL };
	char **argv = NULL;

	(void)state;
	assert_int_equal(argv_make(&(struct strings){ 2, words }, more, &argv), 0);
	assert_string_equal(argv[1], "exec");
	assert_string_equal(argv[4], "<user>");
	assert_null(argv[5]);
	argv_free(&argv);
	assert_int_equal(argv_make(&(struct strings){ 0, NULL }, more, &argv), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_long), cmocka_unit_test(test_helper),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
