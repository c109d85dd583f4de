/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Postfix instances: each has a queue of its own, which only postqueue and
 * postsuper with its configuration directory list and change. Takes the
 * directories from the configuration and gives listings, names and lifetimes.
 */
#include "privileged/runner/postfix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"

#define HELPER_TIMEOUT_MS 60000
#define WORDS_MAX 8

static uint32_t hash_of(struct span s)
{
	return (uint32_t)hash_fixed(s.p, s.n);
}

static void add(struct postfix *p, const char *dir)
{
	struct postfix_instance *i = &p->v[p->n];

	if (p->n == POSTFIX_MAX || strlen(dir) >= sizeof(i->dir))
		return;
	*i = (struct postfix_instance){
		.home = hash_of(span_of(dir)) | 1, .lifetime_s = POSTFIX_LIFETIME_S, .listing = -1,
	};
	strcpy(i->dir, dir);
	p->n++;
}

void postfix_init(struct postfix *p, const struct config *c)
{
	p->n = 0;
	p->why[0] = 0;
	add(p, "");
	for (size_t i = 0; i < c->helpers.instances.n; i++)
		add(p, c->helpers.instances.v[i]);
}

void postfix_close(struct postfix *p)
{
	for (size_t i = 0; i < p->n; i++)
		close_fd(&p->v[i].listing);
}

bool postfix_borrow(struct postfix *p, const struct postfix *from)
{
	bool all = p->n == from->n && !from->why[0];

	for (size_t i = 0; all && i < p->n; i++)
		all = strcmp(p->v[i].dir, from->v[i].dir) == 0 && from->v[i].listing >= 0;
	for (size_t i = 0; all && i < p->n; i++) {
		close_fd(&p->v[i].listing);
		p->v[i].listing = fcntl(from->v[i].listing, F_DUPFD_CLOEXEC, 3);
		all = p->v[i].listing >= 0;
	}
	p->listed = from->listed;
	return all;
}

void postfix_run(struct job *j, const struct postfix_instance *i, const struct strings *helper,
		 const char *const *words, struct command_spec spec,
		 void (*step)(struct job *j, const struct command_result *r))
{
	const char *all[WORDS_MAX + 3] = { "-c", i->dir };
	size_t n = i->dir[0] ? 2 : 0;
	char **argv = NULL;
	int ret;

	for (size_t k = 0; k < WORDS_MAX && words[k]; k++)
		all[n++] = words[k];
	all[n] = NULL;
	ret = argv_make(helper, all, &argv);
	spec.argv = argv;
	spec.timeout_ms = HELPER_TIMEOUT_MS;
	if (ret < 0)
		step(j, &(struct command_result){ .error = ret });
	else
		job_command(j, &spec, step);
	argv_free(&argv);
}

/* ---- names and lifetimes ---- */

int64_t postfix_span(struct span text)
{
	static const struct { char unit; int64_t s; } units[] = {
		{ 'w', 7 * 86400 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 },
	};
	int64_t v = 0;
	size_t i = 0;

	while (i < text.n && i < 9 && text.p[i] >= '0' && text.p[i] <= '9')
		v = v * 10 + (text.p[i++] - '0');
	if (i == 0)
		return -1;
	if (i == text.n)
		return v * 86400;
	for (size_t k = 0; i + 1 == text.n && k < sizeof(units) / sizeof(*units); k++)
		if (units[k].unit == text.p[i])
			return v * units[k].s;
	return -1;
}

static void learn_next(struct job *j);

static void after_postconf(struct job *j, const struct command_result *r)
{
	struct postfix *p = j->work;
	struct postfix_instance *i = &p->v[p->at++];
	char why[TEMPLATE_WHY_MAX];
	struct span said = r->output, line = { 0 };
	const char *slash;
	int64_t span;

	if (command_judge(r, "postconf", why, sizeof(why)) == 0) {
		span_line(&said, &line);
		slash = line.n ? memchr(line.p, '/', line.n) : NULL;
		line.n = slash ? (size_t)(slash - line.p) : line.n;
		i->name = line.n ? hash_of(line) : 0;
		line.n = 0;
		span_line(&said, &line);
		span = postfix_span(line);
		i->lifetime_s = span >= 0 ? span : POSTFIX_LIFETIME_S;
	}
	learn_next(j);
}

static void learn_next(struct job *j)
{
	static const char *const words[] = { "-x", "-h", "syslog_name", "maximal_queue_lifetime", NULL };
	struct postfix *p = j->work;

	if (p->at == p->n)
		p->then(j);
	else
		postfix_run(j, &p->v[p->at], &j->r->config->helpers.postconf, words,
			    (struct command_spec){ 0 }, after_postconf);
}

void postfix_learn(struct job *j, void (*then)(struct job *j))
{
	struct postfix *p = j->work;

	p->at = 0;
	p->then = then;
	learn_next(j);
}

/* ---- listings ---- */

static void list_next(struct job *j);

static void after_list(struct job *j, const struct command_result *r)
{
	struct postfix *p = j->work;
	struct postfix_instance *i = &p->v[p->at++];
	char why[TEMPLATE_WHY_MAX];
	int ret = command_judge(r, "postqueue", why, sizeof(why));

	if (ret == 0) {
		ret = file_seal(i->listing);	/* the engine gets it, too: what is read twice is the same */
		if (ret < 0)
			snprintf(why, sizeof(why), "the listing: %s", strerror(-ret));
	}
	if (ret < 0) {
		snprintf(p->why, sizeof(p->why), "%.38s%s%.58s", i->dir, i->dir[0] ? ": " : "", why);
		close_fd(&i->listing);
	}
	list_next(j);
}

static void list_next(struct job *j)
{
	static const char *const words[] = { "-j", NULL };
	struct postfix *p = j->work;
	struct postfix_instance *i = &p->v[p->at];

	if (p->at == p->n) {
		p->then(j);
		return;
	}
	close_fd(&i->listing);
	i->listing = memfd_create("queue", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (i->listing < 0)
		after_list(j, &(struct command_result){ .error = -errno });
	else
		postfix_run(j, i, &j->r->config->helpers.postqueue, words,
			    (struct command_spec){ .output_fd = i->listing }, after_list);
}

void postfix_list(struct job *j, void (*then)(struct job *j))
{
	struct postfix *p = j->work;

	p->at = 0;
	p->then = then;
	p->why[0] = 0;
	p->listed = clock_mono();
	list_next(j);
}

int postfix_map(const struct postfix_instance *i, struct span *ret)
{
	struct stat st;
	void *p;

	*ret = (struct span){ NULL, 0 };
	if (i->listing < 0)
		return 0;
	if (fstat(i->listing, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, i->listing, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = (struct span){ p, (size_t)st.st_size };
	return 0;
}

void postfix_unmap(struct span listing)
{
	if (listing.p)
		munmap((void *)listing.p, listing.n);
}

struct queue_of postfix_of(const struct postfix *p, size_t i, uint32_t *others)
{
	struct queue_of of = { .instance = (unsigned)i, .home = p->v[i].home, .others = others };

	for (size_t k = 0; k < p->n; k++)
		if (k != i && p->v[k].name && p->v[k].name != p->v[i].name)
			others[of.nothers++] = p->v[k].name;
	return of;
}

uint32_t postfix_home(const struct postfix *p, size_t i)
{
	return p->n > 1 ? p->v[i].home : 0;
}
