/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worst lines that a search finds for each shipped jail: none may run into
 * the match limit, which bounds what a line can cost whatever machine it is
 * (make bench BENCH=redos tells the microseconds). And a pattern that a user
 * wrote without thinking is cut off by the limit, while its neighbours go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "worst.h"

#define LINES_A_SEED 400

static char *write_conf(void)
{
	static char path[] = "/tmp/worst_testXXXXXX";
	char *jails = realpath("jails", NULL);
	int fd = mkstemp(path);

	assert_true(jails && fd >= 0);
	assert_true(dprintf(fd, "jail_dirs: [%s]\n", jails) > 0);
	free(jails);
	close(fd);
	return path;
}

static void none(void *arg, const struct hit *h)
{
	(void)arg;
	(void)h;
}

/* The same for each line, so that the fast path's own limits are met, too. */
static void run(struct matcher *m, const struct jail *j, struct span program, struct span text)
{
	struct entry e = { .program = program, .text = text, .repeat = 1 };

	matcher_run_jail(m, j, &e, none, NULL);
	for (size_t i = 0; i < j->nlogs; i++)
		matcher_run(m, j->logs[i], &e, none, NULL);
}

static void test_shipped(void **state)
{
	char *conf = write_conf();
	struct worst w = { .state = 1 };
	struct match_trouble t[4];
	struct matcher *m = NULL;
	struct config *c = NULL;
	char buf[64];

	(void)state;
	assert_int_equal(worst_load(conf, &c, &m), 0);
	unlink(conf);
	assert_true(c->njails > 5);
	for (size_t j = 0; j < c->njails; j++) {
		const struct jail *jail = &c->jails[j];

		for (size_t i = 0; i < jail->ntests; i++) {
			for (size_t k = 0; k < jail->tests[i].nlines; k++) {
				const struct jail_test_line *l = &jail->tests[i].lines[k];
				struct span program = worst_program(jail, l, buf);

				for (unsigned n = 0; n < LINES_A_SEED; n++) {
					worst_make(&w, span_of(l->text));
					run(m, jail, program, (struct span){ w.line, w.n });
					if (matcher_troubled(m) && matcher_troubles(m, t, 4) > 0)
						fail_msg("%s:%u: %s on: %.300s", t[0].jail->name,
							 t[0].rule ? t[0].rule->place.line : 0, t[0].what, w.line);
				}
			}
		}
	}
	matcher_free(&m);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
