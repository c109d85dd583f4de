/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `allow` and `disallow` of a host name: looked up here and now, as the admin
 * who asks, since the engine has no network. Each address is one request. A
 * name that shall be followed as it changes belongs into `allow:`.
 */
#include <netdb.h>
#include <string.h>

#include "base/addr.h"
#include "ctl/run.h"
#include "ctl/text.h"

int run_names(struct call *call)
{
	const char *text = json_string_value(json_object_get(call->request, "addr"));
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	char printed[ADDR_TEXT_MAX];
	int worst = EXIT_DONE, r;
	struct addr a;

	if (!text || addr_parse(span_of(text), &a) == 0)
		return run_request(call);
	r = getaddrinfo(text, NULL, &hints, &found);
	if (r != 0) {
		text_complain("%s: %s", text, gai_strerror(r));
		return EXIT_NOT_DONE;
	}
	for (struct addrinfo *i = found; i; i = i->ai_next) {
		if (addr_from_sockaddr(i->ai_addr, &a) < 0)
			continue;
		json_object_set_new(call->request, "addr", json_string(addr_print(&a, printed)));
		r = run_request(call);
		worst = r > worst ? r : worst;
	}
	freeaddrinfo(found);
	return worst;
}
