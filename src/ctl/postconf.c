/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What postconf(1) prints, looked up. */
#include "ctl/postconf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/program.h"
#include "ctl/setup.h"

const char *const postconf_lists[] = {
	"smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions",
	"smtpd_relay_restrictions", "smtpd_recipient_restrictions", "smtpd_data_restrictions",
	"smtpd_end_of_data_restrictions", NULL
};

int postconf_read(const struct helpers *h, struct postconf *ret)
{
	const char *names[] = { "-x", postconf_lists[0], postconf_lists[1], postconf_lists[2], postconf_lists[3],
		postconf_lists[4], postconf_lists[5], postconf_lists[6], "mynetworks", "relayhost", "proxy_interfaces",
		"relay_domains", "smtpd_sasl_auth_enable", "smtpd_delay_reject", NULL };

	*ret = (struct postconf){ .main = { .max = 0 } };
	if (!program_is_there(&h->postconf))
		return -ENOENT;
	if (program_run(&h->postconf, names, true, &ret->main) != 0 ||
	    program_run(&h->postconf, (const char *[]){ "-M", NULL }, true, &ret->services) != 0 ||
	    program_run(&h->postconf, (const char *[]){ "-x", "-P", NULL }, true, &ret->overrides) != 0)
		return -EIO;
	return 0;
}

void postconf_free(struct postconf *p)
{
	buf_free(&p->main);
	buf_free(&p->services);
	buf_free(&p->overrides);
}

static struct span trim(struct span s)
{
	while (s.n > 0 && strchr(" \t", s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && strchr(" \t", s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The value in "name = value" of the line that has this name. */
static bool find(struct span lines, const char *name, struct span *ret)
{
	struct span line;

	while (span_line(&lines, &line)) {
		const char *equals = line.n ? memchr(line.p, '=', line.n) : NULL;

		if (!equals || !span_eq(trim((struct span){ line.p, (size_t)(equals - line.p) }), span_of(name)))
			continue;
		*ret = trim((struct span){ equals + 1, (size_t)(line.p + line.n - equals - 1) });
		return true;
	}
	return false;
}

struct span postconf_value(const struct postconf *p, const char *service, const char *name, bool *ret_own)
{
	struct span v = { NULL, 0 };
	char full[256];

	*ret_own = false;
	snprintf(full, sizeof(full), "%s/%s", service ? service : "", name);
	if (service && find(buf_span(&p->overrides), full, &v))
		*ret_own = true;
	else
		find(buf_span(&p->main), name, &v);
	return v;
}

bool postconf_service(const struct postconf *p, size_t *at, char *ret, size_t size)
{
	struct span all = buf_span(&p->services), rest = { all.p + *at, all.n - *at }, line;

	while (span_line(&rest, &line)) {
		struct span words = line, field[8];

		*at = all.n - rest.n;
		for (size_t i = 0; i < 8; i++)
			field[i] = postconf_word(&words);
		if (!span_eq(field[1], SPAN_LIT("inet")) || !span_eq(field[7], SPAN_LIT("smtpd")))
			continue;
		snprintf(ret, size, "%.*s/inet", (int)field[0].n, field[0].p);
		return true;
	}
	return false;
}

bool postconf_submits(const struct postconf *p, const char *service)
{
	char line[160], name[160];
	bool own;

	snprintf(line, sizeof(line), "%.*s inet - - - - - smtpd", (int)strcspn(service, "/"), service);
	return setup_is_submission(span_of(line), name, sizeof(name)) ||
	       span_eq(postconf_value(p, service, "smtpd_sasl_auth_enable", &own), SPAN_LIT("yes"));
}

struct span postconf_word(struct span *rest)
{
	unsigned deep = 0;
	struct span w;

	while (rest->n > 0 && strchr(" \t,", rest->p[0])) {
		rest->p++;
		rest->n--;
	}
	w = (struct span){ rest->p, 0 };
	while (w.n < rest->n && (deep > 0 || !strchr(" \t,", w.p[w.n]))) {
		deep += w.p[w.n] == '{';
		deep -= w.p[w.n] == '}' && deep > 0;
		w.n++;
	}
	rest->p += w.n;
	rest->n -= w.n;
	return w;
}
