/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decompression for history.c: gzip through zlib, zstd through libzstd, and
 * plain bytes through the same door. gzip files may be several members one
 * after the other (logrotate with `compressoptions`, `cat a.gz b.gz`), zstd
 * files several frames (pzstd); both are one stream here. Windows are bounded:
 * zlib has 32 KB, libzstd refuses more than 128 MB by itself. Plain bytes are
 * read to where they are wanted, all but the first, by which the kind is told.
 */
#include "engine/read/inflate.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"

#define IN_SIZE (64u << 10)

struct inflate {
	int fd, wake_fd;
	bool pollable;			/* no regular file: reads may wait */
	bool eof;
	bool within;			/* in the middle of a member or frame */
	const struct codec *codec;
	z_stream gz;
	bool gz_made;
	ZSTD_DStream *zst;
	size_t at, n;			/* of in */
	unsigned char in[IN_SIZE];
};

struct codec {
	const char *magic;
	size_t n;
	int (*start)(struct inflate *i);
	/* Consumes in[at..n), fills p; *ret: bytes made. */
	int (*run)(struct inflate *i, char *p, size_t n, size_t *ret);
};

/* One read(2) into p; *ret: 0 at the end. */
static int take(struct inflate *i, void *p, size_t n, size_t *ret)
{
	ssize_t r;

	*ret = 0;
	if (i->pollable) {
		struct pollfd fds[2] = { { i->fd, POLLIN, 0 }, { i->wake_fd, POLLIN, 0 } };

		while (poll(fds, 2, -1) < 0)
			if (errno != EINTR)
				return -errno;
		if (fds[1].revents) {
			i->eof = true;
			return 0;
		}
	}
	do
		r = read(i->fd, p, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	i->eof = r == 0;
	*ret = (size_t)r;
	return 0;
}

static int fill(struct inflate *i)
{
	size_t n;
	int r;

	if (i->at == i->n)
		i->at = i->n = 0;
	r = take(i, i->in + i->n, sizeof(i->in) - i->n, &n);
	i->n += n;
	return r;
}

/* ---- plain ---- */

static int plain_run(struct inflate *i, char *p, size_t n, size_t *ret)
{
	size_t have = i->n - i->at;

	*ret = have < n ? have : n;
	memcpy(p, i->in + i->at, *ret);
	i->at += *ret;
	return 0;
}

/* ---- gzip ---- */

static int gz_start(struct inflate *i)
{
	if (inflateInit2(&i->gz, 15 + 16) != Z_OK)	/* a gzip header, full window */
		return -ENOMEM;
	i->gz_made = true;
	return 0;
}

/* Between members: gzip(1) lets zeros follow (tapes), and so do we. */
static bool gz_padding(struct inflate *i)
{
	while (i->at < i->n && i->in[i->at] == 0)
		i->at++;
	return i->at == i->n;
}

static int gz_run(struct inflate *i, char *p, size_t n, size_t *ret)
{
	int r;

	*ret = 0;
	if (!i->within) {
		if (gz_padding(i))
			return 0;
		inflateReset(&i->gz);
		i->within = true;
	}
	i->gz.next_in = i->in + i->at;
	i->gz.avail_in = (uInt)(i->n - i->at);
	i->gz.next_out = (Bytef *)p;
	i->gz.avail_out = (uInt)n;
	r = inflate(&i->gz, Z_NO_FLUSH);
	i->at = i->n - i->gz.avail_in;
	*ret = n - i->gz.avail_out;
	if (r == Z_STREAM_END) {
		i->within = false;
		return 0;
	}
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return r == Z_OK || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

/* ---- zstd ---- */

static int zst_start(struct inflate *i)
{
	i->zst = ZSTD_createDStream();
	return i->zst ? 0 : -ENOMEM;
}

static int zst_run(struct inflate *i, char *p, size_t n, size_t *ret)
{
	ZSTD_inBuffer in = { i->in, i->n, i->at };
	ZSTD_outBuffer out = { p, n, 0 };
	size_t r;

	*ret = 0;
	if (i->at == i->n && !i->within)
		return 0;
	r = ZSTD_decompressStream(i->zst, &out, &in);
	i->at = in.pos;
	*ret = out.pos;
	if (ZSTD_isError(r))
		return -EBADMSG;
	i->within = r != 0;
	return 0;
}

static int refuse(struct inflate *i)
{
	(void)i;
	return -ENOTSUP;
}

static int nothing(struct inflate *i)
{
	(void)i;
	return 0;
}

static const struct codec plain = { "", 0, nothing, plain_run };

static const struct codec codecs[] = {
	{ "\x1f\x8b", 2, gz_start, gz_run },
	{ "\x28\xb5\x2f\xfd", 4, zst_start, zst_run },
	{ "\x50\x2a\x4d\x18", 4, zst_start, zst_run },	/* pzstd's first frame */
	{ "\xfd" "7zXZ", 5, refuse, NULL },
	{ "BZh", 3, refuse, NULL },
	{ "\x04\x22\x4d\x18", 4, refuse, NULL },	/* lz4 */
};

static const struct codec *codec_of(const struct inflate *i)
{
	for (size_t k = 0; k < sizeof(codecs) / sizeof(*codecs); k++)
		if (i->n >= codecs[k].n && memcmp(i->in, codecs[k].magic, codecs[k].n) == 0)
			return &codecs[k];
	return &plain;
}

int inflate_open(int fd, int wake_fd, struct inflate **ret)
{
	_cleanup_(inflate_free) struct inflate *i = calloc(1, sizeof(*i));
	struct stat st;
	int r;

	if (!i)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	i->fd = fd;
	i->wake_fd = wake_fd;
	i->pollable = !S_ISREG(st.st_mode);
	while (i->n < 8 && !i->eof) {	/* a pipe may give a byte at a time */
		r = fill(i);
		if (r < 0)
			return r;
	}
	i->codec = codec_of(i);
	r = i->codec->start(i);
	if (r < 0)
		return r;
	*ret = i;
	i = NULL;
	return 0;
}

void inflate_free(struct inflate **i)
{
	if (!*i)
		return;
	if ((*i)->gz_made)
		inflateEnd(&(*i)->gz);
	ZSTD_freeDStream((*i)->zst);
	free(*i);
	*i = NULL;
}

bool inflate_compressed(const struct inflate *i)
{
	return i->codec != &plain;
}

int inflate_read(struct inflate *i, char *p, size_t n, size_t *ret)
{
	size_t done = 0;
	int r = 0;

	while (done < n && r == 0) {
		size_t made, before = i->at;

		if (i->at == i->n && !i->eof && i->codec == &plain) {
			r = take(i, p + done, n - done, &made);
			done += made;
			continue;
		}
		if (i->at == i->n && !i->eof) {
			r = fill(i);
			continue;
		}
		r = i->codec->run(i, p + done, n - done, &made);
		done += made;
		if (!made && i->at == before && i->at == i->n) {
			if (i->within && !r)
				r = -EBADMSG;	/* cut off */
			break;
		}
	}
	*ret = done;
	return r;
}
