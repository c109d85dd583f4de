/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is typed becomes a request, or a reason; and the manual page tells all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/help.h"
#include "ctl/text.h"

#define WORDS 8

static const struct { const char *typed[WORDS], *want; } good[] = {
	{ { "status" }, "{\"cmd\":\"status\"}" },
	{ { "status", "sshd" }, "{\"cmd\":\"status\",\"jail\":\"sshd\"}" },
	{ { "bans", "--jail", "sshd", "--json" }, "{\"cmd\":\"bans\",\"jail\":\"sshd\"}" },
	{ { "bans", "--jail=sshd" }, "{\"cmd\":\"bans\",\"jail\":\"sshd\"}" },
	{ { "ban", "192.0.2.7" }, "{\"addr\":\"192.0.2.7\",\"cmd\":\"ban\"}" },
	{ { "banip", "192.0.2.7" }, "{\"addr\":\"192.0.2.7\",\"cmd\":\"ban\"}" },
	{ { "ban", "--for", "1h30m", "192.0.2.0/24", "--reason", "a b" },
	  "{\"addr\":\"192.0.2.0/24\",\"cmd\":\"ban\",\"exact\":true,\"for\":5400,\"reason\":\"a b\"}" },
	{ { "ban", "2001:db8::1/128", "--for", "ever" },
	  "{\"addr\":\"2001:db8::1/128\",\"cmd\":\"ban\",\"exact\":true,\"for\":null}" },
	{ { "ban", "2001:db8::1", "--for=1500ms", "--scope", "all" },
	  "{\"addr\":\"2001:db8::1\",\"cmd\":\"ban\",\"for\":1.5,\"scope\":\"all\"}" },
	{ { "ban", "127.0.0.1" }, "{\"addr\":\"127.0.0.1\",\"cmd\":\"ban\"}" },	/* for the engine to refuse */
	{ { "ban", "192.0.2.7", "--reason", "--all" },
	  "{\"addr\":\"192.0.2.7\",\"cmd\":\"ban\",\"reason\":\"--all\"}" },
	{ { "unban", "--all" }, "{\"all\":true,\"cmd\":\"unban\"}" },
	{ { "unbanip", "::ffff:192.0.2.7" }, "{\"addr\":\"::ffff:192.0.2.7\",\"cmd\":\"unban\"}" },
	{ { "unban", "--jail", "x" }, "{\"cmd\":\"unban\",\"jail\":\"x\"}" },
	{ { "allow", "office.example.org", "--for", "1d" },
	  "{\"addr\":\"office.example.org\",\"cmd\":\"allow\",\"for\":86400}" },
	{ { "lock", "--", "-joe" }, "{\"cmd\":\"lock\",\"user\":\"-joe\"}" },
	{ { "contain", "joe", "--dry-run", "--incident", "17" },
	  "{\"cmd\":\"contain\",\"dry_run\":true,\"incident\":17,\"user\":\"joe\"}" },
	{ { "undo", "17", "--false-alarm" }, "{\"cmd\":\"undo\",\"false_alarm\":true,\"id\":17}" },
	{ { "jail", "sshd", "shadow" }, "{\"cmd\":\"jail\",\"jail\":\"sshd\",\"mode\":\"shadow\"}" },
	{ { "pause", "1h" }, "{\"cmd\":\"pause\",\"for\":3600}" },
	{ { "pause", "0" }, "{\"cmd\":\"pause\",\"for\":0}" },
	{ { "top" }, "{\"cmd\":\"top\"}" },
	{ { "top", "senders", "--by", "rcpts", "--since", "1h" },
	  "{\"by\":\"rcpts\",\"cmd\":\"top\",\"since\":3600,\"what\":\"senders\"}" },
	{ { "top", "a.log", "-" }, "{\"cmd\":\"top\",\"logs\":[\"a.log\",\"-\"]}" },
	{ { "top", "users", "users" }, "{\"cmd\":\"top\",\"logs\":[\"users\"],\"what\":\"users\"}" },
	{ { "trace", "joe", "--limit", "3", "mail=a.log" },
	  "{\"cmd\":\"trace\",\"limit\":3,\"logs\":[\"mail=a.log\"],\"of\":\"joe\"}" },
	{ { "queue", "joe" }, "{\"cmd\":\"queue\",\"user\":\"joe\"}" },
	{ { "queue", "hold", "joe" }, "{\"cmd\":\"queue\",\"do\":\"hold\",\"user\":\"joe\"}" },
	{ { "queue", "hold", "hold" }, "{\"cmd\":\"queue\",\"do\":\"hold\",\"user\":\"hold\"}" },
	{ { "queue", "purge", "--sender", "<>", "--no-copy" },
	  "{\"cmd\":\"queue\",\"do\":\"purge\",\"no_copy\":true,\"sender\":\"<>\"}" },
	{ { "undo", "--jail", "x", "--since", "1h" }, "{\"cmd\":\"undo\",\"jail\":\"x\",\"since\":3600}" },
	{ { "incidents", "--open", "--limit", "5" }, "{\"cmd\":\"incidents\",\"limit\":5,\"open\":true}" },
};

static const char *const bad[][WORDS] = {
	{ "ban" }, { "ban", "300.1.1.1" }, { "ban", "010.1.1.1" }, { "ban", "192.0.2.0/33" },
	{ "ban", "192.0.2.1 " }, { "ban", "192.0.2.1", "192.0.2.2" }, { "ban", "" },
	{ "ban", "192.0.2.1", "--for" }, { "ban", "192.0.2.1", "--for", "10" },
	{ "ban", "192.0.2.1", "--for", "-1" }, { "ban", "192.0.2.1", "--for", "0" },
	{ "ban", "192.0.2.1", "--for", "900w900w900w900w900w900w" },
	{ "ban", "192.0.2.1", "--reasn", "x" }, { "ban", "192.0.2.1", "--reason", "\xff" },
	{ "ban", "joe" }, { "ban", "-x" },
	{ "unban" }, { "unban", "192.0.2.1", "--all" }, { "unban", "--all", "--jail", "x" },
	{ "unban", "--all=yes" },
	{ "allow", "300.1.1.1" }, { "allow", "a b" }, { "allow", "a/b" }, { "allow", "a:b" },
	{ "allow", "12" }, { "allow", ".a" }, { "allow", "" },
	{ "queue" }, { "queue", "hold" }, { "queue", "joe", "--all" }, { "queue", "joe", "hold", "ann" },
	{ "queue", "hold", "--match" }, { "undo" }, { "undo", "1", "--jail", "x" },
	{ "lock" }, { "lock", "" }, { "lock", "a", "b" },
	{ "show", "x" }, { "show", "-1" }, { "show", "1x" }, { "show", "99999999999999999999" },
	{ "jail", "sshd" }, { "jail", "sshd", "maybe" },
	{ "pause" }, { "pause", "ever" }, { "pause", "1 h" }, { "status", "a", "b" },
	{ "locks", "x" }, { "bans", "-c" },
};

static int parse(const char *const *typed, struct call *call, bool *help)
{
	*call = (struct call){
		.command = command_find(typed[0]), .args = (char **)(uintptr_t)(typed + 1),
	};
	assert_non_null(call->command);
	call->request = json_pack("{s:s}", "cmd", call->command->name);
	return args_parse(call, help);
}

static void good_ones(void **state)
{
	struct call call;
	bool help;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		char *text;

		assert_int_equal(parse(good[i].typed, &call, &help), 0);
		assert_false(help);
		text = json_dumps(call.request, JSON_COMPACT | JSON_SORT_KEYS);
		assert_string_equal(text, good[i].want);
		free(text);
		json_decref(call.request);
	}
}

static void bad_ones(void **state)
{
	struct call call;
	bool help;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (parse(bad[i], &call, &help) != EXIT_USAGE)
			fail_msg("row %zu: %s %s", i, bad[i][0], bad[i][1] ? bad[i][1] : "");
		json_decref(call.request);
	}
}

static void common_ones(void **state)
{
	static const char *const typed[] = { "ban", "-c", "f.yaml", "--json", "192.0.2.1", NULL };
	static const char *const asked[] = { "ban", "--help", "nonsense", NULL };
	struct call call;
	bool help;

	(void)state;
	assert_int_equal(parse(typed, &call, &help), 0);
	assert_string_equal(call.conf, "f.yaml");
	assert_true(call.json);
	json_decref(call.request);
	assert_int_equal(parse(asked, &call, &help), 0);
	assert_true(help);
	json_decref(call.request);
}

/* Each row can be printed, and each of its requests has what it needs. */
static void table(void **state)
{
	(void)state;
	for (const struct command *c = commands; c->name; c++) {
		struct buf out = { 0 };

		assert_ptr_equal(command_find(c->name), c);
		assert_non_null(c->help);
		assert_non_null(c->more);
		assert_non_null(c->run);
		help_command(&out, c);
		assert_int_equal(buf_error(&out), 0);
		assert_non_null(strstr(buf_cstr(&out), c->name));
		assert_true(strlen(c->name) <= 10);
		buf_free(&out);
	}
	assert_null(command_find("bann"));
}

/* ".Cm ban Ar ADDR Fl -for" without the macros: words with blanks around. */
static char *manual(void)
{
	FILE *f = fopen("docs/man/bailiff.1", "re");
	char *text = calloc(1, 65536);

	assert_non_null(f);
	assert_non_null(text);
	text[0] = ' ';
	assert_true(fread(text + 1, 1, 65000, f) > 1000);
	fclose(f);
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	return text;
}

static void expect(const char *man, const char *macro, const char *word)
{
	char want[80];

	snprintf(want, sizeof(want), "%s %s ", macro, word);
	if (!strstr(man, want))
		fail_msg("docs/man/bailiff.1 lacks '%s'", want);
}

static void manual_page(void **state)
{
	char *man = manual();

	(void)state;
	for (const struct command *c = commands; c->name; c++) {
		char name[40];

		snprintf(name, sizeof(name), ".It Cm %s ", c->name);
		expect(man, ".It Cm", c->name);
		if (c->alias)
			expect(man, ".Cm", c->alias);
		for (size_t i = 0; i < PARAMS_MAX && c->params[i].name; i++) {
			const struct param *p = &c->params[i];
			const char *at = strstr(man, name), *end = strstr(at + 1, ".It ");
			char *line = strndup(at, (size_t)(end ? end - at : 4000));

			expect(line, p->name[0] == '-' ? "Fl" : "Ar",
			       p->name + (p->name[0] == '-'));
			free(line);
		}
	}
	free(man);
}

static void completion_words(void **state)
{
	struct buf out = { 0 };

	(void)state;
	help_words(&out);
	assert_non_null(strstr(buf_cstr(&out), "\nban --for --scope --reason --json --help\n"));
	assert_non_null(strstr(buf_cstr(&out), "\nunban --jail --all --json --help\n"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones), cmocka_unit_test(bad_ones),
		cmocka_unit_test(common_ones), cmocka_unit_test(table),
		cmocka_unit_test(manual_page), cmocka_unit_test(completion_words),
	};

	text_init(STDOUT_FILENO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
