/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The placeholder table. Clients choose much of what stands in a line (login
 * names, HELO, sender, Message-ID), so each set leaves out the characters that
 * end its value in the lines of Postfix, Dovecot and sshd: a value that holds
 * its own delimiter then is no match rather than a match of something else.
 * An address in quotes ("a>b"@example.org) may hold any of them: RFC 5321
 * 4.1.2 says where its quotes end, and so does the expression.
 */
#include "config/fields.h"

#define QUEUE_ID \
	"(?:[0-9A-F]{4,20}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,30})"
#define ADDRESS	"[0-9A-Fa-f:.]{2,45}(?:%[0-9A-Za-z_.-]{1,15})?"
#define MAIL	"(?:\"(?:[^\"\\\\]|\\\\.){0,128}\"(?:@[^<>,\\s]{0,255})?|[^<>,\"\\s]{0,320})"

#define QUEUE_ID_SET \
	"4 to 20 hexadecimal digits in upper case, or 10 to 30 digits and letters without " \
	"vowels (long ids); NOQUEUE is none"
#define MAIL_SET \
	"no angle bracket, comma, quote or white space, unless the local part is quoted; " \
	"may be empty (`<>`)"

const struct field config_field_table[] = {
	{ "ip", FIELD_ADDR, ADDRESS, NULL, "hexadecimal digits, dots, colons, a zone id behind %",
	  "the client's address; one that does not parse is no hit" },
	{ "host", FIELD_DOMAIN, "[^\\s\\[\\]()<>,;=\"']{1,255}", NULL,
	  "no white space, bracket, comma, semicolon, equals sign or quote",
	  "the client's host name as the server logged it, `unknown` included" },
	{ "user", FIELD_ACCOUNT, "[^\\s,<>()\\[\\]{}]{1,255}", NULL,
	  "no comma, white space or bracket of any kind",
	  "a login name; compared in canonical form" },
	{ "qid", FIELD_ID, QUEUE_ID, NULL, QUEUE_ID_SET, "a Postfix queue id, short or long" },
	{ "qid2", FIELD_ID, QUEUE_ID, NULL, QUEUE_ID_SET,
	  "a second queue id in the same line, for `join`" },
	{ "session", FIELD_ID, "[0-9A-Za-z+/=_.-]{1,64}", NULL,
	  "letters, digits, + / = _ . -", "a Dovecot session id" },
	{ "sender", FIELD_MAIL, MAIL, NULL, MAIL_SET, "the envelope sender" },
	{ "rcpt", FIELD_MAIL, MAIL, NULL, MAIL_SET, "an envelope recipient" },
	{ "msgid", FIELD_TEXT, "[^<>\\s]{0,998}", NULL, "no angle bracket or white space",
	  "a Message-ID without its angle brackets" },
	{ "helo", FIELD_TEXT, "[^<>,\\s]{0,255}", NULL,
	  "no angle bracket, comma or white space; may be empty",
	  "what the client said in HELO or EHLO" },
	{ "size", FIELD_NUMBER, "[0-9]{1,15}", NULL, "digits", "a message's size in bytes" },
	{ "nrcpt", FIELD_NUMBER, "[0-9]{1,9}", NULL, "digits", "a message's number of recipients" },
	{ "port", FIELD_NUMBER, "[0-9]{1,5}", NULL, "digits", "a TCP port" },
	{ "attempts", FIELD_NUMBER, "[0-9]{1,9}", NULL, "digits",
	  "attempts within one connection, as Dovecot tells them" },
	{ "count", FIELD_NUMBER, "[0-9]{1,9}", NULL, "digits", "any other number that a line tells" },
	{ "pid", FIELD_NUMBER, "[0-9]{1,10}", NULL, "digits", "a process id" },
	{ "uid", FIELD_NUMBER, "[0-9]{1,10}", NULL, "digits", "a user id, as pickup tells it" },
	{ "code", FIELD_NUMBER, "[1-5][0-9][0-9]", NULL, "three digits, 100 to 599",
	  "an SMTP or HTTP reply code" },
	{ "dsn", FIELD_TEXT, "[245]\\.[0-9]{1,3}\\.[0-9]{1,3}", NULL, "digits and dots: 5.7.1",
	  "an enhanced status code (RFC 3463)" },
	{ "status", FIELD_TEXT, "[A-Za-z_-]{1,32}", NULL, "letters, _ and -",
	  "a delivery's status: sent, deferred, bounced" },
	{ "method", FIELD_TEXT, "[A-Za-z0-9_-]{1,32}", NULL, "letters, digits, _ and -",
	  "a SASL mechanism, or an HTTP method" },
	{ "command", FIELD_TEXT, "[A-Za-z-]{1,24}", NULL, "letters and -",
	  "an SMTP command: RCPT, END-OF-MESSAGE" },
	{ "service", FIELD_TEXT, "[A-Za-z0-9_.-]{1,32}", NULL, "letters, digits, _ . and -",
	  "a service's name: imap, smtp, submission" },
	{ "reason", FIELD_TEXT, "[^()<>\\[\\],;]{1,200}", NULL,
	  "no bracket, comma or semicolon; white space is taken",
	  "the words a server gives for a refusal" },
	{ "relay", FIELD_DOMAIN, "[^\\s\\[\\]()<>,;=\"']{1,255}", NULL,
	  "no white space, bracket, comma, semicolon, equals sign or quote",
	  "the host that a message went to" },
	{ "lip", FIELD_TEXT, ADDRESS, NULL, "hexadecimal digits, dots, colons, a zone id behind %",
	  "our own address in a line; never banned" },
	{ "domain", FIELD_DOMAIN, "[A-Za-z0-9_.-]{1,253}", NULL, "letters, digits, _ . and -",
	  "a domain name" },
	{ "path", FIELD_TEXT, "[^\\s\"]{1,2048}", NULL, "no white space or double quote",
	  "the path of an HTTP request" },
	{ "jail", FIELD_TEXT, "[A-Za-z0-9][A-Za-z0-9_-]{0,62}", NULL, "letters, digits, _ and -",
	  "a jail's name; in jails with `log: verdicts` the one that fired" },
	{ "content", FIELD_TEXT, ".*", NULL, "anything, up to the line's end",
	  "only in `prefix`: what the patterns see" },
	{ "user_domain", FIELD_DOMAIN, NULL, "user", NULL, "the domain of the canonical login" },
	{ "sender_domain", FIELD_DOMAIN, NULL, "sender", NULL, "the sender's domain" },
	{ "rcpt_domain", FIELD_DOMAIN, NULL, "rcpt", NULL, "the recipient's domain" },
	{ "net", FIELD_ADDR, NULL, "ip", NULL, "the address's network: IPv4 /24, IPv6 /48" },
	{ "country", FIELD_TEXT, NULL, "ip", NULL,
	  "the address's country (`DE`), by the database that `country` in bailiff.yaml names; a "
	  "private or unknown address has none" },
	{ "asn", FIELD_TEXT, NULL, "ip", NULL,
	  "the number of the address's autonomous system (`64500`), by the database `asn`" },
	{ .name = NULL },
};
