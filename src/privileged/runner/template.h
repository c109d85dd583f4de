/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PRIVILEGED_RUNNER_TEMPLATE_H
#define PRIVILEGED_RUNNER_TEMPLATE_H

#include "bailiff/config.h"
#include "bailiff/order.h"
#include "bailiff/span.h"

#define TEMPLATE_WHY_MAX 100

/* Called with each account (FIELD_ACCOUNT, canonical) that takes part; a
 * negative return refuses the whole, with the words in `why`. */
typedef int template_account_fn(void *arg, const char *account, char *why);

/*
 * The argv that a template stands for: each `<field>` replaced by its value,
 * each word staying one word; `\<` is a `<`. No value can make a word an
 * option: an expanded word that begins with a dash where its template does
 * not is refused.
 *
 * values   "name NUL value NUL ...", as in struct order_run; each one used is
 *          held to its field's type, whatever bailiffd says of it
 * *ret     NULL-terminated, owned: argv_free()
 * -EINVAL  refused, `why` (TEMPLATE_WHY_MAX bytes) says for what; -ENOMEM;
 *          or what `account` (may be NULL) returned
 */
int template_expand(const struct config *c, const struct strings *template,
		    struct span values, template_account_fn *account, void *arg,
		    char *why, char ***ret);

/* A helper's words, then `more` (NULL-terminated), nothing replaced. -EINVAL:
 * no words. */
int argv_make(const struct strings *helper, const char *const *more, char ***ret);

void argv_free(char ***argv);

#endif
