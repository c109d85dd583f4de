/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes Postfix and Dovecot ask bailiff's tables. Everything is printed as the
 * command or the file that it is; with --apply it is done, in an order in which
 * no login ever fails for it: the deny file is there, and readable to Dovecot,
 * before a passdb names it, and a configuration that Dovecot does not take is
 * taken away again at once.
 *
 * Only services that clients submit on are touched: elsewhere there is no
 * login, and smtpd would say so for each message.
 */
#include "ctl/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config/load.h"
#include "config/shipped.h"
#include "ctl/args.h"
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

/* Its exit status; what it prints to standard output goes to `out`. */
static int capture(const char *const *argv, struct buf *out)
{
	_cleanup_(close_fd) int from = -1;
	posix_spawn_file_actions_t actions;
	char block[4096];
	int ends[2], status, r;
	ssize_t n;
	pid_t pid;

	out->max = 1 << 20;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (r != 0)
		return -r;
	while ((n = read(from, block, sizeof(block))) > 0)
		buf_put(out, block, (size_t)n);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

static void put_words(const char *const *argv)
{
	struct buf line = { 0 };

	for (size_t i = 0; argv[i]; i++) {
		bool plain = argv[i][strspn(argv[i], "abcdefghijklmnopqrstuvwxyz"
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=/.,:")] == 0;

		buf_printf(&line, "%s%s%s%s", i ? " " : "", plain ? "" : "'", argv[i], plain ? "" : "'");
	}
	text_say("  %s", buf_cstr(&line));
	buf_free(&line);
}

/* A step: shown, and done where that was asked for. */
static bool act(struct setup *s, const char *const *argv)
{
	struct buf out = { 0 };
	int r = 0;

	put_words(argv);
	if (s->apply)
		r = capture(argv, &out);
	if (r != 0) {
		text_complain("%s: %s", argv[0], r < 0 ? strerror(-r) : "it failed");
		s->failed = true;
	}
	buf_free(&out);
	return r == 0;
}

static bool is_there(const char *program)
{
	static const char *const dirs[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin",
					    "/usr/local/bin" };
	char path[256];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* ---- Postfix */

/* The next word of a line; n == 0: none. */
static struct span word(struct span *rest)
{
	struct span w;

	while (rest->n > 0 && (*rest->p == ' ' || *rest->p == '\t')) {
		rest->p++;
		rest->n--;
	}
	w = (struct span){ rest->p, 0 };
	while (w.n < rest->n && w.p[w.n] != ' ' && w.p[w.n] != '\t')
		w.n++;
	rest->p += w.n;
	rest->n -= w.n;
	return w;
}

bool setup_is_submission(struct span line, char *ret, size_t size)
{
	static const struct span names[] = {
		SPAN_LIT("submission"), SPAN_LIT("submissions"), SPAN_LIT("smtps"),
		SPAN_LIT("587"), SPAN_LIT("465"),
	};
	struct span field[8], port;
	const char *colon;

	for (size_t i = 0; i < 8; i++)
		field[i] = word(&line);
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
	const char *map = s->config->accounts.postfix_map;
	struct buf now = { 0 }, fresh = { 0 }, set = { 0 };
	char name[160];
	int r;

	snprintf(name, sizeof(name), "%s/" LIST, service);
	capture((const char *[]){ "postconf", "-P", name, NULL }, &now);
	if (value_of(&now).p == NULL) {
		buf_clear(&now);
		capture((const char *[]){ "postconf", LIST, NULL }, &now);
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
		act(s, (const char *[]){ "postconf", "-P", buf_cstr(&set), NULL });
	}
	buf_free(&now);
	buf_free(&fresh);
	buf_free(&set);
}

static void setup_postfix(struct setup *s)
{
	const char *map = s->config->accounts.postfix_map;
	struct buf types = { 0 }, services = { 0 };
	char table[512], service[128];
	bool any = false;

	text_say("Postfix: refuse or park the mail of accounts in the table");
	capture((const char *[]){ "postconf", "-m", NULL }, &types);
	if (!strstr(buf_cstr(&types), "lmdb")) {
		text_complain("this Postfix has no lmdb tables: install postfix-lmdb");
		s->failed = true;
		goto out;
	}
	snprintf(table, sizeof(table), "lmdb:%s", map);
	if (!act(s, (const char *[]){ "postmap", "-i", table, NULL }))
		goto out;
	capture((const char *[]){ "postconf", "-M", NULL }, &services);
	for (struct span rest = buf_span(&services); rest.n > 0;) {
		const char *end = memchr(rest.p, '\n', rest.n);
		struct span line = { rest.p, end ? (size_t)(end - rest.p) : rest.n };

		rest.p += line.n + (end != NULL);
		rest.n -= line.n + (end != NULL);
		if (setup_is_submission(line, service, sizeof(service))) {
			any = true;
			setup_service(s, service);
		}
	}
	if (!any) {
		text_complain("no submission service in master.cf: clients that log in on port 25 need "
			      "'check_sasl_access %s' first in smtpd_sender_restrictions of main.cf", table);
		s->failed = true;
	}
	if (any && !s->failed)
		act(s, (const char *[]){ "postfix", "reload", NULL });
out:
	buf_free(&types);
	buf_free(&services);
}

/* ---- Dovecot */

static int write_file(const char *path, const char *text, mode_t mode, gid_t gid)
{
	_cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t n = strlen(text);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (write(fd, text, n) != (ssize_t)n || fchown(fd, 0, gid) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

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
	r = write_file(path, text, mode, gid);
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
static bool dovecot_takes(const char *file)
{
	struct buf now = { 0 };
	bool ok = capture((const char *[]){ "doveconf", "-n", NULL }, &now) == 0;
	const char *first = ok ? strstr(buf_cstr(&now), "\npassdb") : NULL;
	const char *end = first ? strstr(first, "\n}") : NULL;
	const char *ours = first ? strstr(first, file) : NULL;

	ok = ours && end && ours < end;
	buf_free(&now);
	return ok;
}

static void setup_dovecot(struct setup *s)
{
	const char *file = s->config->accounts.dovecot_deny;
	const struct group *g = getgrnam("dovecot");
	struct buf now = { 0 }, text = { 0 };
	bool before = s->failed;

	s->failed = false;
	text_say("Dovecot: refuse the logins of accounts in the deny file");
	if (capture((const char *[]){ "doveconf", "-n", NULL }, &now) != 0 || !g) {
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
	if (s->apply && !s->failed && !dovecot_takes(file)) {
		unlink(DOVECOT_CONF);
		text_complain("Dovecot does not take " DOVECOT_CONF " as its first passdb: it is removed again; "
			      "put its lines before the first passdb by hand");
		s->failed = true;
		goto out;
	}
	act(s, (const char *[]){ "doveadm", "reload", NULL });
out:
	s->failed |= before;
	buf_free(&now);
	buf_free(&text);
}

/* ---- the command */

static int load(const char *conf, struct config **ret)
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
	if (r < 0)
		text_complain("%s does not load; bailiff check says why", conf ? conf : INSTALLED);
	complaints_free(&bad);
	pack_free(&pack);
	return r;
}

int run_setup(struct call *call)
{
	struct setup s = { 0 };

	if (!call->args[0] || strcmp(call->args[0], "mail") != 0 ||
	    (call->args[1] && (strcmp(call->args[1], "--apply") != 0 || call->args[2]))) {
		text_complain("usage: bailiff setup mail [--apply]");
		return EXIT_USAGE;
	}
	s.apply = call->args[1] != NULL;
	if (s.apply && geteuid() != 0) {
		text_complain("only root can set up the mail server");
		return EXIT_NOT_DONE;
	}
	if (load(call->conf, &s.config) < 0)
		return EXIT_NOT_DONE;
	if (s.config->accounts.postfix_map && is_there("postconf"))
		setup_postfix(&s);
	if (s.config->accounts.dovecot_deny && is_there("doveconf"))
		setup_dovecot(&s);
	if (!s.apply)
		text_say("Nothing was done: with --apply it is.");
	config_free(&s.config);
	return s.failed ? EXIT_NOT_DONE : EXIT_DONE;
}
