/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_FIREWALL_SESSION_H
#define PRIVILEGED_FIREWALL_SESSION_H

#include <stddef.h>
#include <sys/types.h>

#include "bailiff/addr.h"

#define SESSION_MAX 256

/* A login from elsewhere by one who administers this host. */
struct session {
	struct addr from;	/* a host */
	pid_t pid;		/* its leader; 0: not known */
};

/* Where it is read from; for tests other files. */
struct session_files {
	const char *passwd, *group, *utmp, *logind;
};
extern const struct session_files session_system_files;

/* Up to max sessions of root, sudo, wheel or bailiff-admin; how many. */
size_t session_read(const struct session_files *files, struct session *ret, size_t max);

#endif
