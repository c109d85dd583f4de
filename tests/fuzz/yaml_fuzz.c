/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of configurations: bailiff.yaml, then, behind a line "%%", a
 * jail that is called `j`. What loads must print as something that loads and
 * prints the same, and a pack of these bytes must open or be refused.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "config/load.h"
#include "config/placeholder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
	if (!true_thing)
		abort();
}

/* Both files into a configuration; NULL: refused. */
static struct config *load(struct span main_text, struct span jail, enum pack_role role)
{
	struct complaints bad = { 0 };
	struct config *c = NULL;
	struct pack *p = NULL;
	int err;

	must(pack_new("/base", &p) == 0);
	must(pack_add(p, PACK_MAIN, "main", 0, main_text) == 0);
	must(pack_add(p, role, "j.yaml", 0, jail) == 0);
	err = config_load(p, &bad, &c);
	must((err == 0) == (c != NULL));
	must(err == 0 || bad.n > 0);
	for (size_t i = 0; i < bad.n; i++)
		must(bad.v[i].text && *bad.v[i].text);
	complaints_free(&bad);
	pack_free(&p);
	return c;
}

static void print(const struct config *c, struct buf *main_text, struct buf *jail)
{
	const struct jail *j = config_jail(c, "j");

	config_print(c, main_text);
	if (j)
		config_print_jail(c, j, jail);
	must(buf_error(main_text) == 0 && buf_error(jail) == 0);
}

static void there_and_back(const struct config *c)
{
	const struct jail *j = config_jail(c, "j");
	enum pack_role role = j && j->shipped ? PACK_JAIL_SHIPPED : PACK_JAIL_ADMIN;
	struct buf text[4] = { { 0 } };
	struct config *again;

	if (!j)
		return;
	print(c, &text[0], &text[1]);
	again = load(buf_span(&text[0]), buf_span(&text[1]), role);
	must(again && config_jail(again, "j"));
	print(again, &text[2], &text[3]);
	must(span_eq(buf_span(&text[0]), buf_span(&text[2])));
	must(span_eq(buf_span(&text[1]), buf_span(&text[3])));
	config_free(&again);
	for (int i = 0; i < 4; i++)
		buf_free(&text[i]);
}

/* The parts of a pattern, one after the other, are the pattern. */
static void scan_pattern(struct span text)
{
	struct placeholder_scan s;
	struct placeholder_part part;
	size_t at = 0;
	int err;

	placeholder_begin(&s, text);
	while ((err = placeholder_next(&s, &part)) > 0) {
		must(part.offset == at && part.text.n > 0);
		at += part.text.n;
	}
	must(err < 0 ? s.error != NULL && s.error_at < text.n : at == text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { (const char *)data, size }, main_text = all, jail = { NULL, 0 };
	const char *cut = size ? memmem(data, size, "\n%%\n", 4) : NULL;
	struct config *c;

	if (cut) {
		main_text.n = (size_t)(cut + 1 - all.p);
		jail = (struct span){ cut + 4, size - main_text.n - 3 };
	}
	for (int role = PACK_JAIL_SHIPPED; role <= PACK_JAIL_ADMIN; role++) {
		c = load(main_text, jail, (enum pack_role)role);
		if (c)
			there_and_back(c);
		config_free(&c);
	}
	scan_pattern(all);
	return 0;
}
