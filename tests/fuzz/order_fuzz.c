/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the runner as a captured bailiffd could send them: what passes
 * the check is carried on to where its bytes are used, up to the fork.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/account.h"
#include "config/fields.h"
#include "privileged/runner/mail.h"
#include "privileged/runner/message.h"
#include "privileged/runner/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config config;

static void expand(const struct order_run *o)
{
	char *words[16] = { (char []){ "x" } };
	struct strings argv = { 1, words };
	char name[16][40], why[TEMPLATE_WHY_MAX], **out = NULL;

	for (const struct field *f = config_field_table; f->name && argv.n < 16; f++) {
		snprintf(name[argv.n], sizeof(name[0]), "<%s>", f->name);
		words[argv.n] = name[argv.n];
		argv.n++;
	}
	/* One by one: most orders have a value for few of them. */
	for (size_t i = 1; i < argv.n; i++) {
		char *pair[] = { words[0], words[i] };

		if (template_expand(&config, &(struct strings){ 2, pair },
				    (struct span){ o->values, o->len }, NULL, NULL, why, &out) < 0)
			continue;
		if (out[1][0] == '-' || out[2])
			abort();
		argv_free(&out);
	}
}

/* Headers of ours only: eight, then an empty line. */
static void compose(const struct order_mail *m)
{
	struct notify to = { .mail = (char []){ "root" } };
	struct buf out = { 0 };
	const char *p, *end;
	int lines = 0;

	mail_compose(&to, m, &out);
	p = buf_cstr(&out);
	end = strstr(p, "\n\n");
	for (; p <= end; p++)
		lines += *p == '\n';
	if (lines != 8)
		abort();
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(16) char msg[MESSAGE_MAX];
	const struct order_head *h = (const struct order_head *)msg;
	char name[ORDER_NAME_MAX];

	if (size > sizeof(msg))
		return 0;
	if (!config.fields) {
		config.fields = (struct field *)(uintptr_t)config_field_table;
		while (config_field_table[config.nfields].name)
			config.nfields++;
	}
	memcpy(msg, data, size);
	if (message_check(msg, size) < 0)
		return 0;
	if (h->type == ORDER_RUN)
		expand((const struct order_run *)msg);
	else if (h->type == ORDER_NOTIFY)
		compose((const struct order_mail *)msg);
	else if (h->type < ORDER_TYPES)
		account_canonical(&config.accounts,
				  span_of(((const struct order_account *)msg)->name),
				  name, sizeof(name));
	return 0;
}
