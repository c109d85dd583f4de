/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a thief may have left: told, never read, and no link leads anywhere. */
#include "laboratory.h"

static void look(unsigned which, const char *user, enum outcome_status status, const char *begins, int code)
{
	struct order_account o = account_order(ORDER_LOOK, user);
	struct outcome got;

	o.ref = which;
	send_order(&o, sizeof(o));
	got = answer();
	if (got.status != status || got.code != code || strncmp(got.text, begins, strlen(begins)) != 0)
		fail_msg("%u of %s: %s %d '%s', want '%s'", which, user, outcome_name(got.status), got.code,
			 got.text, begins);
}

static void launch_look(void)
{
	char config[1024];

	snprintf(config, sizeof(config), ACCOUNTS ", leftovers: [~/.forward, ~/link, ~/up, ~/deep/x, ~/fifo, ~/old,"
		 " '%s/vmail/<domain>/<local>/.sieve']}\n", dir);
	launch(config);
}

static void make_homes(void)
{
	sh("cd %s; rm -rf home vmail; mkdir -p home/deep vmail/example.net/eve; chown -R 2001 home;"
	   "sed -i 's|^joe:x:2001:2000::/nonexistent|joe:x:2001:2000:Joe Doe,,555:%s/home|' /etc/passwd;"
	   "printf 'evil@example.org' > home/.forward; touch -d 2026-01-02T03:04:05Z home/.forward;"
	   "ln -s .forward home/link; ln -s /etc/shadow home/up; rmdir home/deep; ln -s /etc home/deep;"
	   "mkfifo home/fifo; touch home/old; echo > vmail/example.net/eve/.sieve", dir, dir);
	sh("cd %s; printf '#!/bin/sh\\n[ \"$*\" = \"sieve list -u joe\" ] || exit 68\\necho \"mine ACTIVE\"; echo other\\n' > doveadm;"
	   "chmod 755 doveadm", dir);
}

static void test_look(void)
{
	char want[256];

	make_homes();
	launch_look();
	look(0, "joe", OUTCOME_DONE, "~/.forward: changed 2026-01-02T03:04:05Z, 16 bytes, touched 20", 1);
	look(1, "joe", OUTCOME_DONE, "~/link: a link, changed 2026-01-02T03:04:05Z, 16 bytes", 1);
	look(2, "joe", OUTCOME_DONE, "~/up: a link to elsewhere, changed ", 1);
	look(3, "joe", OUTCOME_FAILED, "~/deep/x: a link leads elsewhere", -EIO);
	look(4, "joe", OUTCOME_DONE, "~/fifo: changed ", 1);
	look(5, "ann", OUTCOME_DONE, "~/old is not there", -ENOENT);
	look(0, "eve@example.net", OUTCOME_DONE, "~/.forward: not for this account", -ENOENT);
	snprintf(want, sizeof(want), "%s/vmail/example.net/eve/.sieve: changed ", dir);
	look(6, "eve@example.net", OUTCOME_DONE,
	     strlen(want) - strlen(": changed ") < 48 ? want : want + strlen(want) - strlen(": changed ") - 47, 1);
	look(6, "joe", OUTCOME_DONE, "", -ENOENT);
	look(6, "..@example.net", OUTCOME_DONE, "", -ENOENT);
	look(7, "joe", OUTCOME_DONE, "an active Sieve script: 'mine'", 1);
	look(7, "ann", OUTCOME_DONE, "doveadm tells of no Sieve scripts", -ENOENT);
	look(7, "j*", OUTCOME_DONE, "doveadm tells of no Sieve scripts", -ENOENT);
	look(8, "joe", OUTCOME_DONE, "owner, by passwd(5): Joe Doe,,555", 1);
	look(8, "ann", OUTCOME_DONE, "passwd(5) does not tell whose it is", -ENOENT);
	look(9, "joe", OUTCOME_REFUSED, "there is no such thing to look at", -EINVAL);
	look(0, "postmaster", OUTCOME_REFUSED, "postmaster is protected", -EPERM);
	look(0, "low", OUTCOME_REFUSED, "low: uid 999 is below min_uid", -EPERM);
	stop_runner();
}

static void test_from_jail(void)
{
	make_homes();
	launch_look();
	from_jail((struct order_head){ .type = ORDER_LOOK, .origin = ORIGIN_JAIL }, "joe", 0, OUTCOME_REFUSED);
	stop_runner();
}

int main(void)
{
	const struct CMUnitTest tests[] = { ROW(test_look), ROW(test_from_jail) };

	return cmocka_run_group_tests(tests, enter_laboratory, leave_laboratory);
}
