/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parse step: a line comes in, an entry goes out, its stamp cut off and
 * its host and program told apart. Every line of every log passes here, and
 * nearly all of them only to be forgotten, so nothing is copied, converted or
 * looked up: the head is walked once and pointed into. Two rare kinds of lines
 * (a stamp in the middle, Dovecot's own log) are put together anew in a buffer
 * of the parser. Times are made for hits only, in prefix_time().
 */
#include "engine/parse/prefix.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/rare.h"
#include "engine/parse/custom.h"
#include "engine/parse/likeness.h"
#include "engine/parse/stamp.h"
#include "engine/parse/when.h"
#include "engine/parse/zone.h"

#define SCRATCH_SIZE 65536	/* text that is put together is cut here */
#define TOKEN_MAX 256		/* host names and tags end within */
#define CLF_REACH 512		/* web server stamps begin within */
#define AHEAD_MS 60000

/* The second that was read last, of the form that tells all of it. */
#define SECOND_LEN 32		/* 2026-08-21T10:11:12.123456+02:00 */
struct second_seen {
	bool set;
	char stamp[SECOND_LEN];
	int64_t ms;		/* where it begins */
};

struct prefix_parser {
	struct zone *zone;
	struct custom *custom;		/* NULL: the known formats */
	bool stamped;			/* a line of this log had a stamp */
	struct stamp_seen seen;
	struct likeness like;
	struct second_seen second;
	char scratch[SCRATCH_SIZE];
};

int prefix_parser_new(const struct log_conf *log, struct prefix_parser **ret,
		      const char **bad)
{
	_cleanup_(prefix_parser_free) struct prefix_parser *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = zone_load(log->timezone, &p->zone);
	if (r < 0) {
		*bad = r == -ENOENT ? "no such time zone" : "time zone cannot be read";
		return r;
	}
	if (log->time_find && log->time_format) {
		r = custom_new(log->time_find, log->time_format, &p->custom, bad);
		if (r < 0)
			return r;
	}
	*ret = p;
	p = NULL;
	return 0;
}

void prefix_parser_free(struct prefix_parser **p)
{
	if (!*p)
		return;
	zone_free(&(*p)->zone);
	custom_free(&(*p)->custom);
	free(*p);
	*p = NULL;
}

/* ---- pieces ---- */

static inline bool digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static inline bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && blank(*p))
		p++;
	return p;
}

/* Where the token at p ends: a space, the end of the line, or TOKEN_MAX. */
static inline const char *token_end(const char *p, const char *end)
{
	const char *max = end - p > TOKEN_MAX ? p + TOKEN_MAX : end;
	uint32_t near = max - p >= 32 ? bytes_32(p, ' ') : 0;
	const char *sp;

	if (near)
		return p + __builtin_ctz(near);
	sp = memchr(p, ' ', (size_t)(max - p));
	return sp ? sp : max;
}

static inline bool starts(const char *p, const char *end, struct span with)
{
	return (size_t)(end - p) >= with.n && memcmp(p, with.p, with.n) == 0;
}

/* The text of an entry from two pieces that are apart in the line. */
static void join(struct prefix_parser *p, struct entry *e, struct span a, struct span b)
{
	if (a.n > SCRATCH_SIZE)
		a.n = SCRATCH_SIZE;
	if (b.n > SCRATCH_SIZE - a.n)
		b.n = SCRATCH_SIZE - a.n;
	if (a.n)
		memcpy(p->scratch, a.p, a.n);
	if (b.n)
		memcpy(p->scratch + a.n, b.p, b.n);
	e->text = (struct span){ p->scratch, a.n + b.n };
}

static inline struct span between(const char *from, const char *to)
{
	return (struct span){ from, (size_t)(to - from) };
}

/*
 * "message repeated 5 times: [ x]": rsyslog's $RepeatedMsgReduction. It cuts
 * the message at 800 bytes, so the bracket may be followed by nothing else.
 */
static void unrepeat(struct entry *e)
{
	static const struct span before = { "message repeated ", 17 };
	static const struct span after = { " times: [", 9 };
	const char *p = e->text.p, *end = p + e->text.n;
	uint32_t n = 0;
	unsigned digits = 0;

	if (e->text.n < 28 || *p != 'm' || !starts(p, end, before))
		return;
	for (p += before.n; p < end && digit(*p) && digits < 9; p++, digits++)
		n = n * 10 + (uint32_t)(*p - '0');
	if (!n || !starts(p, end, after))
		return;
	p = skip_blanks(p + after.n, end);
	if (end > p && end[-1] == ']')
		end--;
	e->repeat = n;
	e->text = between(p, end);
}

static inline void set_text(struct entry *e, const char *p, const char *end)
{
	p = skip_blanks(p, end);
	e->text = between(p, end);
	if (p < end && *p == 'm')
		unrepeat(e);
}

/* ---- the tag ---- */

/* Where the digits that end at `end` begin, at p or later. */
static inline const char *digits_before(const char *p, const char *end)
{
	unsigned n = end - p >= 8 ? bytes_digits_before(end) : 8;

	if (n < 8)
		return end - n;
	while (end > p && digit(end[-1]))
		end--;
	return end;
}

/*
 * A token as a tag: `prog:`, `prog[9]:`, `prog[9]` (ProFTPD). strict: the
 * brackets must be there, and after a stamp `[9]` alone (Exim) will do.
 */
static inline bool take_tag(const char *p, const char *end, bool strict, struct entry *e)
{
	bool colon = end > p && end[-1] == ':';
	const char *open;

	end -= colon;
	if (end > p + 2 && end[-1] == ']') {
		open = digits_before(p + 1, end - 1) - 1;
		if (*open == '[' && open < end - 2 && (open > p || (strict && e->form))) {
			e->pid = between(open + 1, end - 1);
			if (open > p)
				e->program = entry_program(between(p, open));
			return true;
		}
	}
	if (!colon || strict || end == p)
		return false;
	e->program = entry_program(between(p, end));
	return true;
}

/* ---- Dovecot's own log ---- */

/* failure_log_type_prefixes in Dovecot's src/lib/failures.c */
static const struct span levels[] = {
	{ "Info: ", 6 }, { "Debug: ", 7 }, { "Warning: ", 9 },
	{ "Error: ", 7 }, { "Fatal: ", 7 }, { "Panic: ", 7 },
};

static const struct span *level_at(const char *p, const char *end)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (p < end && *p == *levels[i].p && starts(p, end, levels[i]))
			return &levels[i];
	return NULL;
}

static bool lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/*
 * `imap-login: Info: x`, `imap(joe)<9><sid>: Info: x`, and, as version 1 had
 * it, `Info: imap-login: x`. The first token is [p, sp) and ends in a colon.
 */
static bool take_dovecot(struct prefix_parser *parser, const char *p, const char *sp,
			 const char *end, struct entry *e)
{
	const struct span *level;
	const char *rest;

	level = level_at(p, end);
	if (level) {
		rest = p + level->n;
		sp = token_end(rest, end);
		if (rest == sp || !lower(*rest) || sp[-1] != ':')
			return false;
		e->text = between(level == levels ? rest : p, end);
	} else {
		rest = skip_blanks(sp, end);
		level = lower(*p) ? level_at(rest, end) : NULL;
		if (!level)
			return false;
		if (level == levels)
			join(parser, e, between(p, rest), between(rest + level->n, end));
		else
			e->text = between(p, end);
	}
	e->program = SPAN_LIT("dovecot");
	return true;
}

/* What follows a stamp: host, tag, text. */
static inline void take_head(struct prefix_parser *parser, const char *p,
			     const char *end, bool strict, struct entry *e)
{
	const char *sp, *second, *sp2;

	p = skip_blanks(p, end);
	sp = token_end(p, end);
	if (sp > p && sp[-1] == ':' && take_dovecot(parser, p, sp, end, e))
		return;
	if (take_tag(p, sp, strict, e)) {
		set_text(e, sp, end);
		return;
	}
	second = skip_blanks(sp, end);
	sp2 = token_end(second, end);
	if (sp2 > second && *p != '[' && *second != '[' &&
	    take_tag(second, sp2, strict, e)) {
		e->host = between(p, sp);
		set_text(e, sp2, end);
		return;
	}
	set_text(e, p, end);
}

/* ---- RFC 5424 ---- */

static bool take_field(const char **p, const char *end, struct span *ret)
{
	const char *sp = token_end(*p, end);

	if (sp == *p || sp >= end)
		return false;
	*ret = sp - *p == 1 && **p == '-' ? (struct span){ NULL, 0 } : between(*p, sp);
	*p = sp + 1;
	return true;
}

/* Structured data: "-" or [...][...], where \] within quotes ends nothing. */
static const char *skip_structured(const char *p, const char *end)
{
	if (p < end && *p == '-')
		return p + 1;
	while (p < end && *p == '[') {
		bool quoted = false;

		for (p++; p < end && (quoted || *p != ']'); p++) {
			if (*p == '"')
				quoted = !quoted;
			else if (*p == '\\' && quoted && p + 1 < end)
				p++;
		}
		if (p < end)
			p++;
	}
	return p;
}

/* After "<34>1 "; section 6 of RFC 5424. false: it is something else. */
static bool take_5424(const char *p, const char *end, struct entry *e)
{
	struct span stamp, host, program, pid, id;
	enum stamp_form form;
	size_t i;

	if (!take_field(&p, end, &stamp) || !take_field(&p, end, &host) ||
	    !take_field(&p, end, &program) || !take_field(&p, end, &pid) ||
	    !take_field(&p, end, &id))
		return false;
	if (stamp.n) {
		if (stamp_scan(stamp.p, stamp.p + stamp.n, &form) != stamp.n)
			return false;
		e->stamp = stamp;
		e->form = (uint8_t)form;
	}
	e->host = host;
	e->program = entry_program(program);
	for (i = 0; i < pid.n && digit(pid.p[i]); i++)
		;
	if (i == pid.n)
		e->pid = pid;
	p = skip_blanks(skip_structured(p, end), end);
	if (starts(p, end, SPAN_LIT("\xef\xbb\xbf")))
		p += 3;
	set_text(e, p, end);
	return true;
}

static const char *skip_priority(const char *p, const char *end)
{
	const char *s = p + 1;

	while (s < end && s - p <= 3 && digit(*s))
		s++;
	return s < end && s > p + 1 && *s == '>' ? s + 1 : p;
}

/* ---- stamps ---- */

/* A stamp at p, also in brackets; returns where it ends, NULL if none. */
static inline const char *take_stamp(struct prefix_parser *parser, const char *p,
				     const char *end, struct entry *e)
{
	enum stamp_form form;
	bool bracket = p < end && *p == '[';
	size_t n = stamp_scan_again(p + bracket, end, &parser->seen, &form);
	const char *after = p + bracket + n;

	if (!n || (bracket && (after >= end || *after != ']')))
		return NULL;
	e->stamp = between(p + bracket, after);
	e->form = (uint8_t)form;
	after += bracket;
	/* "1234567890: from=<" is a queue id. */
	if (after < end && *after == ':' && (bracket || form != STAMP_EPOCH))
		after++;
	if (after < end && !blank(*after)) {
		e->stamp = (struct span){ NULL, 0 };
		e->form = STAMP_NONE;
		return NULL;
	}
	return after;
}

/*
 * `1.2.3.4 - joe [21/Aug/2026:10:11:12 +0200] "GET`. The first such brackets
 * count: what follows is the client's to write.
 */
static bool take_clf(struct prefix_parser *parser, const char *p, const char *end,
		     struct entry *e)
{
	const char *max = end - p > CLF_REACH ? p + CLF_REACH : end;
	const char *open = p;

	while ((open = memchr(open, '[', (size_t)(max - open)))) {
		size_t n = stamp_scan_clf(++open, end);

		if (n && open + n < end && open[n] == ']') {
			e->stamp = between(open, open + n);
			e->form = STAMP_DMY;
			join(parser, e, between(p, open), between(open + n, end));
			return true;
		}
	}
	return false;
}

static bool take_custom(struct prefix_parser *parser, struct span line, struct entry *e)
{
	const char *end = line.p + line.n, *p;
	struct span cut, stamp;

	if (!custom_find(parser->custom, line, &cut, &stamp))
		return false;
	e->stamp = stamp;
	e->form = STAMP_CUSTOM;
	p = skip_blanks(line.p, end);
	if (p >= cut.p)
		take_head(parser, cut.p + cut.n, end, true, e);
	else
		join(parser, e, between(p, cut.p), between(cut.p + cut.n, end));
	return true;
}

/* Field by field: what is made of an initializer takes longer than all the rest. */
static inline void blank_entry(struct entry *e)
{
	static const struct span none;

	e->stamp = none;
	e->host = none;
	e->program = none;
	e->pid = none;
	e->text = none;
	e->repeat = 1;
	e->cut = false;
	e->form = STAMP_NONE;
	e->when_us = 0;
}

static _rare_ void parse(struct prefix_parser *p, struct span line, struct entry *e)
{
	const char *s = line.p, *end = line.p + line.n, *after;

	blank_entry(e);
	if (!line.n) {
		e->text = line;
		return;
	}
	if (p->custom) {
		if (take_custom(p, line, e))
			p->stamped = true;
		else
			take_head(p, s, end, true, e);
		return;
	}
	if (*s == '<') {
		s = skip_priority(s, end);
		if (s > line.p && starts(s, end, SPAN_LIT("1 ")) &&
		    take_5424(s + 2, end, e)) {
			p->stamped |= e->stamp.n > 0;
			return;
		}
	}
	after = take_stamp(p, s, end, e);
	if (!after && s < end && blank(*s))
		after = take_stamp(p, skip_blanks(s, end), end, e);
	if (after) {
		bool strict = e->form != STAMP_SYSLOG &&
			      (e->form != STAMP_ISO || e->stamp.p[10] != 'T');

		p->stamped = true;
		take_head(p, after, end, strict, e);
		likeness_take(&p->like, line, e);
	} else if (take_clf(p, s, end, e)) {
		p->stamped = true;
	} else {
		take_head(p, s, end, true, e);
	}
}

void prefix_parse(struct prefix_parser *p, struct span line, struct entry *ret)
{
	const char *rest = likeness_tell(&p->like, line, ret);

	if (rest)
		set_text(ret, rest, line.p + line.n);
	else
		parse(p, line, ret);
}

/* ---- time ---- */

/* Is it that second again? Then only its fraction is to be read. */
static bool same_second(const struct second_seen *seen, struct span stamp, int64_t *ret)
{
	const char *s = stamp.p + 20;

	if (!seen->set || stamp.n != SECOND_LEN || memcmp(stamp.p, seen->stamp, 20) != 0 ||
	    memcmp(stamp.p + 26, seen->stamp + 26, 6) != 0)
		return false;
	*ret = seen->ms + stamp_fraction(&s, stamp.p + 26);
	return true;
}

static void note_second(struct second_seen *seen, struct span stamp, const struct stamp *st, int64_t ms)
{
	if (stamp.n != SECOND_LEN || stamp.p[19] != '.' || !st->zoned || !memchr("+-", stamp.p[26], 2))
		return;
	seen->set = true;
	memcpy(seen->stamp, stamp.p, SECOND_LEN);
	seen->ms = ms - st->ms;
}

static int entry_time(struct prefix_parser *p, const struct entry *e,
		      const struct stamp_ctx *ctx, int64_t last_ms, int64_t *ret)
{
	struct stamp st;
	int r;

	if (e->when_us) {
		*ret = e->when_us / 1000;
		return 0;
	}
	if (e->form == STAMP_ISO && same_second(&p->second, e->stamp, ret))
		return 0;
	if (e->form == STAMP_CUSTOM)
		r = p->custom ? custom_read(p->custom, e->stamp, &st) : -EINVAL;
	else
		r = stamp_read(e->stamp, (enum stamp_form)e->form, &st);
	if (r == 0)
		r = when_resolve(p->zone, &st, ctx, last_ms, ret);
	if (r == 0 && e->form == STAMP_ISO)
		note_second(&p->second, e->stamp, &st, *ret);
	return r;
}

struct event_time prefix_time(struct prefix_parser *p, const struct entry *e,
			      const struct stamp_ctx *ctx,
			      struct event_time *last, uint64_t *clamped)
{
	struct event_time t;
	bool told = entry_time(p, e, ctx, last->ms, &t.ms) == 0;

	if (!told)
		t.ms = ctx->finished && last->ms ? last->ms : ctx->arrival.ms;
	if (t.ms > ctx->arrival.ms + AHEAD_MS) {
		t.ms = ctx->arrival.ms;
		(*clamped)++;
	}
	if (t.ms < last->ms)
		t.ms = last->ms;
	if (told || !p->stamped)
		*last = t;
	return t;
}

int prefix_raw_time(struct prefix_parser *p, const struct entry *e,
		    const struct stamp_ctx *ctx, struct event_time *ret)
{
	int64_t ms;
	int r = entry_time(p, e, ctx, 0, &ms);

	if (r < 0)
		return r;
	ret->ms = ms;
	return 0;
}
