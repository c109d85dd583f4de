/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine without a daemon: `replay` runs every jail over old logs in
 * event time, `test` shows what one jail would match, `check` reads the
 * configuration and runs the jails' tests. Logs are opened before the sandbox
 * closes, then read with the code that the daemon runs.
 */
#include "engine/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "config/schema.h"
#include "engine/core.h"
#include "engine/targets.h"
#include "engine/count/subject.h"
#include "engine/jailtest.h"
#include "engine/locate.h"
#include "engine/offline_pack.h"
#include "engine/offline_private.h"
#include "engine/parsers.h"
#include "engine/parts.h"
#include "engine/sandbox.h"
#include "engine/troubles.h"
#include "engine/words.h"

static const char usage[] =
	"usage: bailiff replay [-c FILE] [--json] [--year N] LOG...\n"
	"       bailiff test [-c FILE] [--json] JAIL LOG...\n"
	"       bailiff check [-c FILE] [--json]\n"
	"\n"
	"LOG is a file (plain, .gz, .zst) or - for standard input, for every log that a\n"
	"jail names; mail=FILE is for that log alone. JAIL is a name or a YAML file.\n";

static void print_complaint(const struct complaint *v, FILE *to)
{
	struct buf line = { 0 };

	complaint_print(v, &line);
	fprintf(to, "%s%s%s%s\n", buf_cstr(&line), v->jail ? " [jail " : "",
		v->jail ? v->jail : "", v->jail ? "]" : "");
	buf_free(&line);
}

/* ---- the configuration */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int offline_load(struct offline *o, const char *jail_file)
{
	struct pack *pack = NULL;
	int r = offline_pack(o->conf_path, o->shipped, jail_file, &o->bad, &pack);

	if (r < 0)
		return r;
	r = config_load(pack, &o->bad, &o->config);
	o->parts.config = o->config;
	pack_free(&pack);
	return r;
}

/* What of the complaints is worth saying before replay and test. */
void offline_say(struct offline *o)
{
	for (; o->said < o->bad.n; o->said++)
		if (!o->bad.v[o->said].warning)
			print_complaint(&o->bad.v[o->said], stderr);
}

/* Compile, and open the databases of addresses. */
int offline_make_core(struct offline *o)
{
	int r = core_new(o->config, o->reference, &o->bad, &o->core);

	if (r == 0)
		r = locate_open(o->config, &o->located);
	if (r == 0)
		locate_jails(o->core, &o->located, &o->bad);
	return r;
}

static bool sealed;

/* Everything is open, and unless `compiles` compiled: give up the rest. */
int offline_seal(bool compiles)
{
	const char *what = "code";
	int abi, r = compiles ? 0 : sandbox_seal_code();

	sealed = !compiles;
	if (r == 0)
		r = sandbox_enter(-1, &abi, &what);
	if (r < 0)
		fprintf(stderr, "bailiff: sandbox: %s: %s\n", what, strerror(-r));
	return r;
}

/* ---- replay */

static void put_time(struct buf *out, int64_t ms)
{
	buf_printf(out, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}

static void put_subject(const struct config *c, const struct subject *s, struct buf *out)
{
	struct buf text = { 0 };

	if (s->n > 1)
		buf_putc(out, '{');
	for (size_t i = 0; i < s->n; i++) {
		struct subject one = { .n = 1, .part = { s->part[i] } };

		buf_clear(&text);
		subject_print(c, &one, &text);
		if (s->n > 1)
			buf_printf(out, "%s\"%s\":", i ? "," : "", c->fields[s->part[i].field].name);
		json_put_bytes(out, buf_span(&text));
	}
	if (s->n > 1)
		buf_putc(out, '}');
	buf_free(&text);
}

struct out_actions {
	const struct config *config;
	const struct jail *jail;
	struct buf *out;
	unsigned n;
	bool json;
};

static void put_action(void *arg, const struct decided *d, const struct addr *host, const char *target)
{
	struct out_actions *a = arg;
	const char *why = host ? targets_refused(a->config, a->jail, host) : NULL;
	char span[40], narrow[ADDR_TEXT_MAX];
	struct addr prefix;

	/* bailiffd would refuse it, so it does not follow; or narrow it to the host. */
	if (why && a->json)
		return;
	if (host && !why) {
		prefix = core_ban_prefix(d->action, host);
		if (targets_refused(a->config, a->jail, &prefix))
			target = addr_print(host, narrow);
	}
	if (why) {
		buf_printf(a->out, "%sno ban of %s: %s", a->n++ ? ", " : "", target, why);
		return;
	}
	if (a->json) {
		buf_printf(a->out, "%s{\"do\":\"%s\",\"target\":", a->n++ ? "," : "", action_name(d->action->kind));
		json_put_bytes(a->out, span_of(target));
		if (d->for_ms > 0)
			buf_printf(a->out, ",\"for\":%.15g}", (double)d->for_ms / 1000);
		else
			buf_puts(a->out, ",\"for\":null}");
		return;
	}
	buf_printf(a->out, "%s%s ", a->n++ ? ", " : "", action_name(d->action->kind));
	buf_put_escaped(a->out, span_of(target));
	if (d->for_ms > 0)
		buf_printf(a->out, " for %s", clock_print_span(d->for_ms, span, sizeof(span)));
}

static void print_verdict(void *arg, const struct core_verdict *v)
{
	struct offline *o = arg;
	const struct jail *j = v->v->jail;
	struct buf out = { 0 }, who = { 0 };
	struct out_actions a = { o->config, j, &out, 0, o->json };
	const char *kept, *why = targets_held_back(o->config, v, &kept);
	char when[32];

	o->verdicts++;
	if (o->json) {
		buf_puts(&out, "{\"time\":");
		put_time(&out, v->v->when.ms);
		buf_printf(&out, ",\"jail\":\"%s\",\"subject\":", j->name);
		put_subject(o->config, v->subject, &out);
		buf_puts(&out, ",\"actions\":[");
		targets_each(o->config, v, put_action, &a);
		buf_puts(&out, "],\"evidence\":");
		evidence_json(o->core->evidence, v->jail, v->key, 10, &out);
		if (v->v->shadow)
			buf_puts(&out, ",\"mode\":\"shadow\"");
		if (why)
			buf_printf(&out, ",\"%s\":\"%s\"", kept, why);
		words_verdict(o->config, v->v, &who);
		buf_puts(&out, ",\"made\":");
		json_put_bytes(&out, buf_span(&who));
		buf_puts(&out, "}\n");
	} else {
		subject_print(o->config, v->subject, &who);
		buf_printf(&out, "%s  %-20s  ", clock_print(v->v->when.ms, when, sizeof(when)), j->name);
		buf_put_escaped(&out, buf_span(&who));
		buf_puts(&out, v->v->shadow ? "  (shadow) " : "  ");
		targets_each(o->config, v, put_action, &a);
		if (words_needed(v->v)) {
			buf_puts(&out, "  (");
			words_verdict(o->config, v->v, &out);
			buf_putc(&out, ')');
		}
		if (why)
			buf_printf(&out, "  (%s: %s)", kept, why);
		buf_putc(&out, '\n');
	}
	fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
	buf_free(&who);
}

static void say_totals(struct offline *o)
{
	const struct config *c = o->config;

	fprintf(stderr, "%" PRIu64 " lines, %" PRIu64 " verdicts\n", o->parts.lines, o->verdicts);
	for (size_t i = 0; i < c->njails; i++)
		if (o->core->jails[i].hits)
			fprintf(stderr, "  %-20s %10" PRIu64 " hits %8" PRIu64 " verdicts\n",
				c->jails[i].name, o->core->jails[i].hits, o->core->jails[i].verdicts);
	if (o->clamped)
		fprintf(stderr, "  %" PRIu64 " stamps lay in the future and were taken as the log's last change\n",
			o->clamped);
	if (networks_forgotten(o->core->networks) || levels_forgotten(o->core->levels))
		fprintf(stderr, "  forgotten for want of room: %" PRIu64 " networks of accounts, %" PRIu64 " levels\n",
			networks_forgotten(o->core->networks), levels_forgotten(o->core->levels));
	if (windows_forgotten(o->core->windows) || threads_forgotten(o->core->threads))
		fprintf(stderr, "  forgotten for want of room: %" PRIu64 " subjects, %" PRIu64 " threads\n",
			windows_forgotten(o->core->windows), threads_forgotten(o->core->threads));
}

static int replay(struct offline *o, int argc, char **argv)
{
	struct part *p;
	int r, error = 0;

	if (argc < 1)
		return 2;
	r = offline_load(o, NULL);
	if (r == 0)
		r = parts_open(&o->parts, argc, argv);
	if (r == 0)
		r = offline_make_core(o);
	if (r == 0)
		jailtest_all(o->core, &o->bad);
	offline_say(o);
	if (r < 0 || offline_seal(false) < 0)
		return 1;
	o->core->fn = print_verdict;
	o->core->arg = o;
	while ((p = parts_next(&o->parts, &error)))
		do {
			struct clockwork clock = { p->parser, p->ctx, &p->last[p->as], &o->clamped };

			core_take(o->core, p->log, &p->entry, p->line.text, &p->line.pos, &clock, true);
		} while (parts_again(&o->parts, p));
	fflush(stdout);
	troubles_print(o->core->matcher);
	if (!o->json)
		say_totals(o);
	return error < 0 ? 1 : 0;
}

/* ---- test */

static void put_captures(struct offline *o, const struct hit *hit, struct buf *out)
{
	char text[ADDR_TEXT_MAX];

	for (unsigned i = 0; i < hit->ncaptures; i++) {
		const struct capture *c = &hit->capture[i];
		const char *name = o->config->fields[c->field].name;

		buf_printf(out, o->json ? ",\"%s\":" : " %s=", name);
		if (c->type == FIELD_ADDR)
			buf_printf(out, o->json ? "\"%s\"" : "%s", addr_print(&c->addr, text));
		else if (c->type == FIELD_NUMBER)
			buf_printf(out, "%" PRId64, c->number);
		else if (o->json)
			json_put_bytes(out, c->raw);
		else
			buf_put_escaped(out, c->raw);
	}
}

struct test_out { struct offline *o; struct buf *out; };

static void test_hit(void *arg, const struct hit *hit)
{
	struct test_out *t = arg;

	if (hit->jail != t->o->jail)
		return;
	t->o->matched = true;
	buf_printf(t->out, t->o->json ? ",\"matched\":true,\"jail\":\"%s\",\"rule\":%zu" : "%s rule %zu:",
		   hit->jail->name, (size_t)(hit->rule - hit->jail->rules) + 1);
	put_captures(t->o, hit, t->out);
}

static void test_line(struct offline *o, struct part *p, uint64_t *hits)
{
	struct buf out = { 0 };
	struct test_out t = { o, &out };

	o->matched = false;
	if (o->json) {
		buf_puts(&out, "{\"line\":");
		json_put_bytes(&out, p->line.text);
	}
	matcher_run(o->core->matcher, p->log, &p->entry, test_hit, &t);
	*hits += o->matched;
	if (o->json) {
		if (!o->matched)
			buf_printf(&out, ",\"matched\":false,\"jail\":\"%s\"", o->jail->name);
		buf_puts(&out, "}\n");
	} else if (o->matched) {
		buf_puts(&out, "\n    ");
		buf_put_escaped(&out, p->line.text);
		buf_putc(&out, '\n');
	}
	fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
}

/* "dir/my-jail.yaml" names a file; its jail has the file's name. */
static bool is_file(const char *arg)
{
	size_t n = strlen(arg);

	return strchr(arg, '/') || (n > 5 && strcmp(arg + n - 5, ".yaml") == 0);
}

static const struct jail *find_jail(struct offline *o, const char *arg)
{
	struct buf text = { 0 };
	const struct jail *j;
	bool refused = is_file(arg);
	char name[128];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(base_of(arg), "."), base_of(arg));
	j = config_jail(o->config, is_file(arg) ? name : arg);
	for (size_t i = 0; !j && !refused && i < o->bad.n; i++)
		refused = o->bad.v[i].jail && strcmp(o->bad.v[i].jail, arg) == 0;
	if (!j && refused)
		fprintf(stderr, "bailiff: %s: refused, see above\n", arg);
	else if (!j)
		words_no_jail(o->config, arg, &text);
	if (text.n)
		fprintf(stderr, "bailiff: %s\n", buf_cstr(&text));
	buf_free(&text);
	return j;
}

/* It did not compile, or lacks a database: of a shipped jail that is a warning. */
static int say_refused(struct offline *o)
{
	for (; o->said < o->bad.n; o->said++)
		if (!o->bad.v[o->said].warning ||
		    (o->bad.v[o->said].jail && strcmp(o->bad.v[o->said].jail, o->jail->name) == 0))
			print_complaint(&o->bad.v[o->said], stderr);
	return -ENOEXEC;
}

static int test(struct offline *o, int argc, char **argv)
{
	uint64_t hits = 0;
	unsigned failed = 0;
	struct part *p;
	int r, error = 0;

	if (argc < 2)
		return 2;
	r = offline_load(o, is_file(argv[0]) ? argv[0] : NULL);
	offline_say(o);
	if (r == 0) {
		o->parts.only = o->jail = find_jail(o, argv[0]);
		r = o->jail ? parts_open(&o->parts, argc - 1, argv + 1) : -ENOENT;
	}
	if (r == 0)
		r = offline_make_core(o);
	if (r == 0 && !matcher_has(o->core->matcher, o->jail))
		r = say_refused(o);
	if (r == 0) {
		r = jailtest_run(o->core, o->jail, &o->bad, &failed);
		matcher_gate(o->core->matcher, NULL, NULL, NULL);	/* each line is told for itself: no id is known */
	}
	offline_say(o);
	if (r < 0 || !matcher_has(o->core->matcher, o->jail) || offline_seal(false) < 0)
		return 1;
	matcher_enable(o->core->matcher, o->jail, true);
	while ((p = parts_next(&o->parts, &error)))
		test_line(o, p, &hits);
	fflush(stdout);
	troubles_print(o->core->matcher);
	if (!o->json)
		fprintf(stderr, "%" PRIu64 " lines, %" PRIu64 " matched\n", o->parts.lines, hits);
	return error < 0 ? 1 : 0;
}

/* ---- check */

static void put_complaints_json(struct offline *o, struct buf *out)
{
	buf_puts(out, "\"complaints\":[");
	for (size_t i = 0; i < o->bad.n; i++) {
		const struct complaint *v = &o->bad.v[i];

		buf_puts(out, i ? ",{\"file\":" : "{\"file\":");
		json_put_bytes(out, span_of(v->place.file));
		buf_printf(out, ",\"line\":%u,\"column\":%u,\"jail\":", v->place.line, v->place.column);
		if (v->jail)
			json_put_bytes(out, span_of(v->jail));
		else
			buf_puts(out, "null");
		buf_puts(out, ",\"text\":");
		json_put_bytes(out, span_of(v->text));
		buf_printf(out, ",\"warning\":%s}", v->warning ? "true" : "false");
	}
	buf_puts(out, "]");
}

static void add_remarks(struct offline *o)
{
	for (size_t i = 0; i < o->config->njails; i++) {
		const struct jail *j = &o->config->jails[i];

		for (size_t k = 0; k < j->nrules && matcher_has(o->core->matcher, j); k++) {
			const char *remark = matcher_remark(o->core->matcher, &j->rules[k]);

			if (remark)
				complaints_add(&o->bad, j->rules[k].place, j->name, true, "%s", remark);
		}
	}
}

/* Zones and formats of stamps that are none. */
static int check_logs(struct offline *o)
{
	struct prefix_parser **p = calloc(o->config->nlogs + 1, sizeof(*p));
	int r = p ? parsers_make(o->core, &o->bad, p) : -ENOMEM;

	for (size_t i = 0; p && i < o->config->nlogs; i++)
		prefix_parser_free(&p[i]);
	free(p);
	return r;
}

/* How many jails have a complaint that refuses them, each counted once. */
static unsigned refused_jails(const struct offline *o)
{
	unsigned n = 0;

	for (size_t i = 0; i < o->bad.n; i++) {
		const struct complaint *v = &o->bad.v[i];
		bool said = v->warning || !v->jail;

		for (size_t k = 0; k < i && !said; k++)
			said = !o->bad.v[k].warning && o->bad.v[k].jail &&
			       strcmp(o->bad.v[k].jail, v->jail) == 0;
		n += !said;
	}
	return n;
}

static int check(struct offline *o, int argc, char **argv)
{
	unsigned refused = 0, errors = 0;
	struct buf out = { 0 };
	int r;

	(void)argv;
	if (argc > 0)
		return 2;
	r = offline_load(o, NULL);
	if (r == 0)
		r = offline_make_core(o);
	if (r == 0)
		r = check_logs(o);
	if (r == 0 && offline_seal(true) < 0)
		return 1;
	if (r == 0) {
		jailtest_all(o->core, &o->bad);
		add_remarks(o);
	}
	for (size_t i = 0; i < o->bad.n; i++)
		errors += !o->bad.v[i].warning;
	refused = refused_jails(o);
	if (o->json) {
		buf_printf(&out, "{\"ok\":%s,\"jails\":%zu,\"refused\":%u,",
			   r == 0 && errors == 0 ? "true" : "false", o->config ? o->config->njails : 0, refused);
		put_complaints_json(o, &out);
		buf_puts(&out, "}\n");
		fwrite(out.p, 1, out.n, stdout);
		buf_free(&out);
	} else {
		for (size_t i = 0; i < o->bad.n; i++)
			print_complaint(&o->bad.v[i], o->bad.v[i].warning ? stdout : stderr);
		if (r == 0 && errors == 0)
			printf("%zu jails, all well\n", o->config->njails);
		else if (r == 0)
			fprintf(stderr, "%u complaint%s; %u jail%s refused, the others run\n",
				errors, errors == 1 ? "" : "s", refused, refused == 1 ? " is" : "s are");
		else
			fprintf(stderr, "the configuration is refused\n");
	}
	return r == 0 && errors == 0 ? 0 : 1;
}

/* ---- the tables of the manuals, from the tables of the code */

static int document(struct offline *o, int argc, char **argv)
{
	struct buf out = { 0 };
	int r;

	(void)o;
	if (argc != 1)
		return 2;
	r = schema_document(&out, argv[0]);
	if (r < 0)
		fprintf(stderr, "bailiff: no table is called '%s'\n", argv[0]);
	fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
	return r < 0 ? 1 : 0;
}

static const struct {
	const char *name;
	int (*run)(struct offline *o, int argc, char **argv);
} commands[] = {
	{ "replay", replay }, { "test", test }, { "check", check }, { "document", document },
	{ "top", offline_flow }, { "trace", offline_flow }, { "suggest", offline_suggest },
};

int offline_main(int argc, char **argv, const char *const *shipped)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "year", required_argument, NULL, 'y' },
		{ "reference", no_argument, NULL, 'r' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	static struct offline o;
	int opt, r = 2;
	char *end;

	o.shipped = shipped;
	argv[0] = (char *)"bailiff";	/* as getopt is to call us */
	while ((opt = getopt_long(argc, argv, "c:jh", options, NULL)) != -1) {
		switch (opt) {
		case 'c': o.conf_path = optarg; break;
		case 'j': o.json = true; break;
		case 'r': o.reference = true; break;
		case 'h': fputs(usage, stdout); return 0;
		case 'y':
			o.parts.year = (int)strtol(optarg, &end, 10);
			if (*end || o.parts.year < 1970 || o.parts.year > 2200) {
				fprintf(stderr, "bailiff: '%s' is no year\n", optarg);
				return 2;
			}
			break;
		default: fputs(usage, stderr); return 2;
		}
	}
	for (size_t i = 0; optind < argc && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(o.command = commands[i].name, argv[optind]) == 0)
			r = commands[i].run(&o, argc - optind - 1, argv + optind + 1);
	if (r == 2 && !o.told)
		fputs(usage, stderr);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fputs("bailiff: what is printed cannot be written\n", stderr);
		r = r ? r : 1;
	}
	if (sealed)
		return r;	/* what was compiled is not to be freed */
	parts_close(&o.parts);
	core_free(&o.core);
	core_free(&o.open_core);
	config_free(&o.open);
	complaints_free(&o.more_bad);
	locate_free(&o.located);
	config_free(&o.config);
	complaints_free(&o.bad);
	return r;
}
