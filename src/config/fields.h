/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_FIELDS_H
#define CONFIG_FIELDS_H

#include "bailiff/config.h"

/* The documented placeholders and derived captures; ends with a NULL name. */
extern const struct field config_field_table[];

#endif
