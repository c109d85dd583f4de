/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration as the YAML that makes it: bailiff.yaml with every key, and
 * each jail as its own file. Indices become the names they stand for, and the
 * tables of schema.c do the rest.
 */
#include "config/load.h"

#include <stdio.h>

#include "base/addr.h"
#include "config/printer.h"

#define LOGS_MAX 256

/* ---- bailiff.yaml ---- */

void config_print_allow(struct printer *p, const void *draft)
{
	const struct config *c = &((const struct main_draft *)draft)->config;
	char text[ADDR_TEXT_MAX];

	printer_key(p, "allow");
	buf_puts(p->out, c->nallow ? "\n" : " []\n");
	for (size_t i = 0; i < c->nallow; i++)
		printer_item(p, c->allow[i].name ? c->allow[i].name : addr_print(&c->allow[i].addr, text));
}

void config_print_scopes(struct printer *p, const void *draft)
{
	const struct config *c = &((const struct main_draft *)draft)->config;

	printer_key(p, "scopes");
	buf_putc(p->out, '\n');
	p->indent++;
	for (size_t i = 1; i < c->nscopes; i++) {
		printer_key(p, c->scopes[i].name);
		for (size_t k = 0; k < c->scopes[i].nports; k++)
			buf_printf(p->out, "%s%u", k ? ", " : " [", c->scopes[i].ports[k]);
		buf_puts(p->out, "]\n");
	}
	p->indent--;
}

void config_print_logs(struct printer *p, const void *draft)
{
	const struct config *c = &((const struct main_draft *)draft)->config;

	printer_key(p, "logs");
	buf_putc(p->out, '\n');
	for (size_t i = 0; i < c->nlogs; i++) {
		struct log_draft d = { .conf = c->logs[i] };

		if (d.conf.has_scope)
			d.scope = c->scopes[d.conf.scope].name;
		p->indent++;
		printer_key(p, d.conf.name);
		buf_putc(p->out, '\n');
		p->indent++;
		printer_table(p, schema_log_keys, &d);
		p->indent -= 2;
	}
}

void config_print_operators(struct printer *p, const void *draft)
{
	const struct config *c = &((const struct main_draft *)draft)->config;

	if (c->noperators == 0)
		return;
	printer_key(p, "operators");
	buf_putc(p->out, '\n');
	p->indent++;
	for (size_t i = 0; i < c->noperators; i++)
		printer_pair(p, c->operators[i].who,
			   printer_choice(schema_operator_row.choices, (int)c->operators[i].right));
	p->indent--;
}

void config_print_contacts(struct printer *p, const void *draft)
{
	const struct config *c = &((const struct main_draft *)draft)->config;

	if (c->ncontacts == 0)
		return;
	printer_key(p, "contacts");
	buf_putc(p->out, '\n');
	p->indent++;
	for (size_t i = 0; i < c->ncontacts; i++)
		printer_pair(p, c->contacts[i].account, c->contacts[i].text);
	p->indent--;
}

void config_print_jail_modes(struct printer *p, const void *draft)
{
	const struct config *c = &((const struct main_draft *)draft)->config;

	printer_key(p, "jails");
	buf_puts(p->out, "\n");
	p->indent++;
	printer_key(p, "auto");
	buf_puts(p->out, c->auto_jails ? " on\n" : " off\n");
	for (size_t i = 0; i < c->njails; i++) {
		if (!c->jails[i].mode_set)
			continue;
		printer_key(p, c->jails[i].name);
		buf_printf(p->out, " %s\n", printer_choice(schema_mode_row.choices, (int)c->jails[i].mode));
	}
	p->indent--;
}

void config_print(const struct config *c, struct buf *out)
{
	struct main_draft d = { .config = *c };
	struct printer p = { .out = out };

	printer_table(&p, schema_main_keys, &d);
}

/* ---- a jail ---- */

static void print_mark(struct printer *p, const char *key, bool set)
{
	if (!set)
		return;
	printer_key(p, key);
	buf_puts(p->out, " yes\n");
}

/* How a rule is written: bare, or as a map of its verb. */
void config_print_rules(struct printer *p, const void *draft)
{
	const struct jail *j = &((const struct jail_draft *)draft)->jail;

	if (j->nrules == 0)
		return;
	printer_key(p, "match");
	buf_putc(p->out, '\n');
	for (size_t i = 0; i < j->nrules; i++) {
		const struct rule *r = &j->rules[i];

		if (r->verb == VERB_MATCH && !r->part && !r->aside) {
			printer_item(p, r->pattern);
			continue;
		}
		p->indent++;
		p->dash = true;
		printer_pair(p, schema_verbs[r->verb].name, r->pattern);
		print_mark(p, "each", r->each && !r->aside);
		print_mark(p, "part", r->part);
		print_mark(p, "aside", r->aside);
		print_mark(p, "tells", r->tells);
		print_mark(p, "at_once", r->at_once);
		p->indent--;
	}
}

void config_print_ignore(struct printer *p, const void *draft)
{
	const struct jail *j = &((const struct jail_draft *)draft)->jail;

	if (j->nignore == 0)
		return;
	printer_key(p, "ignore");
	buf_putc(p->out, '\n');
	for (size_t i = 0; i < j->nignore; i++)
		printer_item(p, j->ignore[i].pattern);
}

void config_print_country(struct printer *p, const void *draft)
{
	const struct country_condition *c = &((const struct jail_draft *)draft)->jail.country;

	if (c->rule == COUNTRY_ANY)
		return;
	printer_key(p, "country");
	buf_puts(p->out, c->rule == COUNTRY_AWAY ? " {not: home}\n" : c->rule == COUNTRY_NOT ? " {not: [" : " [");
	for (size_t i = 0; i < c->codes.n; i++)
		buf_printf(p->out, "%s%s", i ? ", " : "", c->codes.v[i]);
	if (c->rule != COUNTRY_AWAY)
		buf_puts(p->out, c->rule == COUNTRY_NOT ? "]}\n" : "]\n");
}

/* "- ban:" and its keys, or the word alone if it has none. */
static void print_action(struct printer *p, const struct config *c, const struct action *a)
{
	const struct action_row *row = &schema_actions[a->kind];
	struct action_draft d = {
		.for_ms = a->for_ms, .grow = a->grow, .max_ms = a->max_ms,
		.remember_ms = a->remember_ms, .scope = c->scopes[a->scope].name,
		.whom = (int)a->whom, .v4_len = a->v4_len, .v6_len = a->v6_len, .text = a->text,
	};
	size_t before = p->out->n, after;

	p->indent++;
	p->dash = true;
	if (a->kind == ACTION_RUN) {
		printer_list(p, "run", &a->argv);
		if (a->undo.n)
			printer_list(p, "undo", &a->undo);
		p->indent--;
		return;
	}
	printer_key(p, row->name);
	buf_putc(p->out, '\n');
	after = p->out->n;
	p->indent++;
	printer_table(p, row->keys, &d);
	p->indent -= 2;
	if (p->out->n != after)
		return;
	p->out->n = before;
	printer_item(p, row->name);
}

void config_print_then(struct printer *p, const void *draft)
{
	const struct jail_draft *d = draft;

	printer_key(p, "then");
	buf_puts(p->out, d->jail.nthen ? "\n" : " []\n");
	for (size_t i = 0; i < d->jail.nthen; i++)
		print_action(p, d->config, &d->jail.then[i]);
}

static void print_wants(struct printer *p, const struct jail_test *t)
{
	printer_key(p, t->wants_verdict ? "verdict" : "hit");
	if (t->none || t->nwant == 0) {
		buf_puts(p->out, t->none ? " none\n" : " {}\n");
		return;
	}
	buf_putc(p->out, '\n');
	p->indent++;
	for (size_t i = 0; i < t->nwant; i++)
		printer_pair(p, t->want[i].name, t->want[i].value);
	p->indent--;
}

static void print_places(struct printer *p, const struct jail_test *t)
{
	char text[24], addr[ADDR_TEXT_MAX];

	printer_key(p, "places");
	buf_putc(p->out, '\n');
	p->indent++;
	for (size_t i = 0; i < t->nplaces; i++) {
		const struct jail_test_place *one = &t->places[i];
		int n = snprintf(text, sizeof(text), "%s", one->country);

		if (one->asn)
			snprintf(text + n, sizeof(text) - (size_t)n, "%sAS%u", n ? " " : "", one->asn);
		printer_pair(p, addr_print(&one->addr, addr), text);
	}
	p->indent--;
}

static void print_test_line(struct printer *p, const struct jail_test_line *line)
{
	struct jail_test_line d = *line;

	if (!d.has_at)
		d.at_ms = -1;
	printer_table(p, schema_test_line_keys, &d);
}

void config_print_tests(struct printer *p, const void *draft)
{
	const struct jail *j = &((const struct jail_draft *)draft)->jail;

	if (j->ntests == 0)
		return;
	printer_key(p, "tests");
	buf_putc(p->out, '\n');
	p->indent++;
	for (size_t i = 0; i < j->ntests; i++) {
		const struct jail_test *t = &j->tests[i];

		p->dash = true;
		if (t->wants_verdict) {
			printer_key(p, "lines");
			buf_putc(p->out, '\n');
			p->indent++;
			for (size_t k = 0; k < t->nlines; k++) {
				p->dash = true;
				print_test_line(p, &t->lines[k]);
			}
			p->indent--;
		} else {
			print_test_line(p, t->lines);
		}
		print_wants(p, t);
		if (t->nplaces)
			print_places(p, t);
	}
	p->indent--;
}

void config_print_with(struct printer *p, const void *draft)
{
	static const char *const words[] = {
		[WITH_FOREIGN_SENDER] = "foreign_sender", [WITH_NEW_NETWORK] = "new_network",
	};
	const struct limit_draft *d = draft;

	if (!d->limit || d->limit->nwith == 0)
		return;
	printer_key(p, "with");
	buf_putc(p->out, '\n');
	for (size_t i = 0; i < d->limit->nwith; i++) {
		const struct with *w = &d->limit->with[i];

		if (w->kind != WITH_DISTINCT) {
			printer_item(p, words[w->kind]);
			continue;
		}
		p->indent++;
		p->dash = true;
		printer_pair(p, "distinct", d->config->fields[w->field].name);
		printer_key(p, "over");
		buf_printf(p->out, " %u\n", w->over);
		p->indent--;
	}
}

static void draft_amounts(const struct config *c, const struct limit *from, struct limit_draft *ret)
{
	const char *value = c->fields[from->value].name;

	switch (from->kind) {
	case LIMIT_SUM:
		ret->sum = (char *)value;
		ret->over = (int64_t)from->amount;
		break;
	case LIMIT_LEVEL:
		ret->level = (char *)value;
		ret->over = (int64_t)from->amount;
		ret->under = (int64_t)from->under;
		break;
	case LIMIT_SCORE:
		ret->score = from->amount;
		break;
	case LIMIT_DISTINCT:
		ret->distinct = (char *)value;
		ret->count = from->amount;
		break;
	case LIMIT_RATIO:
		ret->ratio = (double)from->ratio / LIMIT_RATIO_ONE;
		ret->count = from->amount;
		break;
	default:
		ret->count = from->amount;
	}
}

static void draft_limit(const struct config *c, const struct limit *from, char **per,
			char *weight, size_t size, struct limit_draft *ret)
{
	*ret = (struct limit_draft)LIMIT_DRAFT_NONE;
	ret->within_ms = from->within_ms;
	ret->v6_len = from->v6_len;
	ret->further = from->further;
	ret->limit = from;
	ret->config = c;
	ret->alone = (int64_t)from->alone;
	draft_amounts(c, from, ret);
	if (from->kind == LIMIT_COUNT) {
		snprintf(weight, size, "%lld", (long long)from->weight);
		ret->weight = from->weighs ? (char *)c->fields[from->weight_field].name : weight;
		if (from->known)
			ret->known = (double)from->known / LIMIT_FACTOR;
	}
	if (from->spread_accounts) {
		ret->spread.accounts = from->spread_accounts;
		ret->spread.weight = (double)from->spread_weight / LIMIT_FACTOR;
	}
	for (size_t i = 0; i < from->nper; i++)
		per[i] = (char *)c->fields[from->per[i]].name;
	ret->per = (struct strings){ from->nper, per };
}

void config_print_scores(struct printer *p, const void *draft)
{
	const struct jail *j = &((const struct jail_draft *)draft)->jail;

	if (j->nscores == 0)
		return;
	printer_key(p, "score");
	buf_putc(p->out, '\n');
	p->indent++;
	for (size_t i = 0; i < j->nscores; i++) {
		printer_key(p, j->scores[i].name);
		buf_printf(p->out, " %u\n", j->scores[i].weight);
	}
	p->indent--;
}

static void draft_active(const struct active *from, char **names, char hours[16], struct active_draft *ret)
{
	static const char *const all[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

	if (from->days == 0)
		return;
	for (size_t i = 0; i < 7; i++)
		if (from->days & 1 << i)
			names[ret->days.n++] = (char *)all[i];
	ret->days.v = names;
	snprintf(hours, 16, "%02d:%02d-%02d:%02d", from->from / 60 % 100, from->from % 60, from->to / 60 % 100,
		 from->to % 60);
	ret->hours = hours;
}

void config_print_jail(const struct config *c, const struct jail *j, struct buf *out)
{
	char *logs[LOGS_MAX] = { (char *)"verdicts" }, *per[4], *days[7], weight[24], hours[16];
	struct jail_draft d = { .jail = *j, .config = c };
	struct printer p = { .out = out };

	for (size_t i = 0; i < j->nlogs; i++)
		logs[i] = c->logs[j->logs[i]].name;
	d.log = (struct strings){ j->verdicts ? 1 : j->nlogs, logs };
	draft_limit(c, &j->limit, per, weight, sizeof(weight), &d.limit);
	if (j->threaded)
		d.thread = (struct thread_draft){ (char *)c->fields[j->thread_by].name, j->thread_keep_ms };
	draft_active(&j->active, days, hours, &d.active);
	printer_table(&p, schema_jail_keys, &d);
}
