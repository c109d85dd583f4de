# SPDX-License-Identifier: GPL-2.0-or-later
#
# The figures of `bailiff top` by plain means, over a log with RFC 3339 stamps
# that holds nothing hostile: awk -v what=users -f top.awk mail.log
# Prints: name, msgs, rcpts, bytes, addresses, bounces, separated by tabs.
{
	program = $3
	sub(/\[.*/, "", program)
	parts = split(program, part, "/")
	if (parts < 2 || $4 !~ /^[0-9A-Za-z]+:$/)
		next
	daemon = part[parts]
	id = substr($4, 1, length($4) - 1)
	key = $2 SUBSEP part[1] SUBSEP id
}
daemon == "smtpd" && $5 ~ /^client=/ {
	m = now[key] = ++messages
	address = $5
	sub(/^client=[^\[]*\[/, "", address)
	sub(/\].*/, "", address)
	addr[m] = address
	if ($6 ~ /^sasl_method=/) {
		user[m] = $7
		sub(/^sasl_username=/, "", user[m])
		sub(/,$/, "", user[m])
	} else if ($6 ~ /^orig_queue_id=/) {
		first = substr($6, length("orig_queue_id=") + 1)
		sub(/,$/, "", first)
		if (($2 SUBSEP part[1] SUBSEP first) in now)
			parent[m] = now[$2 SUBSEP part[1] SUBSEP first]
	}
}
daemon == "pickup" && $5 ~ /^uid=/ {
	m = now[key] = ++messages
	user[m] = "uid " substr($5, 5)
	addr[m] = "pickup"
}
# An id that nobody began after its message was gone: a bounce of Postfix's own.
(key in now) && (now[key] in removed) && (daemon == "cleanup" && $5 ~ /^message-id=/ || daemon == "qmgr" && $5 ~ /^from=/) {
	delete now[key]
}
!(key in now) { next }
daemon == "qmgr" && $5 == "removed" { removed[now[key]] = 1 }
daemon == "qmgr" && $5 ~ /^from=/ && / \(queue active\)$/ {
	m = now[key]
	if (!(m in active)) {
		active[m] = 1
		sender[m] = tolower(substr($5, 7, length($5) - 8))
		size[m] = substr($6, 6) + 0
		nrcpt[m] = substr($7, 7) + 0
	}
}
$5 ~ /^to=</ {
	m = now[key]
	to = substr($5, 5, length($5) - 6)
	rcpts[m] = rcpts[m] SUBSEP to
	if (/ status=bounced /) {
		bounced[m]++
		gone[m, tolower(substr(to, index(to, "@") + 1))]++
		known[m] = known[m] SUBSEP tolower(substr(to, index(to, "@") + 1))
	}
	if (/ status=sent / && match($0, /queued as [0-9A-Za-z]+\)$/) && / relay=127\.0\.0\.1\[/) {
		other = substr($0, RSTART + 10, RLENGTH - 11)
		if (($2 SUBSEP part[1] SUBSEP other) in now)
			parent[now[$2 SUBSEP part[1] SUBSEP other]] = m
	}
}
function root(m) {
	while (m in parent)
		m = parent[m]
	return m
}
function count(name, m) {
	msgs[name]++
	bytes[name] += size[m]
	if (addr[m] != "pickup" && !((name, addr[m]) in seen)) {
		seen[name, addr[m]] = 1
		addresses[name]++
	}
}
function add_domains(m, r,    i, n, to, domain) {
	n = split(rcpts[m], to, SUBSEP)
	for (i = 2; i <= n; i++) {
		domain = tolower(substr(to[i], index(to[i], "@") + 1))
		if (!((r, domain) in had)) {
			had[r, domain] = 1
			count(domain, r)
		}
		if (!((r, to[i]) in told)) {
			told[r, to[i]] = 1
			total[domain]++
		}
	}
	n = split(known[m], to, SUBSEP)
	for (i = 2; i <= n; i++) {
		bounces[to[i]] += gone[m, to[i]]
		gone[m, to[i]] = 0
	}
}
END {
	for (m = 1; m <= messages; m++) {
		r = root(m)
		if (what == "domains") {
			add_domains(m, r)
			continue
		}
		name = what == "users" ? user[r] : what == "clients" ? addr[r] : r in active ? sender[r] : ""
		if (what == "senders" && r in active && name == "")
			name = "<>"
		if (name == "")
			continue
		bounces[name] += bounced[m]
		if (r != m)
			continue
		count(name, m)
		total[name] += nrcpt[m]
	}
	for (name in msgs)
		printf "%s\t%d\t%d\t%.0f\t%d\t%d\n", name, msgs[name], total[name], bytes[name], addresses[name], bounces[name]
}
