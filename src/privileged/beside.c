/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "privileged/beside.h"

#include <string.h>
#include <unistd.h>

void beside_init(struct beside *b)
{
	*b = (struct beside){ .cpu = -1 };
	b->usable = sched_getaffinity(0, sizeof(b->home), &b->home) == 0;
	/* All that there are: so are those that come later. */
	if (b->usable && CPU_COUNT(&b->home) == sysconf(_SC_NPROCESSORS_ONLN))
		memset(&b->home, 0xff, sizeof(b->home));
}

static void stay(struct beside *b, int cpu)
{
	cpu_set_t one;

	if (!b->usable || cpu == b->cpu)
		return;
	CPU_ZERO(&one);
	if (cpu >= 0)
		CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), cpu >= 0 ? &one : &b->home) == 0)
		b->cpu = cpu;
}

void beside_came(struct beside *b, int cpu, size_t n, struct mono now)
{
	if (n >= BESIDE_MUCH)
		b->much = now;
	if (b->much.ms && now.ms - b->much.ms < BESIDE_QUIET_MS)
		stay(b, -1);
	else if (cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &b->home))
		stay(b, cpu);
}
