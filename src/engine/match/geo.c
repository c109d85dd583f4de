/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an address is. A database is mapped by libmaxminddb from a copy of our
 * own: a file that is written over in place would else change, or end, under
 * the engine. Nothing of it is read through a descriptor later, so that the
 * sandbox need not know of it.
 *
 * Records come in two shapes: nested (MaxMind, DB-IP: country.iso_code) and
 * flat (iptoasn: country_code); a network that was bought abroad and has no
 * country of its own counts where it is registered.
 */
#include "engine/match/geo.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/file.h"

#define BYTES_MAX (1LL << 30)
#define PUT_MAX 64
#define PROBES 4096	/* nodes that are searched for a first useful record */

struct put {
	struct addr addr;
	char country[GEO_COUNTRY_MAX];
	uint32_t asn;
};

struct geo {
	bool has[DATABASES];
	MMDB_s db[DATABASES];
	size_t nput;
	struct put put[PUT_MAX];
};

int geo_new(struct geo **ret)
{
	struct geo *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	*ret = g;
	return 0;
}

void geo_free(struct geo **g)
{
	if (!*g)
		return;
	for (size_t i = 0; i < DATABASES; i++)
		if ((*g)->has[i])
			MMDB_close(&(*g)->db[i]);
	free(*g);
	*g = NULL;
}

/* ---- one record */

static const char *const country_paths[][3] = {
	{ "country", "iso_code", NULL }, { "registered_country", "iso_code", NULL },
	{ "country_code", NULL, NULL },
};
static const char *const asn_paths[][3] = {
	{ "autonomous_system_number", NULL, NULL }, { "asn", NULL, NULL },
};

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* XX and ZZ are nobody's (ISO 3166-1, user-assigned): some write them for "unknown". */
static bool country_of(MMDB_entry_s *e, char ret[GEO_COUNTRY_MAX])
{
	for (size_t i = 0; i < sizeof(country_paths) / sizeof(country_paths[0]); i++) {
		MMDB_entry_data_s d;
		char code[GEO_COUNTRY_MAX] = "";

		if (MMDB_aget_value(e, &d, country_paths[i]) != MMDB_SUCCESS || !d.has_data ||
		    d.type != MMDB_DATA_TYPE_UTF8_STRING || d.data_size != 2)
			continue;
		if (!is_letter(d.utf8_string[0]) || !is_letter(d.utf8_string[1]))
			continue;
		code[0] = (char)(d.utf8_string[0] & ~0x20);
		code[1] = (char)(d.utf8_string[1] & ~0x20);
		if (strcmp(code, "XX") == 0 || strcmp(code, "ZZ") == 0)
			continue;
		memcpy(ret, code, sizeof(code));
		return true;
	}
	return false;
}

/* 0 is no system (RFC 7607). */
static bool asn_of(MMDB_entry_s *e, uint32_t *ret)
{
	for (size_t i = 0; i < sizeof(asn_paths) / sizeof(asn_paths[0]); i++) {
		MMDB_entry_data_s d;
		uint64_t n = 0;

		if (MMDB_aget_value(e, &d, asn_paths[i]) != MMDB_SUCCESS || !d.has_data)
			continue;
		if (d.type == MMDB_DATA_TYPE_UINT32)
			n = d.uint32;
		else if (d.type == MMDB_DATA_TYPE_UINT16)
			n = d.uint16;
		else if (d.type == MMDB_DATA_TYPE_UINT64)
			n = d.uint64;
		if (n == 0 || n > UINT32_MAX)
			continue;
		*ret = (uint32_t)n;
		return true;
	}
	return false;
}

static bool is_useful(enum database d, MMDB_entry_s *e)
{
	char country[GEO_COUNTRY_MAX];
	uint32_t asn;

	return d == DATABASE_COUNTRY ? country_of(e, country) : asn_of(e, &asn);
}

/* ---- loading */

/* Depth first, until a record says what the database is wanted for. */
static bool tells(const MMDB_s *db, enum database d)
{
	uint32_t todo[PROBES];
	size_t n = 0;

	todo[n++] = 0;
	for (unsigned i = 0; i < PROBES && n > 0; i++) {
		MMDB_search_node_s node;
		uint32_t at = todo[--n];

		if (MMDB_read_node(db, at, &node) != MMDB_SUCCESS)
			return false;
		if ((node.left_record_type == MMDB_RECORD_TYPE_DATA && is_useful(d, &node.left_record_entry)) ||
		    (node.right_record_type == MMDB_RECORD_TYPE_DATA && is_useful(d, &node.right_record_entry)))
			return true;
		if (node.right_record_type == MMDB_RECORD_TYPE_SEARCH_NODE && n < PROBES)
			todo[n++] = (uint32_t)node.right_record;
		if (node.left_record_type == MMDB_RECORD_TYPE_SEARCH_NODE && n < PROBES)
			todo[n++] = (uint32_t)node.left_record;
	}
	return false;
}

int geo_load(struct geo *g, enum database d, int fd)
{
	_cleanup_(close_fd) int copy = memfd_create("bailiff-geo", MFD_CLOEXEC);
	struct stat st;
	char path[32];
	MMDB_s db;
	int r;

	if (copy < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	r = file_copy(fd, copy, BYTES_MAX);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	r = MMDB_open(path, MMDB_MODE_MMAP, &db);
	if (r == MMDB_OUT_OF_MEMORY_ERROR)
		return -ENOMEM;
	if (r != MMDB_SUCCESS)
		return -EBADMSG;
	if (!tells(&db, d)) {
		MMDB_close(&db);
		return -ENOMSG;
	}
	if (g->has[d])
		MMDB_close(&g->db[d]);
	g->db[d] = db;
	g->has[d] = true;
	return 0;
}

int geo_put(struct geo *g, const struct addr *a, const char *country, uint32_t asn)
{
	struct put *p = &g->put[g->nput];

	if (g->nput == PUT_MAX)
		return -ENOSPC;
	*p = (struct put){ .addr = *a, .asn = asn };
	if (country)
		snprintf(p->country, sizeof(p->country), "%s", country);
	g->nput++;
	return 0;
}

bool geo_has(const struct geo *g, enum database d)
{
	return g && g->has[d];
}

/* ---- asking */

static const struct put *find_put(const struct geo *g, const struct addr *a)
{
	for (size_t i = 0; i < g->nput; i++)
		if (addr_contains(&g->put[i].addr, a))
			return &g->put[i];
	return NULL;
}

static bool is_nowhere(const struct addr *a)
{
	return a->family == ADDR_NONE || addr_is_private(a) || addr_is_special(a);
}

/* The record of an address: its database's longest prefix that holds it. */
static bool look_up(const struct geo *g, enum database d, const struct addr *a, MMDB_entry_s *ret)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *sa = (const struct sockaddr *)&v4;
	MMDB_lookup_result_s found;
	int error = 0;

	if (a->family == ADDR_V4) {
		memcpy(&v4.sin_addr, a->b, 4);
	} else {
		memcpy(&v6.sin6_addr, a->b, 16);
		sa = (const struct sockaddr *)&v6;
	}
	found = MMDB_lookup_sockaddr(&g->db[d], sa, &error);
	if (error != MMDB_SUCCESS || !found.found_entry)
		return false;
	*ret = found.entry;
	return true;
}

bool geo_country(const struct geo *g, const struct addr *a, char ret[GEO_COUNTRY_MAX])
{
	const struct put *p;
	MMDB_entry_s e;

	if (!g || is_nowhere(a))
		return false;
	p = find_put(g, a);
	if (p) {
		if (p->country[0])
			memcpy(ret, p->country, GEO_COUNTRY_MAX);
		return p->country[0];
	}
	return g->has[DATABASE_COUNTRY] && look_up(g, DATABASE_COUNTRY, a, &e) && country_of(&e, ret);
}

bool geo_asn(const struct geo *g, const struct addr *a, uint32_t *ret)
{
	const struct put *p;
	MMDB_entry_s e;

	if (!g || is_nowhere(a))
		return false;
	p = find_put(g, a);
	if (p) {
		if (p->asn)
			*ret = p->asn;
		return p->asn;
	}
	return g->has[DATABASE_ASN] && look_up(g, DATABASE_ASN, a, &e) && asn_of(&e, ret);
}
