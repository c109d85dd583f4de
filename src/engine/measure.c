/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hit is worth: whose it is, how much it weighs, which values it brings
 * and what holds for it. Only hits come here; what a jail does not ask for is
 * not worked out.
 */
#include "engine/passage.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/glob.h"
#include "base/hash.h"
#include "config/account.h"
#include "engine/count/places.h"
#include "engine/count/subject.h"
#include "engine/match/geo.h"

bool measure_account(const struct core *core, struct span login, struct span *ret)
{
	struct login *l = core->login;

	if (login.n == 0)
		return false;
	if (login.n != l->nraw || memcmp(login.p, l->raw, login.n) != 0) {
		l->nraw = login.n <= sizeof(l->raw) ? login.n : 0;	/* longer: asked for anew */
		memcpy(l->raw, login.p, l->nraw);
		l->n = account_canonical(&core->config->accounts, login, l->text, sizeof(l->text)) == 0 ?
		       strlen(l->text) : 0;
	}
	*ret = (struct span){ l->text, l->n };
	return l->n > 0;
}

#define TEXT_MAX (SUBJECT_TEXT_MAX - 1)
#define TEXT_MAX_OF_MANY 120	/* beside two others, so that an account and three of these are a key */

static bool is_folded(const struct capture *cap)
{
	return cap->type == FIELD_DOMAIN || cap->type == FIELD_MAIL;
}

/* All of a text, in the form in which it is compared. */
static uint64_t digest_of(const struct capture *cap)
{
	uint64_t hash = cap->raw.n;
	char piece[sizeof(hash) + 256];
	size_t n;

	for (size_t at = 0; at < cap->raw.n; at += n) {
		const char *from = cap->raw.p + at;

		n = cap->raw.n - at < 256 ? cap->raw.n - at : 256;
		memcpy(piece, &hash, sizeof(hash));
		for (size_t i = 0; i < n; i++)
			piece[sizeof(hash) + i] = is_folded(cap) ? (char)tolower((unsigned char)from[i]) : from[i];
		hash = hash_fixed(piece, sizeof(hash) + n);
	}
	return hash;
}

/* A text of more bytes is counted by its beginning and what stands for all of it. */
static void shorten(char *buf, const struct capture *cap, size_t max, struct span *text)
{
	char digest[20];
	size_t n;

	if (cap->raw.n <= max)
		return;
	n = (size_t)snprintf(digest, sizeof(digest), "~%016" PRIx64, digest_of(cap));
	memcpy(buf + max - n, digest, n);
	*text = (struct span){ buf, max };
}

bool measure_canonical(const struct core *core, const struct capture *cap,
		      char buf[SUBJECT_TEXT_MAX], struct subject_part *ret)
{
	*ret = (struct subject_part){ .field = cap->field, .type = cap->type };
	if (cap->type == FIELD_ADDR) {
		ret->addr = cap->addr;
		return true;
	}
	if (cap->raw.n == 0)
		return false;
	if (cap->type == FIELD_ACCOUNT) {
		if (cap->raw.n > TEXT_MAX || !measure_account(core, cap->raw, &ret->text))
			return false;
		memcpy(buf, ret->text.p, ret->text.n);
		ret->text.p = buf;
		return true;
	}
	ret->text = (struct span){ buf, cap->raw.n < TEXT_MAX ? cap->raw.n : TEXT_MAX };
	memcpy(buf, cap->raw.p, ret->text.n);
	if (is_folded(cap))
		for (size_t i = 0; i < ret->text.n; i++)
			buf[i] = (char)tolower((unsigned char)buf[i]);
	shorten(buf, cap, TEXT_MAX, &ret->text);
	return true;
}

/* A field's value: captured, or made from what was, in *room. NULL: there is none. */
static const struct capture *get(struct passage *p, const struct hit *hit, uint16_t field, struct capture *room)
{
	const struct capture *c = hit_find(hit, field);

	return c ? c : hit_get(p->core->matcher, hit, field, room) ? room : NULL;
}

/* Jail after jail counts the same value of a line. */
static bool is_who(const struct who *w, const struct limit *l, const struct capture *c)
{
	return w->raw.n > 0 && w->subject.part[0].field == c->field && w->subject.part[0].type == c->type &&
	       w->v6_len == l->v6_len && span_eq(w->raw, c->raw);
}

static bool part_of(struct passage *p, const struct hit *hit, size_t i)
{
	const struct limit *l = &hit->jail->limit;
	struct subject_part *part = &p->who.subject.part[i];
	struct capture room;
	const struct capture *c = get(p, hit, l->per[i], &room);

	if (!c || !measure_canonical(p->core, c, p->text[i], part))
		return false;
	if (c->type == FIELD_ADDR)
		part->addr = addr_group(&c->addr, 32, l->v6_len);
	else if (c->type != FIELD_ACCOUNT && l->nper > 2)
		shorten(p->text[i], c, TEXT_MAX_OF_MANY, &part->text);
	return true;
}

bool measure_subject(struct passage *p, const struct hit *hit)
{
	const struct limit *l = &hit->jail->limit;
	const struct capture *c = l->nper == 1 ? hit_find(hit, l->per[0]) : NULL;
	struct who *w = &p->who;

	if (c && is_who(w, l, c))
		return true;
	w->raw.n = 0;
	w->subject.n = l->nper;
	for (size_t i = 0; i < l->nper; i++)
		if (!part_of(p, hit, i))
			return false;
	w->key.p = p->key;
	if (subject_key(&w->subject, p->key, sizeof(p->key), &w->key.n) < 0)
		return false;
	if (c && c->raw.n <= sizeof(p->raw_text)) {
		w->v6_len = l->v6_len;
		w->raw = (struct span){ p->raw_text, c->raw.n };
		memcpy(p->raw_text, c->raw.p, c->raw.n);
	}
	return true;
}

bool measure_number(struct passage *p, const struct hit *hit, uint16_t field, uint64_t *ret)
{
	struct capture room;
	const struct capture *c = get(p, hit, field, &room);

	if (!c || c->type != FIELD_NUMBER || c->number < 0)
		return false;
	*ret = (uint64_t)c->number;
	return true;
}

/* Mail fetchers and webmail clouds of the class: they are no place. */
static bool is_nowhere(const struct passage *p, const struct facts *f, uint16_t field)
{
	const struct field *what = &p->core->config->fields[field];
	bool place = what->type == FIELD_ADDR || (what->from && what->type == FIELD_TEXT);
	uint32_t asn;

	return place && f->class && f->class->nignore_asn && f->from &&
	       geo_asn(p->core->geo, f->from, &asn) && place_ignores(f->class, asn);
}

/* The value a `distinct` tells apart, as a hash under a key that outlives us. */
static bool value_of(struct passage *p, const struct facts *f, uint16_t field, uint64_t *ret)
{
	char buf[SUBJECT_TEXT_MAX];
	struct subject_part part;
	const struct capture *c;
	struct capture room;

	if (is_nowhere(p, f, field))
		return false;
	c = get(p, f->hit, field, &room);
	if (!c || !measure_canonical(p->core, c, buf, &part))
		return false;
	if (field == p->core->country) {
		*ret = place_value(f->class, part.text);
		return true;
	}
	if (part.type == FIELD_ADDR)
		part.addr = addr_group(&part.addr, 32, f->hit->jail->limit.v6_len);
	*ret = part.type == FIELD_ADDR ? hash_fixed(&part.addr, sizeof(part.addr)) :
	       hash_fixed(part.text.p, part.text.n);
	return true;
}

const struct addr *hit_address(const struct hit *hit)
{
	for (unsigned i = 0; i < hit->ncaptures; i++)
		if (hit->capture[i].type == FIELD_ADDR)
			return &hit->capture[i].addr;
	return NULL;
}

static uint64_t weight_of(struct passage *p, const struct hit *hit)
{
	const struct limit *l = &hit->jail->limit;
	uint64_t w = 1;

	if (l->kind == LIMIT_SUM)
		w = measure_number(p, hit, l->value, &w) ? w : 0;
	else if (l->kind == LIMIT_SCORE)
		return p->score ? p->score->weight : 0;
	else if (l->weighs)
		measure_number(p, hit, l->weight_field, &w);
	else if (l->weight > 0)
		w = (uint64_t)l->weight;
	return __builtin_mul_overflow(w, p->entry->repeat, &w) ? UINT64_MAX : w;
}

struct span hit_captured(const struct hit *hit, int field)
{
	const struct capture *c = hit_find(hit, field);

	return c ? c->raw : (struct span){ NULL, 0 };
}

/* ---- beside the amount */

/* Does anything that the jail asks depend on the account? */
static bool asks_user(const struct jail *j)
{
	const struct limit *l = &j->limit;

	return l->nwith || l->spread_accounts || l->known || j->known_good || j->foreign_sender;
}

void facts_of(const struct passage *p, const struct hit *hit, struct facts *ret)
{
	const struct config *c = p->core->config;
	struct span user;

	ret->hit = hit;
	ret->from = hit_address(hit);
	ret->user = (struct span){ NULL, 0 };
	ret->class = NULL;
	if (!asks_user(hit->jail) && c->nclasses == 0)
		return;
	if (measure_account(p->core, hit_captured(hit, p->core->user), &user)) {
		memcpy(ret->buf, user.p, user.n);
		ret->user = (struct span){ ret->buf, user.n };
	}
	if (c->nclasses && (ret->user.n || ret->from))
		ret->class = classes_of(p->core->classes, ret->user, ret->from);
}

/* Before and behind the last @. */
static void split(struct span s, struct span *local, struct span *domain)
{
	const char *at = s.n ? memrchr(s.p, '@', s.n) : NULL;

	*local = s;
	*domain = (struct span){ NULL, 0 };
	if (!at)
		return;
	local->n = (size_t)(at - s.p);
	*domain = (struct span){ at + 1, s.n - local->n - 1 };
}

static bool same_folded(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static struct span without_tag(struct span local)
{
	const char *plus = local.n > 1 ? memchr(local.p + 1, '+', local.n - 1) : NULL;

	if (plus)
		local.n = (size_t)(plus - local.p);
	return local;
}

static bool is_ours(const struct accounts *a, struct span domain)
{
	if (a->default_domain && same_folded(span_of(a->default_domain), domain))
		return true;
	for (size_t i = 0; i < a->local_domains.n; i++)
		if (same_folded(span_of(a->local_domains.v[i]), domain))
			return true;
	return false;
}

static bool is_of_class(const struct class *class, struct span sender)
{
	char folded[SUBJECT_TEXT_MAX * 2];

	if (!class || class->senders.n == 0 || sender.n > sizeof(folded))
		return false;
	for (size_t i = 0; i < sender.n; i++)
		folded[i] = (char)tolower((unsigned char)sender.p[i]);
	for (size_t i = 0; i < class->senders.n; i++)
		if (glob_match(class->senders.v[i], (struct span){ folded, sender.n }))
			return true;
	return false;
}

bool sender_is_foreign(const struct accounts *a, const struct class *class, struct span sender,
		       struct span user)
{
	struct span local, domain, user_local, user_domain;

	if (sender.n == 0 || user.n == 0)
		return false;
	split(sender, &local, &domain);
	split(user, &user_local, &user_domain);
	/* A bare name is completed with our own domain. */
	if (domain.n == 0)
		return false;
	return !same_folded(local, user_local) && !same_folded(without_tag(local), without_tag(user_local)) &&
	       !same_folded(domain, user_domain) && !is_ours(a, domain) && !is_of_class(class, sender);
}

static bool holds(const struct passage *p, const struct facts *f, enum with_kind kind, struct event_time when)
{
	const struct accounts *a = &p->core->config->accounts;

	if (kind == WITH_FOREIGN_SENDER)
		return sender_is_foreign(a, f->class, hit_captured(f->hit, p->core->sender), f->user);
	return f->from && f->user.n &&
	       !networks_good(p->core->networks, f->from, f->user, when, a->known_after_ms);
}

static unsigned with_values(const struct limit *l)
{
	unsigned n = 0;

	for (size_t i = 0; i < l->nwith; i++)
		n += l->with[i].kind == WITH_DISTINCT;
	return n;
}

/* Flags and values for the limit's `with`. */
static void measure_with(struct passage *p, const struct facts *f, struct window_hit *w)
{
	const struct limit *l = &f->hit->jail->limit;
	unsigned k = 0;

	for (size_t i = 0; i < l->nwith; i++) {
		if (l->with[i].kind != WITH_DISTINCT)
			w->flags |= holds(p, f, l->with[i].kind, w->when) ? 1u << i : 0;
		else if (value_of(p, f, l->with[i].field, &w->value[k]))
			w->value[k] |= 1;	/* 0 is none */
		k += l->with[i].kind == WITH_DISTINCT;
	}
}

/* Known-good networks weigh less, several accounts more; in 1/10000. */
static void measure_factor(const struct passage *p, const struct facts *f, struct window_hit *w)
{
	const struct limit *l = &f->hit->jail->limit;
	uint64_t *account = &w->value[0];

	w->factor = LIMIT_FACTOR * LIMIT_FACTOR;
	if (l->known && f->user.n && f->from &&
	    networks_good(p->core->networks, f->from, f->user, w->when, p->core->config->accounts.known_after_ms))
		w->factor = l->known * LIMIT_FACTOR;
	if (l->spread_accounts == 0)
		return;
	for (size_t i = 0; i < l->nwith; i++)
		account += l->with[i].kind == WITH_DISTINCT;
	if (f->user.n)
		*account = hash_fixed(f->user.p, f->user.n) | 1;
	if (windows_accounts(p->core->windows, w->jail, w->key, w->when, *account,
			     l->spread_accounts) >= l->spread_accounts)
		w->factor = w->factor / LIMIT_FACTOR * l->spread_weight;
}

bool measure(struct passage *p, const struct facts *f, struct window_hit *w)
{
	const struct limit *l = &f->hit->jail->limit;

	w->aside = f->hit->rule && f->hit->rule->aside;
	w->weight = w->aside ? 0 : weight_of(p, f->hit);
	if (l->kind == LIMIT_DISTINCT && !w->aside &&
	    !value_of(p, f, l->value, &w->value[with_values(l)]))
		return false;
	if (l->kind == LIMIT_DISTINCT && f->from && f->from->family == ADDR_V6)
		w->flags |= ENTRY_V6;
	if (l->kind == LIMIT_SCORE && p->score)
		w->value[0] = (uint64_t)(p->score - f->hit->jail->scores) + 1;
	if (f->hit->rule && f->hit->rule->part)
		w->flags |= ENTRY_PART;
	if (l->nwith)
		measure_with(p, f, w);
	if (l->kind == LIMIT_COUNT && (l->spread_accounts || l->known))
		measure_factor(p, f, w);
	return true;
}
