/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What write(2) may leave undone is done: whoever keeps a file keeps all of it, or an error. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int file_write(int fd, struct span s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s.p += n;
		s.n -= (size_t)n;
	}
	return 0;
}

int file_copy(int from, int to, size_t max)
{
	char block[65536];
	size_t at = 0;
	ssize_t n;

	while ((n = pread(from, block, sizeof(block), (off_t)at)) > 0) {
		int r = file_write(to, (struct span){ block, (size_t)n });

		if (r < 0)
			return r;
		at += (size_t)n;
		if (at > max)
			return -EFBIG;
	}
	return n < 0 ? -errno : 0;
}

int file_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

bool file_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}
