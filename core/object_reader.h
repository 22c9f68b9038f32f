/* One object, from stored bytes to its own flow table: get -> inflate -> lines -> records -> flows.
 *
 * An object counts whole or not at all: the caller merges the table only after VFL_OK. */
#ifndef VFL_OBJECT_READER_H
#define VFL_OBJECT_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/flowlog/gunzip.h"
#include "core/flowlog/object_key.h"
#include "core/flowlog/record.h"
#include "core/store/store.h"
#include "core/topology/flow_table.h"

struct vfl_object_reader; /* one per worker; not thread-safe */

/* What an object held. Lines that could not be used do not spoil it; they are counted. */
struct vfl_object_summary {
    uint64_t records[VFL_RECORD_MALFORMED + 1]; /* by enum vfl_record_kind */
    uint64_t overlong_lines;
    uint64_t flawed_records; /* used without the field that could not be read */
    uint16_t unknown_columns;
    int64_t last_end_epoch_s; /* latest end of a record; 0 when none had times */
    struct vfl_gunzip_summary content;
};

enum vfl_status vfl_object_reader_new(struct vfl_object_reader **ret_reader,
                                      struct vfl_error *err) VFL_MUST_CHECK;
void vfl_object_reader_free(struct vfl_object_reader *reader); /* NULL is fine */

/* Reads one object. needs_vpc_id: the interfaces of its region are not known, so a format without a
 * VPC column is refused (VFL_UNSUPPORTED) rather than read for nothing.
 * VFL_FORMAT (also when no line is a record), VFL_UNSUPPORTED, VFL_LIMIT: this object is bad,
 * others may be good. Otherwise as the store's get. Texts do not name the object. */
enum vfl_status vfl_object_read(struct vfl_object_reader *reader, struct vfl_store *store,
                                const struct vfl_store_object *object,
                                const struct vfl_object_key *key, bool needs_vpc_id,
                                int64_t now_epoch_s, struct vfl_object_summary *ret_summary,
                                struct vfl_error *err) VFL_MUST_CHECK;

/* Has records from before and after these times kept apart; none by default. Copied. */
void vfl_object_reader_set_eras(struct vfl_object_reader *reader, const struct vfl_eras *eras);

/* The flows of the object read last; valid until the next read. The reader's own, which may be
 * emptied (vfl_flow_table_take). */
struct vfl_flow_table *vfl_object_reader_table(struct vfl_object_reader *reader);

#endif
