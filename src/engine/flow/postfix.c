/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines in which Postfix tells a message's life, as its sources write them
 * (smtpd.c, pickup.c, cleanup_message.c, qmgr_active.c, log_adhoc.c). A client
 * chooses addresses, Message-IDs and AUTH=, another host its answer; so each
 * field is looked for where Postfix alone can have put it: the account right
 * behind the method, size and nrcpt from the line's end, a tie to another
 * message only in lines without SASL, or at the very end of an answer.
 */
#include "engine/flow/postfix.h"

#include "base/addr.h"

#define ID_MAX 30

static bool skip(struct span *s, const char *word, size_t n)
{
	if (s->n < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

#define SKIP(s, word) skip(s, word, sizeof(word) - 1)

static bool ends(struct span *s, const char *word, size_t n)
{
	if (s->n < n || memcmp(s->p + s->n - n, word, n) != 0)
		return false;
	s->n -= n;
	return true;
}

#define ENDS(s, word) ends(s, word, sizeof(word) - 1)

/* What stands before the first `c`, and skip it too. false: there is none. */
static bool until(struct span *s, char c, struct span *ret)
{
	const char *at = s->n ? memchr(s->p, c, s->n) : NULL;

	if (!at)
		return false;
	*ret = (struct span){ s->p, (size_t)(at - s->p) };
	s->n -= ret->n + 1;
	s->p = at + 1;
	return true;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Queue ids are hexadecimal (short) or base 52 (long); words such as `warning` never are. */
static struct span take_id(struct span *s)
{
	struct span id = { s->p, 0 };
	bool hex = true;

	while (id.n < s->n && id.n <= ID_MAX && is_alnum(s->p[id.n])) {
		char c = s->p[id.n++];

		hex = hex && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	}
	if (id.n > ID_MAX || id.n < (hex ? 4u : 10u))
		return (struct span){ NULL, 0 };
	s->p += id.n;
	s->n -= id.n;
	return id;
}

static bool take_number_end(struct span *s, uint64_t *ret)
{
	uint64_t v = 0, unit = 1;
	size_t n = 0;

	while (s->n > 0 && n < 18 && s->p[s->n - 1] >= '0' && s->p[s->n - 1] <= '9') {
		v += unit * (uint64_t)(s->p[--s->n] - '0');
		unit *= 10;
		n++;
	}
	*ret = v;
	return n > 0;
}

/*
 * An address and the '>' behind it. In quotes ("a>b"@example.org) it may hold
 * anything, and RFC 5321 4.1.2 says where they end.
 */
static bool take_mail(struct span *s, struct span *ret)
{
	size_t i = 0;
	const char *end;

	if (s->n && s->p[0] == '"') {
		for (i = 1; i < s->n && s->p[i] != '"'; i++)
			i += s->p[i] == '\\';
		if (i >= s->n)
			return false;
	}
	end = memchr(s->p + i, '>', s->n - i);
	if (!end)
		return false;
	*ret = (struct span){ s->p, (size_t)(end - s->p) };
	s->n -= ret->n + 1;
	s->p = end + 1;
	return true;
}

/* ---- the beginning */

/* ", sasl_method=PLAIN, sasl_username=joe": the name ends at a comma or with the line. */
static void take_sasl(struct span s, struct postfix_event *e)
{
	struct span name;

	if (!SKIP(&s, ", sasl_method=") || !until(&s, ',', &e->method))
		return;
	if (!SKIP(&s, " sasl_username="))
		return;
	if (!until(&s, ',', &name))
		name = s;
	e->user = name;
}

/* "host[192.0.2.1]:4711, ..." */
static bool take_client(struct span s, struct postfix_event *e)
{
	struct span addr;

	if (!until(&s, '[', &e->client) || !until(&s, ']', &addr))
		return false;
	if (addr_parse_host(addr, &e->addr) < 0)
		e->addr = (struct addr){ .family = ADDR_NONE };
	if (SKIP(&s, ":"))
		while (s.n && s.p[0] >= '0' && s.p[0] <= '9') {
			s.p++;
			s.n--;
		}
	take_sasl(s, e);
	if (e->method.n == 0 && SKIP(&s, ", orig_queue_id="))
		e->other = take_id(&s);
	e->what = POSTFIX_CLIENT;
	return true;
}

/* "33 from=<www-data>", behind postsuper -r also " orig_id=4F1C" */
static bool take_pickup(struct span s, struct postfix_event *e)
{
	size_t at = s.n;

	if (!until(&s, ' ', &e->uid) || !SKIP(&s, "from=<"))
		return false;
	/* The last bracket: what follows is no sender's to write. */
	for (at = s.n; at > 0 && s.p[at - 1] != '>'; at--)
		;
	if (at == 0)
		return false;
	e->sender = (struct span){ s.p, at - 1 };
	s.p += at;
	s.n -= at;
	if (SKIP(&s, " orig_id="))
		e->other = take_id(&s);
	e->what = POSTFIX_PICKUP;
	return true;
}

/* ---- the queue manager */

static bool take_active(struct span s, struct postfix_event *e)
{
	if (!ENDS(&s, " (queue active)") || !take_number_end(&s, &e->nrcpt) || !ENDS(&s, ", nrcpt=") ||
	    !take_number_end(&s, &e->size) || !ENDS(&s, ">, size="))
		return false;
	e->sender = s;
	e->what = POSTFIX_ACTIVE;
	return true;
}

static bool take_note(struct span text, struct postfix_event *e)
{
	e->text = text;
	e->what = POSTFIX_NOTE;
	return true;
}

static bool take_qmgr(struct span s, struct postfix_event *e)
{
	struct span whole = s, rest;

	if (s.n == 7 && SKIP(&s, "removed")) {
		e->what = POSTFIX_REMOVED;
		return true;
	}
	if (!SKIP(&s, "from=<"))
		return false;
	if (take_active(s, e))
		return true;
	rest = s;
	if (ENDS(&rest, ">, status=expired, returned to sender") ||
	    ENDS(&rest, ">, status=force-expired, returned to sender"))
		return take_note(whole, e);
	return false;
}

/* ---- deliveries */

static enum postfix_status status_of(struct span word)
{
	if (span_eq(word, SPAN_LIT("sent")))
		return STATUS_SENT;
	if (span_eq(word, SPAN_LIT("bounced")))
		return STATUS_BOUNCED;
	if (span_eq(word, SPAN_LIT("deferred")))
		return STATUS_DEFERRED;
	return STATUS_OTHER;
}

/* "250 2.0.0 Ok: queued as 4F1C", as the last word. */
static struct span queued_as(struct span text)
{
	static const char words[] = "queued as ";
	const size_t n = sizeof(words) - 1;
	size_t at = text.n;
	struct span id, rest;

	for (at = text.n; at > 0 && is_alnum(text.p[at - 1]) && text.n - at <= ID_MAX; at--)
		;
	rest = (struct span){ text.p + at, text.n - at };
	id = take_id(&rest);
	if (rest.n || at < n || memcmp(text.p + at - n, words, n) != 0)
		return (struct span){ NULL, 0 };
	return id;
}

/* "NAME=VALUE, " */
static bool take_field(struct span *s, const char *name, size_t n, struct span *ret)
{
	return skip(s, name, n) && until(s, ',', ret) && SKIP(s, " ");
}

#define TAKE_FIELD(s, name, ret) take_field(s, name, sizeof(name) - 1, ret)

static bool take_delivery(struct span s, struct postfix_event *e)
{
	struct span ignored;

	if (!SKIP(&s, "to=<") || !take_mail(&s, &e->rcpt) || !SKIP(&s, ", "))
		return false;
	if (SKIP(&s, "orig_to=<") && (!take_mail(&s, &e->orig_to) || !SKIP(&s, ", ")))
		return false;
	if (!TAKE_FIELD(&s, "relay=", &e->relay))
		return false;
	TAKE_FIELD(&s, "conn_use=", &ignored);
	if (!TAKE_FIELD(&s, "delay=", &ignored))
		return false;
	TAKE_FIELD(&s, "delays=", &ignored);	/* since Postfix 2.3 */
	TAKE_FIELD(&s, "dsn=", &e->dsn);
	if (!SKIP(&s, "status=") || !until(&s, ' ', &e->status_word))
		return false;
	e->status = status_of(e->status_word);
	e->text = s;
	if (e->status == STATUS_SENT && ENDS(&s, ")"))
		e->other = queued_as(s);
	e->what = POSTFIX_DELIVERY;
	return true;
}

/* ---- the rest */

static bool is_note(struct span s)
{
	static const char *const words[] = {
		"hold: ", "reject: ", "milter-reject: ", "milter-hold: ", "milter-discard: ",
		"discard: ", "filter: ", "redirect: ", "placed on hold", "released from hold",
		"requeued", "forced to expire", "sender non-delivery notification: ",
		"sender delivery status notification: ", "sender delay notification: ",
		"postmaster non-delivery notification: ",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (skip(&s, words[i], strlen(words[i])))
			return true;
	return false;
}

static bool take_other(struct span s, struct postfix_event *e)
{
	struct span rest = s;

	if (s.n && s.p[0] == 't')
		return take_delivery(s, e);
	if (s.n == 7 && SKIP(&rest, "removed")) {
		e->what = POSTFIX_REMOVED;	/* postsuper -d */
		return true;
	}
	return is_note(s) && take_note(s, e);
}

static bool take_text(struct span s, struct postfix_event *e)
{
	struct span rest = s;

	if (span_eq(e->daemon, SPAN_LIT("smtpd")) || span_eq(e->daemon, SPAN_LIT("qmqpd"))) {
		if (SKIP(&rest, "client="))
			return take_client(rest, e);
		return is_note(s) && take_note(s, e);
	}
	if (span_eq(e->daemon, SPAN_LIT("cleanup"))) {
		if (!SKIP(&rest, "message-id="))
			return is_note(s) && take_note(s, e);
		if (SKIP(&rest, "<"))
			ENDS(&rest, ">");
		e->msgid = rest;
		e->what = POSTFIX_MESSAGE_ID;
		return true;
	}
	if (span_eq(e->daemon, SPAN_LIT("qmgr")) || span_eq(e->daemon, SPAN_LIT("oqmgr")))
		return take_qmgr(s, e);
	if (span_eq(e->daemon, SPAN_LIT("pickup")))
		return SKIP(&rest, "uid=") && take_pickup(rest, e);
	return take_other(s, e);
}

/*
 * "NOQUEUE: client=..." of a smtpd with a filter before the queue, and its
 * "proxy-accept: END-OF-MESSAGE: 250 Ok: queued as 4F1C; from=<...": what the
 * filter answered stands before that, what clients say behind.
 */
static bool take_proxy(struct span s, struct postfix_event *e)
{
	static const char behind[] = "; from=<";
	const char *end;
	struct span answer;

	if (!span_eq(e->daemon, SPAN_LIT("smtpd")))
		return false;
	if (SKIP(&s, "NOQUEUE: client=")) {
		if (!take_client(s, e))
			return false;
		e->what = POSTFIX_PROXY;
		return true;
	}
	if (!SKIP(&s, "proxy-accept: END-OF-MESSAGE: "))
		return false;
	end = s.n ? memmem(s.p, s.n, behind, sizeof(behind) - 1) : NULL;
	if (!end)
		return false;
	answer = (struct span){ s.p, (size_t)(end - s.p) };
	e->other = queued_as(answer);
	e->what = POSTFIX_ACCEPT;
	return e->other.n > 0;
}

bool postfix_read(const struct entry *entry, struct postfix_event *ret)
{
	struct span program = entry->program, s = entry->text, id;
	bool proxy = s.n > 6 && (memcmp(s.p, "NOQUEU", 6) == 0 || memcmp(s.p, "proxy-", 6) == 0);
	size_t at = program.n;

	if (s.n < 6)
		return false;
	id = take_id(&s);
	if (!proxy && (!id.p || !SKIP(&s, ": ")))
		return false;
	while (at > 0 && program.p[at - 1] != '/')
		at--;
	if (at == 0)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->daemon = (struct span){ program.p + at, program.n - at };
	until(&program, '/', &ret->instance);
	ret->id = id;
	return proxy ? take_proxy(entry->text, ret) : take_text(s, ret);
}
