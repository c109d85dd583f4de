/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "bailiff/config.h"
#include "config/pack.h"

/* One complaint: "bailiff.yaml:3:5: unknown key 'alow', did you mean 'allow'?" */
struct complaint {
	struct place place;
	char *jail;	/* the jail it refuses, NULL: the whole configuration */
	char *text;	/* without the place */
	bool warning;	/* loads all the same */
};

struct complaints {
	size_t n;
	struct complaint *v;
};

void complaints_add(struct complaints *c, struct place place, const char *jail,
		    bool warning, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void complaints_free(struct complaints *c);

/* "file:line:col: text", "file:line:col: warning: text", no newline; control and bad bytes escaped. */
struct buf;
void complaint_print(const struct complaint *c, struct buf *out);

/*
 * Parse and check a pack. A jail that is wrong is left out, with a complaint
 * that names it; a wrong bailiff.yaml is -EINVAL and *ret stays untouched.
 * Keys set for one jail in bailiff.yaml are that jail's own matter.
 * Both sides get the same jails at the same indices from the same pack.
 * `bad` collects every complaint, in the order of the files.
 * *ret owns all it points to: config_free().
 */
int config_load(const struct pack *p, struct complaints *bad,
		struct config **ret);
void config_free(struct config **c);

/*
 * The configuration as YAML, every key with its value; the jails have files of
 * their own. load(print(c)) == c.
 */
void config_print(const struct config *c, struct buf *out);
/* One jail as the YAML of its own file. */
void config_print_jail(const struct config *c, const struct jail *j, struct buf *out);

/* Lookups; NULL or -1 where there is none. */
const struct jail *config_jail(const struct config *c, const char *name);
const char *config_jail_near(const struct config *c, const char *typed);	/* the one that was meant, perhaps */
int config_field(const struct config *c, struct span name);
int config_scope(const struct config *c, const char *name);
int config_log(const struct config *c, const char *name);

/* What a class says of a jail's limit; NULL: nothing, also of no class. */
const struct class_limit *config_class_limit(const struct class *c, uint16_t jail);

#endif
