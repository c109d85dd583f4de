/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_DIGEST_H
#define ENGINE_DIGEST_H

struct serve;

/* The daily mail: what was banned and refused in 24 hours. Nothing: no mail. */
void digest_arm(struct serve *s);

#endif
