/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bailiff-engine: start here. Under bailiffd it reads logs and proposes
 * (serve.c); by hand, `--offline`, it replays, tests and checks (offline.c).
 * Both run the same road, core.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "config/shipped.h"
#include "engine/offline.h"
#include "engine/serve.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--serve") == 0)
		return serve_main();
	if (argc >= 2 && strcmp(argv[1], "--offline") == 0) {
		log_init("bailiff", LOG_LEVEL_WARNING);
		hash_init();
		return offline_main(argc - 1, argv + 1, shipped_dirs());
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("bailiff-engine " BAILIFF_VERSION);
		return 0;
	}
	fputs("bailiff-engine is started by bailiffd, and by `bailiff replay`, `test` and `check`.\n", stderr);
	return 2;
}
