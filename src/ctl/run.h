/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_RUN_H
#define CTL_RUN_H

#include "ctl/command.h"

/* The ways in which commands are carried out; each returns an exit status. */
int run_request(struct call *call);	/* ask the engine one thing */
int run_queue(struct call *call);	/* the same, after a question; queue.c */
int run_undo(struct call *call);	/* one incident, or those of a jail; undo.c */
int run_names(struct call *call);	/* the same for each address of a host name */
int run_watch(struct call *call);	/* ask, then print events until it ends */
int run_offline(struct call *call);	/* become bailiff-engine --offline */
int run_flow(struct call *call);	/* ask the engine, or one of its own over the LOGs named (flow.c) */

/* An answer to the screen; the exit status. */
int run_answer(const struct call *call, json_t *answer);
/* The engine's program: beside this one, or where it is installed. */
void run_engine_path(char *ret, size_t size);

/* Were all steps done? Of a dry run: always. */
int judge_steps(const json_t *request, const json_t *answer);
/* ... and was anything there to be done? */
int judge_queue(const json_t *request, const json_t *answer);
/* Is anything known? */
int judge_why(const json_t *request, const json_t *answer);

/*
 * Ask the engine what call->request says. EXIT_DONE with the answer, which is
 * the caller's; else it was said why not. Not for what must work without it.
 */
int run_ask(const struct call *call, json_t **ret);
/* The same, but a refusal is an answer like others: *ret, and EXIT_NOT_DONE. */
int run_ask_all(const struct call *call, json_t **ret);

/*
 * The request as a line for the emergency socket: "unban 192.0.2.7",
 * "unban --all", "teardown"; false: it cannot say this one.
 * wide   an IPv6 address stands for the /64 that a hand ban of it takes
 */
bool emergency_line(const json_t *request, bool wide, char *ret, size_t size);

#endif
