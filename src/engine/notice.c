/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a jail that only tells, or only bans, has to say, in plain words. */
#include "engine/notice.h"

static const struct jail *jail_of(const struct notice *n)
{
	return &n->report->config->jails[n->report->jail];
}

void notice_subject(const struct notice *n, struct buf *out)
{
	buf_printf(out, "jail %s: ", jail_of(n)->name);
	buf_put_escaped(out, n->subject);
	buf_printf(out, " (incident %llu)", (unsigned long long)n->report->incident);
}

static void put_what(const struct notice *n, struct buf *out)
{
	const struct report *r = n->report;
	const struct jail *j = jail_of(n);

	buf_put_escaped(out, span_of(j->about ? j->about : j->name));
	buf_puts(out, ".\n  about    ");
	buf_put_escaped(out, n->subject);
	buf_puts(out, "\n  count    ");
	if (n->count.n > 0)
		buf_put(out, n->count.p, n->count.n);
	else
		buf_printf(out, "%llu", (unsigned long long)r->amount);
	buf_putc(out, '\n');
	report_put_where(r, out);
}

void notice_text(const struct notice *n, struct buf *out)
{
	const struct report *r = n->report;
	size_t before;

	put_what(n, out);
	buf_puts(out, "\nWhat was done\n");
	before = out->n;
	report_put_bans(r, out);
	buf_put(out, r->spared.p, r->spared.n);
	if (out->n == before)
		buf_printf(out, "  Nothing: %s.\n", r->propose_why ? r->propose_why : "the jail only tells");
	if (n->held > 0)
		buf_printf(out, "  Of this jail %u verdict%s within the hour before were not mailed:\n"
			   "    bailiff incidents\n", n->held, n->held == 1 ? "" : "s");
	buf_puts(out, "\nThe last lines that counted\n");
	buf_put(out, r->evidence.p, r->evidence.n);
	buf_printf(out, "\nTo look closer\n  bailiff show %llu\n  bailiff status %s\n",
		   (unsigned long long)r->incident, jail_of(n)->name);
}
