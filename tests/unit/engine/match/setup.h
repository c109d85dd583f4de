/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UNIT_ENGINE_MATCH_SETUP_H
#define UNIT_ENGINE_MATCH_SETUP_H

/*
 * A configuration made by hand for tests of the match step: jails from short
 * rows, fields from the real table, own captures found like the loader does.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "config/fields.h"
#include "config/load.h"
#include "config/placeholder.h"
#include "engine/match/match.h"

#define SETUP_RULES 40
#define SETUP_FIELDS 128

struct jail_row {
	const char *name;
	const char *program;	/* NULL: any; "a|b": two */
	const char *prefix;
	const char *rules[SETUP_RULES];
	const char *ignore[4];
	int log;		/* 0 or 1; 2: both */
	bool off;
};

struct setup {
	struct config c;
	struct field fields[SETUP_FIELDS];
	char own[SETUP_FIELDS][40];
};

static inline void setup_own(struct setup *s, const char *pattern)
{
	struct placeholder_scan scan;
	struct placeholder_part part;

	placeholder_begin(&scan, span_of(pattern));
	while (placeholder_next(&scan, &part) > 0) {
		size_t n = s->c.nfields;

		if (part.kind != PART_OWN || config_field(&s->c, part.name) >= 0)
			continue;
		assert(n < SETUP_FIELDS && part.name.n < sizeof(s->own[n]));
		memcpy(s->own[n], part.name.p, part.name.n);
		s->own[n][part.name.n] = 0;
		s->fields[n] = (struct field){ .name = s->own[n], .type = FIELD_TEXT };
		s->c.nfields++;
	}
}

static inline struct rule *setup_rules(struct setup *s, const char *const *v, size_t *n)
{
	struct rule *r;

	for (*n = 0; v[*n]; ++*n)
		;
	r = calloc(*n + 1, sizeof(*r));
	assert(r);
	for (size_t i = 0; i < *n; i++) {
		r[i].pattern = (char *)v[i];
		r[i].place = (struct place){ "jail.yaml", (unsigned)i + 1, 5 };
		setup_own(s, v[i]);
	}
	return r;
}

static inline void setup_jail(struct setup *s, struct jail *j, const struct jail_row *row)
{
	static uint16_t logs[][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 } };

	j->name = (char *)row->name;
	j->mode = row->off ? MODE_OFF : MODE_ON;
	j->logs = logs[row->log];
	j->nlogs = row->log == 2 ? 2 : 1;
	for (const char *p = row->program, *bar; p; p = bar ? bar + 1 : NULL) {
		bar = strchr(p, '|');
		j->programs.v = realloc(j->programs.v, (j->programs.n + 1) * sizeof(char *));
		assert(j->programs.v);
		j->programs.v[j->programs.n++] = strndup(p, bar ? (size_t)(bar - p) : strlen(p));
	}
	j->prefix = (char *)row->prefix;
	if (row->prefix)
		setup_own(s, row->prefix);
	j->rules = setup_rules(s, row->rules, &j->nrules);
	j->ignore = setup_rules(s, row->ignore, &j->nignore);
}

static inline void setup_init(struct setup *s, const struct jail_row *rows, size_t n)
{
	memset(s, 0, sizeof(*s));
	s->c.fields = s->fields;
	for (; config_field_table[s->c.nfields].name; s->c.nfields++)
		s->fields[s->c.nfields] = config_field_table[s->c.nfields];
	s->c.njails = n;
	s->c.jails = calloc(n + 1, sizeof(*s->c.jails));
	assert(s->c.jails);
	for (size_t i = 0; i < n; i++)
		setup_jail(s, &s->c.jails[i], &rows[i]);
}

static inline void setup_fini(struct setup *s)
{
	for (size_t i = 0; i < s->c.njails; i++) {
		for (size_t k = 0; k < s->c.jails[i].programs.n; k++)
			free(s->c.jails[i].programs.v[k]);
		free(s->c.jails[i].programs.v);
		free(s->c.jails[i].rules);
		free(s->c.jails[i].ignore);
	}
	free(s->c.jails);
}

/* A hit as text: "jail/rule field=value ...;", fields as they stand in the line. */
static inline void setup_print(const struct config *c, const struct hit *h, struct buf *out)
{
	char text[ADDR_TEXT_MAX];

	buf_printf(out, "%s/%zu", h->jail->name, (size_t)(h->rule - h->jail->rules));
	for (unsigned i = 0; i < h->ncaptures; i++) {
		const struct capture *v = &h->capture[i];

		buf_printf(out, " %s=", c->fields[v->field].name);
		if (v->type == FIELD_ADDR)
			buf_puts(out, addr_print(&v->addr, text));
		else if (v->type == FIELD_NUMBER)
			buf_printf(out, "%lld", (long long)v->number);
		else
			buf_put_escaped(out, v->raw);
	}
	buf_puts(out, "; ");
}

#define SASL_LINE "warning: <host>\\[<ip>\\](?::\\d+)?: SASL "
#define REJECT "(?:NOQUEUE|<qid>): reject: "
#define CLIENT " from <host>\\[<ip>\\](?::\\d+)?: "

/* Some sixty patterns as a mail server's jails hold them. */
static const struct jail_row realistic[] = {
	{ "postfix-sasl", "postfix*", NULL, {
		SASL_LINE "\\S+ authentication failed(?!: Connection lost to authentication server(?:,|$))",
		SASL_LINE "\\S+ authentication failure",
	  }, { 0 }, 0, false },
	{ "sasl-burst", "postfix*", NULL, {
		"<qid>: client=<host>\\[<ip>\\](?::\\d+)?, sasl_method=[^,\\s]+, sasl_username=<user>(?:,|$)",
	  }, { 0 }, 0, false },
	{ "sasl-recipients", "postfix*", NULL, {
		"<qid>: client=<host>\\[<ip>\\](?::\\d+)?, sasl_method=[^,\\s]+, sasl_username=<user>(?:,|$)",
		"<qid>: from=<<sender>>, size=<size>, nrcpt=<nrcpt> ",
		"<qid>: to=<[^>]*>, .*status=sent \\(250 .*queued as <qid2>\\)$",
	  }, { 0 }, 0, false },
	{ "postfix-reject", "postfix*", NULL, {
		REJECT "RCPT" CLIENT "[45]54 [45]\\.7\\.1 .*Relay access denied",
		REJECT "RCPT" CLIENT "550 5\\.1\\.1 .*User unknown",
		REJECT "RCPT" CLIENT "450 4\\.1\\.8 .*Domain not found",
		REJECT "RCPT" CLIENT "504 5\\.5\\.2 .*need fully-qualified",
		REJECT "(?:HELO|EHLO)" CLIENT "50[14] 5\\.5\\.2 ",
		REJECT "VRFY" CLIENT "550 5\\.1\\.1",
		REJECT "BDAT" CLIENT "503 5\\.5\\.0",
		REJECT "CONNECT" CLIENT "55[04] 5\\.7\\.1",
		"too many errors after [A-Z]+ from <host>\\[<ip>\\]",
		"improper command pipelining after [A-Z]+ from <host>\\[<ip>\\]",
		"warning: non-SMTP command from <host>\\[<ip>\\](?::\\d+)?: ",
		"warning: Illegal address syntax from <host>\\[<ip>\\] in (?:MAIL|RCPT) command: ",
		"warning: <host>\\[<ip>\\]: address not listed for hostname",
		"lost connection after (?:AUTH|UNKNOWN|EHLO|CONNECT) from <host>\\[<ip>\\]",
		"SSL_accept error from <host>\\[<ip>\\]",
		"timeout after (?:AUTH|UNKNOWN|CONNECT) from <host>\\[<ip>\\]",
		"disconnect from <host>\\[<ip>\\].* auth=0/\\d+ ",
	  }, { "relay=dovecot", 0 }, 0, false },
	{ "postfix-unknown-rdns", "postfix*", NULL, {
		REJECT "RCPT" CLIENT "[45]50 [45]\\.7\\.25 Client host rejected: cannot find your reverse hostname",
		REJECT "RCPT" CLIENT "[45]50 [45]\\.7\\.1 Client host rejected: cannot find your hostname",
	  }, { 0 }, 0, false },
	{ "postfix-rbl", "postfix*", NULL, {
		REJECT "RCPT" CLIENT "55[04] 5\\.7\\.1 Service unavailable; Client host \\[[^\\]]+\\] blocked using",
		REJECT "RCPT" CLIENT "554 5\\.7\\.1 Service unavailable; Sender address",
		REJECT "RCPT" CLIENT "554 5\\.7\\.1 Service unavailable; Helo command",
	  }, { 0 }, 0, false },
	{ "anvil", "postfix*", NULL, {
		"warning: Connection rate limit exceeded: <count> from <host>\\[<ip>\\]",
		"warning: Connection concurrency limit exceeded: <count> from <host>\\[<ip>\\]",
		"warning: Message delivery request rate limit exceeded: <count> from <host>\\[<ip>\\]",
		"warning: Recipient address rate limit exceeded: <count> from <host>\\[<ip>\\]",
		"warning: New TLS session rate limit exceeded: <count> from <host>\\[<ip>\\]",
		"warning: AUTH command rate limit exceeded: <count> from <host>\\[<ip>\\]",
	  }, { 0 }, 0, false },
	{ "postscreen", "postfix*/postscreen", NULL, {
		"PREGREET \\d+ after [\\d.]+ from \\[<ip>\\]:<port>: ",
		"HANGUP after [\\d.]+ from \\[<ip>\\]:<port> in tests",
		"DNSBL rank \\d+ for \\[<ip>\\]:<port>",
		"NON-SMTP COMMAND from \\[<ip>\\]:<port> after ",
		"COMMAND PIPELINING from \\[<ip>\\]:<port> after ",
		"COMMAND (?:TIME|COUNT|LENGTH) LIMIT from \\[<ip>\\]:<port> after ",
		"BARE NEWLINE from \\[<ip>\\]:<port> after ",
		"NOQUEUE: reject: RCPT from \\[<ip>\\]:<port>: 550 5\\.7\\.1",
	  }, { 0 }, 0, false },
	{ "dovecot", "dovecot", NULL, {
		"(?:imap|pop3|managesieve|submission)-login: (?:Aborted login|Disconnected)[^(]*\\(auth failed, <attempts> attempts in \\d+ secs\\): user=<<user>>, .*rip=<ip>, ",
		"(?:imap|pop3|managesieve|submission)-login: Login aborted: [^(]*\\(auth failed, <attempts> attempts in \\d+ secs\\) \\(auth_failed\\): user=<<user>>, .*rip=<ip>, ",
		"auth(?:-worker)?(?:\\(\\d+\\))?: (?:pam|sql|ldap|passwd-file)\\(<user>,<ip>(?:,<<session>>)?\\): (?:unknown user|[Pp]assword mismatch)",
		"(?:imap|pop3)-login: Login: user=<<user>>, method=[^,]+, rip=<ip>,",
	  }, { 0 }, 0, false },
	{ "sshd", "sshd*", NULL, {
		"Failed (?:password|publickey|none) for (?:invalid user )?(?<login>.*) from <ip> port <port>(?: ssh2)?$",
		"Invalid user (?<login>.*) from <ip>(?: port \\d+)?$",
		"Connection (?:closed|reset) by (?:authenticating|invalid) user (?<login>.*) <ip> port \\d+ \\[preauth\\]$",
		"Disconnected from (?:authenticating|invalid) user (?<login>.*) <ip> port \\d+ \\[preauth\\]$",
		"Unable to negotiate with <ip> port \\d+: no matching ",
		"Bad protocol version identification '.*' from <ip>",
		"banner exchange: Connection from <ip> port \\d+: invalid format",
		"error: maximum authentication attempts exceeded for (?:invalid user )?(?<login>.*) from <ip> port \\d+ ssh2 \\[preauth\\]$",
		"User <user> from <ip> not allowed because ",
	  }, { "^User root ", 0 }, 2, false },
	{ "pam", NULL, "pam_unix\\((?<pamservice>[a-z]+):auth\\): <content>", {
		"authentication failure; .*rhost=<ip>(?:  user=<user>)?$",
	  }, { 0 }, 2, false },
	{ "any", NULL, NULL, {
		".*authentication failure; .*rhost=<ip>",
		"(?i)refused connect from [^ ]* ?\\(<ip>\\)",
	  }, { "ruser=ignored", 0 }, 2, false },
	{ "quiet", "postfix*", NULL, { "connect from <host>\\[<ip>\\]" }, { 0 }, 0, true },
};

#define NREALISTIC (sizeof(realistic) / sizeof(*realistic))

struct sample { const char *program, *text; };

/* Lines as servers write them, attacks and ordinary ones, forged ones too. */
static const struct sample samples[] = {
	{ "postfix/smtpd", "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6" },
	{ "postfix/submission/smtpd", "warning: mx.example.org[203.0.113.9]:4711: SASL PLAIN authentication failed: (reason unavailable), sasl_username=joe" },
	{ "postfix/smtpd", "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: Connection lost to authentication server" },
	{ "postfix/smtpd", "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=Connection lost to authentication server" },
	{ "postfix/smtpd", "warning: unknown[2001:db8::5]: SASL CRAM-MD5 authentication failed: authentication failure" },
	{ "postfix/smtpd", "warning: unknown[::ffff:198.51.100.7]: SASL LOGIN authentication failed: x" },
	{ "postfix/smtpd", "warning: unknown[999.1.1.1]: SASL LOGIN authentication failed: x" },
	{ "postfix/submission/smtpd", "4F1C: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=joe, sasl_sender=x,sasl_username=boss" },
	{ "postfix/submission/smtpd", "4XyZ1b2Qwtz3p1: client=h.example.net[198.51.100.4]:31, sasl_method=LOGIN, sasl_username=joe@example.com" },
	{ "postfix/qmgr", "4F1CA0: from=<joe@example.com>, size=1234, nrcpt=17 (queue active)" },
	{ "postfix/qmgr", "4F1CA0: removed" },
	{ "postfix/smtp", "4F1CA0: to=<a@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, delays=0/0/1/0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 5A77B)" },
	{ "postfix/smtpd", "NOQUEUE: reject: RCPT from unknown[203.0.113.77]: 554 5.7.1 <x@y>: Relay access denied; from=<a@b> to=<x@y> proto=ESMTP helo=<z>" },
	{ "postfix/smtpd", "NOQUEUE: reject: RCPT from unknown[203.0.113.78]: 450 4.7.25 Client host rejected: cannot find your reverse hostname, [203.0.113.78]; from=<a@b> to=<x@y> proto=ESMTP helo=<z>" },
	{ "postfix/smtpd", "NOQUEUE: reject: RCPT from h[203.0.113.79]: 554 5.7.1 Service unavailable; Client host [203.0.113.79] blocked using zen.example; from=<> to=<x@y>" },
	{ "postfix/smtpd", "connect from unknown[203.0.113.9]" },
	{ "postfix/smtpd", "disconnect from unknown[203.0.113.9] ehlo=1 auth=0/3 quit=1 commands=2/5" },
	{ "postfix/smtpd", "lost connection after AUTH from unknown[203.0.113.9]" },
	{ "postfix/smtpd", "warning: hostname h.example does not resolve to address 203.0.113.9: Name or service not known" },
	{ "postfix/smtpd", "warning: Connection rate limit exceeded: 61 from unknown[203.0.113.9] for service smtp" },
	{ "postfix/smtpd", "warning: non-SMTP command from unknown[203.0.113.9]: GET / HTTP/1.1" },
	{ "postfix/cleanup", "4F1CA0: message-id=<20240101.4F1CA0@example.com>" },
	{ "postfix/postscreen", "PREGREET 11 after 0.07 from [203.0.113.5]:40000: EHLO x\\r\\n" },
	{ "postfix/postscreen", "DNSBL rank 6 for [203.0.113.5]:40000" },
	{ "postfix/postscreen", "CONNECT from [203.0.113.5]:40000 to [192.0.2.1]:25" },
	{ "dovecot", "imap-login: Aborted login (auth failed, 2 attempts in 18 secs): user=<test>, method=PLAIN, rip=198.51.100.9, lip=198.51.100.10, secured" },
	{ "dovecot", "imap-login: Login aborted: Connection closed (auth failed, 3 attempts in 9 secs) (auth_failed): user=<x>, method=PLAIN, rip=2001:db8::9, lip=::1, TLS" },
	{ "dovecot", "imap-login: Login: user=<joe>, method=PLAIN, rip=198.51.100.9, lip=192.0.2.1, mpid=99, TLS, session=<abc>" },
	{ "dovecot", "auth-worker(4711): sql(joe,198.51.100.9): Password mismatch" },
	{ "sshd", "Failed password for root from 198.51.100.20 port 51022 ssh2" },
	{ "sshd", "Failed password for invalid user x from 1.2.3.4 port 1 ssh2 from 198.51.100.21 port 51022 ssh2" },
	{ "sshd-session", "Invalid user admin from 198.51.100.22 port 4" },
	{ "sshd", "Connection closed by authenticating user root 198.51.100.23 port 60 [preauth]" },
	{ "sshd", "User root from 198.51.100.24 not allowed because not listed in AllowUsers" },
	{ "auth", "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=x rhost=198.51.100.30  user=joe" },
	{ "auth", "pam_unix(dovecot:auth): authentication failure; logname= uid=0 ruser=ignored rhost=198.51.100.30" },
	{ "imapd", "REFUSED CONNECT from x (198.51.100.31)" },
	{ "CRON", "(root) CMD (run-parts /etc/cron.hourly)" },
	{ "", "" },
};

#define NSAMPLES (sizeof(samples) / sizeof(*samples))

#endif
