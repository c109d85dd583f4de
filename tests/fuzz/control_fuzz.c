/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of the command line, from anybody whom the control socket lets in.
 * First byte: the asker's right; second: how orders and questions end; then
 * requests, one a line. Each must end in exactly one answer that is JSON and
 * tells ok or why not, and no order may go out that bailiffd would call
 * nonsense, or that the asker's right does not reach.
 *
 * The requests and the tables behind them are real; the daemon around them,
 * the ledger and the clients are played here.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "config/load.h"
#include "engine/requests.h"
#include "engine/serve.h"
#include "engine/sources_private.h"
#include "wire/order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
	if (!true_thing)
		abort();
}

/* ---- the configuration, once */

#define MATCH "match: '<host> <ip> <user>$'\n"
static const char *const jails[] = {
	"sasl", "log: mail\n" MATCH "limit: {count: 5, per: ip, within: 10m}\nthen:\n  - ban: {for: 10m, scope: mail}\n",
	"burst", "log: mail\n" MATCH "limit: {count: 5, per: user, within: 10m}\n"
		"then: [contain, ban: {whom: seen, for: 6h, scope: mail}, notify]\n",
	"both", "log: mail\n" MATCH "limit: {count: 5, per: [ip, user], within: 10m}\nthen: []\n",
};
#define NJAILS 3

static struct serve serve;
static bool flags[3][NJAILS];

static void make_serve(void)
{
	struct complaints bad = { 0 };
	struct pack *p = NULL;

	hash_init();
	must(pack_new("/base", &p) == 0);
	must(pack_add(p, PACK_MAIN, "main", 0,
		      span_of("accounts: {act: yes, local_domains: [example.com]}\ncounters: yes\n")) == 0);
	for (size_t i = 0; i < NJAILS; i++)
		must(pack_add(p, PACK_JAIL_ADMIN, jails[2 * i], 0, span_of(jails[2 * i + 1])) == 0);
	must(config_load(p, &bad, &serve.config) == 0 && serve.config->njails == NJAILS);
	must(core_new(serve.config, false, &bad, &serve.core) == 0 && bad.n == 0);
	pack_free(&p);
	serve.refused = flags[0];
	serve.poisoned = flags[1];
	serve.absent = flags[2];
	strcpy(serve.host, "mx");
}

/* ---- one client, and what it is told */

static struct { enum operator_right right; unsigned asked, answered; } client;

static void check_answer(json_t *a)
{
	const char *error = json_string_value(json_object_get(a, "error"));
	json_int_t status = json_integer_value(json_object_get(a, "status"));
	char *text = json_dumps(a, JSON_COMPACT | JSON_REAL_PRECISION(15));

	must(text && json_is_boolean(json_object_get(a, "ok")));
	must(json_is_true(json_object_get(a, "ok")) || (error && *error && (status == 1 || status == 2)));
	free(text);
}

void client_answer(struct client *c, json_t *take_answer)
{
	(void)c;
	must(++client.answered <= client.asked);
	check_answer(take_answer);
	json_decref(take_answer);
}

int client_sock(const struct client *c)
{
	(void)c;
	return 0;
}

uid_t client_uid(const struct client *c)
{
	(void)c;
	return 1000;
}

enum operator_right client_right(const struct client *c)
{
	(void)c;
	return client.right;
}

void client_watch(struct client *c)
{
	(void)c;
}

void act_event(struct serve *s, json_t *take_event)
{
	(void)s;
	must(take_event != NULL);
	json_decref(take_event);
}

/* ---- what is on its way, and how it ends */

static struct waiting {
	struct waiting *next;
	struct outcome outcome;
	outcome_fn *told;
	void (*answered)(void *, const struct message_answer *);
	store_answer_fn *ledger;
	enum store_query query;
	ev_timer *timer;
	void *arg;
} *first, **last = &first;
static unsigned turn;	/* decides how the next thing ends */

static unsigned choose(unsigned n)
{
	return (turn = turn * 5 + 3) / 8 % n;
}

static struct waiting *await(void *arg)
{
	struct waiting *w = calloc(1, sizeof(*w));

	must(w != NULL);
	w->arg = arg;
	*last = w;
	last = &w->next;
	return w;
}

static void check_order(const struct order_head *o, int admin_fd)
{
	bool by_ban = o->type == ORDER_BAN || o->type == ORDER_UNBAN;

	must(order_check(o, order_size(o->type)) == 0);
	must(o->origin == ORIGIN_HAND && o->jail == ORDER_NO_JAIL && admin_fd >= 0);
	must(client.right == RIGHT_ALL || (client.right == RIGHT_BAN && by_ban) || o->type == ORDER_QUEUE_LIST);
}

/* What bailiffd would send on: one message that is waiting and one that is on hold. */
static void send_listing(uint64_t order)
{
	static const char lines[] =
		"{\"queue_name\": \"deferred\", \"queue_id\": \"4F1C\", \"arrival_time\": 1000, \"message_size\": 9,"
		" \"sender\": \"a@b.example\", \"recipients\": [{\"address\": \"x@y\"}]}\n"
		"{\"queue_name\": \"hold\", \"queue_id\": \"4F1D\", \"arrival_time\": 1000, \"sender\": \"\\u0000\"}\nno\n{";
	struct message_listing m = { .order = order, .home = 1 };
	int fd = memfd_create("listing", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, lines, sizeof(lines) - 1) == sizeof(lines) - 1);
	queue_listing(&serve, &m, fd);
}

void serve_order_told(struct serve *s, const struct order_head *o, int admin_fd, outcome_fn *fn, void *arg)
{
	static const struct { uint16_t status; int32_t code; const char *text; } ends[] = {
		{ OUTCOME_DONE, 0, "" }, { OUTCOME_DONE, -ENOENT, "" }, { OUTCOME_REFUSED, -EPERM, "no" },
		{ OUTCOME_REFUSED, -ENOENT, "not here" }, { OUTCOME_FAILED, -EIO, "failed" },
		{ OUTCOME_DONE, 7, "narrowed" }, { OUTCOME_UNKNOWN, 0, "?" },
	};
	struct waiting *w = await(arg);
	unsigned k = choose(sizeof(ends) / sizeof(ends[0]));

	(void)s;
	check_order(o, admin_fd);
	if (o->type == ORDER_QUEUE_LIST)
		send_listing(o->id);
	w->told = fn;
	w->outcome = (struct outcome){ .id = o->id, .type = o->type, .status = ends[k].status, .code = ends[k].code };
	strcpy(w->outcome.text, ends[k].text);
}

void serve_ask(struct serve *s, uint16_t kind, const struct addr *a, uint16_t scope,
	       void (*fn)(void *, const struct message_answer *), void *arg)
{
	(void)s;
	must(kind == ASK_FIREWALL || (kind == ASK_ELEMENT && a && scope < serve.config->nscopes));
	await(arg)->answered = fn;
}

/* Verdicts send without being told what came of it, requests never. */
void serve_order(struct serve *s, const struct order_head *o, int admin_fd)
{
	(void)s;
	(void)o;
	(void)admin_fd;
	abort();
}

bool serve_flush(struct serve *s)
{
	(void)s;
	return false;
}

/* The pause of a plan: over at once. */
void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	(void)loop;
	await(NULL)->timer = w;
}

/* ---- the ledger */

static uint64_t ids;

uint64_t store_next_id(struct store *s)
{
	(void)s;
	return ++ids;
}

int store_query(struct store *s, enum store_query q, const char *arg_json, store_answer_fn *fn, void *arg)
{
	json_t *parsed = json_loads(arg_json, 0, NULL);
	struct waiting *w;

	(void)s;
	must(json_is_object(parsed));
	json_decref(parsed);
	if (choose(8) == 0)
		return -EAGAIN;
	w = await(arg);
	w->ledger = fn;
	w->query = q;
	return 0;
}

static void tell_ledger(const struct waiting *w)
{
	static const char *const shown[] = {
		"{\"subject\":\"joe\",\"jail\":\"burst\",\"closed\":null,\"orders\":[]}",
		"{\"subject\":\"joe\",\"jail\":\"burst\",\"closed\":null,\"orders\":["
		"{\"id\":7,\"what\":\"lock\",\"target\":\"joe\",\"outcome\":{\"status\":\"done\"}},"
		"{\"id\":8,\"what\":\"hold\",\"target\":\"joe\",\"outcome\":{\"status\":\"unknown\"}},"
		"{\"id\":9,\"what\":\"deny\",\"target\":\"joe\",\"outcome\":{\"status\":\"done\"}},"
		"{\"id\":10,\"what\":\"notify\",\"target\":\"root\",\"outcome\":null}]}",
		"{\"subject\":\"203.0.113.9\",\"jail\":\"gone\",\"closed\":1.5,\"orders\":["
		"{\"id\":7,\"what\":\"park\",\"target\":\"ann\",\"outcome\":{\"status\":\"failed\"}}]}",
		"{\"orders\":[],\"subject\":null}",
	};
	unsigned k = choose(6);

	if (k == 0)
		w->ledger(w->arg, -EIO, NULL);
	else if (w->query != STORE_Q_SHOW)
		w->ledger(w->arg, 0, "{\"incidents\":[],\"locks\":[],\"verdicts\":[]}");
	else if (k == 1)
		w->ledger(w->arg, -ENOENT, NULL);
	else
		w->ledger(w->arg, 0, shown[k - 2]);
}

/* Rows for the ledger: what is a text must be one. */
void store_ban(struct store *s, const struct ban_row *b)
{
	(void)s;
	must(b->scope && b->jail && b->by && b->until_ms > 0);
}

void store_hand(struct store *s, uint64_t id, const char *what, const char *target, const char *reason,
		const char *by, int64_t at_ms)
{
	(void)s;
	(void)reason;
	must(id && what && target && by && at_ms > 0);
}

void store_order(struct store *s, uint64_t id, uint64_t incident, int type, const char *what,
		 const char *target, int64_t at_ms)
{
	(void)s;
	(void)incident;
	/* ORDER_NONE: not to be taken up again after a crash. */
	must(id && (type == ORDER_NONE || order_size((uint16_t)type)) && what && target && at_ms > 0);
}

void store_unban(struct store *s, const struct addr *a, const char *scope, int64_t at_ms, const char *by)
{
	(void)s;
	(void)scope;
	must(a->family != ADDR_NONE && at_ms > 0 && by);
}

void store_setting(struct store *s, const char *key, const char *value)
{
	(void)s;
	must(*key && *value);
}

void store_outcome(struct store *s, const struct outcome *o, int64_t at_ms)
{
	(void)s;
	must(o->id && at_ms > 0);
}

void store_incident_closed(struct store *s, uint64_t id, int64_t at_ms, const char *how, const char *by)
{
	(void)s;
	(void)id;
	must(at_ms > 0 && how && by);
}

int store_trouble(const struct store *s)
{
	(void)s;
	return choose(4) ? 0 : -ENOSPC;
}

size_t store_waiting(const struct store *s)
{
	(void)s;
	return 0;
}

uint64_t store_dropped(const struct store *s)
{
	(void)s;
	return 0;
}

/* ---- the rest of the daemon */

json_t *sources_json(const struct sources *r)
{
	(void)r;
	return json_array();
}

int sources_on_line(void *arg, const struct line *line)
{
	(void)arg;
	(void)line;
	return 0;
}

void serve_send(struct serve *s, const void *p, size_t n)
{
	must(s && p && n > 0);
}

void state_snapshot(struct serve *s)
{
	(void)s;
}

void state_changed(struct serve *s)
{
	(void)s;
}

void commands_want(struct serve *s)
{
	must(s);
}

void state_probation(struct serve *s, const char *user, bool stolen)
{
	(void)stolen;
	must(s && user);
}

void state_contained(struct serve *s, const char *user, bool is)
{
	(void)s;
	(void)is;
	must(*user);
}

/* ---- one input */

static void settle(void)
{
	struct message_answer answer = { .in_kernel = UINT64_MAX, .text = "nft" };

	while (first) {
		struct waiting *w = first;

		first = w->next;
		if (!first)
			last = &first;
		answer.error = choose(3) ? 0 : -ENOENT;
		if (w->told)
			w->told(w->arg, &w->outcome);
		else if (w->answered)
			w->answered(w->arg, &answer);
		else if (w->timer)
			ev_cb(w->timer)(NULL, w->timer, EV_TIMER);
		else
			tell_ledger(w);
		free(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 2, *end = (const char *)data + size;

	if (size < 2)
		return 0;
	if (!serve.config)
		make_serve();
	client.right = (enum operator_right)(data[0] % 3);
	client.asked = client.answered = 0;
	turn = data[1];
	ids = 0;
	serve.core->paused_until_ms = 0;
	for (uint16_t i = 0; i < NJAILS; i++) {
		flags[0][i] = data[0] & 64;
		core_set_mode(serve.core, i, serve.config->jails[i].mode);
	}
	must(bans_new(&serve.bans) == 0);
	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		stop = stop ? stop : end;
		client.asked++;
		/* control.c refuses what is longer */
		if (stop - p < 65536)
			request_take(&serve, NULL, p, (size_t)(stop - p));
		else
			client.answered++;
		/* Now and then several are under way at once. */
		if (choose(4))
			settle();
		p = stop + 1;
	}
	settle();
	must(client.answered == client.asked);
	bans_free(&serve.bans);
	return 0;
}
