/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ids are typed by people (`bailiff show 1042`), so they are small and follow
 * one another; they are also what the runner's journal knows an account step
 * by, so none may come twice, whatever crashed. Hence blocks, reserved on the
 * disk before the first number of one is given away: a crash skips the rest of
 * a block, a clean stop gives it back. Giving one away never waits: without a
 * block it comes from a range that the wall clock makes unique.
 */
#include "engine/record/ids.h"

/* 2048 a millisecond, and below 2^53, what JSON readers hold exactly. */
void ids_init(struct ids *i, int64_t epoch_ms)
{
	*i = (struct ids){
		.next = 1, .spare = 1, .beyond = (uint64_t)epoch_ms << 11,
	};
}

uint64_t ids_take(struct ids *i)
{
	i->taken++;
	if (i->next > i->last) {
		i->next = i->spare;
		i->last = i->spare_last;
		i->spare = 1;
		i->spare_last = 0;
	}
	if (i->next > i->last)
		return i->beyond++;
	return i->next++;
}

uint64_t ids_left(const struct ids *i)
{
	return (i->last + 1 - i->next) + (i->spare_last + 1 - i->spare);
}

bool ids_has_room(const struct ids *i)
{
	return i->spare > i->spare_last;
}

void ids_add(struct ids *i, uint64_t first, uint64_t last)
{
	if (i->next > i->last) {
		i->next = first;
		i->last = last;
	} else if (first == i->last + 1) {
		i->last = last;
	} else {
		i->spare = first;
		i->spare_last = last;
	}
}

bool ids_unused(const struct ids *i, uint64_t *reserved, uint64_t *used)
{
	if (!ids_has_room(i) || i->next > i->last)
		return false;
	*reserved = i->last;
	*used = i->next - 1;
	return true;
}
