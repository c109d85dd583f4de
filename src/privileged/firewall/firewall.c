/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firewall as its user sees it: opening, changing, asking, closing. The
 * work is beside it: nft.c talks to the kernel, table.c and rule.c say what
 * the table holds, elems.c writes set elements, view.c reads back, build.c
 * makes the frame, apply.c the bans, heal.c puts back what others took.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/capability.h>

#include "base/clock.h"
#include "base/log.h"
#include "privileged/firewall/probe.h"
#include "privileged/firewall/state.h"

#define EPERM_TRIES 50		/* 100 ms apart: a predecessor may be leaving */

static bool has_net_admin(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return true;	/* then the kernel will tell */
	return data[0].effective & (1u << CAP_NET_ADMIN);
}

static int find_scope(const struct firewall *f, const char *name, size_t len)
{
	for (size_t i = 0; i < f->nscopes; i++) {
		if (strlen(f->scopes[i].name) == len && memcmp(f->scopes[i].name, name, len) == 0)
			return (int)i;
	}
	return -1;
}

/* Sets that an earlier run left behind go on, unless empty or of no scope. */
static void adopt_sets(struct firewall *f)
{
	for (size_t i = 0; i < f->view.nsets; i++) {
		const struct view_set *s = &f->view.sets[i];
		uint8_t family, len;
		size_t scope_len;
		int scope;

		if (!table_parse_set_name(s->name, &scope_len, &family, &len) || s->count == 0)
			continue;
		scope = find_scope(f, s->name, scope_len);
		if (scope >= 0 && (scope == SCOPE_ALL || f->scopes[scope].nports))
			build_need_set(f, (uint16_t)scope, family, len);
	}
}

/* Make the table ours and whole. */
static int start(struct firewall *f, bool fresh, bool *ret_fresh)
{
	int r;

	r = build_frame(f, fresh, ret_fresh);
	if (r < 0)
		return r;
	if (!*ret_fresh)
		build_drop_stale(f);
	heal_deafen(f);
	if (f->owned)
		return 0;
	if (f->own && f->able.own)
		log_warning("table name=%s owned=no: made by a run without own_table, until a teardown",
			    f->table);
	return heal_listen(f);
}

static int try_open(struct firewall *f)
{
	bool fresh;
	int r;

	r = nft_open(&f->nl);
	if (r < 0)
		return r;
	r = probe_kernel(&f->nl, f->table, &f->able);
	if (r == 0)
		r = view_read(&f->nl, f->table, &f->view);
	if (r == 0) {
		adopt_sets(f);
		r = start(f, false, &fresh);
		if (r == -EPERM && (f->view.flags & NFT_TABLE_OWNER))
			r = -EBUSY;
	}
	if (r < 0)
		nft_close(&f->nl);
	return r;
}

static int open_patiently(struct firewall *f)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	int r = -EPERM;

	if (!has_net_admin())
		return -EPERM;
	for (unsigned i = 0; i < EPERM_TRIES; i++) {
		r = try_open(f);
		if (r != -EPERM && r != -EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return r;
}

static int take_conf(struct firewall *f, const struct firewall_conf *conf)
{
	if (strlen(conf->table) >= TABLE_NAME_MAX || conf->nscopes == 0)
		return -EINVAL;
	if (f->table[0] && strcmp(f->table, conf->table) != 0)
		return -EINVAL;
	strcpy(f->table, conf->table);
	f->scopes = conf->scopes;
	f->nscopes = conf->nscopes;
	f->own = conf->own;
	f->counters = conf->counters;
	f->set_size = conf->set_size ? conf->set_size : 1;
	return 0;
}

static int allocate(struct firewall *f)
{
	/* One batch, and what an entry for any scope may add to it. */
	size_t steps = 4096;

	f->evicted = calloc(FIREWALL_EVICTED_MAX, sizeof(*f->evicted));
	f->steps = calloc(steps, sizeof(*f->steps));
	f->elems = calloc(steps, sizeof(*f->elems));
	if (!f->evicted || !f->steps || !f->elems)
		return -ENOMEM;
	return held_new(&f->held);
}

int firewall_open(const struct firewall_conf *conf, struct firewall **ret)
{
	struct firewall *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->watch = f->nl.fd = -1;
	r = take_conf(f, conf);
	if (r == 0)
		r = allocate(f);
	if (r == 0)
		r = open_patiently(f);
	if (r < 0) {
		firewall_close(&f);
		return r;
	}
	*ret = f;
	return 0;
}

void firewall_close(struct firewall **fp)
{
	struct firewall *f = *fp;

	if (!f)
		return;
	heal_deafen(f);
	nft_close(&f->nl);
	held_free(&f->held);
	free(f->allow4.v);
	free(f->allow6.v);
	free(f->evicted);
	free(f->steps);
	free(f->elems);
	free(f);
	*fp = NULL;
}

/* ---- a reload ---- */

/* Scopes are known by name: their place may have changed, or they are gone. */
static void follow_scopes(struct firewall *f)
{
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		struct banset *s = &f->sets[i];
		uint8_t family, len;
		size_t scope_len;
		int scope;

		if (!build_in_use(f, i))
			continue;
		table_parse_set_name(s->name, &scope_len, &family, &len);
		scope = find_scope(f, s->name, scope_len);
		if (scope < 0 || (scope != SCOPE_ALL && f->scopes[scope].nports == 0)) {
			held_clear(f->held, i);
			s->name[0] = '\0';
		} else {
			s->scope = (uint16_t)scope;
		}
	}
}

static int shrink_sets(struct firewall *f)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < HELD_SETS_MAX; i++) {
		size_t n = held_count(f->held, i);

		if (build_in_use(f, i) && n > f->set_size)
			r = apply_evict(f, i, n - f->set_size);
	}
	return r;
}

/* A table stays with the socket that owns it; a new one claims it or not. */
static int change_socket(struct firewall *f)
{
	struct nft nl;
	int r = nft_open(&nl);

	if (r < 0)
		return r;
	nft_close(&f->nl);
	f->nl = nl;
	return 0;
}

int firewall_reconf(struct firewall *f, const struct firewall_conf *conf)
{
	bool own_changed = conf->own != f->own, fresh = false;
	struct wall now = clock_wall();
	int r;

	r = take_conf(f, conf);
	if (r < 0)
		return r;
	follow_scopes(f);
	f->damaged = true;	/* until it is done, whatever fails */
	if (own_changed)
		r = change_socket(f);
	if (r == 0)
		r = view_read(&f->nl, f->table, &f->view);
	if (r == 0) {
		/* Only a new table can be owned where the old one cannot. */
		bool anew = f->own && f->able.own && f->view.table &&
			    !(f->view.flags & NFT_TABLE_PERSIST);

		r = start(f, anew, &fresh);
	}
	for (unsigned i = 0; r == 0 && fresh && i < HELD_SETS_MAX; i++) {
		if (build_in_use(f, i))
			r = apply_again(f, i, now);
	}
	if (r == 0)
		r = shrink_sets(f);
	f->damaged = r < 0;
	return r;
}

/* ---- the rest ---- */

int firewall_teardown(const char *table)
{
	struct nft nl;
	struct view *v = malloc(sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	r = nft_open(&nl);
	if (r == 0) {
		r = view_read(&nl, table, v);
		if (r == 0 && v->table) {
			nft_begin(&nl);
			table_delete(&nl, table);
			r = nft_commit(&nl);
		}
		nft_close(&nl);
	}
	free(v);
	return r == -ENOENT ? 0 : r;
}

static int make_allowed(const struct addr *v, size_t n, uint8_t family, struct allowed *ret)
{
	struct range *r = calloc(n ? n : 1, sizeof(*r));
	size_t k;

	if (!r)
		return -ENOMEM;
	k = ranges_make(v, n, family, r);
	if (k > FIREWALL_ALLOW_MAX) {
		free(r);
		return -E2BIG;
	}
	ret->v = r;
	ret->n = k;
	return 0;
}

static bool same_allowed(const struct allowed *a, const struct allowed *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->v, b->v, a->n * sizeof(*a->v)) == 0);
}

static int send_allowed(struct firewall *f, const struct allowed *v4, const struct allowed *v6)
{
	nft_begin(&f->nl);
	elems_replace(&f->nl, f->table, TABLE_ALLOW4, ADDR_V4, v4->v, v4->n);
	elems_replace(&f->nl, f->table, TABLE_ALLOW6, ADDR_V6, v6->v, v6->n);
	return nft_commit(&f->nl);
}

int firewall_allow(struct firewall *f, const struct addr *v, size_t n)
{
	struct allowed v4 = { NULL, 0 }, v6 = { NULL, 0 };
	int r;

	r = make_allowed(v, n, ADDR_V4, &v4);
	if (r == 0)
		r = make_allowed(v, n, ADDR_V6, &v6);
	if (r == 0 && !(f->allow_known && same_allowed(&v4, &f->allow4) &&
			same_allowed(&v6, &f->allow6)))
		r = send_allowed(f, &v4, &v6);
	/* A table that was flushed gets them when it is put back. */
	if (r == 0 || r == -ENOENT) {
		struct allowed old4 = f->allow4, old6 = f->allow6;

		f->damaged |= r == -ENOENT;
		f->allow4 = v4;
		f->allow6 = v6;
		v4 = old4;
		v6 = old6;
		f->allow_known = true;
		r = 0;
	}
	free(v4.v);
	free(v6.v);
	return r;
}

int firewall_fd(const struct firewall *f)
{
	return f->watch;
}

int firewall_status(struct firewall *f, struct firewall_status *ret)
{
	struct firewall_status s = {
		.owned = f->owned, .persistent = f->owned, .healing = f->watch >= 0,
		.wanted = held_total(f->held), .healed = f->healed,
		.evicted = f->evicted_total,
		.dropped_packets = f->past_packets, .dropped_bytes = f->past_bytes,
	};
	int r = view_read(&f->nl, f->table, &f->view);

	if (r < 0)
		return r;
	build_keep_counters(f);
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		const struct view_set *seen;

		if (!build_in_use(f, i))
			continue;
		s.dropped_packets += f->sets[i].packets;
		s.dropped_bytes += f->sets[i].bytes;
		seen = view_find(&f->view, f->sets[i].name);
		if (!seen || s.in_kernel == SIZE_MAX)
			continue;
		s.in_kernel = seen->count == SIZE_MAX ? SIZE_MAX : s.in_kernel + seen->count;
	}
	memcpy(s.last_flush, f->last_flush, sizeof(s.last_flush));
	*ret = s;
	return 0;
}

int firewall_get(struct firewall *f, const struct addr *a, uint16_t scope,
		 struct firewall_element *ret)
{
	int set = build_find_set(f, scope, a->family, a->len);
	struct view_elem seen = { 0 };
	int r;

	if (set < 0 || !f->sets[set].made)
		return -ENOENT;
	r = view_elem(&f->nl, f->table, f->sets[set].name, a, &seen);
	if (r < 0)
		return r;
	ret->expires_ms = seen.timeout_ms ? (int64_t)seen.left_ms : INT64_MAX;
	ret->packets = seen.packets;
	ret->bytes = seen.bytes;
	return 0;
}

void firewall_expire(struct firewall *f, struct wall now)
{
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		const struct held_ban *b;

		while ((b = held_first(f->held, i)) && b->until_ms <= now.ms)
			held_drop(f->held, i, &b->addr);
	}
}
