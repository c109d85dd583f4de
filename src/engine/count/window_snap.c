/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows in a snapshot. For each jail its name and what it counted (kind,
 * names of `per` and of the value, IPv6 length), then its subjects with their
 * hits as time, weight, value. What a subject is must not have changed; how
 * many hits within how long may: the entries are put in anew under the limit
 * of now. The bytes come back from a file, so nothing in them is believed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/count/window_private.h"

#define SNAP_VERSION 1
#define SNAP_JAIL 1	/* what follows: a jail */
#define SNAP_END 0
#define SNAP_KIND 0x0f
#define SNAP_RICH 0x10
#define SNAP_VALUES 5	/* bits from here on */

static const char *field_name(const struct config *c, uint16_t field)
{
	return field < c->nfields ? c->fields[field].name : "";
}

/* What its entries keep beside a weight: the meaning of flags and values. */
static void put_extras(const struct config *c, const struct jail *j, struct buf *out)
{
	const struct limit *l = &j->limit;
	struct shape sh;

	for (size_t i = 0; i < l->nwith; i++)
		buf_printf(out, " with %d %s", l->with[i].kind, l->with[i].kind == WITH_DISTINCT ?
			   field_name(c, l->with[i].field) : "");
	if (l->spread_accounts)
		buf_puts(out, " spread");
	for (size_t i = 0; i < j->nscores; i++)
		buf_printf(out, " %s", j->scores[i].name);
	shape_of(c, j, &sh);
	if (sh.unit > 1)
		buf_printf(out, " in 1/%u", sh.unit);
}

/* What a jail counts, as text that is compared whole. */
static void put_identity(const struct config *c, const struct jail *j,
			 struct buf *out)
{
	const struct limit *l = &j->limit;

	buf_printf(out, "%d %u", l->kind, l->v6_len);
	for (size_t i = 0; i < l->nper; i++)
		buf_printf(out, " %s", field_name(c, l->per[i]));
	if (l->kind == LIMIT_SUM || l->kind == LIMIT_DISTINCT)
		buf_printf(out, " of %s", field_name(c, l->value));
	put_extras(c, j, out);
}

static void put_entry(struct buf *out, int64_t base, const struct entry_kept *e,
		      const struct shape *sh)
{
	buf_put_u32(out, (uint32_t)(e->when - base));
	if (sh->kind == LIMIT_DISTINCT && !sh->rich) {
		buf_put_u64(out, e->value[0]);
		return;
	}
	buf_put_u32(out, e->weight);
	if (sh->rich)
		buf_put_u32(out, e->flags);
	for (unsigned k = 0; k < sh->nvalues; k++)
		buf_put_u64(out, e->value[k]);
}

static void put_series(const struct series *s, const struct shape *sh,
		       struct buf *out)
{
	struct entry_kept e = { .when = 0 };
	struct addr a;
	int64_t base = 0, when;

	buf_put_u32(out, (uint32_t)series_n(s));
	for (size_t i = 0; i < series_n(s); i++) {
		series_get(s, sh, i, &e);
		if (i == 0) {
			base = e.when;
			buf_put_u64(out, (uint64_t)base);
		}
		put_entry(out, base, &e, sh);
	}
	buf_put_u32(out, (uint32_t)series_nseen(s));
	for (size_t i = 0; i < series_nseen(s); i++) {
		series_get_seen(s, i, &a, &when);
		buf_put(out, &a, sizeof(a));
		buf_put_u64(out, (uint64_t)when);
	}
}

static void put_tracked(const struct tracked *t, const struct shape *sh,
			struct buf *out)
{
	char buf[SUBJECT_KEY_MAX];
	struct entry_kept e = { .weight = 1 };

	buf_put_span(out, roster_key(t, buf));
	if (t->n == TRACKED_SERIES) {
		put_series(t->series, sh, out);
		return;
	}
	buf_put_u32(out, t->n);
	buf_put_u64(out, t->base);
	for (unsigned i = 0; i < t->n; i++) {
		e.when = (int64_t)t->base + (i ? t->off[i - 1] : 0);
		put_entry(out, (int64_t)t->base, &e, sh);
	}
	buf_put_u32(out, 0);
}

/* Worth keeping: it has hits, and they are not all past. */
static bool is_live(const struct windows *w, const struct tracked *t)
{
	const struct roster *r = &w->roster;

	return roster_is_used(t) && t->n != 0 &&
	       roster_last(t) >= r->wheel[t->jail].now -
				 w->shape[t->jail].within_ms - SERIES_LATE_MS;
}

/* How the entries of a jail read: kind, SNAP_RICH and the number of values. */
static uint8_t form_of(const struct shape *sh)
{
	return (uint8_t)(sh->kind | (sh->rich ? SNAP_RICH | sh->nvalues << SNAP_VALUES : 0));
}

static bool form_is_sound(uint8_t form)
{
	int kind = form & SNAP_KIND;
	bool rich = form & SNAP_RICH;

	return kind >= LIMIT_COUNT && kind <= LIMIT_SCORE && kind != LIMIT_LEVEL &&
	       form >> SNAP_VALUES <= SERIES_VALUES_MAX &&
	       (rich || (form >> SNAP_VALUES == 0 && kind < LIMIT_RATIO));
}

static void put_jail(const struct windows *w, uint16_t jail, struct buf *out)
{
	const struct jail *j = &w->config->jails[jail];
	struct buf identity = { .p = NULL };

	buf_put_u8(out, SNAP_JAIL);
	buf_put_span(out, span_of(j->name));
	put_identity(w->config, j, &identity);
	buf_put_span(out, buf_span(&identity));
	if (buf_error(&identity) < 0)
		out->error = buf_error(&identity);
	buf_free(&identity);
	buf_put_u8(out, form_of(&w->shape[jail]));
	buf_put_u16(out, jail);
}

/*
 * All records in one pass; each says its jail by the number under which the
 * head named it.
 */
void windows_save(const struct windows *w, struct buf *out)
{
	const struct roster *r = &w->roster;

	buf_put_u8(out, SNAP_VERSION);
	for (size_t i = 0; i < w->config->njails; i++)
		if (w->shape[i].kind != LIMIT_NONE && w->shape[i].kind != LIMIT_LEVEL)
			put_jail(w, (uint16_t)i, out);
	buf_put_u8(out, SNAP_END);
	for (uint32_t id = 0; id < r->high; id++) {
		const struct tracked *t = roster_get(r, id);

		if (!is_live(w, t))
			continue;
		buf_put_u8(out, SNAP_JAIL);
		buf_put_u16(out, t->jail);
		put_tracked(t, &w->shape[t->jail], out);
	}
	buf_put_u8(out, SNAP_END);
}

/* ---- and back */

#define NO_JAIL 0xffff

/* What the snapshot's numbers of jails mean. */
struct jail_map {
	struct {
		bool known;
		uint8_t form;	/* how its entries read */
		uint16_t jail;	/* of now, or NO_JAIL: read and dropped */
	} to[NO_JAIL];
};

static uint16_t jail_like(const struct windows *w, struct span name,
			  struct span identity)
{
	const struct config *c = w->config;
	struct buf now = { .p = NULL };
	uint16_t found = NO_JAIL;

	for (size_t i = 0; i < c->njails && found == NO_JAIL; i++) {
		if (!span_eq(span_of(c->jails[i].name), name))
			continue;
		put_identity(c, &c->jails[i], &now);
		if (span_eq(buf_span(&now), identity))
			found = (uint16_t)i;
		break;
	}
	buf_free(&now);
	return found;
}

static int get_jails(const struct windows *w, struct reader *in,
		     struct jail_map *map)
{
	while (reader_u8(in) == SNAP_JAIL) {
		struct span name = reader_span(in);
		struct span identity = reader_span(in);
		uint8_t form = reader_u8(in);
		uint16_t number = reader_u16(in);

		if (in->error || number == NO_JAIL || map->to[number].known)
			return -EBADMSG;
		if (!form_is_sound(form))
			return -EBADMSG;
		map->to[number].known = true;
		map->to[number].form = form;
		map->to[number].jail = jail_like(w, name, identity);
	}
	return in->error ? -EBADMSG : 0;
}

static int get_time(struct reader *in, int64_t *ret)
{
	uint64_t ms = reader_u64(in);

	if (in->error || ms > (uint64_t)WINDOW_TIME_MAX)
		return -EBADMSG;
	*ret = (int64_t)ms;
	return 0;
}

static int get_seen(struct windows *w, uint16_t jail, struct span key,
		    struct reader *in)
{
	uint32_t n = reader_u32(in);
	struct tracked *t = NULL;
	struct addr a;
	int64_t when;
	int ret = 0;

	if (jail != NO_JAIL && w->shape[jail].seen)
		t = roster_find(&w->roster, jail, key, roster_hash(jail, key));
	for (; n > 0 && ret == 0; n--) {
		struct span bytes = reader_bytes(in, sizeof(a));

		if (get_time(in, &when) < 0 || bytes.n != sizeof(a))
			return -EBADMSG;
		memcpy(&a, bytes.p, sizeof(a));
		if (t && t->n == TRACKED_SERIES)
			ret = window_put_seen(w, t, &a, when);
	}
	return ret;
}

/* false: no entry. */
static bool get_entry(struct reader *in, int64_t base, uint8_t form, struct entry_kept *ret)
{
	ret->when = base + reader_u32(in);
	if ((form & (SNAP_KIND | SNAP_RICH)) == LIMIT_DISTINCT)
		ret->value[0] = reader_u64(in);
	else
		ret->weight = reader_u32(in);
	if (form & SNAP_RICH)
		ret->flags = reader_u32(in);
	for (unsigned k = 0; k < form >> SNAP_VALUES; k++)
		ret->value[k] = reader_u64(in);
	return !in->error && ret->when <= WINDOW_TIME_MAX && (ret->weight || form & SNAP_RICH);
}

/* One subject; jail NO_JAIL: it is read over. */
static int get_tracked(struct windows *w, uint16_t jail, uint8_t form,
		       struct reader *in)
{
	static const struct addr none;
	struct span key = reader_span(in);
	uint32_t n = reader_u32(in);
	struct entry_kept e = { .weight = 1 };
	int64_t base = 0;
	int ret;

	if (in->error || key.n > SUBJECT_KEY_MAX || n > SERIES_MAX)
		return -EBADMSG;
	if (n > 0 && get_time(in, &base) < 0)
		return -EBADMSG;
	for (; n > 0; n--) {
		if (!get_entry(in, base, form, &e))
			return -EBADMSG;
		if (jail == NO_JAIL)
			continue;
		ret = window_put(w, jail, key, &e, NULL, &none, NULL);
		if (ret < 0)
			return ret;
	}
	return get_seen(w, jail, key, in);
}

static int get_all(struct windows *w, struct reader *in, struct jail_map *map)
{
	int ret;

	if (reader_u8(in) != SNAP_VERSION || in->error)
		return -EBADMSG;
	ret = get_jails(w, in, map);
	while (ret == 0 && reader_u8(in) == SNAP_JAIL) {
		uint16_t number = reader_u16(in);

		if (in->error || number == NO_JAIL || !map->to[number].known)
			return -EBADMSG;
		ret = get_tracked(w, map->to[number].jail,
				  map->to[number].form, in);
	}
	if (ret == 0 && in->error)
		ret = -EBADMSG;
	return ret;
}

int windows_restore(struct windows *w, struct reader *in)
{
	struct jail_map *map = calloc(1, sizeof(*map));
	struct roster *r = &w->roster;
	int ret;

	if (!map)
		return -ENOMEM;
	ret = get_all(w, in, map);
	free(map);
	if (ret == 0)
		return 0;
	roster_fini(r);
	if (roster_init(r, w->shape, w->config->njails, w->config->tracked_max) < 0)
		return -ENOMEM;
	return ret;
}
