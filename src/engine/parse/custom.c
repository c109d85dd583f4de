/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stamps that an admin describes. strptime(3) is not used: it follows the
 * locale, has no fraction of a second and cannot be told to keep a zone; and
 * its unknown directives fail at the line, not at the start. Here a format is
 * checked when it is loaded, against the table that also reads it.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "engine/parse/custom.h"

#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define MATCH_LIMIT 20000

struct custom {
	pcre2_code *find;
	pcre2_match_data *data;
	pcre2_match_context *context;
	char *format;
};

static char message[256];

/* What a directive fills, beyond the stamp itself, while reading. */
struct reading {
	struct stamp st;
	bool pm, am, twelve;
};

enum tells { TELLS_NOTHING = 0, TELLS_DAY = 1, TELLS_MONTH = 2, TELLS_HOUR = 4,
	     TELLS_ALL = 7 };

/* Takes what it wants at *p; false: does not fit. */
typedef bool take_fn(struct reading *r, const char **p, const char *end);

static bool take_number(const char **p, const char *end, unsigned max, unsigned *ret)
{
	const char *s = *p;
	unsigned v = 0, n = 0;

	if (s < end && *s == ' ' && max > 1)	/* "%e": padded with a blank */
		s++;
	for (; s < end && n < max && *s >= '0' && *s <= '9'; s++, n++)
		v = v * 10 + (unsigned)(*s - '0');
	if (!n)
		return false;
	*p = s;
	*ret = v;
	return true;
}

static bool take_Y(struct reading *r, const char **p, const char *end)
{
	unsigned v;

	if (!take_number(p, end, 4, &v) || v == 0)
		return false;
	r->st.year = (int)v;
	return true;
}

static bool take_y(struct reading *r, const char **p, const char *end)
{
	unsigned v;

	if (!take_number(p, end, 2, &v))
		return false;
	r->st.year = (int)(v < 69 ? 2000 + v : 1900 + v);	/* POSIX strptime */
	return true;
}

static bool take_m(struct reading *r, const char **p, const char *end)
{
	return take_number(p, end, 2, &r->st.month);
}

static bool take_d(struct reading *r, const char **p, const char *end)
{
	return take_number(p, end, 2, &r->st.day);
}

static bool take_H(struct reading *r, const char **p, const char *end)
{
	return take_number(p, end, 2, &r->st.hour);
}

static bool take_I(struct reading *r, const char **p, const char *end)
{
	r->twelve = true;
	return take_number(p, end, 2, &r->st.hour) && r->st.hour >= 1 &&
	       r->st.hour <= 12;
}

static bool take_p(struct reading *r, const char **p, const char *end)
{
	if (end - *p < 2 || ((*p)[1] | 0x20) != 'm')
		return false;
	r->pm = (**p | 0x20) == 'p';
	r->am = (**p | 0x20) == 'a';
	*p += 2;
	return r->pm || r->am;
}

static bool take_M(struct reading *r, const char **p, const char *end)
{
	return take_number(p, end, 2, &r->st.minute);
}

static bool take_S(struct reading *r, const char **p, const char *end)
{
	return take_number(p, end, 2, &r->st.second);
}

static bool take_f(struct reading *r, const char **p, const char *end)
{
	const char *before = *p;

	r->st.ms = stamp_fraction(p, end);
	return *p > before;
}

static bool letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool take_b(struct reading *r, const char **p, const char *end)
{
	if (end - *p < 3)
		return false;
	r->st.month = stamp_month(*p);
	for (; *p < end && letter(**p); (*p)++)
		;
	return r->st.month > 0;
}

static bool take_a(struct reading *r, const char **p, const char *end)
{
	const char *before = *p;

	(void)r;
	for (; *p < end && letter(**p); (*p)++)
		;
	return *p > before;
}

static bool take_z(struct reading *r, const char **p, const char *end)
{
	r->st.zoned = stamp_offset(p, end, &r->st.offset_s);
	return r->st.zoned;
}

/* Zone names are ambiguous the world over; UTC's are not. */
static bool take_Z(struct reading *r, const char **p, const char *end)
{
	const char *before = *p;

	if (!take_a(r, p, end))
		return false;
	if (*p - before == 3 && (memcmp(before, "UTC", 3) == 0 ||
				 memcmp(before, "GMT", 3) == 0))
		r->st.zoned = true;
	return true;
}

static bool take_s(struct reading *r, const char **p, const char *end)
{
	int64_t v = 0;
	unsigned n = 0;

	for (; *p < end && n < 12 && **p >= '0' && **p <= '9'; (*p)++, n++)
		v = v * 10 + (**p - '0');
	r->st.absolute = true;
	r->st.at_ms = v * 1000;
	return n > 0;
}

static bool take_blank(struct reading *r, const char **p, const char *end)
{
	(void)r;
	while (*p < end && (**p == ' ' || **p == '\t'))
		(*p)++;
	return true;
}

static bool take_percent(struct reading *r, const char **p, const char *end)
{
	(void)r;
	return *p < end && *(*p)++ == '%';
}

static const struct directive {
	char letter;
	unsigned tells;
	take_fn *take;
	const char *means;	/* stands for these instead */
} directives[] = {
	{ 'Y', TELLS_NOTHING, take_Y, NULL },
	{ 'y', TELLS_NOTHING, take_y, NULL },
	{ 'm', TELLS_MONTH, take_m, NULL },
	{ 'd', TELLS_DAY, take_d, NULL },
	{ 'e', TELLS_DAY, take_d, NULL },
	{ 'H', TELLS_HOUR, take_H, NULL },
	{ 'I', TELLS_HOUR, take_I, NULL },
	{ 'p', TELLS_NOTHING, take_p, NULL },
	{ 'M', TELLS_NOTHING, take_M, NULL },
	{ 'S', TELLS_NOTHING, take_S, NULL },
	{ 'f', TELLS_NOTHING, take_f, NULL },
	{ 'b', TELLS_MONTH, take_b, NULL },
	{ 'B', TELLS_MONTH, take_b, NULL },
	{ 'h', TELLS_MONTH, take_b, NULL },
	{ 'a', TELLS_NOTHING, take_a, NULL },
	{ 'A', TELLS_NOTHING, take_a, NULL },
	{ 'z', TELLS_NOTHING, take_z, NULL },
	{ 'Z', TELLS_NOTHING, take_Z, NULL },
	{ 's', TELLS_ALL, take_s, NULL },
	{ 'n', TELLS_NOTHING, take_blank, NULL },
	{ 't', TELLS_NOTHING, take_blank, NULL },
	{ '%', TELLS_NOTHING, take_percent, NULL },
	{ 'T', TELLS_HOUR, NULL, "%H:%M:%S" },
	{ 'R', TELLS_HOUR, NULL, "%H:%M" },
	{ 'F', TELLS_DAY | TELLS_MONTH, NULL, "%Y-%m-%d" },
	{ 'D', TELLS_DAY | TELLS_MONTH, NULL, "%m/%d/%y" },
};

static const struct directive *directive_find(char c)
{
	for (size_t i = 0; i < sizeof(directives) / sizeof(*directives); i++)
		if (directives[i].letter == c)
			return &directives[i];
	return NULL;
}

static int format_check(const char *format)
{
	unsigned tells = 0;

	for (const char *f = format; *f; f++) {
		const struct directive *d;

		if (*f != '%')
			continue;
		d = directive_find(*++f);
		if (!d) {
			snprintf(message, sizeof(message),
				 "time format: unknown directive at offset %zu",
				 (size_t)(f - format - 1));
			return -EINVAL;
		}
		tells |= d->tells;
	}
	if (tells == TELLS_ALL)
		return 0;
	snprintf(message, sizeof(message),
		 "time format: must tell day, month and hour, or %%s");
	return -EINVAL;
}

static bool format_read(const char *format, struct reading *r, const char **p,
			const char *end)
{
	for (const char *f = format; *f; f++) {
		const struct directive *d;

		if (*f == ' ' || *f == '\t') {
			take_blank(r, p, end);
			continue;
		}
		if (*f != '%') {
			if (*p >= end || *(*p)++ != *f)
				return false;
			continue;
		}
		d = directive_find(*++f);
		if (d->means ? !format_read(d->means, r, p, end) : !d->take(r, p, end))
			return false;
	}
	return true;
}

static int find_compile(struct custom *c, const char *find)
{
	PCRE2_SIZE at;
	uint32_t jit = 0;
	int error, n;

	c->find = pcre2_compile((PCRE2_SPTR)find, PCRE2_ZERO_TERMINATED,
				PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C,
				&error, &at, NULL);
	if (!c->find) {
		n = snprintf(message, sizeof(message), "time find: offset %zu: ",
			     (size_t)at);
		pcre2_get_error_message(error, (PCRE2_UCHAR *)message + n,
					sizeof(message) - (size_t)n);
		return -EINVAL;
	}
	pcre2_config(PCRE2_CONFIG_JIT, &jit);
	error = jit ? pcre2_jit_compile(c->find, PCRE2_JIT_COMPLETE) : 0;
	if (error) {
		snprintf(message, sizeof(message), "time find: JIT refused (%d)", error);
		return -EINVAL;
	}
	c->data = pcre2_match_data_create_from_pattern(c->find, NULL);
	c->context = pcre2_match_context_create(NULL);
	if (!c->data || !c->context)
		return -ENOMEM;
	pcre2_set_match_limit(c->context, MATCH_LIMIT);
	return 0;
}

int custom_new(const char *find, const char *format, struct custom **ret,
	       const char **bad)
{
	_cleanup_(custom_free) struct custom *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*bad = message;
	r = format_check(format);
	if (r < 0)
		return r;
	r = find_compile(c, find);
	if (r < 0)
		return r;
	c->format = strdup(format);
	if (!c->format)
		return -ENOMEM;
	*ret = c;
	c = NULL;
	return 0;
}

void custom_free(struct custom **c)
{
	if (!*c)
		return;
	pcre2_code_free((*c)->find);
	pcre2_match_data_free((*c)->data);
	pcre2_match_context_free((*c)->context);
	free((*c)->format);
	free(*c);
	*c = NULL;
}

bool custom_find(struct custom *c, struct span line, struct span *cut,
		 struct span *stamp)
{
	size_t n = line.n < CUSTOM_REACH ? line.n : CUSTOM_REACH;
	PCRE2_SIZE *at;
	int groups;

	if (!n)
		return false;
	groups = pcre2_match(c->find, (PCRE2_SPTR)line.p, n, 0, 0, c->data, c->context);
	if (groups < 1)
		return false;
	at = pcre2_get_ovector_pointer(c->data);
	if (at[0] >= at[1])	/* \K may turn them round */
		return false;
	*cut = (struct span){ line.p + at[0], at[1] - at[0] };
	*stamp = *cut;
	if (groups > 1 && at[2] != PCRE2_UNSET && at[3] >= at[2])
		*stamp = (struct span){ line.p + at[2], at[3] - at[2] };
	return true;
}

int custom_read(const struct custom *c, struct span text, struct stamp *ret)
{
	struct reading r = { 0 };
	const char *p = text.p, *end = text.p + text.n;

	if (!format_read(c->format, &r, &p, end))
		return -EINVAL;
	if (r.twelve)
		r.st.hour = r.st.hour % 12 + (r.pm ? 12 : 0);
	if (r.st.absolute)
		r.st.at_ms += r.st.ms;
	*ret = r.st;
	return 0;
}
