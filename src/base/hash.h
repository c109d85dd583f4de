/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") under
 * a secret of this process drawn with getrandom(2) by hash_init(): strangers
 * choose what goes into our tables.
 */
void hash_init(void);
uint64_t hash_keyed(const void *p, size_t n);

/* The same under a fixed key: for fingerprints that outlive the process. */
uint64_t hash_fixed(const void *p, size_t n);

#endif
