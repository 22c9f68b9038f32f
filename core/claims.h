/* Which collector of this process reads which region of which bucket.
 *
 * Two check instances over the same objects would count them twice, each with a ledger of its own.
 * The first that runs has the claim until it is freed. Process-wide; thread-safe. */
#ifndef VFL_CLAIMS_H
#define VFL_CLAIMS_H

#include "core/config.h"
#include "core/error.h"

/* Takes the claim on every region of config for owner, or on none; taking again is fine.
 * VFL_CONFIG: another owner has one of them; the text names it. VFL_NO_MEMORY. */
enum vfl_status vfl_claims_take(const struct vfl_config *config, const void *owner,
                                struct vfl_error *err) VFL_MUST_CHECK;
void vfl_claims_release(const void *owner); /* one that has none is fine */

#endif
