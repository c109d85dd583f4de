/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes Postfix and Dovecot ask bailiff's tables. Everything is printed as the
 * command or the file that it is; with --apply it is done, in an order in which
 * no login ever fails for it: the deny file is there, and readable to Dovecot,
 * before a passdb names it, and a configuration that Dovecot does not take is
 * taken away again at once.
 *
 * Only services on which clients log in are touched: elsewhere smtpd would say
 * of each message that there is no login. --remove takes away what
 * names our files and leaves the files: nothing asks for what is not there.
 */
#include "ctl/setup.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"
#include "config/shipped.h"
#include "ctl/args.h"
#include "ctl/postconf.h"
#include "ctl/program.h"
#include "ctl/text.h"

#define INSTALLED BAILIFF_SYSCONFDIR "/bailiff/bailiff.yaml"
#define DOVECOT_DIR "/etc/dovecot/conf.d"
#define DOVECOT_CONF DOVECOT_DIR "/05-bailiff.conf"	/* before 10-auth: the first passdb */
#define LIST "smtpd_sender_restrictions"

struct setup {
	struct config *config;
	bool apply, failed;
};

/* ---- programs */

/* A step: shown, and done where that was asked for. */
static bool act(struct setup *s, const struct strings *helper, const char *const *more)
{
	struct buf out = { 0 }, line = { 0 };
	int r = 0;

	program_print(helper, more, &line);
	text_say("  %s", buf_cstr(&line));
	if (s->apply)
		r = program_run(helper, more, false, &out);
	if (r != 0) {
		text_complain("%s: %s", helper->v[0], r < 0 ? strerror(-r) : "it failed");
		s->failed = true;
	}
	buf_free(&out);
	buf_free(&line);
	return r == 0;
}

static void ask(const struct strings *helper, const char *const *more, struct buf *out)
{
	program_run(helper, more, true, out);
}

/* ---- Postfix */

bool setup_is_submission(struct span line, char *ret, size_t size)
{
	static const struct span names[] = {
		SPAN_LIT("submission"), SPAN_LIT("submissions"), SPAN_LIT("smtps"),
		SPAN_LIT("587"), SPAN_LIT("465"),
	};
	struct span field[8], port;
	const char *colon;

	for (size_t i = 0; i < 8; i++)
		field[i] = postconf_word(&line);
	if (!span_eq(field[1], SPAN_LIT("inet")) || !span_eq(field[7], SPAN_LIT("smtpd")))
		return false;
	colon = memrchr(field[0].p, ':', field[0].n);
	port = colon ? (struct span){ colon + 1, (size_t)(field[0].p + field[0].n - colon - 1) } : field[0];
	snprintf(ret, size, "%.*s/inet", (int)field[0].n, field[0].p);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq(port, names[i]))
			return true;
	return false;
}

int setup_restrictions(const char *map, struct span now, struct buf *out)
{
	char ours[512];
	bool gap = false, any = false;

	snprintf(ours, sizeof(ours), "check_sasl_access,lmdb:%s", map);
	buf_puts(out, ours);
	for (size_t i = 0; i < now.n; i++) {
		char c = now.p[i];

		if (c == '{' || c == '}')
			return -EINVAL;
		if (c == ' ' || c == '\t' || c == '\n' || c == ',') {
			gap = true;
			continue;
		}
		if (gap || !any)
			buf_putc(out, ',');
		gap = false;
		any = true;
		buf_putc(out, c);
	}
	/* It is there already, at the beginning or behind something. */
	return strstr(buf_cstr(out) + strlen(ours), ours) ? 0 : 1;
}

/* What stands behind the `=` of "submission/inet/smtpd_x = a, b". */
static struct span value_of(const struct buf *b)
{
	struct span s = buf_span(b);
	const char *equals = s.n ? memchr(s.p, '=', s.n) : NULL;

	if (!equals)
		return (struct span){ NULL, 0 };
	s.n -= (size_t)(equals + 1 - s.p);
	s.p = equals + 1;
	while (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	return s;
}

static void setup_service(struct setup *s, const char *service)
{
	const struct strings *postconf = &s->config->helpers.postconf;
	const char *map = s->config->accounts.postfix_map;
	struct buf now = { 0 }, fresh = { 0 }, set = { 0 };
	char name[160];
	int r;

	snprintf(name, sizeof(name), "%s/" LIST, service);
	ask(postconf, (const char *[]){ "-P", name, NULL }, &now);
	if (value_of(&now).p == NULL) {
		buf_clear(&now);
		ask(postconf, (const char *[]){ LIST, NULL }, &now);
	}
	r = setup_restrictions(map, value_of(&now), &fresh);
	if (r < 0) {
		text_complain("%s: its " LIST " hold braces: put 'check_sasl_access lmdb:%s' first by hand",
			      service, map);
		s->failed = true;
	} else if (r == 0) {
		text_say("  %s asks already", service);
	} else {
		buf_printf(&set, "%s=%s", name, buf_cstr(&fresh));
		act(s, postconf, (const char *[]){ "-P", buf_cstr(&set), NULL });
	}
	buf_free(&now);
	buf_free(&fresh);
	buf_free(&set);
}

static void setup_postfix(struct setup *s)
{
	const struct helpers *h = &s->config->helpers;
	const char *map = s->config->accounts.postfix_map;
	struct postconf p = { .main = { 0 } };
	struct buf types = { 0 };
	char table[512], service[128];
	bool any = false;

	text_say("Postfix: refuse or park the mail of accounts in the table");
	ask(&h->postconf, (const char *[]){ "-m", NULL }, &types);
	if (!strstr(buf_cstr(&types), "lmdb")) {
		text_complain("this Postfix has no lmdb tables: install postfix-lmdb");
		s->failed = true;
		goto out;
	}
	snprintf(table, sizeof(table), "lmdb:%s", map);
	if (!act(s, &h->postmap, (const char *[]){ "-i", table, NULL }))
		goto out;
	if (postconf_read(h, &p) < 0) {
		text_complain("postconf fails: nothing more is done there");
		s->failed = true;
		goto out;
	}
	for (size_t at = 0; postconf_service(&p, &at, service, sizeof(service));)
		if (postconf_submits(&p, service)) {
			any = true;
			setup_service(s, service);
		}
	if (!any) {
		text_complain("no smtpd in master.cf has logins: where clients do log in, '%s' goes first into "
			      "smtpd_sender_restrictions, behind check_sasl_access", table);
		s->failed = true;
	}
	if (any && !s->failed)
		act(s, &h->postfix, (const char *[]){ "reload", NULL });
out:
	buf_free(&types);
	postconf_free(&p);
}

/* ---- Dovecot */

static void put_lines(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		text_say("    %.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void put_file(struct setup *s, const char *path, const char *text, mode_t mode, gid_t gid,
		     const char *owner)
{
	int r;

	text_say("  %s (root:%s, %04o)%s", path, owner, (unsigned)mode, text[0] ? ":" : ", empty");
	put_lines(text);
	if (!s->apply)
		return;
	r = program_write(path, text, mode, gid);
	if (r < 0) {
		text_complain("%s: %s", path, strerror(-r));
		s->failed = true;
	}
}

/* 2.4 changed how a passdb is written; the first line of doveconf -n says what it is. */
static void passdb_text(const char *version, const char *file, struct buf *out)
{
	bool old = strncmp(version, "# 2.3", 5) == 0 || strncmp(version, "# 2.2", 5) == 0;

	if (old)
		buf_printf(out, "passdb {\n  driver = passwd-file\n  deny = yes\n  args = %s\n}\n", file);
	else
		buf_printf(out, "passdb bailiff {\n  driver = passwd-file\n  deny = yes\n"
			   "  passwd_file_path = %s\n}\n", file);
}

/* Does Dovecot take it, with the deny passdb before all others? */
static bool dovecot_takes(const struct helpers *h, const char *file)
{
	struct buf now = { 0 };
	bool ok = program_run(&h->doveconf, (const char *[]){ "-n", NULL }, false, &now) == 0;
	const char *first = ok ? strstr(buf_cstr(&now), "\npassdb") : NULL;
	const char *end = first ? strstr(first, "\n}") : NULL;
	const char *ours = first ? strstr(first, file) : NULL;

	ok = ours && end && ours < end;
	buf_free(&now);
	return ok;
}

static void setup_dovecot(struct setup *s)
{
	const struct helpers *h = &s->config->helpers;
	const char *file = s->config->accounts.dovecot_deny;
	const struct group *g = getgrnam("dovecot");
	struct buf now = { 0 }, text = { 0 };
	bool before = s->failed;

	s->failed = false;
	text_say("Dovecot: refuse the logins of accounts in the deny file");
	if (program_run(&h->doveconf, (const char *[]){ "-n", NULL }, false, &now) != 0 || !g) {
		text_complain("doveconf fails, or there is no group dovecot: nothing is done there");
		s->failed = true;
		goto out;
	}
	put_file(s, file, "", 0640, g->gr_gid, "dovecot");
	if (strstr(buf_cstr(&now), file)) {
		text_say("  Dovecot asks already");
		goto out;
	}
	passdb_text(buf_cstr(&now), file, &text);
	if (access(DOVECOT_DIR, F_OK) < 0) {
		text_complain("there is no " DOVECOT_DIR ": put this before the first passdb by hand:");
		put_lines(buf_cstr(&text));
		s->failed = true;
		goto out;
	}
	if (s->failed)
		goto out;
	put_file(s, DOVECOT_CONF, buf_cstr(&text), 0644, 0, "root");
	if (s->apply && !s->failed && !dovecot_takes(h, file)) {
		unlink(DOVECOT_CONF);
		text_complain("Dovecot does not take " DOVECOT_CONF " as its first passdb: it is removed again; "
			      "put its lines before the first passdb by hand");
		s->failed = true;
		goto out;
	}
	act(s, &h->doveadm, (const char *[]){ "reload", NULL });
out:
	s->failed |= before;
	buf_free(&now);
	buf_free(&text);
}

/* ---- taking it away */

int setup_without(const char *map, struct span now, struct buf *out)
{
	struct span word;
	bool found = false;

	while ((word = postconf_word(&now)).n > 0) {
		struct span rest = now, table = { NULL, 0 };
		const char *colon;

		if (span_eq(word, SPAN_LIT("check_sasl_access")))
			table = postconf_word(&rest);
		colon = table.n ? memrchr(table.p, ':', table.n) : NULL;
		if (colon && span_eq((struct span){ colon + 1, (size_t)(table.p + table.n - colon - 1) }, span_of(map))) {
			now = rest;
			found = true;
			continue;
		}
		buf_puts(out, out->n ? "," : "");
		buf_put(out, word.p, word.n);
	}
	return found;
}

/* Of one list of one service, or of main.cf (service NULL); true: something was there. */
static bool remove_from(struct setup *s, const struct postconf *p, const char *service, const char *list)
{
	const struct strings *postconf = &s->config->helpers.postconf;
	struct buf rest = { 0 }, was = { 0 }, set = { 0 };
	bool own, there;
	struct span now = postconf_value(p, service, list, &own), main_now;

	there = own == (service != NULL) && setup_without(s->config->accounts.postfix_map, now, &rest) > 0;
	if (there) {
		buf_printf(&set, "%s%s%s", service ? service : "", service ? "/" : "", list);
		main_now = postconf_value(p, NULL, list, &own);
		setup_without(s->config->accounts.postfix_map, main_now, &was);
		/* What is left says the same as main.cf: then it was ours whole. */
		if (service && span_eq(buf_span(&rest), buf_span(&was))) {
			act(s, postconf, (const char *[]){ "-PX", buf_cstr(&set), NULL });
		} else {
			buf_printf(&set, "=%s", buf_cstr(&rest));
			act(s, postconf, (const char *[]){ service ? "-P" : "-e", buf_cstr(&set), NULL });
		}
	}
	buf_free(&rest);
	buf_free(&was);
	buf_free(&set);
	return there;
}

static void remove_postfix(struct setup *s)
{
	struct postconf p;
	bool any = false;
	char service[128];

	text_say("Postfix: no longer asks bailiff's table");
	if (postconf_read(&s->config->helpers, &p) < 0) {
		text_complain("postconf fails: nothing is done there");
		s->failed = true;
		postconf_free(&p);
		return;
	}
	for (const char *const *list = postconf_lists; *list; list++) {
		for (size_t at = 0; postconf_service(&p, &at, service, sizeof(service));)
			any |= remove_from(s, &p, service, *list);
		any |= remove_from(s, &p, NULL, *list);
	}
	if (any && !s->failed)
		act(s, &s->config->helpers.postfix, (const char *[]){ "reload", NULL });
	if (!any)
		text_say("  it does not ask it");
	else
		text_say("  %s.lmdb stays: an smtpd that has it open goes on with it", s->config->accounts.postfix_map);
	postconf_free(&p);
}

static void remove_dovecot(struct setup *s)
{
	const struct helpers *h = &s->config->helpers;
	const char *file = s->config->accounts.dovecot_deny;
	struct buf now = { 0 };

	text_say("Dovecot: no longer asks the deny file");
	if (access(DOVECOT_CONF, F_OK) == 0) {
		text_say("  rm " DOVECOT_CONF);
		if (s->apply && unlink(DOVECOT_CONF) < 0) {
			text_complain(DOVECOT_CONF ": %s", strerror(errno));
			s->failed = true;
			return;
		}
		act(s, &h->doveadm, (const char *[]){ "reload", NULL });
		text_say("  %s stays: auth may have it open", file);
		if (!s->apply)
			return;
	}
	if (program_run(&h->doveconf, (const char *[]){ "-n", NULL }, false, &now) == 0 &&
	    strstr(buf_cstr(&now), file)) {
		text_complain("dovecot.conf, or a file that it includes, still names %s: take that passdb out by hand", file);
		s->failed = true;
	}
	buf_free(&now);
}

/* ---- the command */

int setup_config(const char *conf, struct config **ret)
{
	struct complaints bad = { 0 };
	struct pack *pack = NULL;
	int r = pack_read(conf ? conf : INSTALLED, shipped_dirs(), &pack);

	if (r == -ENOENT && !conf) {	/* not yet written: as it comes */
		r = pack_new(BAILIFF_SYSCONFDIR "/bailiff", &pack);
		if (r == 0)
			r = pack_add(pack, PACK_MAIN, INSTALLED, 0, SPAN_LIT("{}\n"));
	}
	if (r == 0)
		r = config_load(pack, &bad, ret);
	complaints_free(&bad);
	pack_free(&pack);
	return r;
}

static bool options(char **args, bool *apply, bool *remove)
{
	if (!args[0] || strcmp(args[0], "mail") != 0)
		return false;
	for (size_t i = 1; args[i]; i++)
		if (strcmp(args[i], "--apply") == 0)
			*apply = true;
		else if (strcmp(args[i], "--remove") == 0)
			*remove = true;
		else
			return false;
	return true;
}

int run_setup(struct call *call)
{
	struct setup s = { 0 };
	bool remove = false;

	if (!options(call->args, &s.apply, &remove)) {
		text_complain("usage: bailiff setup mail [--remove] [--apply]");
		return EXIT_USAGE;
	}
	if (s.apply && geteuid() != 0) {
		text_complain("only root can set up the mail server");
		return EXIT_NOT_DONE;
	}
	if (setup_config(call->conf, &s.config) < 0) {
		text_complain("%s does not load; bailiff check says why", call->conf ? call->conf : INSTALLED);
		return EXIT_NOT_DONE;
	}
	if (s.config->accounts.postfix_map && program_is_there(&s.config->helpers.postconf))
		(remove ? remove_postfix : setup_postfix)(&s);
	if (s.config->accounts.dovecot_deny && program_is_there(&s.config->helpers.doveconf))
		(remove ? remove_dovecot : setup_dovecot)(&s);
	if (!s.apply)
		text_say("Nothing was done: with --apply it is.");
	config_free(&s.config);
	return s.failed ? EXIT_NOT_DONE : EXIT_DONE;
}
