/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a listing of the queue, to each of its readers: root's, which
 * looks for messages it knows; the engine's for `bailiff queue`, whose ids must
 * be fit for an order; the one that sums it up as lines, of which each must have
 * its own form whatever a sender is called. A list of held mail that root made
 * of it must read back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/pick.h"
#include "engine/read/listing.h"
#include "privileged/runner/queue.h"
#include "wire/order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
	if (!true_thing)
		abort();
}

/* What was seen goes into a list, and comes back as it was. */
static void keep(const struct queue_items *q)
{
	struct queue_items again = { 0 };
	struct buf list = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < q->n; i++)
		if (q->v[i].last != QUEUE_GONE) {
			queue_manifest(&q->v[i], (uint32_t)i, &list);
			n++;
		}
	must(queue_items_read(buf_span(&list), &again) == 0 && again.n == n);
	for (size_t i = 0; i < q->n; i++)
		must(q->v[i].last == QUEUE_GONE || queue_has(&again, q->v[i].want.id, q->v[i].arrival_s));
	queue_items_free(&again);
	buf_free(&list);
}

static void as_root(struct span text)
{
	static const struct queued wanted[] = {
		{ .id = "4F1C", .to_s = UINT32_MAX }, { .id = "4F1C", .from_s = 1700000000, .to_s = 1700000100 },
		{ .id = "3mWxYz0123456789", .to_s = UINT32_MAX },
	};
	struct queue_of of = { .instance = 0 };
	struct queue_items q;
	size_t bad = 0;

	must(queue_items_new(wanted, sizeof(wanted) / sizeof(wanted[0]), &q) == 0);
	queue_start(&q);
	queue_look(&q, text, &of, &bad);
	for (size_t i = 0; i < q.n; i++)
		if (q.v[i].last != QUEUE_GONE) {
			struct span sender = queue_sender((struct span){ text.p + q.v[i].line_at, q.v[i].line_n });

			must(q.v[i].line_at + q.v[i].line_n <= text.n);
			must(sender.n == 0 || (sender.p > text.p && sender.p + sender.n <= text.p + text.n));
		}
	keep(&q);
	queue_items_free(&q);
	if (queue_items_read(text, &q) == 0)
		queue_items_free(&q);
}

static void pick_line(const struct pick *p, struct span line)
{
	static struct order_hold o = { .account.head = { .type = ORDER_QUEUE_HOLD, .origin = ORIGIN_HAND }, .n = 1 };
	json_t *m = pick_parse(line);

	if (!m)
		return;
	pick_takes(p, m);
	memset(o.v[0].id, 0, sizeof(o.v[0].id));
	memcpy(o.v[0].id, json_string_value(json_object_get(m, "queue_id")),
	       strlen(json_string_value(json_object_get(m, "queue_id"))));
	must(order_check(&o, sizeof(o)) == 0);
	json_decref(m);
}

static void check_sums(struct span said)
{
	static const char all[] = "queue=all messages=", sender[] = "queue=sender sender=<";

	for (size_t i = 0; said.n > 0; i++) {
		const char *end = memchr(said.p, '\n', said.n), *first = i ? sender : all;
		size_t len = end ? (size_t)(end - said.p) : 0, signs = 0;

		must(end && len > strlen(first) && memcmp(said.p, first, strlen(first)) == 0);
		for (size_t k = 0; k < len; k++) {
			must(said.p[k] >= ' ' && said.p[k] < 0x7f);
			signs += said.p[k] == '<' || said.p[k] == '>';
		}
		must(signs == (i ? 2 : 0));
		said.p += len + 1;
		said.n -= len + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct listing *sums;
	static struct pick *domain, *match;
	struct span text = { (const char *)data, size };
	struct buf said = { 0 };
	char why[200];

	if (!sums) {
		hash_init();
		must(listing_new(&sums) == 0);
		must(pick_new(PICK_DOMAIN, "example.org", &domain, why, sizeof(why)) == 0);
		must(pick_new(PICK_MATCH, "^(a|b)+@", &match, why, sizeof(why)) == 0);
	}
	as_root(text);
	listing_begin(sums);
	for (const char *p = text.p; p < text.p + text.n;) {
		const char *end = memchr(p, '\n', (size_t)(text.p + text.n - p));
		struct span line = { p, (size_t)((end ? end : text.p + text.n) - p) };

		listing_line(sums, line);
		pick_line(domain, line);
		pick_line(match, line);
		p += line.n + 1;
	}
	if (listing_end(sums, 1700000000, &said) == 0)
		check_sums(buf_span(&said));
	buf_free(&said);
	return 0;
}
