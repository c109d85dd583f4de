/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as lines of Postfix's, and as a saved table of messages. The first
 * byte chooses; of lines each one's first byte chooses the program.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/hash.h"
#include "engine/flow/flow_private.h"
#include "engine/flow/top.h"
#include "engine/flow/trace.h"

static const struct accounts accounts = { .default_domain = NULL };
static const char *const programs[] = {
	"postfix/smtpd", "postfix/pickup", "postfix/cleanup", "postfix/qmgr", "postfix/smtp",
	"postfix/bounce", "postfix-out/smtpd", "postfix-out/qmgr",
};
static int64_t now_ms;

static struct event_time tell(void *arg)
{
	(void)arg;
	return (struct event_time){ now_ms };
}

static struct flow *make(void)
{
	static const struct flow_options o = {
		.messages_max = 16, .bytes_max = 1 << 16, .window_ms = 1000, .details = true, .patient = true,
	};
	struct flow *f;

	if (flow_new(&accounts, &o, &f) < 0)
		abort();
	return f;
}

static void use(struct flow *f)
{
	struct trace t;

	for (unsigned what = TOP_USERS; what <= TOP_DOMAINS; what++) {
		struct top *top;

		if (top_new(what, NULL, &top) < 0)
			abort();
		top_add_all(top, f, 0);
		json_decref(top_json(top, TOP_MSGS, 5));
		top_free(&top);
	}
	trace_init(&t, &accounts, "4F1C", 5);
	json_decref(trace_json(&t, f));
}

static void take_lines(struct flow *f, const char *p, size_t n)
{
	while (n > 1) {
		const char *nl = memchr(p, '\n', n);
		size_t len = nl ? (size_t)(nl - p) : n;
		struct entry e = { .host = SPAN_LIT("mx"), .repeat = 1 };

		if (len > 0) {
			e.program = span_of(programs[(unsigned char)p[0] % 8]);
			e.text = (struct span){ p + 1, len - 1 };
			now_ms += 10;
			flow_take(f, &e, tell, NULL);
		}
		len += nl != NULL;
		p += len;
		n -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow *f = make(), *again = make();
	struct reader in = { .p = (const char *)data + 1, .n = size ? size - 1 : 0 };
	struct buf saved = { 0 };

	hash_init();
	if (size && data[0] == 's')
		if (flow_restore(f, &in) < 0)
			goto out;
	take_lines(f, (const char *)data, size);
	use(f);
	flow_save(f, &saved);
	in = (struct reader){ .p = saved.p, .n = saved.n };
	if (flow_restore(again, &in) < 0)
		abort();
	use(again);
out:
	buf_free(&saved);
	flow_free(&f);
	flow_free(&again);
	return 0;
}
