/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_LOADER_H
#define CONFIG_LOADER_H

#include "config/load.h"
#include "config/schema.h"

/* One configuration on its way from trees to structs. */
struct loader {
	struct arena *arena;
	struct complaints *bad;
	struct config *config;
	const char *base;	/* directory that relative paths start from */
	const char *jail;	/* the jail being read, NULL: bailiff.yaml itself */
	unsigned errors;	/* said so far, warnings not counted */
};

void complain(struct loader *l, struct place where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void loader_warn(struct loader *l, struct place where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Fill `draft` from a map by the rows of `keys`. Every error is said; what is
 * wrong or missing stays as it was: value_defaults() first.
 */
void value_read_map(struct loader *l, const struct setting *keys, const struct node *map,
		    void *draft);
void value_defaults(struct loader *l, const struct setting *keys, void *draft);

/* One value by its row, into *at. */
void value_read(struct loader *l, const struct setting *s, const struct node *n, void *at);

/* A scalar that is no null; NULL: said, in a sentence that `fmt` begins. */
const char *value_scalar(struct loader *l, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A text, or a list of them; false: said. */
bool value_texts(struct loader *l, const struct node *n, const char *what, struct strings *ret);
bool value_argv(struct loader *l, const struct node *n, const char *what, struct strings *ret);

/*
 * A word for a name: letters, digits, _ and -, up to `max`; else it is said.
 * `what` begins the sentence: "a log's name".
 */
bool value_name(struct loader *l, const struct node *n, const char *what, size_t max);

/* ", did you mean 'x'?", or nothing for NULL: the end of a sentence. */
const char *loader_hint(struct loader *l, const char *nearest);

/* Parts of bailiff.yaml that refer to others (places.c); each says what is wrong. */
void loader_scopes(struct loader *l, const struct node *scopes);
void loader_logs(struct loader *l, const struct node *logs);
void loader_allow(struct loader *l, const struct node *allow);
void loader_operators(struct loader *l, const struct node *operators);
void loader_contacts(struct loader *l, const struct node *contacts);

/*
 * `classes:`, with the files it names from the pack; then, when the jails are
 * there, what it says of their limits. `names` are all there are, also those
 * that did not load.
 */
void loader_classes(struct loader *l, const struct pack *p, const struct node *classes);
void loader_class_limits(struct loader *l, const struct strings *names);

/*
 * All jails of a pack, with what `jails:` says of them laid upon them (jails.c);
 * config.jails is sorted by name. -EINVAL: `jails:` itself is wrong.
 */
int loader_jails(struct loader *l, const struct pack *p, const struct node *jails);

/*
 * One jail from its merged tree. true: *ret is it; false: said why.
 * Own captures of its patterns have become fields of the configuration.
 */
bool loader_jail(struct loader *l, const char *name, const struct node *map, struct jail *ret);

/* jail.c's parts, in the order they run; each says what is wrong. */
struct captures {
	bool *has;		/* by field index: some pattern captures it */
	size_t n;
	bool addr;		/* an address among them */
	struct captures *rules;	/* of each rule, its prefix included */
};

void loader_rules(struct loader *l, const struct jail_draft *d, const struct node *map,
		  struct jail *j, struct captures *ret);
void loader_limit(struct loader *l, const struct jail_draft *d, const struct node *map,
		  const struct captures *caps, struct jail *j);
/* jail_with.c: `with`, `alone`; `known`, `spread`. */
void loader_with(struct loader *l, const struct limit_draft *d, const struct node *map,
		 const struct captures *caps, struct limit *ret);
void loader_factors(struct loader *l, const struct limit_draft *d, const struct node *map,
		    const struct captures *caps, struct limit *ret);
/* The place of key `inner` of the map behind `outer`, or of what there is of it. */
struct place loader_at(const struct node *map, const char *outer, const char *inner);
/* A number with decimals in units of 1/`one`; too many of them are said. */
uint32_t loader_decimals(struct loader *l, double v, uint32_t one, const char *key, struct place where);
/*
 * jail_score.c: what verdicts count; then, when all jails are there, whether
 * what is named counts accounts. A jail that is wrong is left out. `names` are
 * all there are, also those that did not load.
 */
void loader_score(struct loader *l, const struct jail_draft *d, const struct node *map, struct jail *j);
void loader_scores(struct loader *l, const struct strings *names);
/* jail_when.c: `active`, `known_good`, `foreign_sender`. */
void loader_conditions(struct loader *l, const struct jail_draft *d, const struct node *map,
		       const struct captures *caps, struct jail *j);
/* jail_with.c: are all these captured, which `key` needs? NULL ends them. */
void loader_needs(struct loader *l, const struct captures *caps, struct place where, const char *key,
		  const char *const *names);
void loader_thread(struct loader *l, const struct jail_draft *d, const struct node *map,
		   const struct captures *caps, struct jail *j);
/* After loader_then(): does it teach where accounts are at home, and should it? */
void loader_teaches(struct loader *l, const struct node *map, const struct jail *j);
void loader_then(struct loader *l, const struct node *then, const struct captures *caps,
		 struct jail *j);
void loader_country(struct loader *l, const struct node *n, const struct captures *caps, struct jail *j);
/* Two letters, in upper case; `what` begins the sentence of a complaint. */
bool loader_country_code(struct loader *l, const struct node *n, const char *what, char **ret);
void loader_tests(struct loader *l, const struct node *tests, const struct captures *caps,
		  struct jail *j);

/*
 * The field that a key names: known and captured (derived ones by what they
 * are made from), else said and -1.
 */
int loader_captured(struct loader *l, const struct captures *caps, struct place where,
		    const char *key, struct span name);
/* Are all placeholders in the words of an argv captured? */
void loader_template(struct loader *l, const struct captures *caps, const struct node *argv,
		     const struct strings *words);

#endif
