/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `country:` of a jail: a country or a list of them, or `not:` before these or
 * before `home`. What stands there is checked as far as it goes without a
 * database: two letters. NO is Norway and no boolean, since nothing here is
 * read as one.
 */
#include "config/loader.h"

#define COUNTRIES_MAX 300

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool loader_country_code(struct loader *l, const struct node *n, const char *what, char **ret)
{
	const char *text = value_scalar(l, n, "%s", what);

	if (!text)
		return false;
	if (!is_letter(text[0]) || !is_letter(text[1]) || text[2]) {
		complain(l, n->place, "%s takes countries by their two letters (DE), not '%.80s'", what, text);
		return false;
	}
	*ret = arena_strdup(l->arena, text);
	for (char *p = *ret; *p; p++)
		*p &= ~0x20;
	return true;
}

static void take_codes(struct loader *l, const struct node *n, struct strings *ret)
{
	struct node *self = (struct node *)n;
	bool list = n->kind == NODE_LIST;
	size_t count = list ? n->n : 1;

	if (n->kind == NODE_MAP || count == 0 || count > COUNTRIES_MAX) {
		complain(l, n->place, "'country' takes a country or a list of 1 to %d, or {not: them}, or "
			 "{not: home}", COUNTRIES_MAX);
		return;
	}
	ret->v = arena_array(l->arena, count, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		if (loader_country_code(l, list ? n->items[i] : self, "'country'", &ret->v[ret->n]))
			ret->n++;
}

static bool is_word(const struct node *n, const char *word)
{
	return n->kind == NODE_SCALAR && strcmp(n->text, word) == 0;
}

void loader_country(struct loader *l, const struct node *n, const struct captures *caps, struct jail *j)
{
	const struct node *but = node_get(n, "not");

	if (loader_captured(l, caps, n->place, "country", SPAN_LIT("country")) < 0)
		return;
	j->country.rule = but ? COUNTRY_NOT : COUNTRY_IN;
	if (but && n->n > 1)
		complain(l, n->keys[1]->place, "'not' stands alone in 'country'");
	else if (but && is_word(but, "home"))
		j->country.rule = COUNTRY_AWAY;
	else
		take_codes(l, but ? but : n, &j->country.codes);
}
