/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions about mail, of old logs: `top` and `trace` of what went through,
 * `suggest` of what accounts do in a jail's time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/pack.h"
#include "engine/jailtest.h"
#include "engine/offline_flow.h"
#include "engine/offline_pack.h"
#include "engine/offline_private.h"
#include "engine/suggest.h"

/* ---- top, trace */

int offline_flow(struct offline *o, int argc, char **argv)
{
	struct flow_job *job = NULL;
	int r;

	if (argc < 2)
		return 2;
	r = offline_load(o, NULL);
	if (r < 0)
		offline_say(o);
	if (r == 0)
		r = locate_open(o->config, &o->located);
	if (r == 0)
		r = flow_job_open(&o->parts, o->located.geo, o->command, argv[0], argc - 1, argv + 1, &job);
	if (r == 0)
		r = offline_seal(false) < 0 ? 1 : flow_job_run(job);
	flow_job_free(&job);
	o->told = r == -EINVAL;		/* what the request lacks, in words of its own */
	return o->told ? 2 : r < 0 ? 1 : r;
}

/* ---- suggest */

/* The same configuration once more, without limits, reading the same logs. */
static int load_open(struct offline *o)
{
	struct pack *pack = NULL;
	int r = offline_pack(o->conf_path, o->shipped, NULL, &o->more_bad, &pack);

	if (r == 0)
		r = config_load(pack, &o->more_bad, &o->open);
	pack_free(&pack);
	if (r < 0 || o->open->njails != o->config->njails)
		return r < 0 ? r : -EAGAIN;
	for (size_t i = 0; i < o->config->njails; i++) {
		o->open->jails[i].nlogs = o->config->jails[i].nlogs;
		memcpy(o->open->jails[i].logs, o->config->jails[i].logs,
		       o->config->jails[i].nlogs * sizeof(*o->config->jails[i].logs));
	}
	suggest_lift(o->open);
	return core_new(o->open, false, &o->more_bad, &o->open_core);
}

int offline_suggest(struct offline *o, int argc, char **argv)
{
	struct suggest *s = NULL;
	struct part *p;
	int r, error = 0;
	json_t *out;

	if (argc < 2)
		return 2;
	r = offline_load(o, NULL);
	if (r == 0)
		r = parts_open(&o->parts, argc - 1, argv + 1);
	if (r == 0)
		r = offline_make_core(o);
	if (r == 0)
		jailtest_all(o->core, &o->bad);
	offline_say(o);
	if (r == 0)
		r = load_open(o);
	if (r == 0)
		locate_jails(o->open_core, &o->located, &o->more_bad);
	if (r == 0)
		r = suggest_new(o->core, o->open_core, &s);
	if (r < 0 || offline_seal(false) < 0)
		return 1;
	while ((p = parts_next(&o->parts, &error)))
		do {
			struct clockwork clock = { p->parser, p->ctx, &p->last[p->as], &o->clamped };

			core_take(o->core, p->log, &p->entry, p->line.text, &p->line.pos, &clock, true);
			core_take(o->open_core, p->log, &p->entry, p->line.text, &p->line.pos, &clock, true);
		} while (parts_again(&o->parts, p));
	out = suggest_json(s);
	json_object_set_new(out, "ok", json_true());
	json_object_set_new(out, "lines", json_integer((json_int_t)o->parts.lines));
	r = json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(out);
	suggest_free(&s);
	return puts("") < 0 || r < 0 || error < 0 ? 1 : 0;
}
