/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference part of docs/jails.md, docs/configuration.md and the manual
 * pages, made from the rows that read the configuration, so that they cannot
 * tell another story. Sentences are written once, with `code` in backticks;
 * the two forms differ only in how a row is laid out.
 */
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "config/fields.h"
#include "config/schema.h"

struct form {
	const char *key_head;	/* before rows of keys */
	void (*head)(struct buf *out, const char *title);
	void (*key)(struct buf *out, const char *key, const char *type, const char *def,
		    const char *help);
	void (*word)(struct buf *out, const char *word, const char *help);
	void (*field)(struct buf *out, const struct field *f);
	const char *list_begin, *list_end;
	const char *word_head, *field_head;
};

/* ---- what a row is in words ---- */

static const char *const type_words[] = {
	[VALUE_TEXT] = "text",			[VALUE_TEXTS] = "text or list of texts",
	[VALUE_ARGV] = "list of words, the program first",
	[VALUE_PATH_OR_OFF] = "path, or off", [VALUE_DATABASE] = "path, auto, or off",
	[VALUE_PATH] = "path",			[VALUE_PATHS] = "path or list of paths",
	[VALUE_BOOL] = "yes or no",		[VALUE_NUMBER] = "number",
	[VALUE_BYTES] = "number; K, M, G",	[VALUE_SPAN] = "time",
	[VALUE_FACTOR] = "number",		[VALUE_CHOICE] = "",
	[VALUE_CLOCK] = "time of day, or off",	[VALUE_MAILBOX] = "mail address, or off",
	[VALUE_MAP] = "map",			[VALUE_NODE] = "",
	[VALUE_LATER] = "",
};

static void put_choices(struct buf *out, const struct choice *c)
{
	for (const struct choice *last = NULL; c->name; last = c++)
		if (!last || c->value != last->value)
			buf_printf(out, "%s%s", last ? ", " : "", c->name);
}

static void put_range(struct buf *out, const struct setting *s)
{
	char least[40], most[40];

	if (s->max == 0)
		return;
	if (s->type == VALUE_SPAN)
		buf_printf(out, ", %s to %s", clock_print_span(s->min, least, sizeof(least)),
			   clock_print_span(s->max, most, sizeof(most)));
	else
		buf_printf(out, ", %lld to %lld", (long long)s->min, (long long)s->max);
}

static void put_type(struct buf *out, const struct setting *s)
{
	buf_puts(out, s->shape ? s->shape : type_words[s->type]);
	if (s->choices)
		put_choices(out, s->choices);
	put_range(out, s);
}

/* ---- Markdown ---- */

static void md_text(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '|')
			buf_putc(out, '\\');
		buf_putc(out, *s);
	}
}

static void md_head(struct buf *out, const char *title)
{
	buf_printf(out, "### %s\n\n", title);
}

static void md_key(struct buf *out, const char *key, const char *type, const char *def,
		   const char *help)
{
	buf_printf(out, "| `%s` | ", key);
	md_text(out, type);
	buf_puts(out, " | ");
	md_text(out, def);
	buf_puts(out, " | ");
	md_text(out, help);
	buf_puts(out, " |\n");
}

static void md_word(struct buf *out, const char *word, const char *help)
{
	buf_printf(out, "| `%s` | ", word);
	md_text(out, help);
	buf_puts(out, " |\n");
}

static const char *const field_types[] = {
	[FIELD_TEXT] = "text", [FIELD_ADDR] = "address", [FIELD_NUMBER] = "number",
	[FIELD_ACCOUNT] = "account", [FIELD_ID] = "id", [FIELD_MAIL] = "mail address",
	[FIELD_DOMAIN] = "domain",
};

/* "made from <ip>", or the set of characters. */
static void put_set(struct buf *out, const struct field *f)
{
	if (f->from)
		buf_printf(out, "made from `<%s>`", f->from);
	else
		md_text(out, f->set);
}

static void md_field(struct buf *out, const struct field *f)
{
	buf_printf(out, f->from ? "| `%s` | " : "| `<%s>` | ", f->name);
	md_text(out, field_types[f->type]);
	buf_puts(out, " | ");
	put_set(out, f);
	buf_puts(out, " | ");
	md_text(out, f->help);
	buf_puts(out, " |\n");
}

/* ---- mdoc(7) ---- */

static bool ends_sentence(const char *s)
{
	return s[0] == '.' && s[1] == ' ' && ((s[2] >= 'A' && s[2] <= 'Z') || s[2] == '`');
}

/*
 * `code` becomes bold; a backslash, and a line's first dot, are roff's. A
 * sentence begins on a line of its own (mdoc(7)).
 */
static void man_text(struct buf *out, const char *s)
{
	bool code = false, start = true;

	for (; *s; s++) {
		if (*s == '`') {
			code = !code;
			buf_puts(out, code ? "\\fB" : "\\fR");
		} else if (ends_sentence(s)) {
			buf_puts(out, ".\n");
			start = true;
			s++;
			continue;
		} else if (*s == '\\') {
			buf_puts(out, "\\e");
		} else if (start && (*s == '.' || *s == '\'')) {
			buf_printf(out, "\\&%c", *s);
		} else if (*s == '-') {
			buf_puts(out, "\\-");
		} else {
			buf_putc(out, *s);
		}
		start = false;
	}
}

static void man_head(struct buf *out, const char *title)
{
	buf_printf(out, ".Ss %s\n", title);
}

static void man_key(struct buf *out, const char *key, const char *type, const char *def,
		    const char *help)
{
	buf_printf(out, ".It Cm %s\n(", key);
	man_text(out, type);
	if (*def) {
		buf_puts(out, "; default ");
		man_text(out, def);
	}
	buf_puts(out, ")\n.br\n");
	man_text(out, help);
	buf_putc(out, '\n');
}

static void man_word(struct buf *out, const char *word, const char *help)
{
	buf_printf(out, ".It Cm %s\n", word);
	man_text(out, help);
	buf_putc(out, '\n');
}

static void man_field(struct buf *out, const struct field *f)
{
	struct buf set = { 0 };

	put_set(&set, f);
	buf_printf(out, f->from ? ".It Cm %s\n(%s; " : ".It Cm <%s>\n(%s; ", f->name,
		   field_types[f->type]);
	man_text(out, buf_cstr(&set));
	buf_puts(out, ")\n.br\n");
	man_text(out, f->help);
	buf_putc(out, '\n');
	buf_free(&set);
}

static const struct form markdown = {
	.head = md_head, .key = md_key, .word = md_word, .field = md_field,
	.list_begin = "", .list_end = "\n",
	.key_head = "| key | value | default | |\n|---|---|---|---|\n",
	.word_head = "| word | |\n|---|---|\n",
	.field_head = "| name | type | characters | |\n|---|---|---|---|\n",
};

static const struct form mdoc = {
	.head = man_head, .key = man_key, .word = man_word, .field = man_field,
	.list_begin = ".Bl -tag -width Ds\n", .list_end = ".El\n",
	.key_head = "", .word_head = "", .field_head = "",
};

/* ---- the walk ---- */

static void put_keys(struct buf *out, const struct form *f, const struct setting *keys,
		     const char *prefix)
{
	for (const struct setting *s = keys; s->key; s++) {
		struct buf type = { 0 };
		char name[128];

		snprintf(name, sizeof(name), "%s%s", prefix, s->key);
		put_type(&type, s);
		if (s->type != VALUE_LATER)
			f->key(out, name, buf_cstr(&type),
			       s->def_words ? s->def_words : s->def ? s->def : "", s->help);
		buf_free(&type);
		if (s->sub) {
			snprintf(name, sizeof(name), "%s%s.", prefix, s->key);
			put_keys(out, f, s->sub, name);
		}
	}
}

static void put_section(struct buf *out, const struct form *f, const char *title,
			const struct setting *keys, const char *prefix)
{
	f->head(out, title);
	buf_puts(out, f->list_begin);
	buf_puts(out, f->key_head);
	put_keys(out, f, keys, prefix);
	buf_puts(out, f->list_end);
}

static void put_words(struct buf *out, const struct form *f)
{
	f->head(out, "Verbs of a pattern");
	buf_puts(out, f->list_begin);
	buf_puts(out, f->word_head);
	for (int v = 0; v < VERBS; v++)
		f->word(out, schema_verbs[v].name, schema_verbs[v].help);
	buf_puts(out, f->list_end);
	f->head(out, "Actions");
	buf_puts(out, f->list_begin);
	buf_puts(out, f->word_head);
	for (int k = 0; k < ACTION_KINDS; k++)
		f->word(out, schema_actions[k].name, schema_actions[k].help);
	buf_puts(out, f->list_end);
}

static void document_jail(struct buf *out, const struct form *f)
{
	put_section(out, f, "Keys of a jail", schema_jail_keys, "");
	put_words(out, f);
	put_section(out, f, "Keys beside a pattern", schema_rule_keys, "");
	f->head(out, "Keys of actions");
	buf_puts(out, f->list_begin);
	buf_puts(out, f->key_head);
	for (int k = 0; k < ACTION_KINDS; k++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "%s.", schema_actions[k].name);
		if (schema_actions[k].keys)
			put_keys(out, f, schema_actions[k].keys, prefix);
	}
	buf_puts(out, f->list_end);
	put_section(out, f, "Keys of a test", schema_test_keys, "");
	put_section(out, f, "Keys of one of its lines", schema_test_line_keys, "lines.");
}

static void document_main(struct buf *out, const struct form *f)
{
	put_section(out, f, "Keys of bailiff.yaml", schema_main_keys, "");
	put_section(out, f, "Keys of a log", schema_log_keys, "logs.NAME.");
	put_section(out, f, "Keys of a class", schema_class_keys, "classes.NAME.");
	put_section(out, f, "Keys of a class's limits", schema_class_limit_keys, "classes.NAME.limits.JAIL.");
}

static void document_fields(struct buf *out, const struct form *f)
{
	f->head(out, "Placeholders and derived captures");
	buf_puts(out, f->list_begin);
	buf_puts(out, f->field_head);
	for (const struct field *one = config_field_table; one->name; one++)
		f->field(out, one);
	buf_puts(out, f->list_end);
}

static const struct {
	const char *what;
	const struct form *form;
	void (*put)(struct buf *out, const struct form *f);
} documents[] = {
	{ "jail", &markdown, document_jail },
	{ "bailiff.yaml", &markdown, document_main },
	{ "placeholders", &markdown, document_fields },
	{ "man-jail", &mdoc, document_jail },
	{ "man-bailiff.yaml", &mdoc, document_main },
	{ "man-placeholders", &mdoc, document_fields },
};

int schema_document(struct buf *out, const char *what)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(*documents); i++) {
		if (strcmp(documents[i].what, what) != 0)
			continue;
		documents[i].put(out, documents[i].form);
		return buf_error(out);
	}
	return -EINVAL;
}
