/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame that bans live in: brings table, chain, sets and rules to what
 * they shall be, in one transaction, whatever was there. The same code makes
 * the table at a start, changes it at a reload and puts it back after a flush:
 * what exists stays (elements above all), what is missing is made, and the
 * chain is emptied and filled anew, its counters going on where they were.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "privileged/firewall/state.h"

#define TABLE_DORMANT 0x1u	/* NFT_TABLE_F_DORMANT */

/*
 * More than we let in by our own count: a renewal takes a second place for a
 * moment, and what has ended keeps its place until the kernel collects it.
 */
#define SIZE_SLACK 4096

uint32_t build_kernel_size(const struct firewall *f, unsigned set)
{
	const struct view_set *seen = view_find(&f->view, f->sets[set].name);
	uint64_t size = f->set_size;

	/* Made smaller by a setting: what is in it must still be renewable. */
	if (seen && seen->count != SIZE_MAX && seen->count > size)
		size = seen->count;
	return size > UINT32_MAX - SIZE_SLACK ? UINT32_MAX : (uint32_t)size + SIZE_SLACK;
}

bool build_in_use(const struct firewall *f, unsigned set)
{
	return f->sets[set].name[0] != '\0';
}

int build_find_set(const struct firewall *f, uint16_t scope, uint8_t family, uint8_t len)
{
	for (int i = 0; i < HELD_SETS_MAX; i++) {
		const struct banset *s = &f->sets[i];

		if (s->len == len && s->scope == scope && s->family == family && s->name[0])
			return i;
	}
	return -1;
}

int build_need_set(struct firewall *f, uint16_t scope, uint8_t family, uint8_t len)
{
	int i = build_find_set(f, scope, family, len);
	struct banset s = { .scope = scope, .family = family, .len = len };
	int r;

	if (i >= 0)
		return i;
	r = table_set_name(f->scopes[scope].name, family, len, s.name);
	if (r < 0)
		return r;
	for (i = 0; i < HELD_SETS_MAX; i++) {
		if (!build_in_use(f, (unsigned)i)) {
			f->sets[i] = s;
			return i;
		}
	}
	return -ENOSPC;
}

void build_keep_counters(struct firewall *f)
{
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		struct banset *s = &f->sets[i];
		const struct view_set *seen;

		if (!build_in_use(f, i))
			continue;
		seen = view_find(&f->view, s->name);
		s->made = seen != NULL;
		if (!seen || !seen->ruled)
			continue;
		s->packets = seen->packets;
		s->bytes = seen->bytes;
	}
}

/*
 * The kernel changes neither OWNER nor PERSIST of a table that is there, but
 * lets the next process own one that a former owner left behind (PERSIST).
 */
static uint32_t wanted_flags(const struct firewall *f, bool fresh)
{
	bool own = f->own && f->able.own;

	if (fresh || !f->view.table)
		return own ? NFT_TABLE_OWNER | NFT_TABLE_PERSIST : 0;
	if (own && (f->view.flags & NFT_TABLE_PERSIST))
		return NFT_TABLE_OWNER | NFT_TABLE_PERSIST;
	return f->view.flags & ~TABLE_DORMANT;
}

static void put_allowed(struct firewall *f)
{
	if (!f->allow_known)
		return;
	elems_replace(&f->nl, f->table, TABLE_ALLOW4, ADDR_V4, f->allow4.v, f->allow4.n);
	elems_replace(&f->nl, f->table, TABLE_ALLOW6, ADDR_V6, f->allow6.v, f->allow6.n);
}

static int try_build(struct firewall *f, bool fresh)
{
	uint32_t flags = wanted_flags(f, fresh);
	int r;

	nft_begin(&f->nl);
	if (fresh && f->view.table)
		table_delete(&f->nl, f->table);
	table_put(&f->nl, f->table, flags);
	table_put_chain(&f->nl, f->table);
	table_flush_chain(&f->nl, f->table);
	table_put_allow_sets(&f->nl, f->table);
	put_allowed(f);
	table_put_fixed_rules(&f->nl, f->table);
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		const struct banset *s = &f->sets[i];

		if (!build_in_use(f, i))
			continue;
		table_put_banset(&f->nl, f->table, s, build_kernel_size(f, i));
		table_put_ban_rule(&f->nl, f->table, s, &f->scopes[s->scope]);
	}
	r = nft_commit(&f->nl);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < HELD_SETS_MAX; i++)
		f->sets[i].made = build_in_use(f, i);
	f->owned = (flags & NFT_TABLE_OWNER) != 0;
	return 0;
}

int build_frame(struct firewall *f, bool fresh, bool *ret_fresh)
{
	int r;

	build_keep_counters(f);
	r = try_build(f, fresh);
	if (!fresh && f->view.table && (r == -EEXIST || r == -EINVAL || r == -EOPNOTSUPP)) {
		log_warning("table name=%s error=\"%s\" %s: not as we make it, made anew",
			    f->table, strerror(-r), f->nl.why);
		fresh = true;
		r = try_build(f, fresh);
	}
	if (r == 0)
		*ret_fresh = fresh || !f->view.table;
	return r;
}

bool build_is_whole(const struct firewall *f)
{
	const struct view *v = &f->view;
	size_t rules = TABLE_FIXED_RULES;

	if (!v->table || !v->chain || (v->flags & TABLE_DORMANT) ||
	    !view_find(v, TABLE_ALLOW4) || !view_find(v, TABLE_ALLOW6))
		return false;
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		const struct view_set *seen;

		if (!build_in_use(f, i))
			continue;
		seen = view_find(v, f->sets[i].name);
		if (!seen || !seen->ruled)
			return false;
		rules++;
	}
	return v->nrules == rules;
}

static bool is_stale(const struct firewall *f, const char *name)
{
	uint8_t family, len;
	size_t scope_len;

	if (!table_parse_set_name(name, &scope_len, &family, &len))
		return false;
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		if (strcmp(f->sets[i].name, name) == 0)
			return false;
	}
	return true;
}

/* A transaction of its own: a set that an admin's rule uses cannot go. */
void build_drop_stale(struct firewall *f)
{
	bool any = false;
	int r;

	nft_begin(&f->nl);
	for (size_t i = 0; i < f->view.nsets; i++) {
		const struct view_set *s = &f->view.sets[i];

		if (!is_stale(f, s->name))
			continue;
		table_delete_set(&f->nl, f->table, s->name);
		f->past_packets += s->packets;
		f->past_bytes += s->bytes;
		any = true;
	}
	r = any ? nft_commit(&f->nl) : 0;
	if (r < 0)
		log_warning("table name=%s error=\"%s\" %s: sets no longer used stay",
			    f->table, strerror(-r), f->nl.why);
}
