/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_OFFLINE_PACK_H
#define ENGINE_OFFLINE_PACK_H

#include "config/load.h"

/*
 * Read the configuration at conf_path (NULL: where it is installed), with
 * jail_file (or NULL) in place of any jail of its name. -errno: said, or
 * in *bad.
 */
int offline_pack(const char *conf_path, const char *const *shipped, const char *jail_file,
		 struct complaints *bad, struct pack **ret);

#endif
