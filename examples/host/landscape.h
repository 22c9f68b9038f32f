/* The live topology of one instance, built from its callbacks, and what its last run did: what the
 * outputs for people read. */
#ifndef VFL_HOST_LANDSCAPE_H
#define VFL_HOST_LANDSCAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct vfl_landscape;

/* NULL without memory. */
struct vfl_landscape *vfl_landscape_new(void);
void vfl_landscape_free(struct vfl_landscape *landscape);

/* Forgets what the last run did; the topology stays. */
void vfl_landscape_begin_run(struct vfl_landscape *landscape);
/* Takes in one call in the form of call.h. Borrows call. */
void vfl_landscape_apply(struct vfl_landscape *landscape, json_t *call);

/* An endpoint as a person wants to see it. Texts may be empty, and are cut to fit. */
struct vfl_endpoint {
    char address[80]; /* of the private URN; else the component's id */
    char vpc[80];
    char public_hosts[160]; /* separated by ", " */
};
void vfl_landscape_endpoint(const struct vfl_landscape *landscape, const char *component_id,
                            struct vfl_endpoint *ret_endpoint);

/* Texts borrow from the landscape until it changes. */
struct vfl_relation {
    const char *source_id;
    const char *target_id;
    const char *verdict;     /* "" when unknown */
    bool is_direction_known; /* source is the client, target the server */
    const json_t *data;
    double run_sent_bytes; /* source to target, in the last run */
    double run_received_bytes;
    double total_bytes; /* both ways, since the host started */
    bool is_active;     /* new or with traffic in the last run */
};

/* All relations, those with most traffic first (of the last run, then in all). The caller frees
 * *ret_relations. Returns their number; 0 without memory. */
size_t vfl_landscape_relations(const struct vfl_landscape *landscape,
                               struct vfl_relation **ret_relations);
/* "tcp 443, 8443" */
void vfl_relation_service(const struct vfl_relation *relation, char *text, size_t text_size);

/* Borrowed: id -> call. */
json_t *vfl_landscape_components(const struct vfl_landscape *landscape);
/* Of the last run, borrowed: the calls submit_service_check and the metrics that are not about one
 * relation; and the ids of deleted elements. */
const json_t *vfl_landscape_service_checks(const struct vfl_landscape *landscape);
const json_t *vfl_landscape_health(const struct vfl_landscape *landscape);
const json_t *vfl_landscape_deleted(const struct vfl_landscape *landscape);

#endif
