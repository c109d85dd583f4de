/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bans into the kernel and out of it. The entries of a call are cut into
 * batches; within a batch no address comes twice, so that its order does not
 * matter and the elements of a set go together, hundreds to a message. What we
 * remember changes only after the kernel agreed. A refused batch is halved
 * until the ones that the kernel refuses stand alone: each ban gets its own
 * answer. A refusal costs some 25 ms (the kernel waits for RCU when it undoes
 * a batch), so a call may use up only so many; then what is left is refused as
 * a whole.
 *
 * Sending: elements first leave, then come; a set that is not there yet is
 * made, with its rule, ahead of its first element in the same batch.
 */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/hash.h"
#include "base/log.h"
#include "privileged/firewall/state.h"

/* Longer than this (100 years) is for good; the kernel counts in 64-bit ns. */
#define FOR_GOOD_MS (100 * INT64_C(31556952000))

/* In one call: the table put back, batches refused. */
#define HEALS_MAX 20
#define REFUSALS_MAX 64
struct patience {
	unsigned heals, refusals;
};

#define SLOTS 8192	/* of a batch's addresses; a power of two, > 2 x 2000 */

static uint64_t left_ms(int64_t until_ms, struct wall now)
{
	if (until_ms == INT64_MAX || until_ms - now.ms > FOR_GOOD_MS)
		return 0;
	return (uint64_t)(until_ms - now.ms);
}

/* ---- one batch: what is to be done ---- */

static int check_entry(const struct firewall *f, const struct firewall_ban *e)
{
	if (e->addr.family != ADDR_V4 && e->addr.family != ADDR_V6)
		return -EINVAL;
	if (e->addr.len > addr_bits(&e->addr))
		return -EINVAL;
	if (e->remove && e->scope == FIREWALL_ANY_SCOPE)
		return 0;
	if (e->scope >= f->nscopes)
		return -EINVAL;
	/* Without ports a rule would cut everything, and only `all` may. */
	if (e->scope != SCOPE_ALL && f->scopes[e->scope].nports == 0)
		return -EINVAL;
	return 0;
}

static void add_step(struct firewall *f, size_t entry, int set, bool drop, bool held,
		     int64_t until_ms)
{
	f->steps[f->nsteps++] = (struct step){
		.entry = (uint32_t)entry, .set = (uint8_t)set, .drop = drop, .held = held,
		.until_ms = until_ms,
	};
}

/* Not remembered: from before our start, or not there. The kernel knows. */
static bool ask_kernel(struct firewall *f, int set, const struct addr *a)
{
	struct view_elem seen;

	return f->sets[set].made &&
	       view_elem(&f->nl, f->table, f->sets[set].name, a, &seen) == 0;
}

static void plan_removal(struct firewall *f, struct firewall_ban *e, size_t entry)
{
	bool held;

	e->was_there = false;
	for (int i = 0; i < HELD_SETS_MAX; i++) {
		const struct banset *s = &f->sets[i];

		if (!build_in_use(f, (unsigned)i) || s->len != e->addr.len ||
		    s->family != e->addr.family ||
		    (e->scope != FIREWALL_ANY_SCOPE && e->scope != s->scope))
			continue;
		held = held_find(f->held, (unsigned)i, &e->addr) != NULL;
		if (held || ask_kernel(f, i, &e->addr))
			e->was_there = true;
		if (s->made)
			add_step(f, entry, i, true, held, 0);
	}
}

static void plan_ban(struct firewall *f, struct firewall_ban *e, size_t entry, struct wall now)
{
	const struct held_ban *held;
	int64_t until_ms = e->until.ms;
	int set;

	set = build_find_set(f, e->scope, e->addr.family, e->addr.len);
	held = set < 0 ? NULL : held_find(f->held, (unsigned)set, &e->addr);
	e->was_there = held != NULL;
	if (e->until.ms <= now.ms)
		return;
	if (set < 0)
		set = build_need_set(f, e->scope, e->addr.family, e->addr.len);
	if (set < 0)
		e->error = set;
	else	/* a ban is never shortened */
		add_step(f, entry, set, false, held != NULL,
			 held && held->until_ms > until_ms ? held->until_ms : until_ms);
}

static void plan(struct firewall *f, struct firewall_ban *bans, size_t n, struct wall now)
{
	f->nsteps = 0;
	for (size_t i = 0; i < n; i++) {
		bans[i].error = check_entry(f, &bans[i]);
		if (bans[i].error)
			continue;
		if (bans[i].remove)
			plan_removal(f, &bans[i], i);
		else
			plan_ban(f, &bans[i], i, now);
	}
}

/* ---- one batch: building it ---- */

static size_t gather(struct firewall *f, const struct firewall_ban *bans, unsigned set,
		     bool drop, struct wall now)
{
	size_t n = 0;

	for (size_t i = 0; i < f->nsteps; i++) {
		const struct step *s = &f->steps[i];
		const struct firewall_ban *e = &bans[s->entry];

		if (s->set != set || s->drop != drop)
			continue;
		f->elems[n].addr = &e->addr;
		f->elems[n++].left_ms = drop ? 0 : left_ms(s->until_ms, now);
	}
	return n;
}

static void put_set_and_rule(struct firewall *f, unsigned set)
{
	const struct banset *s = &f->sets[set];

	table_put_banset(&f->nl, f->table, s, build_kernel_size(f, set));
	table_put_ban_rule(&f->nl, f->table, s, &f->scopes[s->scope]);
}

static int send_steps(struct firewall *f, const struct firewall_ban *bans, struct wall now)
{
	bool adds[HELD_SETS_MAX] = { false }, drops[HELD_SETS_MAX] = { false };
	int r;

	for (size_t i = 0; i < f->nsteps; i++)
		*(f->steps[i].drop ? &drops[f->steps[i].set] : &adds[f->steps[i].set]) = true;
	nft_begin(&f->nl);
	for (unsigned set = 0; set < HELD_SETS_MAX; set++) {
		const struct banset *s = &f->sets[set];
		size_t n;

		if (drops[set]) {
			n = gather(f, bans, set, true, now);
			elems_drop(&f->nl, &f->able, f->table, s->name, f->elems, n);
		}
		if (adds[set]) {
			if (!s->made)
				put_set_and_rule(f, set);
			n = gather(f, bans, set, false, now);
			elems_add(&f->nl, &f->able, f->table, s->name, f->elems, n,
				  f->counters);
		}
	}
	r = nft_commit(&f->nl);
	for (unsigned set = 0; r == 0 && set < HELD_SETS_MAX; set++) {
		if (adds[set])
			f->sets[set].made = true;
	}
	return r;
}

static void remember(struct firewall *f, struct firewall_ban *bans)
{
	for (size_t i = 0; i < f->nsteps; i++) {
		const struct step *s = &f->steps[i];
		struct firewall_ban *e = &bans[s->entry];

		if (s->drop)
			held_drop(f->held, s->set, &e->addr);
		else if (held_put(f->held, s->set, &e->addr, s->until_ms) < 0)
			e->error = -ENOMEM;
	}
}

/* ---- a full set ---- */

static void note_evicted(struct firewall *f, const struct held_ban *b)
{
	struct firewall_ban gone = {
		.addr = b->addr, .scope = f->sets[b->set].scope, .remove = true,
		.until.ms = b->until_ms, .was_there = true,
	};

	f->evicted_total++;
	if (f->nevicted < FIREWALL_EVICTED_MAX)
		f->evicted[f->nevicted++] = gone;
}

/* One batch; *ret: how many went. */
static int evict_some(struct firewall *f, unsigned set, size_t n, size_t *ret)
{
	struct held_ban gone[NFT_ELEMS_PER_MESSAGE];
	struct elem elems[NFT_ELEMS_PER_MESSAGE];
	size_t k = 0;
	int r;

	while (k < n && k < NFT_ELEMS_PER_MESSAGE && held_count(f->held, set) > 0) {
		gone[k] = *held_first(f->held, set);
		held_drop(f->held, set, &gone[k].addr);
		elems[k] = (struct elem){ &gone[k].addr, 0 };
		k++;
	}
	nft_begin(&f->nl);
	elems_drop(&f->nl, &f->able, f->table, f->sets[set].name, elems, k);
	r = nft_commit(&f->nl);
	for (size_t i = 0; i < k; i++) {
		if (r == 0)
			note_evicted(f, &gone[i]);
		else
			held_put(f->held, set, &gone[i].addr, gone[i].until_ms);
	}
	*ret = k;
	return r;
}

int apply_evict(struct firewall *f, unsigned set, size_t n)
{
	while (n > 0 && held_count(f->held, set) > 0) {
		size_t k;
		int r = evict_some(f, set, n, &k);

		if (r < 0)
			return r;
		n -= k;
	}
	return n > 0 ? -ENFILE : 0;
}

/* Room for what is new in this batch; what it renews or takes out counts. */
static int make_room(struct firewall *f)
{
	size_t want[HELD_SETS_MAX];
	int r = 0;

	for (unsigned set = 0; set < HELD_SETS_MAX; set++)
		want[set] = held_count(f->held, set);
	for (size_t i = 0; i < f->nsteps; i++) {
		const struct step *s = &f->steps[i];

		want[s->set] += !s->drop && !s->held;
		want[s->set] -= s->drop && s->held;
	}
	for (unsigned set = 0; r == 0 && set < HELD_SETS_MAX; set++) {
		size_t held = held_count(f->held, set);
		size_t over = want[set] > f->set_size ? want[set] - f->set_size : 0;

		if (over > 0)
			r = apply_evict(f, set, over < held ? over : held);
	}
	return r;
}

/*
 * The kernel says ENFILE although by our own count there is room: elements that
 * we do not remember are in the set, from before our start. Ours make room,
 * where the kernel tells its count as many as it takes, else as many as come.
 */
static int make_more_room(struct firewall *f, const struct firewall_ban *bans)
{
	size_t fresh[HELD_SETS_MAX] = { 0 };
	int r = view_read(&f->nl, f->table, &f->view);

	for (size_t i = 0; i < f->nsteps; i++) {
		const struct step *s = &f->steps[i];

		fresh[s->set] += !s->drop && !held_find(f->held, s->set, &bans[s->entry].addr);
	}
	for (unsigned set = 0; r == 0 && set < HELD_SETS_MAX; set++) {
		const struct view_set *seen = view_find(&f->view, f->sets[set].name);
		size_t held = held_count(f->held, set), over = fresh[set];

		if (!over || !seen)
			continue;
		if (seen->count != SIZE_MAX)
			over = seen->count + over + 1 > seen->size ?
			       seen->count + over + 1 - seen->size : 0;
		r = apply_evict(f, set, over < held ? over : held);
	}
	return r;
}

/* ---- a batch, halved where it must be ---- */

/*
 * Is it the fault of single elements? Else halving would only repeat it. ENOENT
 * never is: nothing that we send misses an element, so the table is gone.
 */
static bool is_singular(int r)
{
	return r == -ENFILE || r == -EINVAL || r == -EEXIST || r == -ERANGE || r == -EMSGSIZE;
}

static void fail_steps(struct firewall *f, struct firewall_ban *bans, int r)
{
	for (size_t i = 0; i < f->nsteps; i++)
		bans[f->steps[i].entry].error = r;
}

static int try_batch(struct firewall *f, struct firewall_ban *bans, size_t n, struct wall now)
{
	int r;

	plan(f, bans, n, now);
	if (f->nsteps == 0)
		return 0;
	r = make_room(f);
	if (r == 0)
		r = send_steps(f, bans, now);
	if (r == 0)
		remember(f, bans);
	return r;
}

static void apply_batch(struct firewall *f, struct firewall_ban *bans, size_t n,
			struct wall now, struct patience *p)
{
	int r = try_batch(f, bans, n, now);

	while (r == -ENOENT && p->heals > 0) {
		p->heals--;
		r = heal_table(f, now);
		if (r == 0)
			r = try_batch(f, bans, n, now);
	}
	if (r == -ENFILE && p->refusals > 0) {
		p->refusals--;
		r = make_more_room(f, bans);
		if (r == 0)
			r = try_batch(f, bans, n, now);
	}
	if (r == 0)
		return;
	if (n == 1 || !is_singular(r) || p->refusals == 0) {
		log_warning("firewall table=%s bans=%zu error=\"%s\" %s", f->table, n,
			    strerror(-r), f->nl.why);
		fail_steps(f, bans, r);
		return;
	}
	p->refusals--;
	apply_batch(f, bans, n / 2, now, p);
	apply_batch(f, bans + n / 2, n - n / 2, now, p);
}

/* How many entries make the next batch: few enough, and no address twice. */
static size_t cut_batch(const struct firewall *f, const struct firewall_ban *bans, size_t n)
{
	uint16_t slots[SLOTS];
	size_t weight = 0, max = f->nl.elems_max;

	if (n == 1)
		return 1;
	if (max > f->set_size)
		max = f->set_size;
	memset(slots, 0xff, sizeof(slots));
	for (size_t i = 0; i < n; i++) {
		size_t at = hash_keyed(&bans[i].addr, sizeof(struct addr)) % SLOTS;

		weight += bans[i].scope == FIREWALL_ANY_SCOPE ? HELD_SETS_MAX : 1;
		if (i > 0 && weight > max)
			return i;
		for (; slots[at] != 0xffff; at = (at + 1) % SLOTS) {
			if (addr_equal(&bans[slots[at]].addr, &bans[i].addr))
				return i;
		}
		slots[at] = (uint16_t)i;
	}
	return n;
}

/* Slots of sets that never came into being. */
static void release_unmade(struct firewall *f)
{
	for (unsigned i = 0; i < HELD_SETS_MAX; i++) {
		if (!f->sets[i].made && held_count(f->held, i) == 0)
			f->sets[i].name[0] = '\0';
	}
}

int firewall_apply(struct firewall *f, struct firewall_ban *bans, size_t n, struct wall now)
{
	bool bulk = n > f->nl.elems_max;
	struct patience p = { HEALS_MAX, REFUSALS_MAX };
	int r = f->damaged ? heal_table(f, now) : 0;

	if (r < 0)
		return r;
	if (bulk)
		heal_pause(f);
	for (size_t k; n > 0; bans += k, n -= k) {
		k = cut_batch(f, bans, n);
		apply_batch(f, bans, k, now, &p);
	}
	release_unmade(f);
	if (bulk && heal_resume(f, now) < 0)
		f->damaged = true;
	return 0;
}

int apply_again(struct firewall *f, unsigned set, struct wall now)
{
	size_t i = 0, count = held_count(f->held, set);

	while (i < count) {
		size_t n = 0;
		int r;

		for (; i < count && n < f->nl.elems_max; i++) {
			const struct held_ban *b = held_at(f->held, set, i);

			if (b->until_ms > now.ms)
				f->elems[n++] = (struct elem){ &b->addr, left_ms(b->until_ms, now) };
		}
		if (n == 0)
			continue;
		nft_begin(&f->nl);
		elems_add(&f->nl, &f->able, f->table, f->sets[set].name, f->elems, n, f->counters);
		r = nft_commit(&f->nl);
		if (r < 0)
			return r;
	}
	return 0;
}

size_t firewall_evicted(struct firewall *f, struct firewall_ban *ret, size_t max)
{
	size_t n = f->nevicted < max ? f->nevicted : max;

	memcpy(ret, f->evicted, n * sizeof(*ret));
	memmove(f->evicted, f->evicted + n, (f->nevicted - n) * sizeof(*ret));
	f->nevicted -= n;
	return n;
}
