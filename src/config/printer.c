/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way back from drafts to YAML, by the same rows that read it. What is
 * unset is left out: texts that are NULL, numbers out of their range.
 */
#include "config/printer.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "config/databases.h"

static void begin_line(struct printer *p)
{
	unsigned levels = p->indent;

	if (p->dash)
		levels--;
	buf_printf(p->out, "%*s", (int)(2 * levels), "");
	if (p->dash)
		buf_puts(p->out, "- ");
	p->dash = false;
}

/* Plain where nobody could take it for anything but itself. */
static bool is_plain(const char *s)
{
	static const char *const words[] = {
		"null", "yes", "no", "on", "off", "true", "false", "none",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasecmp(words[i], s) == 0)
			return false;
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/0123456789_.-@")
	       == strlen(s) && strchr("-.@", *s) == NULL;
}

/* Bytes that single quotes cannot hold: breaks, controls, and some of Unicode's. */
static bool needs_escapes(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			return true;
	return false;
}

/* One UTF-8 sequence (libyaml lets no other through) as YAML's \UXXXXXXXX. */
static const char *put_code_point(struct buf *out, const char *s)
{
	unsigned char c = (unsigned char)*s;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	unsigned long v = more == 3 ? c & 7 : more == 2 ? c & 15 : more == 1 ? c & 31 : c;

	for (s++; more && *s; more--, s++)
		v = v << 6 | ((unsigned char)*s & 63);
	buf_printf(out, v < 0x100 ? "\\x%02lX" : v < 0x10000 ? "\\u%04lX" : "\\U%08lX", v);
	return s;
}

static void put_double_quoted(struct buf *out, const char *s)
{
	buf_putc(out, '"');
	while (*s) {
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f) {
			s = put_code_point(out, s);
			continue;
		}
		if (*s == '"' || *s == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *s++);
	}
	buf_putc(out, '"');
}

static void put_value(struct buf *out, const char *s)
{
	if (is_plain(s)) {
		buf_puts(out, s);
		return;
	}
	if (needs_escapes(s)) {
		put_double_quoted(out, s);
		return;
	}
	buf_putc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_putc(out, '\'');
		buf_putc(out, *s);
	}
	buf_putc(out, '\'');
}

void printer_key(struct printer *p, const char *key)
{
	begin_line(p);
	put_value(p->out, key);
	buf_putc(p->out, ':');
}

void printer_text(struct printer *p, const char *text)
{
	buf_putc(p->out, ' ');
	put_value(p->out, text);
	buf_putc(p->out, '\n');
}

void printer_pair(struct printer *p, const char *key, const char *value)
{
	printer_key(p, key);
	printer_text(p, value);
}

void printer_list(struct printer *p, const char *key, const struct strings *v)
{
	printer_key(p, key);
	buf_puts(p->out, " [");
	for (size_t i = 0; i < v->n; i++) {
		buf_puts(p->out, i ? ", " : "");
		put_value(p->out, v->v[i]);
	}
	buf_puts(p->out, "]\n");
}

void printer_item(struct printer *p, const char *text)
{
	p->indent++;
	p->dash = true;
	begin_line(p);
	put_value(p->out, text);
	buf_putc(p->out, '\n');
	p->indent--;
}

const char *printer_choice(const struct choice *c, int value)
{
	while (c->name && c->value != value)
		c++;
	return c->name;
}

/* ---- one function a type ---- */

typedef void print_fn(struct printer *p, const struct setting *s, const void *at);

static void print_string(struct printer *p, const struct setting *s, const void *at)
{
	const char *text = *(char *const *)at;

	if (text)
		printer_pair(p, s->key, text);
}

static void print_strings(struct printer *p, const struct setting *s, const void *at)
{
	const struct strings *v = at;

	if (v->v)
		printer_list(p, s->key, v);
}

static void print_words(struct printer *p, const struct setting *s, const void *at)
{
	const struct strings *v = at;

	if (v->n)
		printer_list(p, s->key, v);
}

/* What is no word in quotes: yes, 07:00, 4096. */
static void print_bare(struct printer *p, const char *key, const char *value)
{
	printer_key(p, key);
	buf_printf(p->out, " %s\n", value);
}

static void print_bool(struct printer *p, const struct setting *s, const void *at)
{
	print_bare(p, s->key, *(const bool *)at ? "yes" : "no");
}

static int64_t fetch(const struct setting *s, const void *at)
{
	switch (s->width) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const int64_t *)at;
	}
}

static void print_number(struct printer *p, const struct setting *s, const void *at)
{
	int64_t v = fetch(s, at);
	char text[24];

	if (v < s->min || v > s->max)
		return;
	snprintf(text, sizeof(text), "%lld", (long long)v);
	print_bare(p, s->key, text);
}

static void print_span(struct printer *p, const struct setting *s, const void *at)
{
	int64_t v = fetch(s, at);
	char text[64];

	if (v >= s->min && v <= s->max)
		print_bare(p, s->key, clock_print_span(v, text, sizeof(text)));
}

/* The shortest decimal that reads back as the same. */
static void print_factor(struct printer *p, const struct setting *s, const void *at)
{
	double v = *(const double *)at;
	char text[64];

	if (v < (double)s->min || v > (double)s->max)
		return;
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*f", digits - 1, v);
		if (strtod(text, NULL) == v)
			break;
	}
	print_bare(p, s->key, text);
}

static void print_choice(struct printer *p, const struct setting *s, const void *at)
{
	const char *name = printer_choice(s->choices, (int)fetch(s, at));

	if (name)
		print_bare(p, s->key, name);
}

static void print_clock(struct printer *p, const struct setting *s, const void *at)
{
	int64_t minutes = *(const int64_t *)at / 60000;
	char text[48];

	snprintf(text, sizeof(text), "%02lld:%02lld", (long long)minutes / 60, (long long)minutes % 60);
	print_bare(p, s->key, *(const int64_t *)at < 0 ? "off" : text);
}

static void print_or_off(struct printer *p, const struct setting *s, const void *at)
{
	const char *text = *(char *const *)at;

	if (text)
		printer_pair(p, s->key, text);
	else
		print_bare(p, s->key, "off");
}

/* Quoted, `auto` would be a file of that name. */
static void print_database(struct printer *p, const struct setting *s, const void *at)
{
	const char *text = *(char *const *)at;

	if (text && strcmp(text, DATABASE_AUTO) == 0)
		print_bare(p, s->key, text);
	else
		print_or_off(p, s, at);
}

/* A map of nothing is left out whole. */
static void print_map(struct printer *p, const struct setting *s, const void *at)
{
	bool dash = p->dash;
	size_t before = p->out->n, after;

	printer_key(p, s->key);
	buf_putc(p->out, '\n');
	after = p->out->n;
	p->indent++;
	printer_table(p, s->sub, at);
	p->indent--;
	if (p->out->n == after) {
		p->out->n = before;
		p->dash = dash;
	}
}

static print_fn *const printers[] = {
	[VALUE_TEXT] = print_string,	[VALUE_TEXTS] = print_strings,
	[VALUE_ARGV] = print_words,	[VALUE_PATH] = print_string,
	[VALUE_PATHS] = print_strings,	[VALUE_BOOL] = print_bool,
	[VALUE_NUMBER] = print_number,	[VALUE_BYTES] = print_number,
	[VALUE_SPAN] = print_span,	[VALUE_FACTOR] = print_factor,
	[VALUE_CHOICE] = print_choice,	[VALUE_CLOCK] = print_clock,
	[VALUE_MAILBOX] = print_or_off,	[VALUE_MAP] = print_map,
	[VALUE_PATH_OR_OFF] = print_or_off,	[VALUE_DATABASE] = print_database,
};

void printer_table(struct printer *p, const struct setting *keys, const void *draft)
{
	for (const struct setting *s = keys; s->key; s++) {
		if (s->print)
			s->print(p, draft);
		else if (s->type != VALUE_LATER && s->type != VALUE_NODE)
			printers[s->type](p, s, (const char *)draft + s->offset);
	}
}
