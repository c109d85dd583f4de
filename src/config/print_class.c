/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classes as the YAML that makes them; their files stay files. */
#include "config/printer.h"

void config_print_home(struct printer *p, const void *draft)
{
	const struct class *c = &((const struct class_draft *)draft)->class;

	if (c->home.n)
		printer_list(p, "home", &c->home);
}

void config_print_pairs(struct printer *p, const void *draft)
{
	const struct class *c = &((const struct class_draft *)draft)->class;

	if (c->npairs == 0)
		return;
	printer_key(p, "pairs");
	for (size_t i = 0; i < c->npairs; i++)
		buf_printf(p->out, "%s['%s', '%s']", i ? ", " : " [", c->pairs[i].v[0], c->pairs[i].v[1]);
	buf_puts(p->out, "]\n");
}

void config_print_asns(struct printer *p, const void *draft)
{
	const struct class *c = &((const struct class_draft *)draft)->class;

	if (c->nignore_asn == 0)
		return;
	printer_key(p, "ignore_asn");
	for (size_t i = 0; i < c->nignore_asn; i++)
		buf_printf(p->out, "%s%u", i ? ", " : " [", c->ignore_asn[i]);
	buf_puts(p->out, "]\n");
}

void config_print_class_limits(struct printer *p, const void *draft)
{
	const struct class *c = &((const struct class_draft *)draft)->class;

	if (c->nlimits == 0)
		return;
	printer_key(p, "limits");
	buf_putc(p->out, '\n');
	p->indent++;
	for (size_t i = 0; i < c->nlimits; i++) {
		const struct class_limit *cl = &c->limits[i];
		struct class_limit_draft d = { .over = -1, .alone = (int64_t)cl->alone };

		printer_key(p, cl->name);
		buf_puts(p->out, cl->off ? " off\n" : "\n");
		if (cl->off)
			continue;
		if (cl->has_amount && cl->is_over)
			d.over = (int64_t)cl->amount;
		else if (cl->has_amount)
			d.count = (uint32_t)cl->amount;
		p->indent++;
		printer_table(p, schema_class_limit_keys, &d);
		p->indent--;
	}
	p->indent--;
}

void config_print_classes(struct printer *p, const void *draft)
{
	const struct config *c = &((const struct main_draft *)draft)->config;

	if (c->nclasses == 0)
		return;
	printer_key(p, "classes");
	buf_putc(p->out, '\n');
	for (size_t i = 0; i < c->nclasses; i++) {
		struct class_draft d = { .class = c->classes[i], .config = c };

		p->indent++;
		printer_key(p, d.class.name);
		buf_putc(p->out, '\n');
		p->indent++;
		printer_table(p, schema_class_keys, &d);
		p->indent -= 2;
	}
}
