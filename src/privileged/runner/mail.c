/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mail to the admin, through the system's own sendmail, and before it, in case
 * the queue is what is stuck, the alert in syslog and the admin's own argv
 * (notify.run). The text tells of what strangers did and may hold their bytes:
 * nothing of it gets into a header but the subject, and that as printable
 * ASCII. Both go at most once: the intent is on the disk before the first fork,
 * and one without an end is never sent again.
 */
#include "privileged/runner/mail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/account.h"
#include "config/words.h"
#include "privileged/runner/job.h"

#define MAIL_TIMEOUT_MS 60000
#define RUN_TIMEOUT_MS 15000	/* the mail waits for it */
#define SYSLOG_TIMEOUT_MS 5000
#define MAILS_PER_HOUR 100	/* a captured engine must not bury the admin */
#define HOUR_MS 3600000
#define BODY_LINE_MAX 990
#define WORD_LINE_MAX 75	/* RFC 2047, section 2 */

static void put_printable(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_putc(out, *s >= ' ' && *s < 0x7f ? *s : '?');
}

static void put_header(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s: ", name);
	put_printable(out, value);
	buf_putc(out, '\n');
}

/* One character of a Q word (RFC 2047): at most four bytes, three letters each. */
static size_t encode(const unsigned char *p, size_t len, char ret[16])
{
	size_t n = 0;

	if (len == 0 || *p < ' ' || *p == 0x7f)
		return (size_t)snprintf(ret, 16, "=3F");
	if (len == 1 && !strchr("=?_", *p))
		return (size_t)snprintf(ret, 16, "%c", *p == ' ' ? '_' : *p);
	for (size_t i = 0; i < len; i++)
		n += (size_t)snprintf(ret + n, 16 - n, "=%02X", p[i]);
	return n;
}

/* Q words hold whole characters and stand one a line; ASCII needs none, unless it looks like one. */
static void put_subject(struct buf *out, const char *subject)
{
	static const char begin[] = "=?UTF-8?Q?", end[] = "?=";
	const unsigned char *p = (const unsigned char *)subject;
	size_t left = strlen(subject), column, len, n;
	bool plain = !strstr(subject, "=?");
	char text[16];

	for (size_t at = 0; at < left && plain; at++)
		plain = buf_utf8_len(p + at, left - at) < 2;
	if (plain) {
		put_header(out, "Subject", subject);
		return;
	}
	buf_printf(out, "Subject: %s", begin);
	column = strlen("Subject: ") + strlen(begin);
	for (; left > 0; p += len, left -= len, column += n) {
		len = buf_utf8_len(p, left);
		n = encode(p, len, text);
		len = len ? len : 1;
		if (column + n + strlen(end) > WORD_LINE_MAX) {
			buf_printf(out, "%s\n %s", end, begin);
			column = 1 + strlen(begin);
		}
		buf_puts(out, text);
	}
	buf_printf(out, "%s\n", end);
}

static void put_body(struct buf *out, const unsigned char *p, size_t n)
{
	size_t column = 0;

	for (size_t at = 0; at < n;) {
		size_t len = buf_utf8_len(p + at, n - at);
		bool bad = len == 0 || (p[at] < ' ' && p[at] != '\t') || p[at] == 0x7f;

		if (p[at] == '\n' || column + (bad ? 1 : len) > BODY_LINE_MAX) {
			buf_putc(out, '\n');
			column = 0;
			at += p[at] == '\n';
			continue;
		}
		buf_put(out, bad ? "?" : (const char *)p + at, bad ? 1 : len);
		column += bad ? 1 : len;
		at += bad ? 1 : len;
	}
	if (column > 0)
		buf_putc(out, '\n');
}

void mail_compose(const struct notify *to, const struct order_mail *m, struct buf *out)
{
	char id[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)m->head.id);
	put_header(out, "From", to->from ? to->from : "root");
	put_header(out, "To", to->mail);
	put_subject(out, m->subject);
	put_header(out, "Auto-Submitted", "auto-generated");	/* RFC 3834 */
	put_header(out, "X-Bailiff-Order", id);
	put_header(out, "MIME-Version", "1.0");
	put_header(out, "Content-Type", "text/plain; charset=UTF-8");
	put_header(out, "Content-Transfer-Encoding", "8bit");
	buf_putc(out, '\n');
	put_body(out, (const unsigned char *)m->body, m->len);
}

/* ---- the alert ---- */

static int write_syslog(const void *arg)
{
	openlog("bailiff", LOG_NDELAY, LOG_DAEMON);
	syslog(LOG_ALERT, "%s", (const char *)arg);
	return 0;
}

static void forget(void *arg, const struct command_result *r)
{
	(void)arg;
	(void)r;
}

/* In a child of its own: syslog(3) waits while the journal is full. */
static void alert(struct runner *r, const char *subject)
{
	struct buf line = { 0 };
	struct command_spec spec = { .call = write_syslog, .timeout_ms = SYSLOG_TIMEOUT_MS };

	put_printable(&line, subject);
	spec.arg = buf_cstr(&line);
	command_start(r->loop, &spec, forget, NULL);
	buf_free(&line);
}

/* ---- the job ---- */

static bool over_rate(const struct runner *r)
{
	int64_t now = clock_wall().ms;
	size_t n = 0;

	for (size_t i = 0; i < logbook_count(r->journal); i++) {
		const struct logbook_entry *e = logbook_at(r->journal, i);

		n += e->type == ORDER_NOTIFY && llabs(now - e->at_ms) < HOUR_MS;
	}
	return n >= MAILS_PER_HOUR;
}

int job_accept_mail(struct job *j, char *why)
{
	const struct order_mail *m = &j->order->mail;
	char name[ORDER_NAME_MAX];

	if (m->head.jail != ORDER_NO_JAIL && m->head.jail >= j->r->config->njails)
		snprintf(why, TEMPLATE_WHY_MAX, "no such jail");
	else if (m->user[0] && (account_canonical(&j->r->config->accounts, span_of(m->user), name,
						  sizeof(name)) < 0 || strcmp(name, m->user) != 0))
		snprintf(why, TEMPLATE_WHY_MAX, "not the name of an account");
	else
		return 0;
	return OUTCOME_REFUSED;
}

static int sendmail_argv(const struct strings *helper, char ***ret)
{
	static const char *const options[] = { "-t", "-oi", NULL };

	for (size_t i = 1; i < helper->n; i++)
		if (strcmp(helper->v[i], "-t") == 0)
			return argv_make(helper, &options[2], ret);
	return argv_make(helper, options, ret);
}

static void after_mail(struct job *j, const struct command_result *r)
{
	char why[TEMPLATE_WHY_MAX];
	int ret = command_judge(r, "sendmail", why, sizeof(why));

	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "%s", why);
	else if (j->why[0])
		job_end(j, OUTCOME_DONE, 0, "handed to sendmail; notify.run: %.70s", j->why);
	else
		job_end(j, OUTCOME_DONE, 0, "handed to sendmail");
}

static void send_mail(struct job *j)
{
	struct command_spec spec = { .timeout_ms = MAIL_TIMEOUT_MS };
	struct buf text = { 0 };
	int ret;

	argv_free(&j->argv);
	ret = sendmail_argv(&j->r->config->helpers.sendmail, &j->argv);
	mail_compose(&j->r->config->notify, &j->order->mail, &text);
	if (ret == 0)
		ret = buf_error(&text);
	spec.argv = j->argv;
	spec.input = buf_span(&text);
	if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "helpers.sendmail: %s", strerror(-ret));
	else
		job_command(j, &spec, after_mail);
	buf_free(&text);
}

/* ---- notify.run ---- */

static void after_run(struct job *j, const struct command_result *r)
{
	char why[TEMPLATE_WHY_MAX];
	int ret = command_judge(r, j->r->config->notify.run.v[0], why, sizeof(why));

	if (ret < 0) {
		memcpy(j->why, why, sizeof(why));
		log_warning("notify.run: %s", why);
	}
	if (j->r->config->notify.mail)
		send_mail(j);
	else if (ret < 0)
		job_end(j, OUTCOME_FAILED, ret, "%s", why);
	else
		job_end(j, OUTCOME_DONE, 0, "told by notify.run");
}

int mail_run_argv(const struct strings *words, const struct order_mail *m, char ***ret)
{
	char id[24] = "", host[65] = "", **argv = calloc(words->n + 1, sizeof(*argv));
	struct buf subject = { 0 };
	struct word_value values[] = {
		{ "subject", NULL }, { "incident", id }, { "user", m->user }, { "host", host }, { NULL, NULL },
	};
	int r = argv ? 0 : -ENOMEM;

	gethostname(host, sizeof(host) - 1);
	put_printable(&subject, m->subject);
	values[0].value = buf_cstr(&subject);
	if (m->incident)
		snprintf(id, sizeof(id), "%llu", (unsigned long long)m->incident);
	for (size_t i = 0; i < words->n && r == 0; i++) {
		struct buf word = { 0 };

		words_fill(words->v[i], values, &word);
		argv[i] = strdup(buf_cstr(&word));
		r = argv[i] && !buf_error(&word) ? 0 : -ENOMEM;
		/* None of the values begins with one, but two may be side by side. */
		if (r == 0 && argv[i][0] == '-' && words->v[i][0] != '-')
			r = -EINVAL;
		buf_free(&word);
	}
	buf_free(&subject);
	if (r < 0)
		argv_free(&argv);
	else
		*ret = argv;
	return r;
}

static void start_run(struct job *j)
{
	const struct order_mail *m = &j->order->mail;
	struct command_spec spec = { .timeout_ms = RUN_TIMEOUT_MS };
	struct buf text = { 0 };
	int ret = mail_run_argv(&j->r->config->notify.run, m, &j->argv);

	put_body(&text, (const unsigned char *)m->body, m->len);
	if (ret == 0)
		ret = buf_error(&text);
	spec.argv = j->argv;
	spec.input = buf_span(&text);
	if (ret < 0)
		after_run(j, &(struct command_result){ .error = ret });
	else
		job_command(j, &spec, after_run);
	buf_free(&text);
}

/* The mail comes last: its queue may be what a thief has filled. */
void job_mail(struct job *j)
{
	const struct notify *to = &j->r->config->notify;
	bool is_alert = j->order->mail.alert, many = over_rate(j->r);

	if (is_alert && !many)
		alert(j->r, j->order->mail.subject);
	if (!to->mail && !(is_alert && to->run.n))
		job_end(j, OUTCOME_REFUSED, -EPERM, "notify.mail is not set");
	else if (many)
		job_end(j, OUTCOME_REFUSED, -EPERM, "%d mails went out within this hour",
			MAILS_PER_HOUR);
	else if (job_intent(j) < 0)
		return;
	else if (is_alert && to->run.n)
		start_run(j);
	else
		send_mail(j);
}
