/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

/*
 * The control socket: what `bailiff` (and anybody else's program) says to the
 * engine. A client connects, writes one JSON object and a newline, and reads
 * one JSON object and a newline; `watch` alone reads on. Requests are at most
 * 64 KB. An answer is {"ok":true, ...}, or {"ok":false, "error":TEXT,
 * "status":1|2} with the exit status the command line should end with (1: not
 * done or not found, 2: the request makes no sense). Times are epoch seconds
 * with milliseconds; spans are seconds; "until" of null is for good.
 *
 *   {"cmd":"status"}            {"version","engine":{"pid","since","generation"},
 *       "sources":[{"log","kind":"file|journal","path","state":"following|waiting|failed|rotated",
 *                   "error","lines","hits","lag": bytes: bytes}],
 *       "jails":[{"jail","state":"on|shadow|propose|off|absent|refused|braked","why",
 *                 "hits","verdicts","bans"}],
 *       "firewall":{"table","owned","persistent","wanted","in_kernel","dropped_packets",
 *                   "dropped_bytes","healed","last_flush"},
 *       "ledger":{"ok","error","waiting"}, "tracked":{"subjects","threads","forgotten","bytes"},
 *       "paused_until", "warnings":[TEXT]}
 *   {"cmd":"status","jail":J}   {"jail":{... as above, "about","logs":[],"limit","actions":[],
 *                                "banned":[ADDR...]}}
 *   {"cmd":"bans","jail":J?}    {"bans":[{"addr","jail","since","until","scope","reason",
 *                                "packets","bytes"}]}
 *   {"cmd":"locks"}             {"locks":[{"user","since","incident","by","state"}]}
 *   {"cmd":"incidents","limit":N?,"open":bool?}   {"incidents":[...]} (record/store.h)
 *   {"cmd":"show","id":N}       {"incident":{...}}
 *   {"cmd":"why","subject":TEXT}  {"subject","bans":[...],"quiet":[{"jail"}],
 *                                "counts":[{"jail","amount","limit","within":TEXT}],
 *                                "lines":[{"time","jail","line"}],"verdicts":[...]}
 *   {"cmd":"watch"}             {"ok":true}, then events, one object a line:
 *                               {"event":"verdict|ban|unban|note", "time", ...}
 *   {"cmd":"queue","user"|"all":true|"sender"|"domain"|"match"}
 *                               {"n","bytes","queues":{QUEUE:N},"messages":[{"queue","id","arrival",
 *                                "size","sender","recipients":[],"instance"}],"left_out"?,
 *                                "not_understood"?,"given_up"?,"warning"?,"time"}
 *       ... "do":"hold|release|purge","dry_run":bool?,"no_copy":bool?,"before":TIME?,"reason"?
 *                               {..., "samples" in place of "messages", "incident","steps":[...]}
 *   {"cmd":"ban","addr","for":SECONDS?|null,"scope":NAME?,"exact":bool?,"reason":TEXT?}
 *                               {"addr","scope","until","said":TEXT} (said: what was narrowed
 *                                or widened, "2001:db8::1: its /64 is banned")
 *   {"cmd":"unban","addr"} | {"jail":J} | {"all":true}    {"unbanned":[ADDR...],"n":N}
 *                               not banned: status 1; inside a banned prefix: the error names it
 *   {"cmd":"allow","addr","for"?,"reason"?}, {"cmd":"disallow","addr"}   {"addr","until"}
 *   {"cmd":"protect","user"}
 *   {"cmd":"lock","user","reason"?,"incident":N?}, {"cmd":"unlock","user"},
 *   {"cmd":"contain","user","dry_run":bool,"incident":N?}
 *                               {"user","incident","steps":[{"do","target","status","text"}],
 *                                "still":[{"incident","what":["deny"|"park"|"hold"...]}] (unlock:
 *                                what open incidents did to it besides)}
 *   {"cmd":"undo","id":N,"false_alarm":bool,"release_mail":bool},
 *   {"cmd":"resolve","id":N,"false_alarm":bool,"purge":bool,"release":bool,"no_copy":bool}
 *                               {"id","steps":[{"do","target","status","text"}]}
 *   {"cmd":"jail","jail":J,"mode":"on|shadow|off"}   {"jail","mode"}
 *   {"cmd":"pause","for":SECONDS}                    {"until"}; 0 ends the pause
 *   {"cmd":"reload"}            {"said":TEXT}
 *   {"cmd":"teardown"}          {}
 *
 * Who asks is known by the kernel's word (wire/peer.h); what is ordered is
 * sent on together with the asker's socket, so that bailiffd sees it for
 * itself.
 */

#include <ev.h>
#include <stdbool.h>

struct serve;
struct control;

int control_new(struct serve *s, struct ev_loop *loop, int listen_fd, struct control **ret);
void control_free(struct control **c);

/* An event for those who watch: one JSON object, without newline. */
void control_event(struct control *c, const char *json);
bool control_watched(const struct control *c);

#endif
