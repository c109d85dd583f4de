/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subjects as keys. What is counted has one to four parts; tables and the
 * ledger want one byte string. A part is a type byte, then 18 bytes of
 * struct addr, or a 16-bit length and the text. Nothing in a key depends on
 * the order of fields in a configuration, since the ledger keeps keys over
 * years of changed ones.
 */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "engine/count/subject.h"

int subject_key(const struct subject *s, char *ret, size_t size, size_t *ret_n)
{
	size_t n = 0;

	if (s->n == 0 || s->n > SUBJECT_MAX_PARTS)
		return -EINVAL;
	if (size > SUBJECT_KEY_MAX)
		size = SUBJECT_KEY_MAX;
	for (unsigned i = 0; i < s->n; i++) {
		const struct subject_part *p = &s->part[i];
		uint16_t len = (uint16_t)p->text.n;
		bool addr = p->type == FIELD_ADDR;
		size_t need = addr ? sizeof(p->addr) : sizeof(len) + p->text.n;

		if (need + 1 > size - n)
			return -E2BIG;
		ret[n++] = (char)p->type;
		if (addr) {
			memcpy(ret + n, &p->addr, sizeof(p->addr));
		} else {
			memcpy(ret + n, &len, sizeof(len));
			if (len)
				memcpy(ret + n + sizeof(len), p->text.p, len);
		}
		n += need;
	}
	*ret_n = n;
	return 0;
}

/* Reads one part off the front of *key. */
static int part_from_key(struct span *key, struct subject_part *ret)
{
	size_t n;
	uint16_t len;

	if (key->n < 1)
		return -EINVAL;
	ret->type = (uint8_t)key->p[0];
	if (ret->type == FIELD_ADDR) {
		n = 1 + sizeof(ret->addr);
		if (key->n < n)
			return -EINVAL;
		memcpy(&ret->addr, key->p + 1, sizeof(ret->addr));
		if (ret->addr.family != ADDR_V4 && ret->addr.family != ADDR_V6)
			return -EINVAL;
		if (ret->addr.len > addr_bits(&ret->addr))
			return -EINVAL;
	} else {
		if (key->n < 1 + sizeof(len))
			return -EINVAL;
		memcpy(&len, key->p + 1, sizeof(len));
		n = 1 + sizeof(len) + len;
		if (key->n < n)
			return -EINVAL;
		ret->text = (struct span){ key->p + 1 + sizeof(len), len };
	}
	key->p += n;
	key->n -= n;
	return 0;
}

int subject_from_key(const struct config *c, const struct jail *j,
		     struct span key, struct subject *ret)
{
	struct subject s = { .n = 0 };

	for (; s.n < j->limit.nper && s.n < SUBJECT_MAX_PARTS; s.n++) {
		struct subject_part *p = &s.part[s.n];

		p->field = j->limit.per[s.n];
		if (p->field >= c->nfields || part_from_key(&key, p) < 0)
			return -EINVAL;
		if (p->type != c->fields[p->field].type)
			return -EINVAL;
	}
	if (s.n == 0 || key.n != 0)
		return -EINVAL;
	*ret = s;
	return 0;
}

void subject_print(const struct config *c, const struct subject *s,
		   struct buf *out)
{
	char text[ADDR_TEXT_MAX];

	for (unsigned i = 0; i < s->n && i < SUBJECT_MAX_PARTS; i++) {
		const struct subject_part *p = &s->part[i];

		if (i > 0)
			buf_putc(out, ' ');
		if (s->n > 1) {
			buf_puts(out, p->field < c->nfields ?
				 c->fields[p->field].name : "?");
			buf_putc(out, '=');
		}
		if (p->type == FIELD_ADDR)
			buf_puts(out, addr_print(&p->addr, text));
		else
			buf_put_text(out, p->text);
	}
}
