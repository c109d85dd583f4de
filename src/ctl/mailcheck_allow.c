/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom Postfix trusts already: its own networks, the hosts mail comes from or
 * goes to by the admin's word, and clients that an access table lets in. They
 * are proposed for `allow`, never taken by themselves.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "ctl/mailcheck.h"
#include "ctl/program.h"

#define FILE_LINES_MAX 10000

struct import {
	const struct config *config;
	json_t *findings, *allow;
};

static bool is_allowed(const struct import *m, const struct addr *a, const char *name)
{
	for (size_t i = 0; i < m->config->nallow; i++) {
		const struct allow *one = &m->config->allow[i];

		if (a ? one->addr.family != ADDR_NONE && addr_contains(&one->addr, a) :
			one->name && strcasecmp(one->name, name) == 0)
			return true;
	}
	return false;
}

static void propose(const struct import *m, const char *text, const char *from)
{
	for (size_t i = 0; i < json_array_size(m->allow); i++)
		if (strcmp(json_string_value(json_object_get(json_array_get(m->allow, i), "allow")), text) == 0)
			return;
	json_array_append_new(m->allow, json_pack("{s:s,s:s}", "allow", text, "from", from));
}

/* "192.0.2" in an access table is 192.0.2.0/24, access(5). */
static bool parse_key(struct span key, struct addr *ret)
{
	char text[64];
	unsigned dots = 0;

	if (addr_parse(key, ret) == 0)
		return true;
	for (size_t i = 0; i < key.n; i++)
		if (!isdigit((unsigned char)key.p[i]) && key.p[i] != '.')
			return false;
		else
			dots += key.p[i] == '.';
	if (key.n == 0 || dots > 2 || !isdigit((unsigned char)key.p[key.n - 1]))
		return false;
	snprintf(text, sizeof(text), "%.*s%s/%u", (int)(key.n < 20 ? key.n : 20), key.p,
		 &".0.0.0"[2 * dots], 8 * (dots + 1));
	return addr_parse(span_of(text), ret) == 0;
}

static bool is_name(struct span s)
{
	bool letter = false;

	for (size_t i = 0; i < s.n; i++) {
		letter |= isalpha((unsigned char)s.p[i]) != 0;
		if (!isalnum((unsigned char)s.p[i]) && !strchr(".-", s.p[i]))
			return false;
	}
	return letter && s.n > 3 && s.n < 254 && s.p[0] != '.' && memchr(s.p, '.', s.n);
}

static void take(const struct import *m, struct span word, const char *from)
{
	char text[ADDR_TEXT_MAX], name[256];
	struct addr a;

	if (parse_key(word, &a)) {
		if (!addr_is_special(&a) && a.len >= (a.family == ADDR_V4 ? 8 : 16) && !is_allowed(m, &a, NULL))
			propose(m, addr_print(&a, text), from);
	} else if (is_name(word)) {
		snprintf(name, sizeof(name), "%.*s", (int)word.n, word.p);
		if (!is_allowed(m, NULL, name))
			propose(m, name, from);
	}
}

/* ---- tables ---- */

static bool lets_in(struct span action)
{
	size_t digits = 0;

	while (digits < action.n && isdigit((unsigned char)action.p[digits]))
		digits++;
	return (action.n > 0 && digits == action.n) || span_eq(action, SPAN_LIT("OK")) ||
	       span_eq(action, SPAN_LIT("ok")) || (action.n >= 6 && strncasecmp(action.p, "permit", 6) == 0);
}

/* The source of a table: what postmap(1) reads, or a cidr table. Keys of `action`s that let in. */
static void take_file(const struct import *m, const char *path, bool any_action, const char *from)
{
	_cleanup_(close_file) FILE *f = fopen(path, "re");
	_cleanup_(free_ptr) char *line = NULL;
	size_t size = 0, n = 0;

	if (!f) {
		mailcheck_add(m->findings, "postfix", "note", "%s: %s: whom it lets in is not told", path, strerror(errno));
		return;
	}
	while (n++ < FILE_LINES_MAX && getline(&line, &size, f) > 0) {
		struct span rest = { line, strcspn(line, "\n#") }, key;

		if (line[0] == ' ' || line[0] == '\t')
			continue;
		key = postconf_word(&rest);
		if (key.n > 0 && key.p[0] != '!' && (any_action || lets_in(postconf_word(&rest))))
			take(m, key, from);
	}
}

static void take_table(const struct import *m, struct span table, bool any_action, const char *from)
{
	static const char *const readable[] = { "hash", "texthash", "lmdb", "btree", "cdb", "dbm", "cidr" };
	const char *colon = table.n ? memchr(table.p, ':', table.n) : NULL;
	char path[4096], whole[4200];

	if (!colon)
		return;
	snprintf(whole, sizeof(whole), "%s %.*s", from, (int)(table.n < 4000 ? table.n : 4000), table.p);
	snprintf(path, sizeof(path), "%.*s", (int)(table.p + table.n - colon - 1), colon + 1);
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (span_eq((struct span){ table.p, (size_t)(colon - table.p) }, span_of(readable[i]))) {
			if (program_is_here(&m->config->helpers.postconf))
				take_file(m, path, any_action, whole);
			return;
		}
	mailcheck_add(m->findings, "postfix", "note", "%s: a table that is not read here: whom it lets in is not told", whole);
}

static void take_tables(const struct import *m, struct span list, json_t *seen)
{
	struct span word;

	while ((word = postconf_word(&list)).n > 0) {
		char name[4096];
		struct span table;

		if (!span_eq(word, SPAN_LIT("check_client_access")))
			continue;
		table = postconf_word(&list);
		snprintf(name, sizeof(name), "%.*s", (int)table.n, table.p);
		if (table.n == 0 || table.n >= sizeof(name) || json_object_get(seen, name))
			continue;
		json_object_set_new(seen, name, json_true());
		take_table(m, table, false, "check_client_access");
	}
}

/* ---- parameters ---- */

static void take_networks(const struct import *m, struct span list, const char *from)
{
	struct span word;

	while ((word = postconf_word(&list)).n > 0) {
		const char *slash = memchr(word.p, '/', word.n);

		if (word.p[0] == '[' && (slash || word.p[word.n - 1] == ']')) {	/* [2001:db8::]/32 */
			char text[ADDR_TEXT_MAX];
			const char *end = memchr(word.p, ']', word.n);
			size_t n = (end ? (size_t)(end - word.p) : word.n) - 1;

			snprintf(text, sizeof(text), "%.*s%.*s", (int)(n < 60 ? n : 60), word.p + 1,
				 slash ? (int)(word.p + word.n - slash) : 0, slash ? slash : "");
			take(m, span_of(text), from);
		} else if (memchr(word.p, ':', word.n) && slash && slash[-1] == ':') {
			take_table(m, word, true, from);
		} else if (word.p[0] != '!') {
			take(m, word, from);
		}
	}
}

/* "[mail.example.net]:587", "mail.example.net", "192.0.2.1:25" */
static void take_relayhost(const struct import *m, struct span v)
{
	bool exact = v.n > 0 && v.p[0] == '[';
	struct span host = v;
	const char *end;

	if (v.n == 0)
		return;
	host.p += exact;
	host.n -= exact;
	end = memchr(host.p, exact ? ']' : ':', host.n);
	if (end)
		host.n = (size_t)(end - host.p);
	if (exact || isdigit((unsigned char)host.p[0]))
		take(m, host, "relayhost");
	else
		mailcheck_add(m->findings, "postfix", "note", "relayhost %.*s: its MX hosts are not looked up here; "
			      "those that send to you belong into allow", (int)host.n, host.p);
}

void mailcheck_allow(const struct config *c, const struct postconf *p, json_t *findings, json_t *allow)
{
	const struct import m = { c, findings, allow };
	json_t *seen = json_object();
	struct span backup;
	char service[128];
	bool own;

	take_networks(&m, postconf_value(p, NULL, "mynetworks", &own), "mynetworks");
	take_networks(&m, postconf_value(p, NULL, "proxy_interfaces", &own), "proxy_interfaces");
	take_relayhost(&m, postconf_value(p, NULL, "relayhost", &own));
	for (const char *const *list = postconf_lists; *list; list++) {
		take_tables(&m, postconf_value(p, NULL, *list, &own), seen);
		for (size_t at = 0; postconf_service(p, &at, service, sizeof(service));)
			take_tables(&m, postconf_value(p, service, *list, &own), seen);
	}
	backup = postconf_value(p, NULL, "relay_domains", &own);
	if (backup.n > 0)
		mailcheck_add(findings, "postfix", "note", "relay_domains (%.*s): their MX hosts are not looked up here; "
			      "those that hand mail to you belong into allow",
			      (int)(backup.n < 200 ? backup.n : 200), backup.p);
	json_decref(seen);
}
