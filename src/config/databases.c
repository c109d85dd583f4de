/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where databases of countries and autonomous systems are looked for. The
 * usual places are those of geoipupdate(1) on Debian, Red Hat and by hand, and
 * of DB-IP's free files. bailiffd opens them for the engine, an offline command
 * for itself, by the same list.
 */
#include "config/databases.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IN_WORDS " in /var/lib/GeoIP, /usr/share/GeoIP or /usr/local/share/GeoIP"
#define IN_DIRS(name) "/var/lib/GeoIP/" name, "/usr/share/GeoIP/" name, "/usr/local/share/GeoIP/" name

static const char *const countries[] = {
	IN_DIRS("GeoLite2-Country.mmdb"), IN_DIRS("GeoIP2-Country.mmdb"),
	IN_DIRS("dbip-country-lite.mmdb"), NULL,
};
static const char *const systems[] = {
	IN_DIRS("GeoLite2-ASN.mmdb"), IN_DIRS("dbip-asn-lite.mmdb"), NULL,
};

static const struct { const char *key; const char *const *usual; const char *words; } rows[DATABASES] = {
	[DATABASE_COUNTRY] = { "country", countries,
		"GeoLite2-Country.mmdb, GeoIP2-Country.mmdb or dbip-country-lite.mmdb" IN_WORDS },
	[DATABASE_ASN] = { "asn", systems, "GeoLite2-ASN.mmdb or dbip-asn-lite.mmdb" IN_WORDS },
};

static const char *configured(const struct config *c, enum database d)
{
	return d == DATABASE_COUNTRY ? c->country : c->asn;
}

const char *database_key(enum database d)
{
	return rows[d].key;
}

const char *database_place(const struct config *c, enum database d, size_t i)
{
	const char *path = configured(c, d);
	size_t n = 0;

	if (!path)
		return NULL;
	if (strcmp(path, DATABASE_AUTO) != 0)
		return i == 0 ? path : NULL;
	while (n < i && rows[d].usual[n])
		n++;
	return rows[d].usual[n];
}

void database_put_places(const struct config *c, enum database d, struct buf *out)
{
	const char *path = configured(c, d);

	if (path)
		buf_puts(out, strcmp(path, DATABASE_AUTO) == 0 ? rows[d].words : path);
}

static bool is_missing(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

int database_open(const struct config *c, enum database d, int *ret_fd, const char **ret_path)
{
	const char *path;
	struct stat st;
	int fd, r = 0;

	for (size_t i = 0; (path = database_place(c, d, i)); i++) {
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 && is_missing(errno))
			continue;
		*ret_path = path;
		if (fd < 0)
			return -errno;
		if (fstat(fd, &st) < 0)
			r = -errno;
		else if (!S_ISREG(st.st_mode))
			r = -EINVAL;
		if (r < 0)
			close(fd);
		else
			*ret_fd = fd;
		return r;
	}
	return -ENOENT;
}

void database_mark(const struct config *c, enum database d, struct database_mark *ret)
{
	const char *path;
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; (path = database_place(c, d, i)); i++) {
		if (stat(path, &st) < 0)
			continue;
		ret->dev = st.st_dev;
		ret->ino = st.st_ino;
		ret->size = st.st_size;
		ret->mtime_ns = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
		return;
	}
}
