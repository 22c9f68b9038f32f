/* Times at which an address passed from one interface to another.
 *
 * Records before and after such a time must not be summed into one flow: they belong to different
 * owners. Addresses are seldom used again, so there are mostly none. A plain value. */
#ifndef VFL_TOPOLOGY_ERAS_H
#define VFL_TOPOLOGY_ERAS_H

#include <stdint.h>

#define VFL_ERAS_MAX_COUNT 32u

struct vfl_eras {
    int64_t starts_epoch_s[VFL_ERAS_MAX_COUNT]; /* ascending; the latest ones, if there were more */
    uint8_t count;
};

/* How many of them had begun. */
static inline uint8_t vfl_eras_at(const struct vfl_eras *eras, int64_t epoch_s)
{
    uint8_t era = 0;
    while (era < eras->count && eras->starts_epoch_s[era] <= epoch_s)
        era++;
    return era;
}

#endif
