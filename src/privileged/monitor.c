/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bailiffd. Start reading here. While root it reads the configuration, makes
 * its directories and sockets and forks the runner; then it gives up root,
 * keeping CAP_NET_ADMIN (the firewall) and CAP_DAC_READ_SEARCH (opening logs),
 * and serves: engines come and go (engines.c), what they ask for is checked
 * and done (orders.c, check.c), by the runner where it takes root (root.c), logs
 * are opened for them (logs.c).
 *
 * It parses no log line, and runs no regex, no SQL and no JSON.
 */
#include "privileged/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/prompt.h"
#include "config/load.h"
#include "config/shipped.h"

#define FALLBACK_UID_MONITOR 65011
#define FALLBACK_UID_ENGINE 65012
#define TICK_S 60.
#define DOUBT_S 0.5
#define RESOLVE_EVERY_MS 900000

/* ---- the configuration */

void monitor_speaks(struct monitor *m)
{
	if (!m->policy->last_good)
		policy_keep(m);
	sd_notify(0, m->policy->last_good ? "READY=1\nSTATUS=guarding, with the last good configuration" :
		  "READY=1\nSTATUS=guarding");
}

int monitor_reload(struct monitor *m, char why[102])
{
	struct policy *p;
	int r;

	if (m->next) {
		snprintf(why, 102, "a start or a reload is under way");
		return -EBUSY;
	}
	m->reload_again = false;
	r = policy_read(m->conf_path, m->shipped, &p, why);
	if (r < 0) {
		log_err("reload refused: %s; the running configuration stays", why);
		return r;
	}
	if (strcmp(p->config->table, m->policy->config->table) != 0 ||
	    strcmp(p->config->run, m->policy->config->run) != 0 ||
	    strcmp(p->config->state, m->policy->config->state) != 0) {
		snprintf(why, 102, "table:, state: and run: change with a restart only");
		log_err("reload refused: %s; the running configuration stays", why);
		policy_unref(&p);
		return -EINVAL;
	}
	log_info("reload: a new engine compiles the configuration");
	r = engines_start(m, p);
	policy_unref(&p);
	if (r < 0)
		snprintf(why, 102, "cannot start a new engine: %s", strerror(-r));
	return r;
}

/* ---- the loop */

void monitor_quit(struct monitor *m, int status)
{
	if (m->stopping)
		return;
	m->stopping = true;
	m->exit_status = status;
	sd_notify(0, "STOPPING=1");
	engines_stop(m);
}

void monitor_teardown(struct monitor *m)
{
	log_info("teardown: table %s is removed", m->policy->config->table);
	ev_io_stop(m->loop, &m->firewall_readable);
	firewall_close(&m->firewall);
	firewall_teardown(m->policy->config->table);
	monitor_quit(m, 0);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
	struct monitor *m = w->data;
	char why[102];

	(void)loop;
	(void)events;
	if (w->signum == SIGHUP)
		m->reload_again = monitor_reload(m, why) == -EBUSY;
	else
		monitor_quit(m, 0);
}

static void say_healed(struct monitor *m, const char *who)
{
	link_note(m, false, "table %s was flushed by %s and put back", m->policy->config->table,
		  who[0] ? who : "somebody");
}

/* What could not be put back now is tried again soon. */
static void doubt_firewall(struct monitor *m, int error)
{
	log_err("firewall: the table cannot be put back or verified: %s", strerror(-error));
	ev_timer_stop(m->loop, &m->doubt);
	ev_timer_set(&m->doubt, DOUBT_S, 0.);
	ev_timer_start(m->loop, &m->doubt);
}

static void on_firewall(struct ev_loop *loop, ev_io *w, int events)
{
	struct monitor *m = w->data;
	bool healed = false;
	char who[64] = "";
	int r = firewall_event(m->firewall, clock_wall(), &healed, who, sizeof(who));

	(void)loop;
	(void)events;
	if (r < 0)
		doubt_firewall(m, r);
	if (healed)
		say_healed(m, who);
}

static void verify_firewall(struct monitor *m)
{
	struct firewall_status st = { 0 };
	bool healed = false;
	int r = firewall_verify(m->firewall, clock_wall(), &healed);

	if (r < 0)
		doubt_firewall(m, r);
	if (healed && firewall_status(m->firewall, &st) == 0)
		say_healed(m, st.last_flush);
}

static void on_doubt(struct ev_loop *loop, ev_timer *t, int events)
{
	struct monitor *m = t->data;

	(void)loop;
	(void)events;
	if (!m->stopping)
		verify_firewall(m);
}

void monitor_watch_firewall(struct monitor *m)
{
	int fd = firewall_fd(m->firewall);

	ev_io_stop(m->loop, &m->firewall_readable);
	if (fd < 0)
		return;
	ev_io_set(&m->firewall_readable, fd, EV_READ);
	ev_io_start(m->loop, &m->firewall_readable);
}

static void on_own(struct ev_loop *loop, ev_io *w, int events)
{
	struct monitor *m = w->data;

	(void)loop;
	(void)events;
	own_event(m->own);
}

static void on_logs(struct ev_loop *loop, ev_io *w, int events)
{
	struct monitor *m = w->data;

	(void)loop;
	(void)events;
	logs_event(m->logs);
}

static void on_tick(struct ev_loop *loop, ev_timer *t, int events)
{
	struct monitor *m = t->data;
	static int64_t resolved_ms;
	struct wall now = clock_wall();

	(void)loop;
	(void)events;
	if (m->stopping)
		return;
	engines_ping(m);
	verify_firewall(m);
	firewall_expire(m->firewall, now);
	own_refresh_files(m->own);
	databases_look(m);
	programs_tick(m);
	if (m->logs)
		logs_rescan(m->logs);
	if (m->nnames > 0 && now.ms - resolved_ms > RESOLVE_EVERY_MS) {
		resolved_ms = now.ms;
		root_resolve(m);
	}
	if (engines_alive(m))
		sd_notify(0, "WATCHDOG=1");
}

static void watch(struct monitor *m, ev_io *w, void (*fn)(struct ev_loop *, ev_io *, int), int fd)
{
	ev_init(w, fn);
	w->data = m;
	if (fd < 0)
		return;
	ev_io_set(w, fd, EV_READ);
	ev_io_start(m->loop, w);
}

static void serve(struct monitor *m)
{
	struct { ev_signal *w; int signum; } signals[] = {
		{ &m->term, SIGTERM }, { &m->interrupt, SIGINT }, { &m->hangup, SIGHUP },
	};

	watch(m, &m->firewall_readable, on_firewall, firewall_fd(m->firewall));
	ev_init(&m->doubt, on_doubt);
	m->doubt.data = m;
	watch(m, &m->own_readable, on_own, own_fd(m->own));
	watch(m, &m->logs_readable, on_logs, -1);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ev_signal_init(signals[i].w, on_signal, signals[i].signum);
		signals[i].w->data = m;
		ev_signal_start(m->loop, signals[i].w);
	}
	ev_timer_init(&m->tick, on_tick, TICK_S, TICK_S);
	m->tick.data = m;
	ev_timer_start(m->loop, &m->tick);
	cuts_init(m);
	emergency_start(m);
	ev_run(m->loop, 0);
	cuts_now(m);
}

/* ---- start */

static const char usage[] =
	"usage: bailiffd [-c FILE] [-f] [-v]\n"
	"       bailiffd [-c FILE] --teardown\n"
	"\n"
	"  -c FILE      configuration (default " BAILIFF_SYSCONFDIR "/bailiff/bailiff.yaml)\n"
	"  -f           stay in the foreground and log to standard error; it always\n"
	"               does: the option is accepted for those who expect it\n"
	"  -v           log what is only of use when looking for a fault\n"
	"  --teardown   remove the table and all bans, also when nothing runs\n"
	"  --help, --version\n"
	"\n"
	"bailiffd(8), bailiff.yaml(5)\n";

static int open_engine(void)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *slash;
	int fd;

	if (n > 0) {
		path[n] = 0;
		slash = strrchr(path, '/');
		strcpy(slash, "/bailiff-engine");
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return open(BAILIFF_LIBEXECDIR "/bailiff-engine", O_RDONLY | O_CLOEXEC);
}

static int open_firewall(struct monitor *m)
{
	const struct config *c = m->policy->config;
	struct firewall_conf conf = {
		.table = c->table, .scopes = c->scopes, .nscopes = c->nscopes,
		.own = c->own_table, .counters = c->counters, .set_size = c->set_size,
	};
	int r = firewall_open(&conf, &m->firewall);

	if (r == -EPERM)
		log_err("firewall: no permission (CAP_NET_ADMIN is missing, or another program owns table %s)", c->table);
	else if (r == -EOPNOTSUPP || r == -EPROTONOSUPPORT || r == -ENOENT)
		log_err("firewall: this kernel has no nf_tables (modprobe nf_tables)");
	else if (r < 0)
		log_err("firewall: %s", strerror(-r));
	if (r == 0 && sockets_open(&m->sockets) < 0)
		log_warning("the kernel cannot close sockets (INET_DIAG_DESTROY): open connections end by time-out");
	return r;
}

static int teardown(const char *conf_path, const char *const *shipped)
{
	struct policy *p = NULL;
	char why[102];
	int r;

	if (policy_read(conf_path, shipped, &p, why) < 0)
		return 1;
	r = firewall_teardown(p->config->table);
	if (r < 0 && r != -ENOENT)
		log_err("table %s: %s", p->config->table, strerror(-r));
	else
		log_info("table %s %s", p->config->table, r == 0 ? "is removed" : "was not there");
	policy_unref(&p);
	return r == 0 ? 0 : 1;
}

static int start(struct monitor *m)
{
	_cleanup_(close_fd) int engine_fd = open_engine();
	struct identity me;
	const char *what = "";
	size_t bad = 0;
	int r, pid = 0;

	if (engine_fd < 0) {
		log_err("bailiff-engine is missing beside bailiffd and in " BAILIFF_LIBEXECDIR);
		return -ENOENT;
	}
	r = policy_first(m);
	if (r < 0)
		return r;
	me = identity_of(m->policy->config->user_monitor, FALLBACK_UID_MONITOR);
	m->engine_id = identity_of(m->policy->config->user_engine, FALLBACK_UID_ENGINE);
	r = places_open(m->policy->config->state, m->policy->config->run, me, m->engine_id,
			&m->places, &what, &pid);
	if (r == -EWOULDBLOCK) {
		log_err("another bailiffd (pid %d) serves %s already", pid, what);
		return r;
	}
	if (r < 0) {
		log_err("%s: %s", what, strerror(-r));
		return r;
	}
	r = root_fork(m, engine_fd);
	if (r < 0) {
		log_err("runner: %s", strerror(-r));
		return r;
	}
	r = drop_to(me, 1ULL << CAP_NET_ADMIN | 1ULL << CAP_DAC_READ_SEARCH);
	if (r < 0) {
		log_err("cannot give up root but for CAP_NET_ADMIN and CAP_DAC_READ_SEARCH: %s%s", strerror(-r),
			r == -EPERM ? " (one of them is not in this service's bounding set)" : "");
		return r;
	}
	r = hand_open(m->places.monitor_fd, &m->hand, &bad);
	if (r < 0) {
		log_err("what was set by hand cannot be read: %s", strerror(-r));
		return r;
	}
	if (bad > 0)
		log_warning("%zu damaged lines in what was set by hand were dropped", bad);
	r = open_firewall(m);
	if (r < 0)
		return r;
	r = own_open(&m->own);
	if (r < 0) {
		log_err("own addresses: %s", strerror(-r));
		return r;
	}
	return 0;
}

/* Bans set by hand are ours to keep: in the kernel before any engine runs. */
static void restore_hand_bans(struct monitor *m)
{
	const struct config *c = m->policy->config;
	struct wall now = clock_wall();
	const struct hand_item *item;
	size_t at = 0;

	while ((item = hand_next(m->hand, HAND_BAN, now, &at))) {
		int scope = config_scope(c, item->name);
		struct firewall_ban b = { .addr = item->addr, .until = { item->until_ms } };

		if (scope < 0)
			continue;
		b.scope = (uint16_t)scope;
		firewall_apply(m->firewall, &b, 1, now);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "teardown", no_argument, NULL, 't' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { 0 },
	};
	static struct monitor m = { .runner = -1 };
	enum log_level level = LOG_LEVEL_INFO;
	bool tear = false;
	int o, r;

	m.conf_path = BAILIFF_SYSCONFDIR "/bailiff/bailiff.yaml";
	while ((o = getopt_long(argc, argv, "c:fv", options, NULL)) != -1) {
		switch (o) {
		case 'c': m.conf_path = optarg; break;
		case 'f': break;
		case 'v': level = LOG_LEVEL_DEBUG; break;
		case 't': tear = true; break;
		case 'h': fputs(usage, stdout); return 0;
		case 'V': puts("bailiffd " BAILIFF_VERSION); return 0;
		default: fputs(usage, stderr); return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	log_init("bailiffd", level);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	m.shipped = shipped_dirs();
	if (geteuid() != 0) {
		log_err("must be started as root: it gives up all it does not need at once");
		return 1;
	}
	if (tear)
		return teardown(m.conf_path, m.shipped);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	r = start(&m);
	if (r < 0)
		return 1;
	prompt();	/* after the runner was forked: it is not in a hurry */
	beside_init(&m.beside);
	orders_allow(&m);
	restore_hand_bans(&m);
	m.loop = ev_default_loop(EVFLAG_NOSIGMASK);
	if (!m.loop) {
		log_err("no event loop");
		return 1;
	}
	root_watch(&m);
	databases_init(&m);
	if (engines_start(&m, m.policy) < 0)
		return 1;
	serve(&m);
	if (m.firewall)
		firewall_close(&m.firewall);
	root_leave(&m);
	log_info("ended status=%d; bans stay in force", m.exit_status);
	return m.exit_status;
}
