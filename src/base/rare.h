/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_RARE_H
#define BASE_RARE_H

/* What few lines of a log need: out of line, so that the others pay for no frame of it. */
#define _rare_ __attribute__((noinline))

#endif
