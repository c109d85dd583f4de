/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an argv template and the values that an order brings to the argv that
 * is run. The values come from log lines by way of a process that may be
 * captured, so each one is held to the character set of its type here again,
 * without a regex. No shell will see the words; what is left to fear is a
 * value that reads as an option, or as a name with a path in it.
 */
#include "privileged/runner/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "config/account.h"
#include "config/load.h"

#define WORDS_MAX 64
#define WORD_MAX 4096
#define VALUE_MAX 1024

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Only letters, digits and what `more` has; 1 to max of them. */
static bool made_of(struct span v, const char *more, size_t max)
{
	for (size_t i = 0; i < v.n; i++)
		if (!is_alnum((unsigned char)v.p[i]) && (!v.p[i] || !strchr(more, v.p[i])))
			return false;
	return v.n > 0 && v.n <= max;
}

static bool put_addr(const struct config *c, struct span v, struct buf *out)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	(void)c;
	if (addr_parse(v, &a) < 0)
		return false;
	buf_puts(out, addr_print(&a, text));
	return true;
}

static bool put_number(const struct config *c, struct span v, struct buf *out)
{
	(void)c;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	buf_put(out, v.p, v.n);
	return v.n > 0 && v.n <= 20;
}

static bool put_account(const struct config *c, struct span v, struct buf *out)
{
	char name[ORDER_NAME_MAX];

	if (account_canonical(&c->accounts, v, name, sizeof(name)) < 0)
		return false;
	buf_puts(out, name);
	return true;
}

/* Queue ids, session ids of Dovecot (base64) and of others. */
static bool put_id(const struct config *c, struct span v, struct buf *out)
{
	(void)c;
	buf_put(out, v.p, v.n);
	return made_of(v, "+/=._-", 128);
}

static bool put_domain(const struct config *c, struct span v, struct buf *out)
{
	(void)c;
	buf_put(out, v.p, v.n);
	return made_of(v, "._-", 255);
}

static bool put_mail(const struct config *c, struct span v, struct buf *out)
{
	(void)c;
	for (size_t i = 0; i < v.n; i++) {
		unsigned char b = (unsigned char)v.p[i];

		if (b <= ' ' || b == 0x7f || strchr("<>,;\"\\", b))
			return false;
	}
	buf_put(out, v.p, v.n);
	return v.n <= 320;	/* may be empty: the sender of a bounce */
}

/* Any bytes; those that steer a terminal or end a line become `?`. */
static bool put_text(const struct config *c, struct span v, struct buf *out)
{
	(void)c;
	for (size_t i = 0; i < v.n; i++) {
		unsigned char b = (unsigned char)v.p[i];

		buf_putc(out, b < ' ' || b == 0x7f ? '?' : v.p[i]);
	}
	return true;
}

static bool (*const put_value[])(const struct config *, struct span, struct buf *) = {
	[FIELD_TEXT] = put_text, [FIELD_ADDR] = put_addr, [FIELD_NUMBER] = put_number,
	[FIELD_ACCOUNT] = put_account, [FIELD_ID] = put_id, [FIELD_MAIL] = put_mail,
	[FIELD_DOMAIN] = put_domain,
};

/* The string at *at in `n` bytes, without its NUL; *at moves past it. */
static bool next_string(struct span s, size_t *at, struct span *ret)
{
	const char *end = *at < s.n ? memchr(s.p + *at, 0, s.n - *at) : NULL;

	if (!end)
		return false;
	*ret = (struct span){ s.p + *at, (size_t)(end - s.p) - *at };
	*at += ret->n + 1;
	return true;
}

static bool find_value(struct span values, struct span name, struct span *ret)
{
	struct span key, value;

	for (size_t at = 0; next_string(values, &at, &key) && next_string(values, &at, &value);)
		if (span_eq(key, name)) {
			*ret = value;
			return true;
		}
	return false;
}

struct expansion {
	const struct config *config;
	struct span values;
	template_account_fn *account;
	void *arg;
	char *why;
};

static int put_field(const struct expansion *x, struct span name, struct buf *out)
{
	int field = config_field(x->config, name);
	enum field_type type;
	struct span value;
	size_t start = out->n;

	if (field < 0 || !find_value(x->values, name, &value)) {
		snprintf(x->why, TEMPLATE_WHY_MAX, "no value for <%.*s>",
			 (int)(name.n < 40 ? name.n : 40), name.p);
		return -EINVAL;
	}
	type = x->config->fields[field].type;
	if (value.n > VALUE_MAX || !put_value[type](x->config, value, out)) {
		snprintf(x->why, TEMPLATE_WHY_MAX, "the value of <%.*s> is not one",
			 (int)(name.n < 40 ? name.n : 40), name.p);
		return -EINVAL;
	}
	if (type == FIELD_ACCOUNT && x->account)
		return x->account(x->arg, buf_cstr(out) + (buf_error(out) ? 0 : start), x->why);
	return 0;
}

/* The name in a placeholder that begins at p; n == 0: none begins there. */
static struct span placeholder(const char *p)
{
	size_t n = 1;

	while (p[n] == '_' || is_alnum((unsigned char)p[n]))
		n++;
	return (struct span){ p + 1, p[n] == '>' ? n - 1 : 0 };
}

static int expand_word(const struct expansion *x, const char *word, struct buf *out)
{
	for (const char *p = word; *p;) {
		struct span name = *p == '<' ? placeholder(p) : (struct span){ 0 };
		int ret;

		if (name.n > 0) {
			ret = put_field(x, name, out);
			if (ret < 0)
				return ret;
			p += name.n + 2;
			continue;
		}
		if (p[0] == '\\' && p[1] == '<')
			p++;
		buf_putc(out, *p++);
	}
	if (out->n > 0 && out->p[0] == '-' && word[0] != '-') {
		snprintf(x->why, TEMPLATE_WHY_MAX, "a value would be an option");
		return -EINVAL;
	}
	return buf_error(out) == -ENOMEM ? -ENOMEM : 0;
}

static int expand_into(const struct expansion *x, const struct strings *t, char **argv)
{
	for (size_t i = 0; i < t->n; i++) {
		struct buf word = { .max = WORD_MAX };
		int ret = expand_word(x, t->v[i], &word);

		if (ret == 0 && (buf_error(&word) || (i == 0 && strcmp(t->v[0], buf_cstr(&word)) != 0))) {
			snprintf(x->why, TEMPLATE_WHY_MAX, "%s", i == 0 ?
				 "the command's own name is a placeholder" : "a word is too long");
			ret = -EINVAL;
		}
		if (ret == 0 && !(argv[i] = strdup(buf_cstr(&word))))
			ret = -ENOMEM;
		buf_free(&word);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int template_expand(const struct config *c, const struct strings *template,
		    struct span values, template_account_fn *account, void *arg,
		    char *why, char ***ret)
{
	_cleanup_(argv_free) char **argv = NULL;
	struct expansion x = { c, values, account, arg, why };
	int r;

	if (template->n == 0 || template->n > WORDS_MAX) {
		snprintf(why, TEMPLATE_WHY_MAX, "no argv of 1 to %d words", WORDS_MAX);
		return -EINVAL;
	}
	argv = calloc(template->n + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	r = expand_into(&x, template, argv);
	if (r < 0)
		return r;
	*ret = argv;
	argv = NULL;
	return 0;
}

int argv_make(const struct strings *helper, const char *const *more, char ***ret)
{
	_cleanup_(argv_free) char **argv = NULL;
	size_t n = 0, k = 0;

	if (helper->n == 0)
		return -EINVAL;
	while (more[n])
		n++;
	argv = calloc(helper->n + n + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	for (size_t i = 0; i < helper->n + n; i++) {
		argv[k] = strdup(i < helper->n ? helper->v[i] : more[i - helper->n]);
		if (!argv[k++])
			return -ENOMEM;
	}
	*ret = argv;
	argv = NULL;
	return 0;
}

void argv_free(char ***argv)
{
	if (!*argv)
		return;
	for (char **w = *argv; *w; w++)
		free(*w);
	free(*argv);
	*argv = NULL;
}
