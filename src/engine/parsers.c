/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tells the heads of each log's lines apart. Whether a zone or a format
 * of stamps is one is known only where it is loaded, which is here, in the
 * daemon and in `check` alike; what is wrong with one log stops no other's jails.
 */
#include "engine/parsers.h"

#include <errno.h>
#include <string.h>

static bool reads(const struct jail *j, size_t log)
{
	for (size_t i = 0; i < j->nlogs; i++)
		if (j->logs[i] == log)
			return true;
	return false;
}

static void refuse(struct core *core, size_t log, const char *why, struct complaints *bad)
{
	const struct config *c = core->config;
	const struct log_conf *l = &c->logs[log];

	complaints_add(bad, l->place.line ? l->place : c->timezone_at, NULL, false, "the log '%s': %s: its jails are refused", l->name, why);
	for (size_t i = 0; i < c->njails; i++)
		if (reads(&c->jails[i], log))
			matcher_refuse(core->matcher, &c->jails[i]);
}

int parsers_make(struct core *core, struct complaints *bad, struct prefix_parser **ret)
{
	const struct config *c = core->config;

	for (size_t i = 0; i < c->nlogs; i++) {
		struct log_conf plain = c->logs[i];
		const char *why = NULL;
		int r = prefix_parser_new(&c->logs[i], &ret[i], &why);

		if (r == 0)
			continue;
		if (r == -ENOMEM)
			return r;
		refuse(core, i, why ? why : strerror(-r), bad);
		plain.timezone = plain.time_find = plain.time_format = NULL;
		r = prefix_parser_new(&plain, &ret[i], &why);
		if (r < 0)
			return r;
	}
	return 0;
}
