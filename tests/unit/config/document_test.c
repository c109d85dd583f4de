/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every key, action, verb and placeholder is in the documents, in both forms. */
#include "config/fields.h"
#include "config/schema.h"
#include "setup.h"

/* A row is what stands before the key, the key, and what stands after it. */
struct row_form { const char *before, *after; };

static void expect_keys(const char *text, struct row_form form, const struct setting *keys,
			const char *prefix)
{
	char want[128];

	for (const struct setting *s = keys; s->key; s++) {
		snprintf(want, sizeof(want), "%s%s%s%s", form.before, prefix, s->key, form.after);
		if (s->type != VALUE_LATER && !strstr(text, want))
			fail_msg("no %s", want);
		assert_true(s->help && *s->help);
		snprintf(want, sizeof(want), "%s%s.", prefix, s->key);
		if (s->sub)
			expect_keys(text, form, s->sub, want);
	}
}

static void test_form(const char *jail, const char *main_doc, const char *fields,
		      struct row_form form)
{
	struct buf b = { 0 };
	char want[128];

	assert_int_equal(schema_document(&b, jail), 0);
	expect_keys(buf_cstr(&b), form, schema_jail_keys, "");
	for (int k = 0; k < ACTION_KINDS; k++) {
		snprintf(want, sizeof(want), "%s.", schema_actions[k].name);
		if (schema_actions[k].keys)
			expect_keys(buf_cstr(&b), form, schema_actions[k].keys, want);
	}
	buf_clear(&b);
	assert_int_equal(schema_document(&b, main_doc), 0);
	expect_keys(buf_cstr(&b), form, schema_main_keys, "");
	expect_keys(buf_cstr(&b), form, schema_log_keys, "logs.NAME.");
	buf_clear(&b);
	assert_int_equal(schema_document(&b, fields), 0);
	for (const struct field *f = config_field_table; f->name; f++)
		assert_non_null(strstr(buf_cstr(&b), f->name));
	buf_free(&b);
}

static void test_markdown(void **state)
{
	(void)state;
	test_form("jail", "bailiff.yaml", "placeholders", (struct row_form){ "| `", "` | " });
}

/* No line may begin with a dot or quote that is no macro. */
static void test_mdoc(void **state)
{
	static const char *const whats[] = { "man-jail", "man-bailiff.yaml", "man-placeholders" };

	(void)state;
	test_form(whats[0], whats[1], whats[2], (struct row_form){ ".It Cm ", "\n" });
	for (size_t i = 0; i < COUNT(whats); i++) {
		struct buf b = { 0 };

		assert_int_equal(schema_document(&b, whats[i]), 0);
		for (const char *line = buf_cstr(&b); line && *line; line = strchr(line, '\n')) {
			line += *line == '\n';
			assert_true(*line != '\'' && (*line != '.' || strchr("SBIEb", line[1])));
		}
		buf_free(&b);
	}
}

static void test_unknown(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(schema_document(&b, "nothing"), -EINVAL);
	assert_int_equal(b.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_markdown), cmocka_unit_test(test_mdoc),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
