/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests `top` and `trace` and what their answers have in common. */
#include "engine/flow/answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine/flow/flow_private.h"

#define ROWS 20			/* of `top`, if nothing was said */
#define LIVES 10		/* of `trace` */
#define LIMIT_MAX 100000

__attribute__((format(printf, 3, 4)))
static int wrong(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int flow_request_read(const json_t *args, bool trace, struct flow_request *ret,
		      char *why, size_t size)
{
	const char *what = json_string_value(json_object_get(args, "what"));
	const char *by = json_string_value(json_object_get(args, "by"));
	const char *of = json_string_value(json_object_get(args, "of"));
	const json_t *since = json_object_get(args, "since"), *limit = json_object_get(args, "limit");
	double s = json_number_value(since), n = json_number_value(limit);

	*ret = (struct flow_request){ .trace = trace, .limit = trace ? LIVES : ROWS, .places = ret->places };
	if (what && !top_what_named(what, &ret->what))
		return wrong(why, size, "top tells of users, senders, clients or domains, not '%s'", what);
	if (by && !top_by_named(by, &ret->by))
		return wrong(why, size, "'%s' is nothing to sort by", by);
	if (ret->by == TOP_COUNTRIES && !ret->places) {
		wrong(why, size, "no database of countries is known: `country` in bailiff.yaml names one");
		return -ENOENT;
	}
	if (since && !(s > 0 && s < 1e10))
		return wrong(why, size, "since is no time");
	if (limit && !(n >= 1 && n <= LIMIT_MAX))
		return wrong(why, size, "the limit is between 1 and 100000");
	if (trace && (!of || !*of || strlen(of) >= sizeof(ret->of)))
		return wrong(why, size, "trace needs a queue id, a Message-ID or an account");
	ret->since_ms = (int64_t)(s * 1000);
	if (limit)
		ret->limit = (size_t)n;
	if (of)
		snprintf(ret->of, sizeof(ret->of), "%s", of);
	return 0;
}

json_t *flow_seconds(int64_t ms)
{
	return ms ? json_real((double)ms / 1000) : json_null();
}

void flow_tell_bounds(const struct flow *f, bool forgets, json_t *out)
{
	json_object_set_new(out, "from", flow_seconds(f->oldest_ms));
	json_object_set_new(out, "until", flow_seconds(f->newest_ms));
	json_object_set_new(out, "forgotten", json_integer(forgets ? (json_int_t)f->forgotten : 0));
}
