/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_OFFLINE_FLOW_H
#define ENGINE_OFFLINE_FLOW_H

#include "engine/match/geo.h"
#include "engine/parts.h"

/*
 * `top` and `trace` over old logs. The request is the JSON object that a daemon
 * would get, its answer goes to standard output. LOGs without a name are of
 * the log `mail`.
 */
struct flow_job;

/* Read the request and open the LOGs, before the sandbox. 2: a wrong request; -errno: said. */
int flow_job_open(struct parts *parts, const struct geo *geo, const char *command,
		  const char *request, int n, char **logs, struct flow_job **ret);
/* Read them and answer. The exit status. */
int flow_job_run(struct flow_job *j);
void flow_job_free(struct flow_job **j);

#endif
