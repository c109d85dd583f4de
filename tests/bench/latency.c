/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long from the write of a log line to the element in the kernel, seen
 * from outside, so that any daemon that writes nftables sets can be measured.
 *
 *   latency one [-p] [-t MS] LOG COUNT [LIMIT]
 *	COUNT attackers, one after the other: LIMIT - 1 guesses (4), then, with
 *	the clock, the one that crosses. The kernel announces a new element to
 *	its listeners as it commits; the clock stops when the announcement is
 *	here. One looks for it on each processor without sleeping, and gives way
 *	to everybody (SCHED_IDLE): a clock that takes a processor from what it
 *	measures, measures itself. With -p it sleeps in poll(2), and its own
 *	waking up is counted, too.
 *	Prints p50 p90 p99 max in microseconds, and how many never came.
 *   latency floor [-p] COUNT
 *	The same for the least that does it with two processes: one wakes by
 *	inotify, reads and passes an address on, the other adds the element.
 *	What a machine at this hour can do at best.
 *   latency sum TABLE N SECONDS
 *	Waits until the sets of TABLE hold N elements together, by the kernel's
 *	own count; prints CLOCK_MONOTONIC of that moment.
 *   latency now
 *	Prints CLOCK_MONOTONIC.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libmnl/libmnl.h>

#define NFTA_SET_COUNT_ATTR 20	/* NFTA_SET_COUNT, since Linux 6.16 */
/* Each run from addresses of its own: 11.128.0.0/9, 16384 of them. */
#define FIRST(now) (0x0b800000u | ((uint32_t)(now) & 0x1ff) << 14)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct mnl_socket *open_netlink(unsigned groups)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int size = 64 << 20;

	if (!nl || mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0)
		die("netlink");
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return nl;
}

/* ---- one by one */

static const struct nlattr *within(const struct nlattr *in, uint16_t type)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, in)
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

/* Does this announcement hold a new element with this key? */
static int has_element(const struct nlmsghdr *h, uint32_t key)
{
	const struct nlattr *a, *e, *k, *v;

	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		return 0;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(e, a) {
			k = within(e, NFTA_SET_ELEM_KEY);
			v = k ? within(k, NFTA_DATA_VALUE) : NULL;
			if (v && mnl_attr_get_payload_len(v) == 4 &&
			    memcmp(mnl_attr_get_payload(v), &key, 4) == 0)
				return 1;
		}
	}
	return 0;
}

/* What is looked for, and when it was seen; shared with those who look. */
struct sought {
	_Atomic uint32_t key;		/* 0: nothing */
	_Atomic uint64_t seen_ns;
};
static bool asleep;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void take_announcements(struct mnl_socket *nl, struct sought *s)
{
	static char buf[1 << 16];
	int left = (int)recv(mnl_socket_get_fd(nl), buf, sizeof(buf), MSG_DONTWAIT);
	uint64_t now = now_ns();
	uint32_t key = s->key;

	for (const struct nlmsghdr *h = (const void *)buf; left > 0 && mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left))
		if (key && has_element(h, key)) {
			s->key = 0;
			s->seen_ns = now;
		}
}

/* One on each processor, so that it is seen wherever there is time to look. */
static void look(struct mnl_socket *nl, struct sought *s, unsigned cpu)
{
	struct sched_param none = { 0 };
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	if (sched_setaffinity(0, sizeof(here), &here) < 0 ||
	    sched_setscheduler(0, SCHED_IDLE, &none) < 0)
		die("sched_setscheduler");
	for (;;)
		take_announcements(nl, s);
}

static struct sought *start_looking(struct mnl_socket *nl, pid_t pids[CPU_SETSIZE], unsigned *ret_n)
{
	struct sought *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cpu_set_t may;

	if (s == MAP_FAILED || sched_getaffinity(0, sizeof(may), &may) < 0)
		die("clock");
	*ret_n = 0;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && !asleep; cpu++) {
		if (!CPU_ISSET(cpu, &may))
			continue;
		pids[*ret_n] = fork();
		if (pids[*ret_n] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			look(nl, s, cpu);
		}
		(*ret_n)++;
	}
	return s;
}

/* false: it never came. */
static bool wait_until_seen(struct mnl_socket *nl, struct sought *s, int timeout_ms)
{
	struct pollfd p = { mnl_socket_get_fd(nl), POLLIN, 0 };
	struct timespec rest = { .tv_nsec = 1000000 };
	uint64_t end = now_ns() + (uint64_t)timeout_ms * 1000000;

	while (s->seen_ns == 0 && now_ns() < end) {
		if (!asleep)
			nanosleep(&rest, NULL);
		else if (poll(&p, 1, timeout_ms) > 0)
			take_announcements(nl, s);
	}
	return s->seen_ns != 0;
}

static size_t put_line(char *p, uint32_t address)
{
	char stamp[32];
	struct timespec t;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	return (size_t)sprintf(p, "%s.%06ld+00:00 mx postfix/smtpd[4711]: warning: unknown[%u.%u.%u.%u]: "
			       "SASL LOGIN authentication failed: UGFzc3dvcmQ6\n",
			       stamp, t.tv_nsec / 1000, address >> 24, address >> 16 & 255,
			       address >> 8 & 255, address & 255);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int one_by_one(const char *path, unsigned count, unsigned limit, int timeout_ms)
{
	struct mnl_socket *nl = open_netlink(1u << (NFNLGRP_NFTABLES - 1));
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	double *took = calloc(count + 1, sizeof(*took));
	struct timespec rest = { .tv_nsec = 3000000 };
	pid_t looking[CPU_SETSIZE];
	unsigned nlooking;
	struct sought *sought = start_looking(nl, looking, &nlooking);
	uint64_t from;
	uint32_t first = FIRST(seconds(CLOCK_REALTIME));
	unsigned lost = 0, n = 0;
	char buf[8192];

	if (fd < 0 || !took || limit < 1 || limit > 32)
		die(path);
	for (unsigned i = 0; i < count; i++) {
		uint32_t address = first + i;
		size_t len = 0;

		for (unsigned k = 0; k < limit - 1; k++)
			len += put_line(buf + len, address);
		if (len > 0 && write(fd, buf, len) < 0)
			die(path);
		nanosleep(&rest, NULL);
		len = put_line(buf, address);
		sought->seen_ns = 0;
		sought->key = htobe32(address);
		from = now_ns();
		if (write(fd, buf, len) < 0)
			die(path);
		if (wait_until_seen(nl, sought, timeout_ms))
			took[n++] = (double)(sought->seen_ns - from) / 1e3;
		else
			lost++;
		nanosleep(&rest, NULL);
	}
	for (unsigned i = 0; i < nlooking; i++) {
		kill(looking[i], SIGKILL);
		waitpid(looking[i], NULL, 0);
	}
	qsort(took, n, sizeof(*took), ascending);
	if (n > 0)
		printf("%.0f %.0f %.0f %.0f %u\n", took[n / 2], took[n * 9 / 10],
		       took[n * 99 / 100], took[n - 1], lost);
	return n > 0 ? 0 : 1;
}

/* ---- the floor */

#define FLOOR "latency-floor"

static struct nlmsghdr *put(struct mnl_nlmsg_batch *b, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b));
	struct nfgenmsg *g;
	bool edge = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;
	static uint32_t seq;

	h->nlmsg_type = edge ? type : (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = edge ? AF_UNSPEC : NFPROTO_INET;
	g->res_id = edge ? htobe16(NFNL_SUBSYS_NFTABLES) : 0;
	return h;
}

static void commit(struct mnl_socket *nl, struct mnl_nlmsg_batch *b)
{
	char buf[4096];

	put(b, NFNL_MSG_BATCH_END, 0);
	mnl_nlmsg_batch_next(b);
	if (mnl_socket_sendto(nl, mnl_nlmsg_batch_head(b), mnl_nlmsg_batch_size(b)) < 0 ||
	    mnl_socket_recvfrom(nl, buf, sizeof(buf)) < 0)
		die("commit");
}

static struct mnl_nlmsg_batch *begin(char *buf, size_t size)
{
	struct mnl_nlmsg_batch *b = mnl_nlmsg_batch_start(buf, size);

	put(b, NFNL_MSG_BATCH_BEGIN, 0);
	mnl_nlmsg_batch_next(b);
	return b;
}

static void make_table(struct mnl_socket *nl)
{
	char buf[8192];
	struct mnl_nlmsg_batch *b = begin(buf, sizeof(buf));
	struct nlmsghdr *h = put(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, FLOOR);
	mnl_nlmsg_batch_next(b);
	h = put(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_ACK);
	mnl_attr_put_strz(h, NFTA_SET_TABLE, FLOOR);
	mnl_attr_put_strz(h, NFTA_SET_NAME, "s");
	mnl_attr_put_u32(h, NFTA_SET_ID, htobe32(1));
	mnl_attr_put_u32(h, NFTA_SET_FLAGS, htobe32(NFT_SET_TIMEOUT));
	mnl_attr_put_u32(h, NFTA_SET_KEY_TYPE, htobe32(7));
	mnl_attr_put_u32(h, NFTA_SET_KEY_LEN, htobe32(4));
	mnl_nlmsg_batch_next(b);
	commit(nl, b);
}

static void floor_writer(int from)
{
	struct mnl_socket *nl = open_netlink(0);
	uint32_t address;

	make_table(nl);
	while (read(from, &address, sizeof(address)) == sizeof(address)) {
		char buf[8192];
		struct mnl_nlmsg_batch *b = begin(buf, sizeof(buf));
		struct nlmsghdr *h = put(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK);
		struct nlattr *list, *e, *k;

		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, FLOOR);
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, "s");
		list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
		e = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
		k = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
		mnl_attr_put_u32(h, NFTA_DATA_VALUE, address);
		mnl_attr_nest_end(h, k);
		mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(600000));
		mnl_attr_nest_end(h, e);
		mnl_attr_nest_end(h, list);
		mnl_nlmsg_batch_next(b);
		commit(nl, b);
	}
	_exit(0);
}

static void floor_reader(int log, int to)
{
	char line[4096];
	int watch = inotify_init1(IN_CLOEXEC);
	unsigned a, b, c, d;

	if (inotify_add_watch(watch, ".latency-floor", IN_MODIFY) < 0)
		die("inotify");
	while (read(watch, line, sizeof(line)) > 0) {
		ssize_t n = read(log, line, sizeof(line) - 1);
		const char *at;
		uint32_t address;

		line[n > 0 ? n : 0] = 0;
		at = strstr(line, "unknown[");
		if (!at || sscanf(at + 8, "%u.%u.%u.%u", &a, &b, &c, &d) != 4)
			continue;
		address = htobe32(a << 24 | b << 16 | c << 8 | d);
		if (send(to, &address, sizeof(address), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

static int run_floor(unsigned count)
{
	int log = open(".latency-floor", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct timespec rest = { .tv_nsec = 200000000 };
	pid_t reader, writer;
	int pair[2], r;

	if (log < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("floor");
	writer = fork();
	if (writer == 0)
		floor_writer(pair[0]);
	reader = fork();
	if (reader == 0)
		floor_reader(log, pair[1]);
	nanosleep(&rest, NULL);
	r = one_by_one(".latency-floor", count, 1, 1000);
	kill(reader, SIGKILL);
	kill(writer, SIGKILL);
	waitpid(reader, NULL, 0);
	waitpid(writer, NULL, 0);
	unlink(".latency-floor");
	return r;
}

/* ---- all together */

/* Elements in all sets of the table; what has no name of a ban set is not counted. */
static uint64_t count_all(struct mnl_socket *nl, const char *table)
{
	static char buf[1 << 16];
	static uint32_t seq;
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g;
	uint64_t sum = 0;

	h->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSET;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = NFPROTO_INET;
	mnl_attr_put_strz(h, NFTA_SET_TABLE, table);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		die("send");
	for (;;) {
		int left = (int)mnl_socket_recvfrom(nl, buf, sizeof(buf));

		if (left <= 0)
			return sum;
		for (h = (void *)buf; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			const struct nlattr *a;
			const char *name = "";
			uint32_t count = 0, flags = 0;

			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				return sum;
			mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
				switch (mnl_attr_get_type(a)) {
				case NFTA_SET_NAME: name = mnl_attr_get_str(a); break;
				case NFTA_SET_FLAGS: flags = be32toh(mnl_attr_get_u32(a)); break;
				case NFTA_SET_COUNT_ATTR: count = be32toh(mnl_attr_get_u32(a)); break;
				}
			}
			if (!(flags & NFT_SET_ANONYMOUS) && strncmp(name, "allow", 5) != 0)
				sum += count;
		}
	}
}

static int all_together(const char *table, uint64_t want, double patience)
{
	struct mnl_socket *nl = open_netlink(0);
	struct timespec rest = { .tv_nsec = 1000000 };
	double end = seconds(CLOCK_MONOTONIC) + patience;
	uint64_t have;

	while ((have = count_all(nl, table)) < want) {
		if (seconds(CLOCK_MONOTONIC) > end) {
			fprintf(stderr, "%llu of %llu\n", (unsigned long long)have, (unsigned long long)want);
			return 1;
		}
		nanosleep(&rest, NULL);
	}
	printf("%.6f\n", seconds(CLOCK_MONOTONIC));
	return 0;
}

int main(int argc, char **argv)
{
	int timeout_ms = 5000;

	if (argc > 3 && strcmp(argv[2], "-p") == 0) {
		asleep = true;
		argv[2] = argv[1];
		argc--;
		argv++;
	}
	if (argc > 3 && strcmp(argv[1], "one") == 0) {
		if (strcmp(argv[2], "-t") == 0) {
			timeout_ms = atoi(argv[3]);
			argc -= 2;
			argv += 2;
		}
		if (argc > 3)
			return one_by_one(argv[2], (unsigned)atoi(argv[3]),
					  argc > 4 ? (unsigned)atoi(argv[4]) : 5, timeout_ms);
	}
	if (argc == 3 && strcmp(argv[1], "floor") == 0)
		return run_floor((unsigned)atoi(argv[2]));
	if (argc == 5 && strcmp(argv[1], "sum") == 0)
		return all_together(argv[2], strtoull(argv[3], NULL, 10), atof(argv[4]));
	if (argc == 2 && strcmp(argv[1], "now") == 0)
		return printf("%.6f\n", seconds(CLOCK_MONOTONIC)) < 0;
	fputs("usage: latency one [-p] [-t MS] LOG COUNT [LIMIT] | floor [-p] COUNT | sum TABLE N SECONDS | now\n", stderr);
	return 2;
}
