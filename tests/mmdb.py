#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes small databases in MaxMind's format 2.0, as the tests need them.

    mmdb.py FILE PREFIX=JSON ...

Each prefix gets the record that the JSON says: a number becomes a uint32, a
text a string, a map a map. The tree is one of IPv6, with IPv4 at ::/96, as in
the databases that are given out. From Python: write(path, {prefix: record}).
"""
import ipaddress
import json
import sys

MAP, STRING, UINT16, UINT32, UINT64, ARRAY = 7, 2, 5, 6, 9, 11
MARKER = b"\xab\xcd\xefMaxMind.com"


def control(kind, size):
    more = b""
    if size >= 29:
        assert size < 285
        more, size = bytes([size - 29]), 29
    if kind > 7:
        return bytes([size, kind - 7]) + more
    return bytes([kind << 5 | size]) + more


def number(kind, n):
    text = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return control(kind, len(text)) + text


def encode(value):
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, int):
        return number(UINT32, value)
    text = value.encode()
    return control(STRING, len(text)) + text


def tree_of(records):
    """Nodes of two: None, the number of a node, or ("at", offset of the data); and the data."""
    nodes, data, known = [[None, None]], b"", {}
    for prefix, record in sorted(records.items(), key=lambda r: ipaddress.ip_network(r[0]).prefixlen):
        net = ipaddress.ip_network(prefix)
        length = net.prefixlen + (96 if net.version == 4 else 0)
        bits = f"{int(net.network_address):0128b}"[:length]
        body = encode(record)
        if body not in known:
            known[body] = len(data)
            data += body
        at = 0
        for bit in bits[:-1]:
            if not isinstance(nodes[at][int(bit)], int):
                above = nodes[at][int(bit)]
                nodes.append([above, above])
                nodes[at][int(bit)] = len(nodes) - 1
            at = nodes[at][int(bit)]
        nodes[at][int(bits[-1])] = ("at", known[body])
    return nodes, data


def database(records, kind="Test"):
    nodes, data = tree_of(records)
    count, tree = len(nodes), b""
    for node in nodes:
        for side in node:
            value = count if side is None else side if isinstance(side, int) else count + 16 + side[1]
            tree += value.to_bytes(4, "big")
    meta = {"node_count": count, "database_type": kind, "languages": ["en"], "description": {"en": "a test's"}}
    body = b"".join(encode(k) + encode(v) for k, v in meta.items())
    for key, size, value in (("record_size", UINT16, 32), ("ip_version", UINT16, 6),
                             ("binary_format_major_version", UINT16, 2),
                             ("binary_format_minor_version", UINT16, 0), ("build_epoch", UINT64, 1700000000)):
        body += encode(key) + number(size, value)
    return tree + bytes(16) + data + MARKER + control(MAP, len(meta) + 5) + body


def write(path, records):
    with open(path, "wb") as f:
        f.write(database(records))


if __name__ == "__main__":
    write(sys.argv[1], {p: json.loads(v) for p, v in (a.split("=", 1) for a in sys.argv[2:])})
