/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of a mail server, from what postconf and doveconf print. */
#include "unit/config/setup.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/mailcheck.h"

#define SUBMISSION "submission inet  n       -       y       -       -       smtpd -o x=y\n"
#define SMTP "smtp       inet  n       -       y       -       -       smtpd\nsmtp unix - - n - - smtp\n"
#define SAFE "smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination\n"
#define OURS "check_sasl_access lmdb:/m"

static void put(struct buf *b, const char *text)
{
	buf_puts(b, text);
}

static void expect(const char *name, json_t *list, const char *key, const char *want)
{
	struct buf got = { 0 };

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		buf_printf(&got, "%s%s%s\n", strcmp(key, "text") == 0 ? json_string_value(json_object_get(o, "level")) : "",
			   strcmp(key, "text") == 0 ? " " : "", json_string_value(json_object_get(o, key)));
	}
	if (strcmp(buf_cstr(&got), want) != 0)
		fail_msg("%s:\n%s\nwant:\n%s", name, buf_cstr(&got), want);
	buf_free(&got);
	json_decref(list);
}

static const struct row { const char *name, *main, *services, *overrides, *want; } rows[] = {
	{ "first", SAFE, SUBMISSION, "submission/inet/smtpd_sender_restrictions = " OURS ",permit_sasl_authenticated,reject\n",
	  "ok submission/inet asks bailiff's table first\n" },
	{ "by main.cf", SAFE "smtpd_sender_restrictions = " OURS ", reject_x\n", SUBMISSION, "",
	  "ok submission/inet asks bailiff's table first\n" },
	{ "an override skips it", SAFE "smtpd_sender_restrictions = " OURS "\n", SUBMISSION,
	  "submission/inet/smtpd_sender_restrictions = permit_sasl_authenticated,reject\n",
	  "bad submission/inet: its own -o smtpd_sender_restrictions= skips bailiff's table, which main.cf asks\n" },
	{ "behind a permit", SAFE "smtpd_recipient_restrictions = permit_sasl_authenticated, " OURS "\n", SUBMISSION, "",
	  "bad submission/inet: permit_sasl_authenticated stands before bailiff's table in "
	  "smtpd_recipient_restrictions: accounts pass unasked\n" },
	{ "behind another", SAFE "smtpd_recipient_restrictions = check_client_access hash:/nowhere " OURS "\n", SUBMISSION, "",
	  "note submission/inet asks bailiff's table behind check_client_access in "
	  "smtpd_recipient_restrictions: whom that lets pass is not asked for\n" },
	{ "the better of two lists", SAFE "smtpd_sender_restrictions = " OURS "\n"
	  "smtpd_recipient_restrictions = permit, " OURS "\n", SUBMISSION, "",
	  "ok submission/inet asks bailiff's table first\n" },
	{ "a dead type", SAFE "smtpd_sender_restrictions = check_sasl_access hash:/m\n", SUBMISSION, "",
	  "bad submission/inet: hash:/m is no live table: a session that is open sees no change of it; take lmdb\n" },
	{ "another table", SAFE "smtpd_sender_restrictions = check_sasl_access lmdb:/m2\n", SUBMISSION, "",
	  "bad submission/inet does not ask bailiff's table: deny and park do not hold there (bailiff setup mail)\n" },
	{ "logins on port 25", SAFE "smtpd_sasl_auth_enable = yes\n", SMTP, "",
	  "bad smtp/inet does not ask bailiff's table: deny and park do not hold there (bailiff setup mail)\n" },
	{ "no logins", SAFE "smtpd_sasl_auth_enable = no\n", SMTP, "", "note no service on which clients log in\n" },
	{ "an open relay", "smtpd_relay_restrictions = \nsmtpd_recipient_restrictions = permit, reject_unauth_destination\n", SMTP, "",
	  "bad smtp/inet looks like an open relay: neither smtpd_relay_restrictions nor "
	  "smtpd_recipient_restrictions rejects mail to elsewhere\nnote no service on which clients log in\n" },
	{ "braces", "smtpd_relay_restrictions = check_policy_service { inet:h:1, timeout=1s }, reject\n", SMTP, "",
	  "note no service on which clients log in\n" },
	{ "the whole world", SAFE "mynetworks = 127.0.0.0/8 0.0.0.0/0\n", SMTP, "",
	  "note no service on which clients log in\nbad mynetworks holds 0.0.0.0/0: much of the internet may relay\n" },
};

static void postfix(void **state)
{
	struct made made;

	(void)state;
	made_begin(&made, "accounts: {postfix_map: /m, dovecot_deny: /d}\nhelpers: {postconf: [env, postconf]}\n");
	made_load(&made);
	assert_int_equal(made.err, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct postconf p = { .main = { 0 } };
		json_t *findings = json_array();

		put(&p.main, rows[i].main);
		put(&p.services, rows[i].services);
		put(&p.overrides, rows[i].overrides);
		mailcheck_postfix(made.config, &p, findings);
		expect(rows[i].name, findings, "text", rows[i].want);
		postconf_free(&p);
	}
	made_free(&made);
}

static void allow(void **state)
{
	char path[] = "/tmp/mailcheck_testXXXXXX", main_cf[1024];
	int fd = mkstemp(path);
	struct postconf p = { .main = { 0 } };
	json_t *findings = json_array(), *list = json_array();
	struct made made;
	static const char text[] = "# office\n192.0.2.5 OK\n198.51.100 permit_auth_destination\n10.9 200\nmx.example.net OK\n"
		"203.0.113.1 REJECT\n203.0.113.2 DUNNO\n  more\nlone.example.org\n2001:db8::/32 OK\n";

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	made_begin(&made, "allow: [192.0.2.0/28, known.example.net]\n");
	made_load(&made);
	snprintf(main_cf, sizeof(main_cf), "mynetworks = 127.0.0.0/8 [::1]/128 [2001:db8:7::]/48 192.0.2.1 198.51.100.0/24 "
		 "0.0.0.0/0 !10.0.0.1\nrelayhost = [smart.example.net]:587\nproxy_interfaces = 203.0.113.77\n"
		 "relay_domains = example.com\nsmtpd_client_restrictions = check_client_access texthash:%s, "
		 "check_client_access pcre:/x\n", path);
	put(&p.main, main_cf);
	mailcheck_allow(made.config, &p, findings, list);
	expect("allow", list, "allow", "2001:db8:7::/48\n198.51.100.0/24\n203.0.113.77\nsmart.example.net\n10.9.0.0/16\n"
	       "mx.example.net\n2001:db8::/32\n");
	expect("notes", findings, "text", "note check_client_access pcre:/x: a table that is not read here: whom it lets in "
	       "is not told\nnote relay_domains (example.com): their MX hosts are not looked up here; those that hand mail "
	       "to you belong into allow\n");
	postconf_free(&p);
	made_free(&made);
	unlink(path);
}

#define HEAD "# 2.3.19: /etc/dovecot/dovecot.conf\nprotocols = imap\n"
#define DENY "passdb {\n  args = /no/such/deny\n  deny = yes\n  driver = passwd-file\n}\n"
#define PAM "passdb {\n  driver = pam\n}\n"
#define GONE "bad /no/such/deny: it is not there: nobody is denied (bailiff setup mail --apply makes it)\n"

static void dovecot(void **state)
{
	static const struct { const char *name, *text, *want; } told[] = {
		{ "first", HEAD DENY PAM, "ok it asks /no/such/deny first\n" GONE },
		{ "second", HEAD PAM DENY, "bad another passdb stands before that of /no/such/deny: whom it knows is let in\n" GONE },
		{ "not", HEAD PAM, "bad it does not ask /no/such/deny: denied accounts still log in (bailiff setup mail)\n" },
		{ "no deny", HEAD "passdb {\n  args = /no/such/deny\n  driver = passwd-file\n}\n" PAM,
		  "bad /no/such/deny is named, but not by a passdb with deny = yes\n" GONE },
		{ "2.4", HEAD "passdb bailiff {\n  driver = passwd-file\n  deny = yes\n  passwd_file_path = /no/such/deny\n}\n",
		  "ok it asks /no/such/deny first\n" GONE },
	};
	struct made made;

	(void)state;
	made_begin(&made, "accounts: {dovecot_deny: /no/such/deny}\n");
	made_load(&made);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		json_t *findings = json_array();

		mailcheck_dovecot(made.config, told[i].text, findings);
		expect(told[i].name, findings, "text", told[i].want);
	}
	made_free(&made);
}

static void readable(void **state)
{
	char dir[] = "/tmp/mailcheck_dirXXXXXX", path[64], why[256];

	(void)state;
	if (geteuid() != 0 || !getpwnam("nobody"))
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/deny", dir);
	close(creat(path, 0640));
	mailcheck_readable(path, "nobody", why);
	assert_non_null(strstr(why, "(mode 0700) is closed to nobody"));
	chmod(dir, 0755);
	mailcheck_readable(path, "nobody", why);
	assert_non_null(strstr(why, "deny (mode 0640) is closed to nobody"));
	assert_int_equal(chown(path, 0, getpwnam("nobody")->pw_gid), 0);
	mailcheck_readable(path, "nobody", why);
	assert_string_equal(why, "");
	mailcheck_readable(path, "no-such-user", why);
	assert_string_equal(why, "there is no user no-such-user");
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(postfix), cmocka_unit_test(allow), cmocka_unit_test(dovecot), cmocka_unit_test(readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
