/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chooses messages out of a queue's listing by what an admin typed: a sender,
 * a domain, a pattern. The pattern is compiled behind the seal, without JIT
 * (no new code can be made there), and bounded.
 */
#include "engine/pick.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bailiff/order.h"

#define MATCH_LIMIT 100000

struct pick {
	enum pick_kind kind;
	char *text;
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	size_t given_up;
};

static int compile(struct pick *p, char *why, size_t size)
{
	PCRE2_UCHAR said[128];
	PCRE2_SIZE at;
	int error;

	p->code = pcre2_compile((PCRE2_SPTR)p->text, PCRE2_ZERO_TERMINATED,
				PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF, &error, &at, NULL);
	if (!p->code) {
		pcre2_get_error_message(error, said, sizeof(said));
		snprintf(why, size, "the expression, at character %zu: %s", (size_t)at + 1, (char *)said);
		return -EINVAL;
	}
	p->data = pcre2_match_data_create_from_pattern(p->code, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (!p->data || !p->limits)
		return -ENOMEM;
	pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(p->limits, MATCH_LIMIT);
	return 0;
}

int pick_new(enum pick_kind kind, const char *text, struct pick **ret, char *why, size_t size)
{
	struct pick *p = calloc(1, sizeof(*p));
	int r = 0;

	snprintf(why, size, "out of memory");
	if (!p)
		return -ENOMEM;
	p->kind = kind;
	p->text = strdup(kind == PICK_SENDER && strcmp(text, "<>") == 0 ? "" : text);
	if (!p->text)
		r = -ENOMEM;
	else if (kind == PICK_MATCH)
		r = compile(p, why, size);
	if (r < 0) {
		pick_free(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void pick_free(struct pick **pp)
{
	struct pick *p = *pp;

	if (!p)
		return;
	pcre2_code_free(p->code);
	pcre2_match_data_free(p->data);
	pcre2_match_context_free(p->limits);
	free(p->text);
	free(p);
	*pp = NULL;
}

size_t pick_given_up(const struct pick *p)
{
	return p->given_up;
}

static bool matches(struct pick *p, struct span address)
{
	int r = pcre2_match(p->code, (PCRE2_SPTR)(address.p ? address.p : ""), address.n, 0, 0, p->data, p->limits);

	if (r < 0 && r != PCRE2_ERROR_NOMATCH)
		p->given_up++;
	return r >= 0;
}

static bool is_of_domain(const struct pick *p, struct span address)
{
	const char *at = address.n ? memrchr(address.p, '@', address.n) : NULL;
	size_t n = strlen(p->text);

	return at && address.n - (size_t)(at + 1 - address.p) == n && strncasecmp(at + 1, p->text, n) == 0;
}

static bool takes(struct pick *p, struct span address, bool sender)
{
	switch (p->kind) {
	case PICK_SENDER:
		return sender && address.n == strlen(p->text) && strncasecmp(address.p, p->text, address.n) == 0;
	case PICK_DOMAIN:
		return is_of_domain(p, address);
	case PICK_MATCH:
		return matches(p, address);
	default:
		return true;
	}
}

static struct span span_at(const json_t *object, const char *key)
{
	const json_t *s = json_object_get(object, key);
	struct span v = { json_string_value(s), json_string_length(s) };

	return v;
}

bool pick_takes(const struct pick *p, const json_t *message)
{
	const json_t *to = json_object_get(message, "recipients");

	if (takes((struct pick *)p, span_at(message, "sender"), true))
		return true;
	for (size_t i = 0; i < json_array_size(to); i++)
		if (takes((struct pick *)p, span_at(json_array_get(to, i), "address"), false))
			return true;
	return false;
}

/* ---- lines */

static bool is_known(const json_t *m)
{
	const char *id = json_string_value(json_object_get(m, "queue_id"));
	json_int_t arrival = json_integer_value(json_object_get(m, "arrival_time"));
	size_t n = id ? strlen(id) : 0;

	for (size_t i = 0; i < n; i++)
		if (!(id[i] >= '0' && id[i] <= '9') && !((id[i] | 32) >= 'a' && (id[i] | 32) <= 'z'))
			return false;
	return n > 0 && n < ORDER_QUEUE_ID_MAX && arrival > 0 && arrival < UINT32_MAX &&
	       json_is_string(json_object_get(m, "queue_name")) && json_is_string(json_object_get(m, "sender"));
}

/* A sender may hold any byte: none of them may hide a message. */
static json_t *load_plain(struct span line)
{
	char *copy = malloc(line.n);
	json_t *m;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < line.n; i++)
		copy[i] = (unsigned char)line.p[i] < 0x80 ? line.p[i] : '?';
	m = json_loadb(copy, line.n, JSON_ALLOW_NUL, NULL);
	free(copy);
	return m;
}

json_t *pick_parse(struct span line)
{
	json_t *m = json_loadb(line.p, line.n, JSON_ALLOW_NUL, NULL);

	if (!m && line.n > 0)
		m = load_plain(line);
	if (m && is_known(m))
		return m;
	json_decref(m);
	return NULL;
}
