/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up root: what is left, by the kernel's word, and that nothing comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "privileged/drop.h"

#define NUMBER 64999	/* no user's: Debian Policy 9.2.2 */
#define BIT(cap) (1ULL << (cap))

static void identities(void **state)
{
	struct identity root = identity_of("root", NUMBER), none = identity_of("no-such-user", NUMBER);

	(void)state;
	assert_int_equal(root.uid, 0);
	assert_int_equal(root.gid, 0);
	assert_int_equal(none.uid, NUMBER);
	assert_int_equal(none.gid, NUMBER);
}

/* The value behind "KEY:\t" of /proc/self/status. */
static bool status_is(const char *key, const char *want)
{
	_cleanup_(close_file) FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	size_t n = strlen(key);

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, n) != 0 || line[n] != ':')
			continue;
		line[strcspn(line, "\n")] = 0;
		if (strcmp(line + n + 1 + strspn(line + n + 1, "\t "), want) == 0)
			return true;
		fprintf(stderr, "%s, %s is wanted\n", line, want);
		return false;
	}
	return false;
}

/* In a child: everything that must hold after a drop. 0, or the line that failed. */
#define MUST(x) do { if (!(x)) return __LINE__; } while (0)

static int dropped(uint64_t caps)
{
	const struct identity who = { NUMBER, NUMBER };
	const gid_t groups[] = { 4, 27 };
	char mask[20], ids[64];

	snprintf(mask, sizeof(mask), "%016llx", (unsigned long long)caps);
	snprintf(ids, sizeof(ids), "%d\t%d\t%d\t%d", NUMBER, NUMBER, NUMBER, NUMBER);
	MUST(setgroups(2, groups) == 0);
	MUST(drop_to(who, caps) == 0);
	MUST(status_is("Uid", ids));
	MUST(status_is("Gid", ids));
	MUST(status_is("Groups", ""));
	MUST(status_is("CapPrm", mask));
	MUST(status_is("CapEff", mask));
	MUST(status_is("CapBnd", mask));
	MUST(status_is("CapInh", "0000000000000000"));
	MUST(status_is("CapAmb", "0000000000000000"));
	MUST(status_is("NoNewPrivs", "1"));
	MUST(setresuid(0, 0, 0) < 0 && errno == EPERM);
	MUST(setgroups(2, groups) < 0 && errno == EPERM);
	MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0) < 0);
	MUST(prctl(PR_GET_KEEPCAPS) == 0);
	MUST(access("/etc/shadow", W_OK) < 0);
	return 0;
}

static int keeps_one(void)
{
	return dropped(BIT(CAP_NET_ADMIN));
}

static int keeps_two(void)
{
	return dropped(BIT(CAP_NET_ADMIN) | BIT(CAP_DAC_READ_SEARCH));
}

static int keeps_none(void)
{
	return dropped(0);
}

/* One beyond the first 32 bits. */
static int keeps_a_late_one(void)
{
	return dropped(BIT(CAP_AUDIT_READ));
}

/* A service whose bounding set lacks what is asked for must hear of it. */
static int not_in_the_bounding_set(void)
{
	MUST(drop_to((struct identity){ NUMBER, NUMBER }, 0) == 0);
	MUST(drop_to((struct identity){ NUMBER, NUMBER }, BIT(CAP_NET_ADMIN)) == -EPERM);
	return 0;
}

static int only_root_can(void)
{
	MUST(setresuid(NUMBER, NUMBER, NUMBER) == 0);
	MUST(drop_to((struct identity){ NUMBER + 1, NUMBER + 1 }, 0) == -EPERM);
	return 0;
}

static void drops(void **state)
{
	static const struct { const char *name; int (*fn)(void); } rows[] = {
		{ "keeps one", keeps_one }, { "keeps two", keeps_two }, { "keeps none", keeps_none },
		{ "keeps a late one", keeps_a_late_one },
		{ "not in the bounding set", not_in_the_bounding_set }, { "only root can", only_root_can },
	};

	(void)state;
	if (geteuid() != 0) {
		print_message("drop_test: left out, it needs root\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0) {
			/* Lines as exit codes would be cut to a byte. */
			int line = rows[i].fn();

			if (line)
				fprintf(stderr, "drop_test.c:%d\n", line);
			_exit(line != 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			fail_msg("%s", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(identities), cmocka_unit_test(drops) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
