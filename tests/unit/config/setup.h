/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_CONFIG_SETUP_H
#define TESTS_CONFIG_SETUP_H

/* A configuration made of texts, and its complaints as one text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/load.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

/* What stands above a jail's pattern in most rows. */
#define LIMIT "limit: {count: 5, per: ip, within: 10m}\n"
#define THEN "then: ban\n"
#define MATCH "match: 'x <ip>'\n"
#define LOG "log: mail\n"

struct made {
	struct pack *pack;
	struct config *config;
	struct complaints bad;
	struct buf text;	/* every complaint, one a line */
	int err;
};

static inline void made_begin(struct made *m, const char *main_yaml)
{
	*m = (struct made){ 0 };
	assert_int_equal(pack_new("/base", &m->pack), 0);
	assert_int_equal(pack_add(m->pack, PACK_MAIN, "main", 0, span_of(main_yaml)), 0);
}

static inline void made_jail(struct made *m, enum pack_role role, const char *path, const char *yaml)
{
	assert_int_equal(pack_add(m->pack, role, path, 0, span_of(yaml)), 0);
}

static inline void made_load(struct made *m)
{
	m->err = config_load(m->pack, &m->bad, &m->config);
	assert_true((m->err == 0) == (m->config != NULL));
	for (size_t i = 0; i < m->bad.n; i++) {
		complaint_print(&m->bad.v[i], &m->text);
		buf_putc(&m->text, '\n');
	}
}

static inline void made_free(struct made *m)
{
	config_free(&m->config);
	complaints_free(&m->bad);
	pack_free(&m->pack);
	buf_free(&m->text);
}

/* 1 and a word about it if they differ: rows go on, so that one run tells all. */
static inline int differs(const char *name, const char *got, const char *want)
{
	if (strcmp(got, want) == 0)
		return 0;
	print_error("%s:\n got: %s\nwant: %s\n", name, got, want);
	return 1;
}

#endif
