/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * Our own log: one fact a line, "ban addr=192.0.2.7 jail=sasl ...". Goes to
 * standard error with a syslog priority prefix ("<4>...") when that is the
 * journal (JOURNAL_STREAM), plain with the program's name on a terminal or a
 * file. Text of others goes in with %s only after buf_put_escaped(); the
 * message is escaped once more as a whole, so a line stays one line.
 */
void log_init(const char *program, enum log_level level);
void log_msg(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Lines from here on wait for log_release() and go out together: while there
 * is something more urgent, or very many at once. The process's only thread
 * that logs may call this; an exit between the two loses what waits.
 */
void log_hold(void);
void log_release(void);

#define log_err(...) log_msg(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_msg(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_msg(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
