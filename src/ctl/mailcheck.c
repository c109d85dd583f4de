/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the mail server set up so that deny and park hold? For each service on
 * which clients log in: is bailiff's table asked, is it asked before something
 * lets the client pass, and does no `-o` take it away. And, since both are
 * read anyhow, whether anybody may relay.
 */
#include "ctl/mailcheck.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "ctl/program.h"
#include "ctl/text.h"

void mailcheck_add(json_t *findings, const char *of, const char *level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(findings, json_pack("{s:s,s:s,s:s}", "of", of, "level", level, "text", text));
}

/* ---- is the table asked? ---- */

enum asks { ASKS_FIRST, ASKS_LATER, ASKS_BEHIND, ASKS_DEAD, ASKS_NOT };

static bool begins(struct span s, const char *with)
{
	return s.n >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

static bool is_live(struct span table)
{
	return begins(table, "lmdb:") || begins(table, "sqlite:") || begins(table, "proxy:sqlite:");
}

static bool is_map(struct span table, const char *map)
{
	const char *colon = table.n ? memrchr(table.p, ':', table.n) : NULL;

	return colon && span_eq((struct span){ colon + 1, (size_t)(table.p + table.n - colon - 1) }, span_of(map));
}

/* *before: what stands there that matters; of ASKS_DEAD the table. */
static enum asks asks_in(struct span list, const char *map, struct span *before)
{
	struct span word, permit = { NULL, 0 }, other = { NULL, 0 };

	while ((word = postconf_word(&list)).n > 0) {
		struct span table = { NULL, 0 };

		if (span_eq(word, SPAN_LIT("check_sasl_access")))
			table = postconf_word(&list);
		if (table.n > 0 && is_map(table, map)) {
			*before = !is_live(table) ? table : permit.n ? permit : other;
			return !is_live(table) ? ASKS_DEAD : permit.n ? ASKS_BEHIND : other.n ? ASKS_LATER : ASKS_FIRST;
		}
		if (begins(word, "permit") && !permit.n)
			permit = word;
		else if (!other.n)
			other = word;
	}
	return ASKS_NOT;
}

struct asking {
	enum asks how;
	const char *list;
	struct span before;
};

static struct asking asks(const struct postconf *p, const char *service, const char *map)
{
	struct asking best = { .how = ASKS_NOT };

	for (const char *const *name = postconf_lists; *name; name++) {
		struct asking one = { .list = *name };
		bool own;

		one.how = asks_in(postconf_value(p, service, *name, &own), map, &one.before);
		if (one.how < best.how)
			best = one;
	}
	return best;
}

/* The list that main.cf asks in and the service's own -o replaces; NULL: none. */
static const char *skipped(const struct postconf *p, const char *service, const char *map)
{
	struct span before;
	bool own;

	for (const char *const *name = postconf_lists; *name; name++) {
		postconf_value(p, service, *name, &own);
		if (own && asks_in(postconf_value(p, NULL, *name, &own), map, &before) != ASKS_NOT)
			return *name;
	}
	return NULL;
}

static void check_asking(const struct postconf *p, const char *service, const char *map, json_t *out)
{
	struct asking a = asks(p, service, map);
	const char *list = a.how == ASKS_NOT ? skipped(p, service, map) : a.list;
	int n = (int)a.before.n;

	if (a.how == ASKS_FIRST)
		mailcheck_add(out, "postfix", "ok", "%s asks bailiff's table first", service);
	else if (a.how == ASKS_LATER)
		mailcheck_add(out, "postfix", "note", "%s asks bailiff's table behind %.*s in %s: whom that lets "
			      "pass is not asked for", service, n, a.before.p, list);
	else if (a.how == ASKS_BEHIND)
		mailcheck_add(out, "postfix", "bad", "%s: %.*s stands before bailiff's table in %s: accounts pass "
			      "unasked", service, n, a.before.p, list);
	else if (a.how == ASKS_DEAD)
		mailcheck_add(out, "postfix", "bad", "%s: %.*s is no live table: a session that is open sees no "
			      "change of it; take lmdb", service, n, a.before.p);
	else if (list)
		mailcheck_add(out, "postfix", "bad", "%s: its own -o %s= skips bailiff's table, which main.cf asks",
			      service, list);
	else
		mailcheck_add(out, "postfix", "bad", "%s does not ask bailiff's table: deny and park do not hold "
			      "there (bailiff setup mail)", service);
}

static void check_table(const struct config *c, json_t *out)
{
	char path[4096 + 8];

	if (!program_is_here(&c->helpers.postconf))
		return;
	snprintf(path, sizeof(path), "%s.lmdb", c->accounts.postfix_map);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		mailcheck_add(out, "postfix", "bad", "there is no %s: who is asked there is told to try later "
			      "(bailiff setup mail --apply makes it)", path);
}

/* ---- may anybody relay? ---- */

static bool stops(struct span list)
{
	static const char *const ends[] = {
		"reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "check_relay_domains",
	};
	struct span word;

	while ((word = postconf_word(&list)).n > 0) {
		if (span_eq(word, SPAN_LIT("permit")))
			return false;
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			if (span_eq(word, span_of(ends[i])))
				return true;
	}
	return false;
}

static void check_relay(const struct postconf *p, const char *service, json_t *out)
{
	bool own;

	if (stops(postconf_value(p, service, "smtpd_relay_restrictions", &own)) ||
	    stops(postconf_value(p, service, "smtpd_recipient_restrictions", &own)))
		return;
	mailcheck_add(out, "postfix", "bad", "%s looks like an open relay: neither smtpd_relay_restrictions nor "
		      "smtpd_recipient_restrictions rejects mail to elsewhere", service);
}

static void check_networks(const struct postconf *p, json_t *out)
{
	bool own;
	struct span list = postconf_value(p, NULL, "mynetworks", &own), word;

	while ((word = postconf_word(&list)).n > 0) {
		struct addr a;

		if (addr_parse(word, &a) == 0 && a.len < (a.family == ADDR_V4 ? 8 : 16))
			mailcheck_add(out, "postfix", "bad", "mynetworks holds %.*s: much of the internet may relay",
				      (int)word.n, word.p);
	}
}

void mailcheck_postfix(const struct config *c, const struct postconf *p, json_t *findings)
{
	const char *map = c->accounts.postfix_map;
	bool any = false;
	char service[128];

	for (size_t at = 0; postconf_service(p, &at, service, sizeof(service));) {
		if (map && postconf_submits(p, service)) {
			any = true;
			check_asking(p, service, map, findings);
		}
		check_relay(p, service, findings);
	}
	if (!map)
		mailcheck_add(findings, "postfix", "note", "accounts.postfix_map is off: deny and park do not reach it");
	else if (!any)
		mailcheck_add(findings, "postfix", "note", "no service on which clients log in");
	else
		check_table(c, findings);
	check_networks(p, findings);
}

/* ---- all of it ---- */

json_t *mailcheck(const struct config *c)
{
	json_t *findings = json_array(), *allow = json_array();
	struct buf dovecot = { 0 };
	struct postconf p;
	int r = postconf_read(&c->helpers, &p);
	bool has_postfix = r != -ENOENT, has_dovecot = program_is_there(&c->helpers.doveconf);

	if (r == 0) {
		mailcheck_postfix(c, &p, findings);
		mailcheck_allow(c, &p, findings, allow);
	} else if (has_postfix) {
		mailcheck_add(findings, "postfix", "note", "postconf fails: not looked at");
	}
	if (has_dovecot) {
		if (program_run(&c->helpers.doveconf, (const char *[]){ "-n", NULL }, true, &dovecot) == 0)
			mailcheck_dovecot(c, buf_cstr(&dovecot), findings);
		else
			mailcheck_add(findings, "dovecot", "note", "doveconf fails: not looked at");
	}
	postconf_free(&p);
	buf_free(&dovecot);
	return json_pack("{s:b,s:b,s:o,s:o}", "postfix", has_postfix, "dovecot", has_dovecot,
			 "findings", findings, "allow", allow);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

void mailcheck_show(const json_t *told)
{
	const json_t *findings = json_object_get(told, "findings"), *allow = json_object_get(told, "allow");
	bool postfix = json_is_true(json_object_get(told, "postfix"));
	bool dovecot = json_is_true(json_object_get(told, "dovecot"));

	if (!postfix && !dovecot)
		text_say("no Postfix and no Dovecot here");
	else if (!postfix || !dovecot)
		text_say("no %s here", postfix ? "Dovecot" : "Postfix");
	for (size_t i = 0; i < json_array_size(findings); i++) {
		const json_t *f = json_array_get(findings, i);

		text_say("%s: %s: %s", text_of(f, "of"), text_of(f, "level"), text_of(f, "text"));
	}
	if (json_array_size(allow) > 0)
		text_say("Postfix trusts these; `allow:` in bailiff.yaml does not have them yet. Those that are right:");
	for (size_t i = 0; i < json_array_size(allow); i++)
		text_say("  - %-40s # %s", text_of(json_array_get(allow, i), "allow"),
			 text_of(json_array_get(allow, i), "from"));
}
