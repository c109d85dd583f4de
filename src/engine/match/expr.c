/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One expression as PCRE2 compiles and runs it. Bytes, never UTF: log lines
 * are not text. `.` takes a newline and `$` is the very end, since a journal
 * entry may hold newlines that its writer chose. Only named groups capture.
 *
 * Running takes no memory and no system call: the JIT stack and the match
 * data are there before the first line, and pcre2_jit_match(3) is called
 * directly, without the checks of pcre2_match(3), whose demands are met
 * here (valid options, no offset, no UTF).
 */
#include "engine/match/expr.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/load.h"

#define OPTIONS (PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF | \
		 PCRE2_NEVER_UCP | PCRE2_DUPNAMES | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY)

#define MATCH_LIMIT 100000	/* 0.2 to 0.5 ms of backtracking, measured */
#define STRAINED 16		/* a strained pattern gets this fraction */
#define LOW_LIMIT_MIN 500
#define LINE_MAX_BYTES 4096
/* A frame of (?:a|b)* is some 32 bytes; reserved, not touched until used. */
#define STACK_PER_BYTE 128
#define STACK_MIN (512 * 1024)
#define STACK_MAX (8 * 1024 * 1024)
#define NEEDLE_MIN 3
#define HEAP_LIMIT_KB 20000	/* of the interpreter */

/* ---- arena */

static pcre2_match_context *limits_new(pcre2_jit_stack *stack, uint32_t limit)
{
	pcre2_match_context *mc = pcre2_match_context_create(NULL);

	if (!mc)
		return NULL;
	pcre2_set_match_limit(mc, limit);
	pcre2_set_heap_limit(mc, HEAP_LIMIT_KB);
	pcre2_jit_stack_assign(mc, NULL, stack);
	return mc;
}

/* A pattern's number came by: note it, and on to the next. */
static int note_found(pcre2_callout_block *b, void *arg)
{
	struct finding *f = arg;
	size_t k = b->callout_number;

	for (PCRE2_SIZE i = 0; i < b->callout_string_length; i++)
		k = k * 10 + (size_t)(b->callout_string[i] - '0');
	for (uint32_t at = f->first[k]; at != FINDING_END; at = f->next[at])
		f->bits[at / 64] |= UINT64_C(1) << at % 64;
	f->any = true;
	return 1;
}

int arena_init(struct arena *a, const struct config *c, bool jit)
{
	uint32_t limit = c->match_limit ? c->match_limit : MATCH_LIMIT;
	uint32_t low = limit / STRAINED > LOW_LIMIT_MIN ? limit / STRAINED : LOW_LIMIT_MIN;
	size_t size = (size_t)(c->line_max ? c->line_max : LINE_MAX_BYTES) * STACK_PER_BYTE;

	if (size < STACK_MIN)
		size = STACK_MIN;
	if (size > STACK_MAX)
		size = STACK_MAX;
	a->jit = jit;
	a->stack = pcre2_jit_stack_create(size, size, NULL);
	a->full = limits_new(a->stack, limit);
	a->half = limits_new(a->stack, limit / 2 + 1);
	a->low = limits_new(a->stack, low < limit ? low : limit);
	a->data = pcre2_match_data_create(EXPR_GROUPS_MAX + 1, NULL);
	if (a->half)
		pcre2_set_callout(a->half, note_found, &a->finding);
	return (a->stack || !jit) && a->full && a->half && a->low && a->data ? 0 : -ENOMEM;
}

void arena_fini(struct arena *a)
{
	pcre2_match_data_free(a->data);
	pcre2_match_context_free(a->full);
	pcre2_match_context_free(a->half);
	pcre2_match_context_free(a->low);
	pcre2_jit_stack_free(a->stack);
	*a = (struct arena){ 0 };
}

/* ---- compile */

static void first_add(struct first *f, unsigned char c)
{
	f->bits[c >> 3] |= (uint8_t)(1u << (c & 7));
}

static unsigned char other_case(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return c ^ 0x20;
	return c;
}

/*
 * PCRE2 studies how a match can begin only for expressions that search, so
 * ask it about one that does. An empty match may begin with anything, and so
 * *ret stays.
 */
static void study_first(struct span text, struct first *ret)
{
	const uint8_t *map = NULL;
	uint32_t type = 0, unit = 0, empty = 1;
	PCRE2_SIZE offset;
	pcre2_code *code;
	int error;

	code = pcre2_compile((PCRE2_SPTR)text.p, text.n, OPTIONS, &error, &offset, NULL);
	if (!code)
		return;
	pcre2_pattern_info(code, PCRE2_INFO_MATCHEMPTY, &empty);
	pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &type);
	pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODEUNIT, &unit);
	pcre2_pattern_info(code, PCRE2_INFO_FIRSTBITMAP, &map);
	if (!empty && type == 1) {
		memset(ret, 0, sizeof(*ret));
		first_add(ret, (unsigned char)unit);
		first_add(ret, other_case((unsigned char)unit));
	} else if (!empty && type == 0 && map) {
		memcpy(ret->bits, map, sizeof(ret->bits));
	}
	pcre2_code_free(code);
}

static int compile(struct span text, uint32_t options, bool jit, struct expr *ret,
		   PCRE2_SIZE *offset, int *error)
{
	ret->code = pcre2_compile((PCRE2_SPTR)text.p, text.n, OPTIONS | options,
				  error, offset, NULL);
	if (!ret->code)
		return *error == PCRE2_ERROR_HEAP_FAILED ? -ENOMEM : -EINVAL;
	ret->jit = jit && pcre2_jit_compile(ret->code, PCRE2_JIT_COMPLETE) == 0;
	return 0;
}

/* Add one named group, in the order of group numbers. */
static bool add_group(struct expr *x, uint16_t number, uint16_t field)
{
	unsigned at = x->ngroups;

	if (at == EXPR_GROUPS_MAX)
		return false;
	for (; at > 0 && x->group[at - 1].group > number; at--)
		x->group[at] = x->group[at - 1];
	x->group[at].group = number;
	x->group[at].field = field;
	x->ngroups++;
	return true;
}

static void count_fields(struct expr *x)
{
	for (unsigned i = 0, k; i < x->ngroups; i++) {
		for (k = 0; k < i && x->group[k].field != x->group[i].field; k++)
			;
		x->nfields += k == i;
	}
}

/* An entry of the name table: two bytes of number, the name, NUL. */
static bool find_groups(const struct config *c, struct expr *x)
{
	uint32_t n = 0, size = 0;
	PCRE2_SPTR entry = NULL;

	pcre2_pattern_info(x->code, PCRE2_INFO_NAMECOUNT, &n);
	pcre2_pattern_info(x->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(x->code, PCRE2_INFO_NAMETABLE, &entry);
	for (; n > 0; n--, entry += size) {
		uint16_t number = (uint16_t)(entry[0] << 8 | entry[1]);
		struct span name = span_of((const char *)entry + 2);
		int field = config_field(c, name);

		if (span_eq(name, SPAN_LIT("content")))
			x->content = number;
		else if (field >= 0 && !add_group(x, number, (uint16_t)field))
			return false;
	}
	count_fields(x);
	return true;
}

static int wrong(struct pattern_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int wrong(struct pattern_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	err->offset = 0;
	return -EINVAL;
}

static int compile_pattern(const struct config *c, const struct pattern *p,
			   enum pattern_place place, unsigned how, struct expr *ret,
			   struct pattern_error *err)
{
	struct span text = p->text.n ? buf_span(&p->text) : SPAN_LIT("");
	PCRE2_SIZE offset = 0;
	uint32_t captures = 0;
	int error = 0, rc;

	rc = compile(text, place == PATTERN_IGNORE ? 0 : PCRE2_ANCHORED, how & EXPR_JIT, ret,
		     &offset, &error);
	if (rc == -EINVAL) {
		err->offset = pattern_origin(p, offset);
		pcre2_get_error_message(error, (PCRE2_UCHAR *)err->text, sizeof(err->text));
	}
	if (rc < 0)
		return rc;
	pcre2_pattern_info(ret->code, PCRE2_INFO_CAPTURECOUNT, &captures);
	if (captures > EXPR_GROUPS_MAX || !find_groups(c, ret))
		return wrong(err, "more than %d captures", EXPR_GROUPS_MAX);
	/* JIT of PCRE2 10.42 compares those without regard to case */
	if (p->traits.refers && ret->ngroups > ret->nfields)
		return wrong(err, "refers to a capture, and names one twice");
	if (place == PATTERN_PREFIX && ret->content == 0)
		return wrong(err, "a prefix without <content>");
	memset(&ret->first, 0xff, sizeof(ret->first));
	if (how & EXPR_FIRST)
		study_first(text, &ret->first);
	if (p->traits.searches && p->needle.n >= NEEDLE_MIN)
		needle_set(&ret->needle, buf_span(&p->needle));
	return 0;
}

int expr_compile(const struct config *c, const char *source,
		 enum pattern_place place, unsigned how, struct expr *ret,
		 struct pattern_traits *traits, struct pattern_error *err)
{
	struct pattern p = { 0 };
	int rc = pattern_expand(c, source, place, NULL, &p, err);

	if (rc == 0)
		rc = compile_pattern(c, &p, place, how, ret, err);
	if (traits)
		*traits = p.traits;
	pattern_free(&p);
	return rc;
}

/*
 * An alternation has no byte that all its matches need, and where 10.42
 * thinks it has one it can be wrong: (?=b)x?ab|(?=b)(?:ba|b\w) on "baa".
 */
int expr_compile_raw(struct span text, bool jit, struct expr *ret)
{
	PCRE2_SIZE offset;
	int error;

	return compile(text, PCRE2_ANCHORED | PCRE2_NO_START_OPTIMIZE, jit, ret,
		       &offset, &error);
}

void expr_fini(struct expr *x)
{
	pcre2_code_free(x->code);
	*x = (struct expr){ 0 };
}

/* ---- run */

int expr_run(const struct expr *x, struct span s, uint32_t options,
	     pcre2_match_data *data, pcre2_match_context *limits)
{
	return expr_run_from(x, s, 0, options, data, limits);
}

int expr_run_from(const struct expr *x, struct span s, size_t from, uint32_t options,
		  pcre2_match_data *data, pcre2_match_context *limits)
{
	PCRE2_SPTR p = (PCRE2_SPTR)s.p;
	int rc;

	if (x->jit)
		rc = pcre2_jit_match(x->code, p, s.n, from, options, data, limits);
	else
		rc = pcre2_match(x->code, p, s.n, from, options, data, limits);
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	return rc >= 0 ? 1 : rc;
}

struct expr_ends expr_ends(pcre2_match_data *data)
{
	return (struct expr_ends){ pcre2_get_ovector_pointer(data), pcre2_get_ovector_count(data) };
}

bool expr_group(pcre2_match_data *data, struct span s, unsigned n, struct span *ret)
{
	struct expr_ends ends = expr_ends(data);

	return expr_ends_group(&ends, s, n, ret);
}

const char *expr_trouble(int error)
{
	switch (error) {
	case PCRE2_ERROR_MATCHLIMIT: return "match limit";
	case PCRE2_ERROR_JIT_STACKLIMIT: return "JIT stack";
	case PCRE2_ERROR_HEAPLIMIT: return "heap limit";
	case PCRE2_ERROR_DEPTHLIMIT: return "depth limit";
	case PCRE2_ERROR_NOMEMORY: return "memory";
	default: return "matching error";
	}
}
