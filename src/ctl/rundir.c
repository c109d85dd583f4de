/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which daemon is talked to. An admin who has just broken bailiff.yaml must
 * still be able to unban, so a file that does not load is looked through line
 * by line for the one key that matters here. A FILE that cannot be read is an
 * error all the same: `-c FILE teardown` must never reach another daemon.
 */
#include "ctl/rundir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "ctl/text.h"

#define INSTALLED BAILIFF_SYSCONFDIR "/bailiff/bailiff.yaml"

bool rundir_scan(struct span text, char *ret, size_t size)
{
	const char *end = text.p + text.n;

	for (const char *line = text.p; line && line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		const char *p = line + 4;

		stop = stop ? stop : end;
		if (stop - line > 4 && memcmp(line, "run:", 4) == 0) {
			size_t n = 0;

			while (p < stop && strchr(" \t\"'", *p))
				p++;
			while (p + n < stop && !strchr(" \t\r\"'#", p[n]))
				n++;
			if (n == 0 || n >= size)
				return false;
			memcpy(ret, p, n);
			ret[n] = 0;
			return true;
		}
		line = stop + 1;
	}
	return false;
}

static void from_broken(const struct pack *pack, const char *path, char *ret, size_t size)
{
	bool found = false;
	char name[512];

	for (size_t i = 0; i < pack_count(pack) && !found; i++) {
		const struct pack_file *f = pack_get(pack, i);

		if (f->role == PACK_MAIN)
			found = rundir_scan(f->text, name, sizeof(name));
	}
	if (!found)
		snprintf(ret, size, "%s", BAILIFF_RUNDIR);
	else if (name[0] == '/')
		snprintf(ret, size, "%s", name);
	else
		snprintf(ret, size, "%s/%s", pack_base(pack), name);
	text_complain("%s does not load (bailiff check says why); I ask the daemon at %s", path, ret);
}

int rundir_find(const char *conf, char *ret, size_t size)
{
	const char *path = conf ? conf : INSTALLED;
	struct complaints bad = { 0 };
	struct config *config = NULL;
	struct pack *pack = NULL;
	int r = pack_read(path, NULL, &pack);

	if (r < 0 && !conf) {
		snprintf(ret, size, "%s", BAILIFF_RUNDIR);
		return 0;
	}
	if (r < 0) {
		text_complain("%s: %s; without -c I ask the installed daemon", path, strerror(-r));
		return r;
	}
	if (config_load(pack, &bad, &config) == 0)
		snprintf(ret, size, "%s", config->run);
	else
		from_broken(pack, path, ret, size);
	config_free(&config);
	complaints_free(&bad);
	pack_free(&pack);
	return 0;
}
