/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving up root. The order matters: the bounding set while CAP_SETPCAP is
 * held, groups before the user, PR_SET_KEEPCAPS across setresuid(2), then the
 * exact sets, and last no_new_privs (capabilities(7)). The raw system call
 * serves: libcap would be one more library beside root.
 */
#include "privileged/drop.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct identity identity_of(const char *user, uid_t fallback)
{
	const struct passwd *p = getpwnam(user);

	if (p)
		return (struct identity){ p->pw_uid, p->pw_gid };
	return (struct identity){ fallback, fallback };
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)caps, (uint32_t)caps, 0 },
		{ (uint32_t)(caps >> 32), (uint32_t)(caps >> 32), 0 },
	};

	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int drop_to(struct identity who, uint64_t caps)
{
	for (int c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++)
		if (!(caps & (1ULL << c)) && prctl(PR_CAPBSET_DROP, c) < 0)
			return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_KEEPCAPS, 1) < 0 ||
	    setgroups(0, NULL) < 0 ||
	    setresgid(who.gid, who.gid, who.gid) < 0 ||
	    setresuid(who.uid, who.uid, who.uid) < 0 ||
	    prctl(PR_SET_KEEPCAPS, 0) < 0)
		return -errno;
	if (set_caps(caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}
