/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What matching costs: MB/s of log text (head of the line counted with 45
 * bytes) through matcher_run() for the sixty patterns of the unit tests, over
 * a made-up mail log with a share of attack lines; beside it the plain way,
 * each pattern alone and interpreted.
 *
 *   match_bench [PERCENT-OF-HITS...]
 */
#include <stdio.h>
#include <time.h>

#include "base/hash.h"
#include "unit/engine/match/setup.h"

#define LINES 100000
#define HEAD 45		/* time stamp, host, pid */
#define ROUNDS 8

struct made {
	const char *program;
	char *text;
	size_t n;
};

static const struct sample ordinary[] = {
	{ "postfix/smtpd", "connect from mail-%u.example.com[198.51.100.%u]" },
	{ "postfix/smtpd", "%06X: client=mail-%u.example.com[198.51.100.7]" },
	{ "postfix/cleanup", "%06X: message-id=<%u.17.JavaMail.root@mail-3.example.com>" },
	{ "postfix/qmgr", "%06X: from=<user%u@lists.example.com>, status=expired, returned to sender" },
	{ "postfix/lmtp", "%06X: to=<user%u@example.org>, relay=mail.example.org[private/dovecot-lmtp], delay=0.2, delays=0.1/0.01/0/0.2, dsn=2.0.0, status=sent (250 2.0.0 <user@example.org> 7Cf3 Saved)" },
	{ "postfix/qmgr", "%06X: removed" },
	{ "postfix/smtpd", "disconnect from mail-%u.example.com[198.51.100.%u] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7" },
	{ "postfix/smtpd", "warning: hostname host-%u.example.net does not resolve to address 198.51.100.%u: Name or service not known" },
	{ "postfix/smtp", "Untrusted TLS connection established to mx%u.example.net[198.51.100.%u]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits)" },
	{ "dovecot", "imap(user%u)<%u><aBcD>: Disconnected: Logged out in=17 out=4711 deleted=0 expunged=0 trashed=0 hdr_count=0" },
	{ "dovecot", "imap-login: Info: user=<user%u@example.com>, method=PLAIN, lip=192.0.2.1, mpid=%u, TLS, session=<aBcD>" },
};

#define NORDINARY (sizeof(ordinary) / sizeof(*ordinary))

static uint32_t next_random(uint32_t below)
{
	static uint32_t state = 12345;

	state = state * 1103515245u + 12345u;
	return (state >> 8) % below;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_line(struct made *m, unsigned percent)
{
	bool attack = next_random(100) < percent;
	const struct sample *s = attack ? &samples[next_random(2)] :
				 &ordinary[next_random(NORDINARY)];
	char text[600];
	int n;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	/* the attack lines hold no % */
	n = snprintf(text, sizeof(text), s->text, next_random(1u << 24), next_random(250));
#pragma GCC diagnostic pop
	*m = (struct made){ s->program, strdup(text), (size_t)n };
	assert(m->text);
}

static void count(void *arg, const struct hit *h)
{
	(void)h;
	++*(unsigned long *)arg;
}

/* Best of some rounds, in seconds. */
static double run(struct matcher *m, const struct made *v, unsigned long *hits)
{
	double best = 1e9;

	for (unsigned r = 0; r < ROUNDS; r++) {
		double from = seconds(), took;

		*hits = 0;
		for (size_t i = 0; i < LINES; i++) {
			struct entry e = { .program = span_of(v[i].program),
					   .text = { v[i].text, v[i].n }, .repeat = 1 };

			matcher_run(m, 0, &e, count, hits);
		}
		took = seconds() - from;
		best = took < best ? took : best;
	}
	return best;
}

static void measure(struct matcher *fast, struct matcher *plain, unsigned percent)
{
	struct made *v = calloc(LINES, sizeof(*v));
	unsigned long hits = 0;
	double bytes = 0, f, p;

	assert(v);
	for (size_t i = 0; i < LINES; i++) {
		make_line(&v[i], percent);
		bytes += (double)(v[i].n + HEAD);
	}
	p = run(plain, v, &hits);
	f = run(fast, v, &hits);
	printf("%3u %% attacks: %6.0f MB/s %4.0f ns/line (plain %4.0f MB/s), %lu hits in %d lines\n",
	       percent, bytes / f / 1e6, f / LINES * 1e9, bytes / p / 1e6, hits, LINES);
	for (size_t i = 0; i < LINES; i++)
		free(v[i].text);
	free(v);
}

int main(int argc, char **argv)
{
	static const unsigned usual[] = { 0, 2, 50 };
	struct complaints bad = { 0 };
	struct matcher *fast, *plain;
	struct setup s;
	double from;

	hash_init();
	setup_init(&s, realistic, NREALISTIC);
	from = seconds();
	if (matcher_new(&s.c, false, &bad, &fast) < 0)
		return 1;
	printf("compiled in %.1f ms\n", (seconds() - from) * 1e3);
	if (matcher_new(&s.c, true, &bad, &plain) < 0)
		return 1;
	for (int i = 1; i < argc; i++)
		measure(fast, plain, (unsigned)atoi(argv[i]));
	for (size_t i = 0; argc < 2 && i < 3; i++)
		measure(fast, plain, usual[i]);
	matcher_free(&fast);
	matcher_free(&plain);
	setup_fini(&s);
	return 0;
}
