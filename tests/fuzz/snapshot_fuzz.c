/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of windows, threads, history, networks, levels and probation,
 * restored from anything. The first byte chooses which; what was restored is
 * used and saved once more, and that must restore in turn.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/count/levels.h"
#include "engine/count/networks.h"
#include "engine/count/probation.h"
#include "engine/count/thread.h"
#include "engine/count/window.h"
#include "engine/decide/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct field fields[] = {
	{ .name = "ip", .type = FIELD_ADDR },
	{ .name = "user", .type = FIELD_ACCOUNT },
	{ .name = "qid", .type = FIELD_ID },
	{ .name = "qid2", .type = FIELD_ID },
	{ .name = "nrcpt", .type = FIELD_NUMBER },
};

static struct rule rules[] = {
	{ .verb = VERB_REMEMBER, .pattern = (char *)"r" },
	{ .verb = VERB_COUNT, .pattern = (char *)"c" },
	{ .verb = VERB_JOIN, .pattern = (char *)"j" },
};

static struct action seen = { .kind = ACTION_BAN, .whom = WHOM_SEEN, .for_ms = 1000 };

static struct score score = { .name = (char *)"c", .jail = 2, .weight = 30 };

static struct jail jails[] = {
	{ .name = (char *)"a", .limit = { .kind = LIMIT_COUNT, .amount = 5,
	  .within_ms = 600000, .nper = 1, .weight = 1, .v6_len = 64 } },
	{ .name = (char *)"b", .nthen = 1, .then = &seen,
	  .limit = { .kind = LIMIT_DISTINCT, .amount = 50, .within_ms = 1000,
		     .nper = 1, .per = { 1 }, .value = 0, .v6_len = 64 } },
	{ .name = (char *)"c", .nrules = 3, .rules = rules, .threaded = true,
	  .thread_by = 2, .thread_keep_ms = 432000000,
	  .limit = { .kind = LIMIT_SUM, .amount = 1000, .within_ms = 3600000,
		     .nper = 1, .per = { 1 }, .value = 4, .v6_len = 64 } },
	{ .name = (char *)"d", .limit = { .kind = LIMIT_COUNT, .amount = 5, .alone = 9, .within_ms = 600000,
	  .nper = 1, .per = { 1 }, .weight = 1, .v6_len = 64, .nwith = 2, .spread_accounts = 3, .spread_weight = 200,
	  .with = { { WITH_FOREIGN_SENDER, 0, 0 }, { WITH_DISTINCT, 0, 3 } } } },
	{ .name = (char *)"e", .limit = { .kind = LIMIT_RATIO, .amount = 5, .ratio = 300000,
	  .within_ms = 600000, .nper = 1, .per = { 1 }, .v6_len = 64 } },
	{ .name = (char *)"f", .verdicts = true, .nscores = 1, .scores = &score,
	  .limit = { .kind = LIMIT_SCORE, .amount = 100, .within_ms = 600000, .nper = 1, .per = { 1 }, .v6_len = 64 } },
	{ .name = (char *)"g", .limit = { .kind = LIMIT_LEVEL, .amount = 100, .under = 50, .value = 4,
	  .nper = 1, .per = { 1 }, .v6_len = 64 } },
	{ .name = (char *)"h", .nthen = 1, .then = &seen, .limit = { .kind = LIMIT_COUNT, .amount = 5, .known = 20,
	  .within_ms = 600000, .nper = 1, .weight = 1, .v6_len = 64, .spread_accounts = 3, .spread_weight = 200 } },
	{ .name = (char *)"i", .limit = { .kind = LIMIT_DISTINCT, .amount = 3, .within_ms = 60000, .nper = 1,
	  .per = { 1 }, .value = 0, .v6_len = 64, .nwith = 1, .with = { { WITH_NEW_NETWORK, 0, 0 } } } },
};

static const struct config config = {
	.njails = sizeof(jails) / sizeof(jails[0]), .jails = jails, .nfields = 5, .fields = fields,
	.tracked_max = 64,
};

static void try_windows(struct reader in, struct buf *again, int turn)
{
	struct window_hit h = { .key = { "\1abc", 4 }, .weight = 1 };
	struct windows *w = NULL;
	uint16_t signals[SCORES_MAX];
	struct addr a[4];
	struct tally t;
	int ret;

	if (windows_new(&config, &w) < 0)
		abort();
	ret = windows_restore(w, &in);
	if (ret < 0 && (turn > 0 || windows_used(w) > 0))
		abort();
	windows_save(w, again);
	for (; h.jail < config.njails; h.jail++) {
		h.when.ms += 1700000000000ll;
		h.flags = 2 | ENTRY_PART;
		h.value[0] = h.value[1] = 7;
		windows_add(w, &h, &t);
		windows_accounts(w, h.jail, h.key, h.when, 9, 3);
		windows_signals(w, h.jail, h.key, h.when, signals);
		windows_seen(w, h.jail, h.key, a, 4);
		windows_clear(w, h.jail, h.key);
	}
	windows_free(&w);
}

static void nothing(void *arg, const struct hit *h, struct event_time when)
{
	(void)arg;
	(void)h;
	(void)when;
}

static void try_threads(struct reader in, struct buf *again, int turn)
{
	struct hit h = { .jail = &jails[2], .ncaptures = 3, .capture = {
		{ .field = 2, .type = FIELD_ID, .raw = { "A", 1 } },
		{ .field = 3, .type = FIELD_ID, .raw = { "B", 1 } },
		{ .field = 1, .type = FIELD_ACCOUNT, .raw = { "joe", 3 } } } };
	struct threads *t = NULL;
	int ret;

	if (threads_new(&config, &t) < 0)
		abort();
	ret = threads_restore(t, &in);
	if (ret < 0 && (turn > 0 || threads_used(t) > 0 || threads_waiting(t) > 0))
		abort();
	threads_save(t, again);
	for (int i = 0; i < 3; i++) {
		h.rule = &rules[(i + 1) % 3];
		threads_take(t, &h, SPAN_LIT("mx"), SPAN_LIT("postfix/qmgr"),
			     (struct event_time){ 1700000000000ll }, nothing, NULL);
	}
	threads_free(&t);
}

static void try_history(struct reader in, struct buf *again, int turn)
{
	struct history *h = NULL;
	int ret;

	if (history_new(&config, &h) < 0)
		abort();
	ret = history_restore(h, &in);
	if (ret < 0 && turn > 0)
		abort();
	history_save(h, again);
	history_quiet(h, 0, SPAN_LIT("joe"), (struct event_time){ 5 });
	history_free(&h);
}

static void try_networks(struct reader in, struct buf *again, int turn)
{
	struct addr a = { .b = { 192, 0, 2, 1 }, .family = ADDR_V4, .len = 32 };
	struct networks *n = NULL;
	int ret;

	if (networks_new(&n) < 0)
		abort();
	ret = networks_restore(n, &in);
	if (ret < 0 && turn > 0)
		abort();
	networks_save(n, again);
	networks_good(n, &a, SPAN_LIT("joe"), (struct event_time){ 5 }, 4);
	networks_add(n, &a, SPAN_LIT("joe"), (struct event_time){ 5 });
	networks_free(&n);
}

static void try_levels(struct reader in, struct buf *again, int turn)
{
	struct levels *l = NULL;
	int ret;

	if (levels_new(&config, &l) < 0)
		abort();
	ret = levels_restore(l, &in);
	if (ret < 0 && turn > 0)
		abort();
	levels_save(l, again);
	levels_add(l, 6, SPAN_LIT("joe"), (struct event_time){ 5 }, 200, 100, 50);
	levels_free(&l);
}

static void try_probation(struct reader in, struct buf *again, int turn)
{
	struct probation p = { .n = 0 };
	int ret = probation_restore(&p, &in);

	if (ret < 0 && turn > 0)
		abort();
	probation_save(&p, again);
	probation_begin(&p, SPAN_LIT("joe"), 5);
	probation_until(&p, SPAN_LIT("joe"), (struct event_time){ 4 });
	probation_end(&p, SPAN_LIT("joe"));
	probation_count(&p, (struct event_time){ 4 });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct reader, struct buf *, int) = {
		try_windows, try_threads, try_history, try_networks, try_levels, try_probation,
	};
	struct buf first = { .p = NULL }, again = { .p = NULL };
	static int inited;
	unsigned which;

	if (!inited++)
		hash_init();
	if (size < 1)
		return 0;
	which = data[0] < 250 ? data[0] % 3 : 3 + data[0] % 3;
	tries[which]((struct reader){ .p = (const char *)data + 1,
					    .n = size - 1 }, &first, 0);
	tries[which]((struct reader){ .p = first.p, .n = first.n }, &again, 1);
	buf_free(&first);
	buf_free(&again);
	return 0;
}
