/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of a class, as rows like those of schema.c. */
#include "config/schema.h"

#define AT(type, member) \
	.offset = offsetof(type, member), .width = sizeof(((type *)0)->member)
#define END	{ .key = NULL }

#define IN_CLASS(member) AT(struct class_draft, class.member)
const struct setting schema_class_keys[] = {
	{ "members", VALUE_TEXTS, IN_CLASS(members),
	  .help = "Accounts as they are counted (`joe@example.com`), globs of them (`*@lists.example.com`), addresses "
		  "and networks." },
	{ "file", VALUE_PATH, IN_CLASS(file),
	  .help = "More members, one a line; what follows a `#` is a comment. Read with the configuration." },
	{ "senders", VALUE_TEXTS, IN_CLASS(senders),
	  .help = "Globs of sender addresses that are not foreign for members." },
	{ "home", VALUE_NODE, AT(struct class_draft, home), .print = config_print_home,
	  .shape = "list of countries", .help = "Where members are at home, for `country: {not: home}`." },
	{ "pairs", VALUE_NODE, AT(struct class_draft, pairs), .print = config_print_pairs,
	  .shape = "list of lists of two countries", .help = "Countries in which a member may be at once: `[[DE, CH]]`." },
	{ "ignore_asn", VALUE_NODE, AT(struct class_draft, ignore_asn), .print = config_print_asns,
	  .shape = "list of numbers",
	  .help = "Autonomous systems of mail fetchers and webmail clouds: their addresses are no place where a member is." },
	{ "never", VALUE_BOOL, IN_CLASS(never), .def = "no",
	  .help = "No jail acts on a member: what is counted for it, or comes from its network, does not count." },
	{ "limits", VALUE_NODE, AT(struct class_draft, limits), .print = config_print_class_limits,
	  .shape = "map of jails to off, or to {count or over: N, alone: N}",
	  .help = "Other amounts for members in a jail's limit; `off`: their hits do not count there." },
	END
};

const struct setting schema_class_limit_keys[] = {
	{ "count", VALUE_NUMBER, AT(struct class_limit_draft, count), .min = 1, .max = 1000000000,
	  .help = "For the jail's `count`." },
	{ "over", VALUE_BYTES, AT(struct class_limit_draft, over), .min = 0, .max = 1000000000000000,
	  .help = "For the jail's `over`." },
	{ "alone", VALUE_BYTES, AT(struct class_limit_draft, alone), .min = 1, .max = 1000000000000000,
	  .help = "For the jail's `alone`." },
	END
};
