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
#include "config/scan.h"
#include "config/shipped.h"
#include "ctl/text.h"

#define INSTALLED BAILIFF_SYSCONFDIR "/bailiff/bailiff.yaml"

int rundir_find(const char *conf, char *ret, size_t size)
{
	const char *path = conf ? conf : INSTALLED;
	struct complaints bad = { 0 };
	struct config *config = NULL;
	struct pack *pack = NULL;
	int r = pack_read(path, shipped_dirs(), &pack);

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
	else {
		if (!scan_path(pack, "run", ret, size))
			snprintf(ret, size, "%s", BAILIFF_RUNDIR);
		text_complain("%s does not load (bailiff check says why); I ask the daemon at %s", path, ret);
	}
	config_free(&config);
	complaints_free(&bad);
	pack_free(&pack);
	return 0;
}
