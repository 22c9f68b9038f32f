/* The spellings of time that AWS uses. UTC only; pure functions. */
#ifndef VFL_AWS_TIMESTAMP_H
#define VFL_AWS_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

#define VFL_AMZ_DATE_SIZE 17 /* "20130524T000000Z" and NUL */

/* epoch_s from 0 to the end of year 9999; other values are clamped. */
void vfl_timestamp_format_amz(int64_t epoch_s, char ret_text[VFL_AMZ_DATE_SIZE]);

/* "2013-05-24T00:00:00Z", any number of fraction digits (cut off), a leap second counts as :59.
 * False when the text is anything else; *ret_epoch_s is then untouched. */
bool vfl_timestamp_parse_iso8601(struct vfl_span text, int64_t *ret_epoch_s);
/* "Fri, 24 May 2013 00:00:00 GMT", the one form of RFC 9110 that may be sent. */
bool vfl_timestamp_parse_http(struct vfl_span text, int64_t *ret_epoch_s);

#endif
