/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `top` and `trace` know, over restarts. It can be large, and nothing that
 * bailiff does hangs on it: so it has a file of its own, written at a stop and
 * now and then, behind the snapshot that was taken at the same moment. After a
 * crash what came since the last time is missing, and nothing is there twice.
 */
#include "engine/flow_state.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/record/snapshot.h"

#define NAME "flow"
#define EVERY_MS (30 * 60000LL)

static struct flow *make(const struct config *c)
{
	static const struct flow_options o = {
		.messages_max = FLOW_MESSAGES_MAX, .bytes_max = FLOW_BYTES_MAX,
		.window_ms = FLOW_WINDOW_MS, .details = true, .patient = true,
	};
	struct flow *f = NULL;

	if (flow_new(&c->accounts, &o, &f) < 0)
		log_err("flow: out of memory; top and trace know nothing");
	return f;
}

void flow_state_restore(struct serve *s)
{
	struct snapshot *snap = NULL;
	struct span bytes;
	int r;

	s->flow_saved_ms = clock_mono().ms;
	if (!s->config->flow)
		return;
	s->core->flow = make(s->config);
	if (!s->core->flow)
		return;
	r = snapshot_open(AT_FDCWD, NAME, &snap);
	if (r == 0 && snapshot_get(snap, NAME, &bytes)) {
		struct reader in = { .p = bytes.p, .n = bytes.n };

		r = flow_restore(s->core->flow, &in);
	}
	snapshot_close(&snap);
	if (r == 0 || r == -ENOENT)
		return;
	log_warning("flow: what was saved is not usable; top and trace know what comes from now on");
	flow_free(&s->core->flow);
	s->core->flow = make(s->config);
}

void flow_state_take(struct serve *s)
{
	int64_t now = clock_mono().ms;

	if (!s->core->flow || (!s->stopping && now - s->flow_saved_ms < EVERY_MS))
		return;
	s->flow_saved_ms = now;
	flow_save(s->core->flow, &s->flow_section);
}

static void written(void *arg, int error, const char *json)
{
	struct serve *s = arg;

	(void)json;
	buf_free(&s->flow_section);
	if (error < 0)
		log_err("flow: not saved: %s", strerror(-error));
	s->flow_saved(s);
}

bool flow_state_write(struct serve *s, int error, void (*saved)(struct serve *s))
{
	struct snapshot_section section = { NAME, buf_span(&s->flow_section) };

	if (section.bytes.n == 0)
		return false;
	s->flow_saved = saved;
	if (error == 0)
		error = buf_error(&s->flow_section);
	if (error == 0)
		error = store_snapshot(s->store, NAME, &section, 1, written, s);
	if (error == 0)
		return true;
	buf_free(&s->flow_section);
	return false;
}
