#include "core/claims.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/strbuf.h"

struct claim {
    struct claim *next;
    const void *owner;
    char *what;
};

static pthread_mutex_t claims_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct claim *claims; /* guarded by claims_mutex */

static char *describe(const struct vfl_config *config, const char *region)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(16384);
    vfl_strbuf_appendf(&text, "%s\n%s\n%s\n%s\n%s",
                       config->s3_endpoint_url == NULL ? "" : config->s3_endpoint_url,
                       config->account, config->bucket, config->log_prefix, region);
    return vfl_strbuf_take(&text);
}

static struct claim *find(const char *what)
{
    struct claim *claim = claims;
    while (claim != NULL && strcmp(claim->what, what) != 0)
        claim = claim->next;
    return claim;
}

/* With claims_mutex held; takes what over. */
static enum vfl_status take_one(char *what, const struct vfl_config *config, const char *region,
                                const void *owner, struct vfl_error *err)
{
    struct claim *known = what == NULL ? NULL : find(what);
    struct claim *claim = known == NULL && what != NULL ? malloc(sizeof *claim) : NULL;
    if (claim != NULL) {
        *claim = (struct claim){claims, owner, what};
        claims = claim;
        return VFL_OK;
    }
    free(what);
    if (known == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the instance's claims");
    if (known->owner == owner)
        return VFL_OK;
    return vfl_error_set(err, VFL_CONFIG,
                         "another instance of this check reads the flow logs of region %s in "
                         "bucket %s already: give each instance regions, or a log_prefix, of its "
                         "own",
                         region, config->bucket);
}

/* With claims_mutex held. */
static void release(const void *owner)
{
    struct claim **at = &claims;
    while (*at != NULL) {
        struct claim *claim = *at;
        if (claim->owner != owner) {
            at = &claim->next;
            continue;
        }
        *at = claim->next;
        free(claim->what);
        free(claim);
    }
}

enum vfl_status vfl_claims_take(const struct vfl_config *config, const void *owner,
                                struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    (void)pthread_mutex_lock(&claims_mutex);
    for (size_t i = 0; i < config->region_count && st == VFL_OK; i++)
        st = take_one(describe(config, config->regions[i]), config, config->regions[i], owner, err);
    if (st != VFL_OK)
        release(owner);
    (void)pthread_mutex_unlock(&claims_mutex);
    return st;
}

void vfl_claims_release(const void *owner)
{
    (void)pthread_mutex_lock(&claims_mutex);
    release(owner);
    (void)pthread_mutex_unlock(&claims_mutex);
}
