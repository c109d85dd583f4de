/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joins the databases of addresses to the jails. Whether one is there is known
 * only here, where it was opened, in the daemon's engine as in an offline
 * command; so it is here that a jail which needs one is refused.
 */
#include "engine/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/count/places.h"
#include "engine/passage.h"

static const char *const subjects[DATABASES] = {
	[DATABASE_COUNTRY] = "countries", [DATABASE_ASN] = "autonomous systems",
};

/* For `status`, as long as the process lives. */
static const char *const lacks[DATABASES] = {
	[DATABASE_COUNTRY] = "it needs a database of countries: bailiff check",
	[DATABASE_ASN] = "it needs a database of autonomous systems: bailiff check",
};

static void load(struct located *l, enum database d, int take_fd, const char *path)
{
	snprintf(l->path[d], sizeof(l->path[d]), "%s", path);
	l->error[d] = geo_load(l->geo, d, take_fd);
	close(take_fd);
}

int locate_open(const struct config *c, struct located *ret)
{
	const char *path = "";
	int r = geo_new(&ret->geo), fd;

	for (enum database d = 0; d < DATABASES && r == 0; d++) {
		ret->error[d] = database_open(c, d, &fd, &path);
		if (ret->error[d] == 0)
			load(ret, d, fd, path);
		else if (ret->error[d] != -ENOENT)
			snprintf(ret->path[d], sizeof(ret->path[d]), "%s", path);
	}
	return r;
}

int locate_take(const int take_fds[DATABASES], struct located *ret)
{
	int r = geo_new(&ret->geo);

	for (enum database d = 0; d < DATABASES && r == 0; d++) {
		char name[32], path[256] = "";
		struct stat st;

		if (fstat(take_fds[d], &st) < 0 || !S_ISREG(st.st_mode)) {
			ret->error[d] = -ENOENT;
			close(take_fds[d]);
			continue;
		}
		snprintf(name, sizeof(name), "/proc/self/fd/%d", take_fds[d]);
		if (readlink(name, path, sizeof(path) - 1) < 0)
			path[0] = 0;
		load(ret, d, take_fds[d], path);
	}
	return r;
}

void locate_free(struct located *l)
{
	geo_free(&l->geo);
}

/* ---- the jails */

static bool is_made_by(const struct config *c, uint16_t field, enum database d)
{
	const struct field *f = &c->fields[field];

	return f->from && strcmp(f->name, database_key(d)) == 0;
}

static bool in_words(const struct strings *words, enum database d)
{
	char name[32];

	snprintf(name, sizeof(name), "<%s>", database_key(d));
	for (size_t i = 0; i < words->n; i++)
		if (strstr(words->v[i], name))
			return true;
	return false;
}

static bool needs(const struct config *c, const struct jail *j, enum database d)
{
	const struct limit *l = &j->limit;

	if (d == DATABASE_COUNTRY && j->country.rule != COUNTRY_ANY)
		return true;
	if ((l->kind == LIMIT_SUM || l->kind == LIMIT_DISTINCT) && is_made_by(c, l->value, d))
		return true;
	for (size_t i = 0; i < l->nper; i++)
		if (is_made_by(c, l->per[i], d))
			return true;
	for (size_t i = 0; i < l->nwith; i++)
		if (l->with[i].kind == WITH_DISTINCT && is_made_by(c, l->with[i].field, d))
			return true;
	for (size_t i = 0; i < j->nthen; i++)
		if (in_words(&j->then[i].argv, d) || in_words(&j->then[i].undo, d))
			return true;
	return false;
}

static void put_reason(const struct config *c, const struct located *l, enum database d, struct buf *out)
{
	buf_printf(out, "it needs a database of %s ('%s' in bailiff.yaml), and ", subjects[d], database_key(d));
	if (l->error[d] == -ENOENT && !database_place(c, d, 0)) {
		buf_puts(out, "that is off");
	} else if (l->error[d] == -ENOENT) {
		buf_puts(out, "there is none: looked for ");
		database_put_places(c, d, out);
	} else if (l->error[d] == -ENOMSG) {
		buf_printf(out, "%s tells of none", l->path[d]);
	} else {
		buf_printf(out, "%s %s%s", l->path[d], l->error[d] == -EBADMSG ? "is damaged or none" : "cannot be read: ",
			   l->error[d] == -EBADMSG ? "" : strerror(-l->error[d]));
	}
}

static void warn_classes(const struct config *c, const struct located *l, struct complaints *bad)
{
	for (size_t i = 0; i < c->nclasses; i++) {
		struct buf why = { 0 };

		if (c->classes[i].nignore_asn == 0 || geo_has(l->geo, DATABASE_ASN))
			continue;
		put_reason(c, l, DATABASE_ASN, &why);
		complaints_add(bad, c->classes[i].place, NULL, true, "'ignore_asn' ignores nobody: %s",
			       buf_cstr(&why));
		buf_free(&why);
	}
}

void locate_jails(struct core *core, const struct located *l, struct complaints *bad)
{
	const struct config *c = core->config;

	core_place(core, l->geo);
	warn_classes(c, l, bad);
	for (size_t i = 0; i < c->njails; i++) {
		const struct jail *j = &c->jails[i];

		for (enum database d = 0; d < DATABASES && !core->jails[i].lacks; d++) {
			struct buf why = { 0 };

			if (geo_has(l->geo, d) || j->mode == MODE_OFF || !needs(c, j, d))
				continue;
			buf_puts(&why, j->automatic ? "stays off: " : "");
			put_reason(c, l, d, &why);
			core->jails[i].lacks = lacks[d];
			complaints_add(bad, j->place, j->name, j->automatic, "%s", buf_cstr(&why));
			matcher_refuse(core->matcher, j);
			buf_free(&why);
		}
	}
}

/* ---- hits */

static bool is_among(const struct strings *codes, struct span country)
{
	for (size_t i = 0; i < codes->n; i++)
		if (span_eq(span_of(codes->v[i]), country))
			return true;
	return false;
}

/* Whose class tells of no home is not away. */
bool locate_meets(const struct core *core, const struct hit *hit, const struct class *class)
{
	const struct country_condition *want = &hit->jail->country;
	struct capture country;
	uint32_t asn;

	if (want->rule == COUNTRY_ANY)
		return true;
	if (class && class->nignore_asn && hit_address(hit) && geo_asn(core->geo, hit_address(hit), &asn) &&
	    place_ignores(class, asn))
		return false;
	if ((want->rule == COUNTRY_AWAY && !(class && class->home.n)) || core->country < 0 ||
	    !hit_get(core->matcher, hit, (uint16_t)core->country, &country))
		return false;
	if (want->rule == COUNTRY_AWAY)
		return !is_among(&class->home, country.raw);
	return is_among(&want->codes, country.raw) == (want->rule == COUNTRY_IN);
}

const char *locate_print(const struct geo *g, const struct addr *a, char buf[32])
{
	char country[GEO_COUNTRY_MAX];
	size_t n = 0;
	uint32_t asn;

	buf[0] = 0;
	if (geo_country(g, a, country))
		n = (size_t)snprintf(buf, 32, "%s", country);
	if (geo_asn(g, a, &asn))
		snprintf(buf + n, 32 - n, "%sAS%u", n ? ", " : "", asn);
	return buf;
}
