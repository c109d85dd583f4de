/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be known of a configuration that does not load. */
#include "setup.h"

#include "config/scan.h"

static const struct { const char *name, *text, *want; } rows[] = {
	{ "plain", "run: /tmp/x\n", "/tmp/x" },
	{ "not the first line", "a: [\nrun: '/tmp/x' # here\n", "/tmp/x" },
	{ "quoted", "run: \"/tmp/x\"", "/tmp/x" },
	{ "tab, CR", "run:\t/tmp/x\r\n", "/tmp/x" },
	{ "a comment without a blank", "run: /tmp/x#y\n", "/tmp/x" },
	{ "twice: the first", "run: /tmp/x\nrun: /tmp/y\n", "/tmp/x" },
	{ "no space", "run:/tmp/x\n", "/tmp/x" },
	{ "as long as fits", "run: 1234567890123456789012345678901\n", "1234567890123456789012345678901" },
	{ "longer", "run: 12345678901234567890123456789012\n", NULL },
	{ "longer, and then one that fits", "run: 12345678901234567890123456789012\nrun: /x\n", "/x" },
	{ "of a map below", "  run: /tmp/x\n", NULL },
	{ "in a comment", "# run: /tmp/x\n", NULL },
	{ "nothing behind it", "run:\n", NULL },
	{ "nothing but a blank", "run: \n", NULL },
	{ "nothing, and the next line", "run:\n/tmp/x\n", NULL },
	{ "another key", "runs: /x\n", NULL },
	{ "empty", "", NULL },
	{ "only the key", "run", NULL },
	{ "only the key and a colon", "run:", NULL },
};

static void texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].text);
		char *copy = test_malloc(n + 1), got[32] = "";	/* no byte behind the text */
		bool found;

		memcpy(copy, rows[i].text, n);
		found = scan_text((struct span){ copy, n }, "run", got, sizeof(got));
		if (found != (rows[i].want != NULL) || strcmp(got, rows[i].want ? rows[i].want : "") != 0)
			fail_msg("%s: %d '%s'", rows[i].name, found, got);
		test_free(copy);
	}
	assert_false(scan_text((struct span){ NULL, 0 }, "run", (char [4]){ 0 }, 4));
}

static const struct { const char *name, *main_yaml, *key, *want; } packs[] = {
	{ "absolute", "run: /tmp/x\nstate: [\n", "run", "/tmp/x" },
	{ "relative to the file", "run: sub/x\n", "run", "/base/sub/x" },
	{ "another key", "run: /x\nstate: /y\n", "state", "/y" },
	{ "only in a jail's file", "", "log", NULL },
	{ "none", "table: x\n", "run", NULL },
};

static void files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(packs); i++) {
		char got[64] = "";
		struct made m;

		made_begin(&m, packs[i].main_yaml);
		made_jail(&m, PACK_JAIL_ADMIN, "/j/x.yaml", "log: mail\n");
		assert_int_equal(scan_path(m.pack, packs[i].key, got, sizeof(got)), packs[i].want != NULL);
		assert_string_equal(got, packs[i].want ? packs[i].want : "");
		made_free(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(texts), cmocka_unit_test(files) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
