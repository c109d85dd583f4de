/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deeds on chosen messages as bailiffd sees them, over two Postfix instances
 * that are scripts and files: what is copied before it goes, what is requeued,
 * and what is told when one of the programs fails.
 */
#include "laboratory.h"

#include <time.h>

#include "base/file.h"
#include "base/hash.h"

#define CONFIG ACCOUNTS ", max_per_hour: 100}\nquarantine: 1M\n"
#define NOW 2000000000

static void write_text(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0755);
}

/* Each instance's queue is a file: queue, and queue.out for -c DIR/out. */
#define WHICH "#!/bin/sh\ncd %s\nq=queue\nif [ \"$1\" = -c ]; then q=queue.$(basename $2); shift 2; fi\n"

static void write_script(const char *name, const char *body)
{
	char script[2048];
	int n = snprintf(script, sizeof(script), WHICH, dir);

	snprintf(script + n, sizeof(script) - (size_t)n, "%s\n", body);
	write_text(name, script);
}

#define POSTSUPER \
	"echo \"$q $*\" >> asked\ncase $1 in -h) to=hold;; -H) to=deferred;; *) to=;; esac\nwhile read id; do\n" \
	"if [ \"$to\" ]; then sed -i \"/\\\"$id\\\"/s/\\\"queue_name\\\": \\\"[a-z]*/\\\"queue_name\\\": \\\"$to/\" $q\n" \
	"else sed -i \"/\\\"$id\\\"/d\" $q; fi\ndone"

static void put_message(const char *file, const char *queue, const char *id, long arrival, int size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "a");
	fprintf(f, "{\"queue_name\": \"%s\", \"queue_id\": \"%s\", \"arrival_time\": %ld, \"message_size\": %d, "
		"\"forced_expire\": false, \"sender\": \"%s@b\", \"recipients\": []}\n", queue, id, arrival, size, id);
	fclose(f);
}

static int servers(void **state)
{
	static char list[64];

	fresh(state);
	if (!usable)
		return 0;
	snprintf(list, sizeof(list), "[%s/out]", dir);
	instances = list;
	sh("cd %s; rm -f asked queue queue.out; touch asked queue queue.out", dir);
	write_script("postqueue", "cat $q");
	write_script("postsuper", POSTSUPER);
	write_script("postcat", "echo \"*** $q $2 ***\"; yes | head -c 400");
	write_script("postconf", "[ $q = queue ] && echo postfix || echo postfix-out; echo 5d");
	return 0;
}

static struct queued item(const char *id, long arrival, const char *home)
{
	struct queued q = { .from_s = (uint32_t)arrival, .to_s = (uint32_t)arrival };
	char path[64];

	snprintf(q.id, sizeof(q.id), "%s", id);
	snprintf(path, sizeof(path), "%s%s", *home ? dir : "", home);
	q.home = (uint32_t)hash_fixed(path, strlen(path)) | 1;
	return q;
}

static uint64_t deed(enum order_type type, uint16_t flags, const struct queued *v, size_t n,
		     enum outcome_status status, const char *text)
{
	static struct order_hold o;

	memset(&o, 0, sizeof(o));
	o.account = account_order(type, "");
	o.account.head.action = flags;
	o.account.at_ms = 77;	/* the incident */
	o.n = (uint32_t)n;
	memcpy(o.v, v, n * sizeof(*v));
	send_order(&o, sizeof(o));
	expect(order_name((uint16_t)type), status, text);
	return o.account.head.id;
}

static void count_is(const char *what, int want)
{
	sh("test $(cd %s && %s) = %d", dir, what, want);
}

/* The same id in two queues, and one that has left: each instance is asked for its own. */
static void test_hold(void)
{
	const struct queued v[] = { item("A1", NOW, ""), item("A1", NOW, "/out"), item("B2", NOW, ""), item("C3", NOW, "") };
	struct order_account undo;
	uint64_t id;

	put_message("queue", "active", "A1", NOW, 10);
	put_message("queue", "deferred", "B2", NOW + 1, 10);	/* the id is another's by now */
	put_message("queue.out", "deferred", "A1", NOW, 10);
	put_message("queue.out", "deferred", "C3", NOW, 10);	/* not in this one */
	launch(CONFIG);
	id = deed(ORDER_QUEUE_HOLD, 0, v, 4, OUTCOME_DONE,
		  "2 held (1 in delivery, may be out), 2 left before, 0 held before");
	file_is("asked", "queue -h -\nqueue.out -h -\n");
	count_is("grep -c '\"hold\".*A1' queue", 1);
	count_is("grep -c '\"hold\"' queue.out", 1);
	undo = account_order(ORDER_RELEASE, "");
	undo.ref = id;
	send_order(&undo, sizeof(undo));
	expect("release", OUTCOME_DONE, "2 released, 0 were not on hold any more");
	count_is("cat queue queue.out | grep -vc '\"hold\"'", 4);	/* all of them */
	stop_runner();
}

/* What is older than its queue's lifetime would bounce: it is requeued. */
static void test_requeue(void)
{
	long now = (long)time(NULL);
	struct queued v[] = { item("A1", now - 6 * 86400, ""), item("B2", now - 4 * 86400, ""), item("C3", now, "") };

	put_message("queue", "hold", "A1", now - 6 * 86400, 10);
	put_message("queue", "hold", "B2", now - 4 * 86400, 10);
	put_message("queue", "deferred", "C3", now, 10);
	launch(CONFIG);
	deed(ORDER_QUEUE_RELEASE, 0, v, 3, OUTCOME_DONE, "1 released, 1 requeued (too old), 1 were not on hold any more");
	file_is("asked", "queue -r - hold\nqueue -H - hold\n");
	write_script("postconf", "echo postfix; echo 3d");
	sh("cd %s; sed -i '/B2/s/deferred/hold/' queue; : > asked", dir);
	deed(ORDER_QUEUE_RELEASE, 0, v, 3, OUTCOME_DONE, "0 released, 1 requeued (too old), 2 were not on hold any more");
	file_is("asked", "queue -r - hold\n");
	stop_runner();
}

/* Held first, copied, deleted; the manifest tells what it was. */
static void test_purge(void)
{
	const struct queued v[] = { item("A1", NOW, ""), item("A1", NOW, "/out"), item("B2", NOW, "") };

	put_message("queue", "deferred", "A1", NOW, 100);
	put_message("queue", "hold", "B2", NOW, 100);
	put_message("queue.out", "active", "A1", NOW, 100);
	launch(CONFIG);
	deed(ORDER_QUEUE_PURGE, 0, v, 3, OUTCOME_DONE,
	     "3 deleted (1 in delivery, may be out), 0 left before; copies: quarantine/77");
	file_is("asked", "queue -h -\nqueue.out -h -\nqueue -d - hold\nqueue.out -d - hold\n");
	file_is("queue", "");
	file_is("queue.out", "");
	sh("cd %s/state/quarantine; test $(stat -c %%a .) = 700; test $(stat -c %%a 77) = 700; cd 77;"
	   "test \"$(ls)\" = \"$(printf 'A1.%d\\nA1.%d.1\\nB2.%d\\nmanifest')\"; test \"$(stat -c %%a * | sort -u)\" = 600;"
	   "grep -qx '[*]* queue.out A1 [*]*' A1.%d.1", dir, NOW, NOW, NOW, NOW);
	sh("cd %s/state/quarantine/77; sort manifest > ../m; printf 'A1.%d A1 %d 100 %%d <A1@b>\\n"
	   "A1.%d.1 A1 %d 100 %%d <A1@b> %s/out\\nB2.%d B2 %d 100 %%d <B2@b>\\n'"
	   " $(stat -c %%s A1.%d) $(stat -c %%s A1.%d.1) $(stat -c %%s B2.%d) | sort | diff - ../m; rm ../m", dir,
	   NOW, NOW, NOW, NOW, dir, NOW, NOW, NOW, NOW, NOW);
	deed(ORDER_QUEUE_PURGE, 0, v, 3, OUTCOME_DONE, "0 deleted (0 in delivery, may be out), 3 left before");
	put_message("queue", "deferred", "B2", NOW, 100);
	deed(ORDER_QUEUE_PURGE, PURGE_NO_COPY, v + 2, 1, OUTCOME_DONE,
	     "1 deleted (0 in delivery, may be out), 0 left before");
	file_is("queue", "");
	stop_runner();
}

/* No copy, no purge: what could not be copied stays, on hold, and a second try deletes it. */
static void test_uncopied(void)
{
	const struct queued v[] = { item("A1", NOW, ""), item("B2", NOW, "") };

	put_message("queue", "deferred", "A1", NOW, 100);
	put_message("queue", "deferred", "B2", NOW, 100);
	launch(CONFIG);
	write_script("postcat", "[ $2 = A1 ] && yes | head -c 400 || { echo 'postcat: fatal: no' >&2; exit 1; }");
	deed(ORDER_QUEUE_PURGE, 0, v, 2, OUTCOME_FAILED, "1 deleted, 1 not: postcat: exit 1: postcat: fatal: no");
	count_is("grep -c '\"hold\".*B2' queue", 1);
	write_script("postcat", "head -c 40 /dev/zero");
	deed(ORDER_QUEUE_PURGE, 0, v, 2, OUTCOME_FAILED, "0 deleted, 1 not: the copy is not whole");
	sh("cd %s/state/quarantine/77; test ! -e B2.%d", dir, NOW);
	write_script("postcat", "head -c 400 /dev/zero");
	sh("mv %s/postsuper %s/postsuper.real", dir, dir);
	write_script("postsuper", "echo 'postsuper: fatal: no space'; exit 1");
	deed(ORDER_QUEUE_PURGE, 0, v, 2, OUTCOME_FAILED, "0 deleted, 1 not: postsuper: exit 1: postsuper: fatal: no space");
	sh("mv %s/postsuper.real %s/postsuper", dir, dir);
	deed(ORDER_QUEUE_PURGE, 0, v, 2, OUTCOME_DONE,
	     "1 deleted (0 in delivery, may be out), 1 left before; copies: quarantine/77");
	file_is("queue", "");
	stop_runner();
}

/* It is bounded: what does not fit is refused before anything is touched. */
static void test_bound(void)
{
	const struct queued v[] = { item("A1", NOW, "") };

	put_message("queue", "deferred", "A1", NOW, 700000);
	launch(CONFIG);
	sh("mkdir -p %s/state/quarantine/5; head -c 400000 /dev/zero > %s/state/quarantine/5/x", dir, dir);
	deed(ORDER_QUEUE_PURGE, 0, v, 1, OUTCOME_REFUSED,
	     "copies need 1 MB, 1 of 1 are taken in the quarantine (or --no-copy)");
	file_is("asked", "");
	deed(ORDER_QUEUE_PURGE, PURGE_NO_COPY, v, 1, OUTCOME_DONE, NULL);
	stop_runner();
}

/* One instance that does not answer keeps the other from nothing, and is told. */
static void test_half_deaf(void)
{
	const struct queued v[] = { item("A1", NOW, ""), item("B2", NOW, "/out") };

	put_message("queue", "deferred", "A1", NOW, 100);
	put_message("queue.out", "deferred", "B2", NOW, 100);
	write_script("postqueue", "[ $q = queue ] && cat queue || exit 69");
	launch(CONFIG);
	deed(ORDER_QUEUE_HOLD, 0, v, 2, OUTCOME_FAILED, NULL);
	count_is("grep -c '\"hold\"' queue", 1);
	write_script("postqueue", "cat $q");
	deed(ORDER_QUEUE_HOLD, 0, v, 2, OUTCOME_DONE,
	     "1 held (0 in delivery, may be out), 0 left before, 1 held before");
	write_script("postqueue", "exit 69");
	deed(ORDER_QUEUE_HOLD, 0, v, 2, OUTCOME_FAILED, NULL);
	stop_runner();
}

/* A full disk: nothing is touched, it is said, and a second try does it. */
static void test_full_disk(void)
{
	const struct queued v[] = { item("A1", NOW, ""), item("B2", NOW, "") };

	put_message("queue", "deferred", "A1", NOW, 100);
	put_message("queue", "deferred", "B2", NOW, 100);
	sh("cd %s; mkdir -p -m 700 state; mount -t tmpfs -o size=1M,mode=0700 none state", dir);
	launch(CONFIG);
	deed(ORDER_QUEUE_PURGE, 0, v, 2, OUTCOME_REFUSED, "copies need 1 MB, the disk has 1 left (or --no-copy)");
	sh("! cat /dev/zero > %s/state/filler 2> /dev/null", dir);
	deed(ORDER_QUEUE_HOLD, 0, v, 2, OUTCOME_FAILED, NULL);
	file_is("asked", "");
	sh("rm %s/state/filler", dir);
	deed(ORDER_QUEUE_HOLD, 0, v, 2, OUTCOME_DONE,
	     "2 held (0 in delivery, may be out), 0 left before, 0 held before");
	stop_runner();
	sh("umount %s/state; rm -rf %s/state", dir, dir);
}

/* The listings go over as files, with their instances, before the outcome. */
static void test_list(void)
{
	struct order_account o;
	struct runner_listing l;
	char text[64];

	put_message("queue", "deferred", "A1", NOW, 100);
	launch(CONFIG);
	o = account_order(ORDER_QUEUE_LIST, "");
	send_order(&o, sizeof(o));
	for (int i = 0; i < 2; i++) {
		int fds[CHANNEL_MAX_FDS];
		size_t n, nfds;

		assert_int_equal(poll(&(struct pollfd){ sock, POLLIN, 0 }, 1, PATIENCE_MS), 1);
		assert_int_equal(channel_recv(sock, &l, sizeof(l), &n, fds, &nfds), 0);
		assert_int_equal(n, sizeof(l));
		assert_int_equal(nfds, 1);
		assert_int_equal(l.head.type, RUNNER_LISTING);
		assert_int_equal(l.head.id, o.head.id);
		assert_string_equal(l.dir + (i ? strlen(dir) : 0), i ? "/out" : "");
		assert_int_equal(l.name, (uint32_t)hash_fixed(i ? "postfix-out" : "postfix", i ? 11 : 7));
		assert_int_equal(pread(fds[0], text, 27, 0), i ? 0 : 27);
		assert_true(file_is_sealed(fds[0]));
		close(fds[0]);
	}
	expect("list", OUTCOME_DONE, "");
	o = account_order(ORDER_QUEUE_LIST, "");
	o.head.origin = ORIGIN_JAIL;
	send_order(&o, sizeof(o));
	expect("list", OUTCOME_REFUSED, "only an admin may ask for this");
	stop_runner();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SERVERS(f) { #f, in_laboratory, servers, NULL, (void *)(uintptr_t)f }
		SERVERS(test_hold), SERVERS(test_requeue), SERVERS(test_purge), SERVERS(test_uncopied),
		SERVERS(test_bound), SERVERS(test_half_deaf), SERVERS(test_full_disk), SERVERS(test_list),
	};

	return cmocka_run_group_tests(tests, enter_laboratory, leave_laboratory);
}
