/* What happened to each object: emitted ones, to be deleted once the emission is confirmed, and bad
 * ones, to be tried again after a pause. Serialised into the agent's state, so that a restart
 * neither loses nor repeats. Not thread-safe. */
#ifndef VFL_LEDGER_H
#define VFL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"
#include "core/strbuf.h"
#include "core/index.h"

/* The agent's state is logged and written whole; under 64 KiB these always fit. */
#define VFL_LEDGER_MAX_BYTES 65535u
#define VFL_LEDGER_MAX_EMITTED 5000u
#define VFL_LEDGER_MAX_FAILED 200u
#define VFL_LEDGER_MAX_PAUSE_S (6 * 3600)
#define VFL_LEDGER_PROCESS_SIZE 17

enum vfl_object_state {
    VFL_OBJECT_NEW,
    VFL_OBJECT_EMITTED, /* read whole and emitted: never read again, deleted when confirmed */
    VFL_OBJECT_FAILED,  /* could not be read: kept, tried again after a pause */
};

struct vfl_ledger_entry {
    uint64_t digest;
    enum vfl_object_state state;
    uint32_t failure_count;
    int64_t retry_epoch_s;
    bool is_listed;  /* seen since start_listing */
    bool is_deleted; /* since it was listed */
};

/* Zeroed is an empty ledger. */
struct vfl_ledger {
    struct vfl_ledger_entry *entries;
    uint32_t count, room;
    uint32_t emitted_count, failed_count;
    struct vfl_index index;
    uint64_t run;                          /* number of the run that wrote it */
    char process[VFL_LEDGER_PROCESS_SIZE]; /* which process wrote it; "" for none */
};

void vfl_ledger_fini(struct vfl_ledger *ledger); /* NULL and zeroed are fine */

/* Makes ledger the same as from. VFL_NO_MEMORY: ledger's content is unspecified until the next copy
 * or parse. */
enum vfl_status vfl_ledger_copy(struct vfl_ledger *ledger, const struct vfl_ledger *from,
                                struct vfl_error *err) VFL_MUST_CHECK;

/* Identifies an object's key together with its content's etag: a replaced object is a new one. */
enum vfl_status vfl_ledger_digest(struct vfl_span key, struct vfl_span etag, uint64_t *ret_digest,
                                  struct vfl_error *err) VFL_MUST_CHECK;

/* NULL for an object that is new. Valid until the next note, forget or parse. */
struct vfl_ledger_entry *vfl_ledger_find(const struct vfl_ledger *ledger, uint64_t digest);

/* VFL_LIMIT: VFL_LEDGER_MAX_EMITTED are waiting. */
enum vfl_status vfl_ledger_note_emitted(struct vfl_ledger *ledger, uint64_t digest,
                                        struct vfl_error *err) VFL_MUST_CHECK;
/* Doubles the object's pause, from a minute to VFL_LEDGER_MAX_PAUSE_S. With VFL_LEDGER_MAX_FAILED
 * noted already it is not noted: it is then tried in every run. */
enum vfl_status vfl_ledger_note_failed(struct vfl_ledger *ledger, uint64_t digest,
                                       int64_t now_epoch_s, struct vfl_error *err) VFL_MUST_CHECK;
/* How many more objects may be emitted. */
uint32_t vfl_ledger_room(const struct vfl_ledger *ledger);

/* Before a listing; set is_listed on what it shows; after a complete one forget what it did not
 * show. */
void vfl_ledger_start_listing(struct vfl_ledger *ledger);
enum vfl_status vfl_ledger_forget_unlisted(struct vfl_ledger *ledger,
                                           struct vfl_error *err) VFL_MUST_CHECK;
/* Emitted objects that the listing did not show although we have not deleted them. */
uint32_t vfl_ledger_vanished_count(const struct vfl_ledger *ledger);

/* Notes that an emitted object is deleted; forget_deleted, or forget_unlisted, then forgets it. */
void vfl_ledger_note_deleted(struct vfl_ledger *ledger, uint64_t digest);
enum vfl_status vfl_ledger_forget_deleted(struct vfl_ledger *ledger,
                                          struct vfl_error *err) VFL_MUST_CHECK;

/* Adds to gone what forget_unlisted, or with is_unlisted_gone false forget_deleted, would forget.
 */
enum vfl_status vfl_ledger_collect_gone(const struct vfl_ledger *ledger, bool is_unlisted_gone,
                                        struct vfl_ledger *gone,
                                        struct vfl_error *err) VFL_MUST_CHECK;
/* Notes entries that are in gone as deleted, and has gone forget those that ledger does not have.
 */
enum vfl_status vfl_ledger_note_gone(struct vfl_ledger *ledger, struct vfl_ledger *gone,
                                     struct vfl_error *err) VFL_MUST_CHECK;

/* JSON text of at most VFL_LEDGER_MAX_BYTES, and back. parse replaces the content; text that is
 * empty, "{}" or not a ledger gives an empty one, with *ret_is_valid false for the last. After
 * VFL_NO_MEMORY the content is unspecified until the next parse. */
enum vfl_status vfl_ledger_format(const struct vfl_ledger *ledger, struct vfl_strbuf *out,
                                  struct vfl_error *err) VFL_MUST_CHECK;
enum vfl_status vfl_ledger_parse(struct vfl_ledger *ledger, struct vfl_span text,
                                 bool *ret_is_valid, struct vfl_error *err) VFL_MUST_CHECK;
/* Adds the failed entries of from that ledger does not have, or of which from knows more failures.
 */
enum vfl_status vfl_ledger_adopt_failed(struct vfl_ledger *ledger, const struct vfl_ledger *from,
                                        struct vfl_error *err) VFL_MUST_CHECK;

#endif
