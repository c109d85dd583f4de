/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pattern of a jail by itself: what it is, how it runs, and what came of
 * running it into a limit. There is no clock here, so patience is counted in
 * runs.
 */
#include "engine/match/unit.h"

#include <stdlib.h>

#define STRAIN_FIRST 16
#define STRAIN_MOST 65536

void strain_more(struct strain *s)
{
	if (s->len == 0)
		s->len = STRAIN_FIRST;
	else if (s->len < STRAIN_MOST)
		s->len *= 4;
	s->left = s->len;
}

int unit_run(struct unit *u, struct arena *a, struct span s, uint32_t options,
	     pcre2_match_data *data)
{
	bool careful = strain_spend(&u->strain);
	int rc = expr_run(&u->x, s, options, data, careful ? a->low : a->full);

	if (rc < 0) {
		u->troubles++;
		a->troubled = true;
		u->what = expr_trouble(rc);
		strain_more(&u->strain);
	}
	return rc;
}

void unit_fini(struct unit *u)
{
	if (!u->like) {
		expr_fini(&u->x);
		pattern_free(&u->loose);
	}
	free(u->remark);
	u->remark = NULL;
}
