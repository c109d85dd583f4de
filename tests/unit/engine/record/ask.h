/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TEST_RECORD_ASK_H
#define TEST_RECORD_ASK_H

/* A store with its thread, waited for: what tests do and the engine never. */

#include <jansson.h>
#include <poll.h>
#include <sys/wait.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"
#include "engine/record/ledger.h"
#include "engine/record/store.h"
#include "place.h"

struct got {
	bool done;
	int error;
	json_t *json;
};

static inline void got_answer(void *arg, int error, const char *json)
{
	struct got *g = arg;

	g->done = true;
	g->error = error;
	g->json = json ? json_loads(json, 0, NULL) : NULL;
}

/* False: no answer within that time. */
static inline bool await(struct store *s, struct got *g, int ms)
{
	int64_t end = clock_mono().ms + ms;

	while (!g->done && clock_mono().ms < end) {
		struct pollfd p = { .fd = store_fd(s), .events = POLLIN };

		poll(&p, 1, 20);
		store_dispatch(s);
	}
	return g->done;
}

static inline void sync_store(struct store *s)
{
	struct got g = { 0 };

	assert_int_equal(store_sync(s, got_answer, &g), 0);
	assert_true(await(s, &g, 10000));
	assert_int_equal(g.error, 0);
}

/* *ret: json_decref(). */
static inline int ask_store(struct store *s, enum store_query q, const char *arg,
			    json_t **ret)
{
	struct got g = { 0 };

	assert_int_equal(store_query(s, q, arg, got_answer, &g), 0);
	assert_true(await(s, &g, 10000));
	*ret = g.json;
	return g.error;
}

static inline struct store *open_store(void)
{
	struct store *s = NULL;
	bool moved = true;

	assert_int_equal(store_open(&s, &moved), 0);
	assert_false(moved);
	return s;
}

static inline struct store *start_store(void)
{
	struct store *s = open_store();

	assert_int_equal(store_start(s), 0);
	return s;
}

static inline struct addr addr_of(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static inline struct verdict_row verdict_at(uint64_t id, int64_t when_ms, uint64_t offset)
{
	return (struct verdict_row){
		.id = id, .jail = "postfix-sasl", .key = SPAN_LIT("k\0ey"),
		.subject = "192.0.2.7", .when_ms = when_ms,
		.until_ms = when_ms + 600000, .pos = { 1, 2, ~0ull, offset },
		.amount = 5, .mode = 3, .evidence = "[\"a line\"]",
		.actions = "[{\"do\":\"ban\"}]",
	};
}

static inline struct ban_row ban_of(uint64_t order, const char *addr, int64_t since_ms,
				    int64_t until_ms)
{
	return (struct ban_row){
		.order = order, .addr = addr_of(addr), .scope = "mail",
		.jail = "postfix-sasl", .since_ms = since_ms, .until_ms = until_ms,
		.reason = "5 in 10m",
	};
}

static inline int count_ban(void *arg, const struct ban_row *b)
{
	(void)b;
	++*(unsigned *)arg;
	return 0;
}

static inline unsigned bans_in(struct store *s)
{
	unsigned n = 0;

	assert_int_equal(store_active_bans(s, 0, count_ban, &n), 0);
	return n;
}

static inline void put_bans(struct store *s, unsigned n)
{
	while (n-- > 0) {
		struct ban_row b = ban_of(store_next_id(s), "192.0.2.7", 5, INT64_MAX);

		store_ban(s, &b);
	}
}

static inline void make_ledger(unsigned bans)
{
	struct store *s = open_store();

	put_bans(s, bans);
	store_close(&s);
}

/* The test goes on in a child, so that what it gives up stays its own. */
static inline void in_child(int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* A failure must not go on with the other tests here. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a process of its own: closing a descriptor drops our locks on the file. */
static off_t write_at, write_len __attribute__((unused));

static inline int write_garbage(void)
{
	int fd = open(LEDGER_NAME, O_WRONLY | O_CREAT, 0600);

	for (off_t i = 0; i < write_len; i++)
		if (pwrite(fd, "?", 1, write_at + i) != 1)
			return 1;
	return 0;
}

static inline void spoil(off_t at, off_t len)
{
	write_at = at;
	write_len = len;
	in_child(write_garbage);
}

static inline int start_hash(void **state)
{
	(void)state;
	hash_init();
	return 0;
}

#endif
