/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables out of JSON: a column says where its cell is found and how it reads,
 * a loop does the rest. The cells are made first, because the width of a
 * column is that of its widest cell, counted in screen columns and not in
 * bytes.
 */
#include "ctl/grid.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/text.h"

struct cell_text {
	struct buf text;	/* escaped */
	size_t width;
	const char *colour;
};

const json_t *grid_get(const json_t *object, const char *path)
{
	char part[64];

	while (object && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(part))
			return NULL;
		memcpy(part, path, n);
		part[n] = 0;
		object = json_object_get(object, part);
		path += n + (path[n] == '.');
	}
	return object;
}

int64_t grid_ms(const json_t *seconds)
{
	const double most = 1e11;	/* the year 5138 */
	double s = json_number_value(seconds);

	return (int64_t)((s < -most ? -most : s > most ? most : s) * 1000);
}

static void put_plain(struct buf *b, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(v)) {
		buf_put(b, json_string_value(v), json_string_length(v));
	} else if (json_is_integer(v)) {
		buf_printf(b, "%lld", (long long)json_integer_value(v));
	} else if (json_is_real(v)) {
		buf_printf(b, "%.3f", json_real_value(v));
	} else if (json_is_boolean(v)) {
		buf_puts(b, json_is_true(v) ? "yes" : "no");
	} else if (json_is_array(v)) {
		json_array_foreach((json_t *)v, i, item) {
			buf_puts(b, i ? ", " : "");
			put_plain(b, item);
		}
	} else if (json_is_object(v)) {
		bool more = false;

		json_object_foreach((json_t *)v, key, item) {
			buf_printf(b, "%s%s ", more ? ", " : "", key);
			put_plain(b, item);
			more = true;
		}
	}
}

static void put_cell(struct buf *b, const json_t *v, enum cell kind, struct wall now)
{
	char text[80];

	if (kind == CELL_UNTIL && json_is_null(v))
		buf_puts(b, "for good");
	else if (!json_is_number(v))
		put_plain(b, v);
	else if (kind == CELL_WHEN || kind == CELL_UNTIL)
		buf_puts(b, text_when(grid_ms(v), now, text, sizeof(text)));
	else if (kind == CELL_SPAN)
		buf_puts(b, text_span(grid_ms(v), text, sizeof(text)));
	else if (kind == CELL_BYTES)
		buf_puts(b, text_bytes(json_number_value(v), text, sizeof(text)));
	else
		put_plain(b, v);
}

static struct cell_text make_cell(const json_t *object, const struct column *c, struct wall now)
{
	struct cell_text cell = { .colour = "" };
	struct buf raw = { 0 };

	put_cell(&raw, grid_get(object, c->path), c->kind, now);
	if (c->kind == CELL_WORD)
		cell.colour = text_colour(buf_cstr(&raw));
	cell.width = text_put(&cell.text, buf_span(&raw));
	buf_free(&raw);
	return cell;
}

static void pad(struct buf *out, size_t n)
{
	buf_printf(out, "%*s", (int)n, "");
}

static void put_row(struct buf *out, const struct column *columns, const size_t *widths,
		    struct cell_text *row, size_t n)
{
	size_t owed = 0;

	for (size_t i = 0; i < n; i++) {
		size_t gap = widths[i] - row[i].width;

		if (widths[i] == 0)
			continue;
		/* Blanks are owed until something follows: no line ends with them. */
		if (columns[i].kind == CELL_NUMBER)
			owed += gap;
		if (row[i].width > 0) {
			pad(out, owed);
			owed = 0;
			buf_printf(out, "%s%s%s", row[i].colour, buf_cstr(&row[i].text),
				   *row[i].colour ? text_plain() : "");
		}
		owed += 2 + (columns[i].kind == CELL_NUMBER ? 0 : gap);
	}
	buf_putc(out, '\n');
}

static void measure(const struct cell_text *cells, size_t rows, size_t n,
		    const struct column *columns, size_t *widths)
{
	for (size_t i = 0; i < rows * n; i++)
		if (cells[i].width > widths[i % n])
			widths[i % n] = cells[i].width;
	for (size_t i = 0; i < n; i++)
		if (widths[i] > 0 && widths[i] < strlen(columns[i].title))
			widths[i] = strlen(columns[i].title);
}

static void put_titles(struct buf *out, const struct column *columns, const size_t *widths,
		       size_t n)
{
	struct cell_text *row = calloc(n, sizeof(*row));

	for (size_t i = 0; row && i < n; i++) {
		row[i].colour = text_bold();
		buf_puts(&row[i].text, columns[i].title);
		row[i].width = widths[i] ? strlen(columns[i].title) : 0;
	}
	if (row)
		put_row(out, columns, widths, row, n);
	for (size_t i = 0; row && i < n; i++)
		buf_free(&row[i].text);
	free(row);
}

void grid_rows(struct buf *out, const json_t *array, const struct column *columns,
	       struct wall now)
{
	size_t rows = json_array_size(array), n = 0, widths[16] = { 0 };
	struct cell_text *cells;

	while (n < 16 && columns[n].title)
		n++;
	cells = rows > 0 ? calloc(rows * n, sizeof(*cells)) : NULL;
	if (!cells)
		return;
	for (size_t i = 0; i < rows * n; i++)
		cells[i] = make_cell(json_array_get(array, i / n), &columns[i % n], now);
	measure(cells, rows, n, columns, widths);
	put_titles(out, columns, widths, n);
	for (size_t i = 0; i < rows; i++)
		put_row(out, columns, widths, cells + i * n, n);
	for (size_t i = 0; i < rows * n; i++)
		buf_free(&cells[i].text);
	free(cells);
}

void grid_facts(struct buf *out, const json_t *object, const struct column *columns,
		struct wall now)
{
	size_t width = 0;

	for (const struct column *c = columns; c->title; c++)
		if (strlen(c->title) > width)
			width = strlen(c->title);
	for (const struct column *c = columns; c->title; c++) {
		struct cell_text cell = make_cell(object, c, now);

		if (cell.width > 0)
			buf_printf(out, "%s:%*s  %s%s%s\n", c->title,
				   (int)(width - strlen(c->title)), "", cell.colour,
				   buf_cstr(&cell.text), *cell.colour ? text_plain() : "");
		buf_free(&cell.text);
	}
}
