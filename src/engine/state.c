/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving and restoring what a crash must not lose. A snapshot is taken
 * between two entries, so tables and positions belong together; the ledger's
 * thread writes it when all that was recorded before is committed, so that no
 * snapshot is ahead of the ledger. A start is snapshot plus tail.
 */
#include "engine/flow_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/record/snapshot.h"

#define NAME "snapshot"
#define KEEP_LEDGER_MS (90 * 86400000LL)

enum { POSITIONS, WINDOWS, THREADS, HISTORY, KNOWN, SUBMITTED, CONTAINED, BRAKES, NETWORKS, LEVELS, PROBATION, SECTIONS };
static const char *const names[SECTIONS] = {
	"positions", "windows", "threads", "history", "known", "submitted", "contained", "brakes",
	"networks", "levels", "probation",
};
_Static_assert(SECTIONS <= sizeof(((struct serve *)0)->section) / sizeof(struct buf), "room");
_Static_assert(SECTIONS <= STORE_SECTIONS_MAX, "room in the store");
#define NEW_SECTIONS NETWORKS	/* snapshots of older versions end before it */

static void on_timer(struct ev_loop *loop, ev_timer *t, int events)
{
	struct serve *s = t->data;

	(void)loop;
	(void)events;
	if (s->changed)
		state_snapshot(s);
}

void state_changed(struct serve *s)
{
	s->changed = true;
	if (ev_is_active(&s->snapshot_timer) || s->stopping)
		return;
	ev_timer_init(&s->snapshot_timer, on_timer, (double)s->config->snapshot_every_ms / 1000, 0.);
	s->snapshot_timer.data = s;
	ev_timer_start(s->loop, &s->snapshot_timer);
}

/* At the end of a stop: P is saved, bailiffd is told, and we go. */
static void leave(struct serve *s)
{
	struct message_head h = { .type = MSG_STOPPED };

	store_close(&s->store);
	channel_send(ENGINE_FD_CHANNEL, &h, sizeof(h), NULL, 0);
	exit(0);
}

static void all_written(struct serve *s)
{
	s->snapshot_running = false;
	if (s->stop_after_snapshot)
		leave(s);
	else if (s->stopping || s->snapshot_again)
		state_snapshot(s);
	else if (s->changed)
		state_changed(s);
}

static void written(void *arg, int error, const char *json)
{
	struct serve *s = arg;

	(void)json;
	for (size_t i = 0; i < SECTIONS; i++)
		buf_free(&s->section[i]);
	if (error < 0)
		log_err("snapshot: %s; the last one stays", strerror(-error));
	if (!flow_state_write(s, error, all_written))
		all_written(s);
}

void state_snapshot(struct serve *s)
{
	struct snapshot_section sections[SECTIONS];
	int r;

	if (s->snapshot_running) {
		s->snapshot_again = true;	/* written() comes back for it */
		return;
	}
	s->snapshot_again = false;
	s->snapshot_running = true;
	s->stop_after_snapshot = s->stopping;
	s->changed = false;
	sources_save(s->sources, &s->section[POSITIONS]);
	windows_save(s->core->windows, &s->section[WINDOWS]);
	threads_save(s->core->threads, &s->section[THREADS]);
	history_save(s->core->history, &s->section[HISTORY]);
	known_save(s->core->known, &s->section[KNOWN]);
	brakes_save(s->core->brakes, &s->section[BRAKES]);
	networks_save(s->core->networks, &s->section[NETWORKS]);
	levels_save(s->core->levels, &s->section[LEVELS]);
	submitted_save(s->core->submitted, &s->section[SUBMITTED]);
	contained_save(&s->core->contained, &s->section[CONTAINED]);
	flow_state_take(s);
	probation_save(&s->core->probation, &s->section[PROBATION]);
	for (size_t i = 0; i < SECTIONS; i++) {
		if (buf_error(&s->section[i])) {
			written(s, buf_error(&s->section[i]), NULL);
			return;
		}
		sections[i] = (struct snapshot_section){ names[i], buf_span(&s->section[i]) };
	}
	store_prune(s->store, clock_wall().ms - KEEP_LEDGER_MS);
	r = store_snapshot(s->store, NAME, sections, SECTIONS, written, s);
	if (r < 0)
		written(s, r, NULL);
}

void state_contained(struct serve *s, const char *user, bool is)
{
	if (is)
		contained_add(&s->core->contained, span_of(user));
	else
		contained_end(&s->core->contained, span_of(user), clock_wall().ms);
	s->changed = true;
	state_snapshot(s);
}

void state_probation(struct serve *s, const char *user, bool stolen)
{
	int64_t span = s->config->accounts.probation_ms;

	if (!stolen)
		probation_end(&s->core->probation, span_of(user));
	else if (span > 0)
		probation_begin(&s->core->probation, span_of(user), clock_wall().ms + span);
	s->changed = true;
	state_snapshot(s);
}

/* ---- restore */

static int section(const struct snapshot *snap, int i, struct reader *ret)
{
	struct span bytes;

	if (!snapshot_get(snap, names[i], &bytes))
		return i >= NEW_SECTIONS ? 0 : -EBADMSG;
	*ret = (struct reader){ .p = bytes.p, .n = bytes.n };
	return 0;
}

static int from_snapshot(struct serve *s, const struct snapshot *snap)
{
	struct reader in[SECTIONS] = { 0 };
	int r = 0;

	for (int i = 0; i < SECTIONS && r == 0; i++)
		r = section(snap, i, &in[i]);
	if (r == 0)
		r = sources_restore(s->sources, &in[POSITIONS]);
	if (r == 0)
		r = windows_restore(s->core->windows, &in[WINDOWS]);
	if (r == 0)
		r = threads_restore(s->core->threads, &in[THREADS]);
	if (r == 0)
		r = history_restore(s->core->history, &in[HISTORY]);
	if (r == 0)
		r = known_restore(s->core->known, &in[KNOWN]);
	if (r == 0)
		r = brakes_restore(s->core->brakes, &in[BRAKES]);
	if (r == 0)
		r = submitted_restore(s->core->submitted, &in[SUBMITTED]);
	if (r == 0)
		r = contained_restore(&s->core->contained, &in[CONTAINED]);
	if (r == 0)
		r = probation_restore(&s->core->probation, &in[PROBATION]);
	if (r == 0 && in[NETWORKS].n)
		r = networks_restore(s->core->networks, &in[NETWORKS]);
	if (r == 0)
		r = levels_restore(s->core->levels, &in[LEVELS]);
	return r;
}

static int add_history(void *arg, const struct verdict_row *v, bool closed)
{
	struct serve *s = arg;
	const struct jail *j = config_jail(s->config, v->jail);
	struct event_time when = { v->when_ms }, until = { v->until_ms };

	if (!j)
		return 0;
	return history_add(s->core->history, (uint16_t)(j - s->config->jails), v->key, when,
			   closed ? when : until);
}

static int64_t longest_window(const struct config *c)
{
	int64_t longest = 0;

	for (size_t i = 0; i < c->njails; i++)
		if (c->jails[i].mode != MODE_OFF && !c->jails[i].verdicts &&
		    c->jails[i].limit.within_ms > longest)
			longest = c->jails[i].limit.within_ms;
	return longest;
}

static int64_t longest_memory(const struct config *c)
{
	int64_t longest = 0;

	for (size_t i = 0; i < c->njails; i++) {
		int64_t ms = decide_remember_ms(&c->jails[i]);

		if (ms > longest)
			longest = ms;
	}
	return longest;
}

static void restore_modes(struct serve *s)
{
	static const struct { const char *name; enum jail_mode mode; } modes[] = {
		{ "on", MODE_ON }, { "shadow", MODE_SHADOW }, { "off", MODE_OFF },
	};

	for (uint16_t i = 0; i < s->config->njails; i++) {
		char key[160];
		const char *value;

		snprintf(key, sizeof(key), "jail.%s.mode", s->config->jails[i].name);
		value = store_get_setting(s->store, key);
		for (size_t k = 0; value && k < 3; k++)
			if (strcmp(value, modes[k].name) == 0 && !s->refused[i] && !s->poisoned[i])
				core_set_mode(s->core, i, modes[k].mode);
	}
}

int state_restore(struct serve *s, bool *ret_fresh)
{
	struct snapshot *snap = NULL;
	const char *paused = store_get_setting(s->store, "paused_until");
	int64_t now = clock_wall().ms;
	int r;

	if (paused)
		s->core->paused_until_ms = strtoll(paused, NULL, 10);
	restore_modes(s);
	r = snapshot_open(AT_FDCWD, NAME, &snap);
	if (r == 0) {
		r = from_snapshot(s, snap);
		snapshot_close(&snap);
		if (r == 0) {
			*ret_fresh = false;
			return 0;
		}
	}
	if (r == -ENOMEM)
		return r;
	if (r != -ENOENT)
		log_err("the snapshot is not usable (%s): one longest window is read again; counts are approximate", strerror(-r));
	*ret_fresh = true;
	s->core->not_before_ms = now - longest_window(s->config);
	return store_verdicts_since(s->store, now - longest_memory(s->config), add_history, s);
}
