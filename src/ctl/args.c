/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From argv to a request. What a command takes is data (struct param), so one
 * loop reads them all, and help, completion and the manual page know the same
 * rows. Values are checked here for what they are (an address, a span), so
 * that a slip of the finger is said at once and with status 2; whether it may
 * be done is for the engine to say.
 */
#include "ctl/args.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "config/nearest.h"
#include "ctl/text.h"

#define PARAMS_OF(c, p) \
	(const struct param *p = (c)->params; p < (c)->params + PARAMS_MAX && p->name; p++)

static bool is_option(const struct param *p)
{
	return p->name[0] == '-';
}

/* -EINVAL: said on standard error. */
typedef int take_fn(const struct param *p, const char *text, json_t *request);

static int put(const struct param *p, json_t *value, json_t *request)
{
	return json_object_set_new(request, p->key, value) < 0 ? -ENOMEM : 0;
}

static int take_text(const struct param *p, const char *text, json_t *request)
{
	json_t *value = json_string(text);

	if (!value || !*text) {
		text_complain("%s: '%s' is %s", p->name, text, *text ? "not UTF-8" : "empty");
		json_decref(value);
		return -EINVAL;
	}
	return put(p, value, request);
}

static int take_addr(const struct param *p, const char *text, json_t *request)
{
	struct addr a;

	if (addr_parse(span_of(text), &a) < 0) {
		text_complain("'%s' is not an address or a prefix (192.0.2.7, 2001:db8::/48)", text);
		return -EINVAL;
	}
	if (strchr(text, '/'))
		json_object_set_new(request, "exact", json_true());
	return take_text(p, text, request);
}

/*
 * A host name, unless it was meant as an address: with a colon or a slash, or
 * with a last label of digits, which no name of the DNS has (RFC 3696, 2).
 */
static int take_addr_or_name(const struct param *p, const char *text, json_t *request)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	const char *dot = strrchr(text, '.'), *last = dot ? dot + 1 : text;

	if (strpbrk(text, ":/") || strspn(last, "0123456789") == strlen(last))
		return take_addr(p, text, request);
	if (text[strspn(text, letters)] || *text == '-' || *text == '.' || strlen(text) > 253) {
		text_complain("'%s' is neither an address nor the name of a host", text);
		return -EINVAL;
	}
	return take_text(p, text, request);
}

static int take_number(const struct param *p, const char *text, json_t *request)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || text[n] || n > 16) {
		text_complain("%s: '%s' is not a number", p->name, text);
		return -EINVAL;
	}
	return put(p, json_integer(strtoll(text, NULL, 10)), request);
}

static int take_span(const struct param *p, const char *text, json_t *request)
{
	int64_t ms = 0;
	int r;

	if (is_option(p) && (strcmp(text, "ever") == 0 || strcmp(text, "forever") == 0))
		return put(p, json_null(), request);
	r = strcmp(text, "0") == 0 ? 0 : clock_parse_span(text, &ms);
	if (r == 0 && (ms > 0 || !is_option(p)))
		return put(p, ms % 1000 ? json_real((double)ms / 1000) : json_integer(ms / 1000),
			   request);
	if (r == -ERANGE)
		text_complain("%s: '%s' is more than 100 years", p->name, text);
	else
		text_complain("%s: '%s' is not a time such as 10m, 1h30m, 2d%s", p->name, text,
			      is_option(p) ? " or ever" : "");
	return -EINVAL;
}

static int take_mode(const struct param *p, const char *text, json_t *request)
{
	if (strcmp(text, "on") != 0 && strcmp(text, "shadow") != 0 && strcmp(text, "off") != 0) {
		text_complain("'%s' is not on, shadow or off", text);
		return -EINVAL;
	}
	return take_text(p, text, request);
}

static bool is_choice(const struct param *p, const char *text)
{
	const char *words = p->value ? p->value : p->name;
	size_t n = strlen(text);

	for (size_t len; *words; words += len + (words[len] == '|')) {
		len = strcspn(words, "|");
		if (n == len && memcmp(words, text, n) == 0)
			return true;
	}
	return false;
}

static int take_choice(const struct param *p, const char *text, json_t *request)
{
	if (!is_choice(p, text)) {
		text_complain("'%s' is none of %s", text, p->value ? p->value : p->name);
		return -EINVAL;
	}
	return take_text(p, text, request);
}

static int take_files(const struct param *p, const char *text, json_t *request)
{
	json_t *list = json_object_get(request, p->key), *value = json_string(text);

	if (!value) {
		text_complain("%s: '%s' is not UTF-8", p->name, text);
		return -EINVAL;
	}
	if (!list) {
		list = json_array();
		put(p, list, request);
	}
	return json_array_append_new(list, value) < 0 ? -ENOMEM : 0;
}

static take_fn *const takers[] = {
	[PARAM_TEXT] = take_text,
	[PARAM_ADDR] = take_addr,
	[PARAM_ADDR_OR_NAME] = take_addr_or_name,
	[PARAM_NUMBER] = take_number,
	[PARAM_SPAN] = take_span,
	[PARAM_MODE] = take_mode,
	[PARAM_CHOICE] = take_choice,
	[PARAM_FILES] = take_files,
};

static int unknown_option(const struct command *c, const char *typed, size_t n)
{
	struct nearest near = { 0 };
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)(n < 60 ? n : 60), typed);
	for PARAMS_OF(c, p)
		if (is_option(p))
			nearest_try(&near, name, p->name);
	text_complain("%s: unknown option %s%s%s%s; see bailiff %s --help", c->name, name,
		      near.name ? ", did you mean " : "", near.name ? near.name : "",
		      near.name ? "?" : "", c->name);
	return -EINVAL;
}

/* The argument at *at, an option with its value behind it or behind '='. */
static int take_option(struct call *call, char ***at)
{
	const char *text = **at, *value = strchr(text, '=');
	size_t n = strcspn(text, "=");

	for PARAMS_OF(call->command, p) {
		if (!is_option(p) || strlen(p->name) != n || memcmp(p->name, text, n) != 0)
			continue;
		if (p->kind == PARAM_FLAG && !value)
			return put(p, json_true(), call->request);
		if (p->kind == PARAM_FLAG) {
			text_complain("%s takes no value", p->name);
			return -EINVAL;
		}
		if (!value && !(*at)[1]) {
			text_complain("%s needs a value: %s %s", p->name, p->name, p->value);
			return -EINVAL;
		}
		return takers[p->kind](p, value ? value + 1 : *++*at, call->request);
	}
	return unknown_option(call->command, text, n);
}

static int take_positional(struct call *call, const char *text)
{
	for PARAMS_OF(call->command, p) {
		if (is_option(p) || (p->kind != PARAM_FILES && json_object_get(call->request, p->key)))
			continue;
		/* A choice that may be left out is, by a word that is none of it. */
		if (p->kind == PARAM_CHOICE && !p->required && !is_choice(p, text))
			continue;
		return takers[p->kind](p, text, call->request);
	}
	text_complain("%s: '%s' is one argument too many", call->command->name, text);
	return -EINVAL;
}

/* What every command takes; true: *at was that. */
static bool take_common(struct call *call, char ***at, bool *help)
{
	const char *text = **at;

	if (strcmp(text, "--json") == 0)
		call->json = true;
	else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)
		*help = true;
	else if (strcmp(text, "-c") == 0 && (*at)[1])
		call->conf = *++*at;
	else
		return false;
	return true;
}

/* "one of addr jail all": exactly one of these keys must be there. */
static int agree(const struct call *call)
{
	const char *key = call->command->agree;
	unsigned n = 0;
	char name[32];

	for (size_t len; key && *key; key += len + (key[len] == ' ')) {
		len = strcspn(key, " ");
		snprintf(name, sizeof(name), "%.*s", (int)len, key);
		n += json_object_get(call->request, name) != NULL;
	}
	return key && n != 1 ? -EINVAL : 0;
}

static int complete(const struct call *call)
{
	struct buf usage = { 0 };
	int r = agree(call);

	for PARAMS_OF(call->command, p)
		if (p->required && !json_object_get(call->request, p->key))
			r = -EINVAL;
	if (r < 0) {
		args_usage(&usage, call->command);
		text_complain("usage: %s", buf_cstr(&usage));
		buf_free(&usage);
	}
	return r;
}

int args_parse(struct call *call, bool *help)
{
	bool options = true;
	int r = 0;

	*help = false;
	for (char **at = call->args; *at && r == 0 && !*help; at++) {
		if (options && take_common(call, &at, help))
			continue;
		if (options && strcmp(*at, "--") == 0)
			options = false;
		else if (options && (*at)[0] == '-' && (*at)[1])
			r = take_option(call, &at);
		else
			r = take_positional(call, *at);
	}
	if (r == 0 && !*help)
		r = complete(call);
	return r < 0 ? EXIT_USAGE : 0;
}

void args_usage(struct buf *out, const struct command *c)
{
	buf_printf(out, "bailiff %s", c->name);
	if (c->raw)
		buf_printf(out, " %s", c->raw);
	for PARAMS_OF(c, p)
		buf_printf(out, p->required ? " %s%s%s%s" : " [%s%s%s]%s", p->name,
			   p->value ? " " : "", p->value ? p->value : "",
			   p->kind == PARAM_FILES ? "..." : "");
}
