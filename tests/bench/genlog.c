/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the mail log of a busy server, for measuring and comparing: whole
 * conversations (a message from connect to removed through amavis, submissions
 * with SASL, IMAP and POP3 and SSH sessions, postscreen, cron), several at a
 * time and mixed line by line as in life, and among them a chosen share of
 * lines from a chosen number of attackers. The same options give the same
 * bytes on every machine: the only chance here is a seeded generator, and time
 * is counted from a given moment.
 *
 * Shapes of lines are those of Postfix 3.7, Dovecot 2.3 and 2.4, OpenSSH 9.2
 * and amavisd-new 2.13 as Debian 12 ships them.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACTIVE 48		/* conversations at a time */
#define SCRIPT_MAX 26
#define CLIENTS 4096
#define USERS 400

struct say { const char *program, *text; };

/*
 * %a address, %h name and %p port of the client; %q %Q queue ids; %u account,
 * %U its Unix name; %s sender, %r recipient; %i a session id, %n a digit, %N a
 * larger number, %g a name that guessers try.
 */
struct script {
	unsigned weight;
	struct say say[SCRIPT_MAX];
};

static const struct script ordinary[] = {
	/* a message comes in, through amavis and its second queue id */
	{ 24, {
		{ "postfix/postscreen", "CONNECT from [%a]:%p to [192.0.2.1]:25" },
		{ "postfix/postscreen", "PASS OLD [%a]:%p" },
		{ "postfix/smtpd", "connect from %h[%a]" },
		{ "postfix/smtpd", "Anonymous TLS connection established from %h[%a]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256" },
		{ "postfix/smtpd", "%q: client=%h[%a]" },
		{ "postfix/cleanup", "%q: message-id=<%N.%N.%N@%h>" },
		{ "postfix/qmgr", "%q: from=<%s>, size=%N, nrcpt=1 (queue active)" },
		{ "postfix/smtpd", "disconnect from %h[%a] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7" },
		{ "amavis", "(%N-%n) Passed CLEAN {RelayedInbound}, [%a]:%p [%a] <%s> -> <%r>, Queue-ID: %q, Message-ID: <%N.%N.%N@%h>, mail_id: %i, Hits: -1.9, size: %N, queued_as: %Q, 412 ms" },
		{ "postfix/smtpd", "connect from localhost[127.0.0.1]" },
		{ "postfix/smtpd", "%Q: client=localhost[127.0.0.1], orig_queue_id=%q, orig_client=%h[%a]" },
		{ "postfix/cleanup", "%Q: message-id=<%N.%N.%N@%h>" },
		{ "postfix/smtpd", "disconnect from localhost[127.0.0.1] ehlo=1 xforward=1 mail=1 rcpt=1 data=1 quit=1 commands=6" },
		{ "postfix/qmgr", "%Q: from=<%s>, size=%N, nrcpt=1 (queue active)" },
		{ "postfix/smtp", "%q: to=<%r>, relay=127.0.0.1[127.0.0.1]:10024, delay=0.%n%n, delays=0.1/0.01/0.01/0.%n, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as %Q)" },
		{ "postfix/qmgr", "%q: removed" },
		{ "dovecot", "lmtp(%r)<%N><%i>: msgid=<%N.%N.%N@%h>: saved mail to INBOX" },
		{ "postfix/lmtp", "%Q: to=<%r>, relay=mx.example.com[private/dovecot-lmtp], delay=0.%n, delays=0.02/0.01/0.01/0.%n, dsn=2.0.0, status=sent (250 2.0.0 <%r> %i Saved)" },
		{ "postfix/qmgr", "%Q: removed" },
	} },
	/* an account submits one */
	{ 16, {
		{ "postfix/submission/smtpd", "connect from %h[%a]" },
		{ "postfix/submission/smtpd", "Anonymous TLS connection established from %h[%a]: TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256" },
		{ "postfix/submission/smtpd", "%q: client=%h[%a], sasl_method=PLAIN, sasl_username=%u" },
		{ "postfix/cleanup", "%q: message-id=<%i.%N@%h>" },
		{ "postfix/qmgr", "%q: from=<%u>, size=%N, nrcpt=%n (queue active)" },
		{ "postfix/submission/smtpd", "disconnect from %h[%a] ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8" },
		{ "postfix/smtp", "Untrusted TLS connection established to %h[%a]:25: TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)" },
		{ "postfix/smtp", "%q: to=<%s>, relay=%h[%a]:25, delay=1.%n, delays=0.05/0.01/0.6/0.%n, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as %Q)" },
		{ "postfix/qmgr", "%q: removed" },
	} },
	/* one is deferred, one bounces */
	{ 2, {
		{ "postfix/qmgr", "%q: from=<%u>, size=%N, nrcpt=1 (queue active)" },
		{ "postfix/smtp", "%q: to=<%s>, relay=%h[%a]:25, delay=%N, delays=%N/0.01/0.6/0.%n, dsn=4.7.1, status=deferred (host %h[%a] said: 450 4.7.1 <%s>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.org.html (in reply to RCPT TO command))" },
	} },
	{ 1, {
		{ "postfix/smtp", "%q: to=<%s>, relay=%h[%a]:25, delay=1.%n, delays=0.05/0.01/0.6/0.%n, dsn=5.1.1, status=bounced (host %h[%a] said: 550 5.1.1 <%s>: Recipient address rejected: User unknown in virtual mailbox table (in reply to RCPT TO command))" },
		{ "postfix/cleanup", "%Q: message-id=<20260105.%Q@mx.example.com>" },
		{ "postfix/bounce", "%q: sender non-delivery notification: %Q" },
		{ "postfix/qmgr", "%q: removed" },
	} },
	/* mailboxes */
	{ 30, {
		{ "dovecot", "imap-login: Login: user=<%u>, method=PLAIN, rip=%a, lip=192.0.2.1, mpid=%N, TLS, session=<%i>" },
		{ "dovecot", "imap(%u)<%N><%i>: Disconnected: Logged out in=%N out=%N deleted=0 expunged=0 trashed=0 hdr_count=%n hdr_bytes=%N body_count=%n body_bytes=%N" },
	} },
	{ 10, {
		{ "dovecot", "pop3-login: Login: user=<%u>, method=PLAIN, rip=%a, lip=192.0.2.1, mpid=%N, TLS, session=<%i>" },
		{ "dovecot", "pop3(%u)<%N><%i>: Disconnected: Logged out top=0/0, retr=%n/%N, del=%n/%N, size=%N" },
	} },
	/* no mail in it */
	{ 6, {
		{ "postfix/smtpd", "warning: hostname %h does not resolve to address %a: Name or service not known" },
		{ "postfix/smtpd", "connect from unknown[%a]" },
		{ "postfix/smtpd", "disconnect from unknown[%a] ehlo=1 quit=1 commands=2" },
	} },
	{ 4, {
		{ "postfix/postscreen", "CONNECT from [%a]:%p to [192.0.2.1]:25" },
		{ "postfix/postscreen", "PASS NEW [%a]:%p" },
		{ "postfix/postscreen", "DISCONNECT [%a]:%p" },
	} },
	{ 2, {
		{ "postfix/anvil", "statistics: max connection rate 2/60s for (smtp:%a) at Jan  5 00:00:01" },
		{ "postfix/anvil", "statistics: max connection count 1 for (smtp:%a) at Jan  5 00:00:01" },
		{ "postfix/anvil", "statistics: max cache size %n at Jan  5 00:00:01" },
	} },
	/* the machine itself */
	{ 3, {
		{ "sshd", "Accepted publickey for %U from %a port %p ssh2: ED25519 SHA256:%i%i" },
		{ "sshd", "pam_unix(sshd:session): session opened for user %U(uid=1000) by (uid=0)" },
		{ "systemd-logind", "New session %N of user %U." },
		{ "sshd", "Received disconnect from %a port %p:11: disconnected by user" },
		{ "sshd", "Disconnected from user %U %a port %p" },
		{ "sshd", "pam_unix(sshd:session): session closed for user %U" },
		{ "systemd-logind", "Session %N logged out. Waiting for processes to exit." },
	} },
	{ 2, {
		{ "CRON", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)" },
		{ "CRON", "(root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)" },
		{ "CRON", "pam_unix(cron:session): session closed for user root" },
	} },
};

/* Each of these lines is one offence to a jail that ships. */
static const struct { unsigned weight; struct say say; } attacks[] = {
	{ 30, { "postfix/smtpd", "warning: unknown[%a]: SASL LOGIN authentication failed: UGFzc3dvcmQ6" } },
	{ 20, { "postfix/submission/smtpd", "warning: unknown[%a]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=%g@example.com" } },
	{ 15, { "dovecot", "imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<%g@example.com>, method=PLAIN, rip=%a, lip=192.0.2.1, TLS, session=<%i>" } },
	{ 10, { "dovecot", "pop3-login: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): user=<%g@example.com>, method=PLAIN, rip=%a, lip=192.0.2.1, TLS, session=<%i>" } },
	{ 15, { "sshd", "Failed password for root from %a port %p ssh2" } },
	{ 6, { "postfix/smtpd", "NOQUEUE: reject: RCPT from unknown[%a]: 450 4.7.25 Client host rejected: cannot find your reverse hostname, [%a]; from=<%s> to=<%r> proto=ESMTP helo=<%g>" } },
	{ 4, { "postfix/postscreen", "PREGREET 11 after 0.07 from [%a]:%p: EHLO User\\r\\n" } },
};

struct talk {
	const struct script *script;
	unsigned at;
	uint32_t client, user, pid;
	uint64_t q, q2, seed;	/* the same values all through a conversation */
	bool iso;
};

enum form { FORM_ISO, FORM_SYSLOG, FORM_MIXED };

struct gen {
	uint64_t state, lines, bytes;
	uint64_t max_lines, max_bytes;
	double attack, v6;	/* shares, 0 to 1 */
	uint32_t attackers;
	uint32_t burst;		/* lines of each attacker, nothing else */
	enum form form;
	int64_t now_us;
	double step_us;
	struct talk talk[ACTIVE];
	int64_t stamped;	/* the second that the stamps below are of */
	char iso[32], syslog[32];
	char line[2048];
	size_t n;
};

/* splitmix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators" */
static uint64_t mix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint32_t below(struct gen *g, uint32_t n)
{
	return (uint32_t)(((mix(&g->state) >> 32) * n) >> 32);
}

static bool chance(struct gen *g, double share)
{
	return (double)(mix(&g->state) >> 11) < share * 9007199254740992.0;
}

/* ---- pieces of a line */

static void put(struct gen *g, const char *s, size_t n)
{
	if (n > sizeof(g->line) - 1 - g->n)
		n = sizeof(g->line) - 1 - g->n;
	memcpy(g->line + g->n, s, n);
	g->n += n;
}

static void put_text(struct gen *g, const char *s)
{
	put(g, s, strlen(s));
}

static void put_number(struct gen *g, uint64_t v)
{
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	put(g, p, (size_t)(text + sizeof(text) - p));
}

static void put_base(struct gen *g, uint64_t v, unsigned digits, const char *alphabet, unsigned base)
{
	char text[32];

	for (unsigned i = 0; i < digits; i++, v /= base)
		text[i] = alphabet[v % base];
	put(g, text, digits);
}

static void put_hex4(struct gen *g, unsigned v)
{
	char text[8];
	int n = snprintf(text, sizeof(text), ":%x", v & 0xffff);

	put(g, text, (size_t)n);
}

/* An odd factor modulo a power of two spreads neighbours and meets nobody twice. */
static void put_address(struct gen *g, uint32_t who, unsigned net, bool v6, uint64_t host)
{
	uint32_t v = who * 2654435761u & 0xffffff;

	if (v6) {	/* each a /64 of its own, and attackers any host in it */
		put_text(g, net == 11 ? "2a0e:b107" : "2a02:8070");
		put_hex4(g, v >> 12 | 0x1000);
		put_hex4(g, (v & 0xfff) | 0x2000);
		put_text(g, "::");
		put_base(g, mix(&host), 4, "123456789abcdef", 15);
		return;
	}
	put_number(g, net);
	put_text(g, ".");
	put_number(g, v >> 16);
	put_text(g, ".");
	put_number(g, v >> 8 & 255);
	put_text(g, ".");
	put_number(g, v & 255);
}

static void put_stamp(struct gen *g, bool iso)
{
	time_t second = (time_t)(g->now_us / 1000000);
	struct tm tm;
	char us[8];

	if (second != g->stamped) {
		gmtime_r(&second, &tm);
		strftime(g->iso, sizeof(g->iso), "%Y-%m-%dT%H:%M:%S.", &tm);
		strftime(g->syslog, sizeof(g->syslog), "%b %e %H:%M:%S", &tm);
		g->stamped = second;
	}
	put_text(g, iso ? g->iso : g->syslog);
	if (iso) {
		for (int64_t i = 5, v = g->now_us % 1000000; i >= 0; i--, v /= 10)
			us[i] = (char)('0' + v % 10);
		put(g, us, 6);
		put_text(g, "+00:00");
	}
}

static const char *const hosts[] = { "mail", "mx1", "smtp-out", "relay7", "edge", "out-12" };
static const char *const zones[] = { "example.net", "lists.example.org", "cloud.example", "isp.example" };
static const char *const names[] = { "admin", "info", "test", "root", "sales", "office", "support", "backup" };
static const char *const people[] = { "anna", "ben", "carla", "david", "eva", "frank", "gina", "hans" };

#define PICK(table, i) table[(i) % (sizeof(table) / sizeof(*(table)))]

static void put_name(struct gen *g, uint32_t client)
{
	put_text(g, PICK(hosts, client));
	put_text(g, "-");
	put_number(g, client);
	put_text(g, ".");
	put_text(g, PICK(zones, client / 7));
}

static void put_account(struct gen *g, uint32_t user)
{
	put_text(g, PICK(people, user));
	put_number(g, user);
}

/* `net` tells clients (12) from attackers (11). */
static void put_say(struct gen *g, const struct talk *t, const struct say *say, unsigned net, bool v6)
{
	uint64_t own = t->seed;

	put_stamp(g, t->iso);
	put_text(g, " mx ");
	put_text(g, say->program);
	put_text(g, "[");
	put_number(g, t->pid);
	put_text(g, "]: ");
	for (const char *p = say->text, *next; *p; p = next) {
		next = strchr(p, '%');
		if (next != p) {
			next = next ? next : p + strlen(p);
			put(g, p, (size_t)(next - p));
			continue;
		}
		switch (p[1]) {
		case 'a': put_address(g, t->client, net, v6, t->seed); break;
		case 'h': put_name(g, t->client); break;
		case 'p': put_number(g, 10000 + t->client % 50000); break;
		case 'q': put_base(g, t->q, 10, "0123456789ABCDEF", 16); break;
		case 'Q': put_base(g, t->q2, 10, "0123456789ABCDEF", 16); break;
		case 'u': put_account(g, t->user); put_text(g, "@example.com"); break;
		case 'U': put_account(g, t->user); break;
		case 's': put_text(g, PICK(people, t->client)); put_text(g, "@"); put_text(g, PICK(zones, t->client / 3)); break;
		case 'r': put_account(g, t->user); put_text(g, "@example.com"); break;
		case 'i': put_base(g, mix(&own), 11, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 64); break;
		case 'n': put_number(g, 1 + below(g, 9)); break;
		case 'N': put_number(g, 1000 + mix(&own) % 90000); break;
		case 'g': put_text(g, PICK(names, below(g, 8))); break;
		}
		next = p + 2;
	}
	g->line[g->n++] = '\n';
}

static void end_line(struct gen *g)
{
	fwrite(g->line, 1, g->n, stdout);
	g->bytes += g->n;
	g->lines++;
	g->n = 0;
	g->now_us += (int64_t)(g->step_us * 2 * ((double)below(g, 1000) + 0.5) / 1000);
}

/* ---- who speaks next */

static bool iso_now(struct gen *g)
{
	return g->form == FORM_MIXED ? below(g, 2) : g->form == FORM_ISO;
}

static void begin_talk(struct gen *g, struct talk *t)
{
	unsigned all = 0, pick, i = 0;

	for (size_t k = 0; k < sizeof(ordinary) / sizeof(*ordinary); k++)
		all += ordinary[k].weight;
	for (pick = below(g, all); pick >= ordinary[i].weight; i++)
		pick -= ordinary[i].weight;
	*t = (struct talk){
		.script = &ordinary[i], .client = below(g, CLIENTS), .user = below(g, USERS),
		.pid = 1000 + below(g, 60000), .q = mix(&g->state), .q2 = mix(&g->state),
		.seed = mix(&g->state),
	};
}

static void ordinary_line(struct gen *g)
{
	struct talk *t = &g->talk[below(g, ACTIVE)];

	if (!t->script || t->at == SCRIPT_MAX || !t->script->say[t->at].program)
		begin_talk(g, t);
	t->iso = iso_now(g);
	put_say(g, t, &t->script->say[t->at++], 12, t->client % 5 == 0);
	end_line(g);
}

static void attack_line(struct gen *g, uint32_t who, unsigned kind)
{
	struct talk t = {
		.client = who, .pid = 1000 + below(g, 60000), .seed = mix(&g->state),
		.iso = iso_now(g),
	};
	bool v6 = (double)(who * 40503u % 1000) < g->v6 * 1000;

	put_say(g, &t, &attacks[kind].say, 11, v6);
	end_line(g);
}

/* An attacker is true to one way. */
static unsigned kind_of(uint32_t who)
{
	unsigned all = 0, pick, i = 0;

	for (size_t k = 0; k < sizeof(attacks) / sizeof(*attacks); k++)
		all += attacks[k].weight;
	for (pick = who * 7919u % 65521 % all; pick >= attacks[i].weight; i++)
		pick -= attacks[i].weight;
	return i;
}

static bool done(const struct gen *g)
{
	return g->lines >= g->max_lines || g->bytes >= g->max_bytes;
}

static void run(struct gen *g)
{
	uint32_t who;

	for (uint32_t k = 0; k < g->burst; k++)
		for (who = 0; who < g->attackers && !done(g); who++)
			attack_line(g, who, 0);
	while (!g->burst && !done(g)) {
		if (chance(g, g->attack)) {
			who = below(g, g->attackers);
			attack_line(g, who, kind_of(who));
		} else {
			ordinary_line(g);
		}
	}
}

/* ---- options */

static const char usage[] =
	"usage: genlog [OPTION...] > LOG\n"
	"  -s SEED       1\n"
	"  -n LINES      how long, in lines\n"
	"  -b BYTES      how long, in bytes, K, M or G\n"
	"  -a PERCENT    lines of attackers, 2\n"
	"  -A N          attackers, 1000 (at most 16777216)\n"
	"  -6 PERCENT    of them with IPv6, 20\n"
	"  -B N          nothing but N password guesses of each attacker in turn\n"
	"  -t FORM       time stamps: iso, syslog or mixed; iso\n"
	"  -T SECONDS    the first line's time since the epoch, 1767571200\n"
	"  -r RATE       lines a second of log time, 1000\n";

static uint64_t size_of(const char *text)
{
	static const char units[] = "KMG";
	char *end;
	double v = strtod(text, &end);
	const char *u = *end ? strchr(units, *end) : NULL;

	return (uint64_t)(v * (double)(u ? UINT64_C(1) << (10 * (u - units + 1)) : 1));
}

static int form_of(const char *text)
{
	static const char *const forms[] = { "iso", "syslog", "mixed" };

	for (int i = 0; i < 3; i++)
		if (strcmp(text, forms[i]) == 0)
			return i;
	return -1;
}

int main(int argc, char **argv)
{
	static struct gen g = {
		.max_lines = UINT64_MAX, .max_bytes = UINT64_MAX, .attack = 0.02, .v6 = 0.2,
		.attackers = 1000, .now_us = INT64_C(1767571200000000), .step_us = 1000,
		.state = 1, .stamped = -1,
	};
	int opt, form;

	while ((opt = getopt(argc, argv, "s:n:b:a:A:6:B:t:T:r:")) != -1) {
		switch (opt) {
		case 's': g.state = strtoull(optarg, NULL, 10); break;
		case 'n': g.max_lines = size_of(optarg); break;
		case 'b': g.max_bytes = size_of(optarg); break;
		case 'a': g.attack = atof(optarg) / 100; break;
		case 'A': g.attackers = (uint32_t)size_of(optarg); break;
		case '6': g.v6 = atof(optarg) / 100; break;
		case 'B': g.burst = (uint32_t)size_of(optarg); break;
		case 't':
			form = form_of(optarg);
			if (form < 0) {
				fputs(usage, stderr);
				return 2;
			}
			g.form = (enum form)form;
			break;
		case 'T': g.now_us = (int64_t)(atof(optarg) * 1e6); break;
		case 'r': g.step_us = 1e6 / atof(optarg); break;
		default: fputs(usage, stderr); return 2;
		}
	}
	if (optind < argc || g.attackers < 1 ||
	    (!g.burst && g.max_lines == UINT64_MAX && g.max_bytes == UINT64_MAX)) {
		fputs(usage, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	run(&g);
	return fflush(stdout) == 0 ? 0 : 1;
}
