#include "examples/host/landscape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENT "aws.flowlog.bytes_sent"
#define RECEIVED "aws.flowlog.bytes_received"

struct vfl_landscape {
    json_t *components; /* id -> call */
    json_t *relations;  /* the agent's name of it -> call */
    json_t *totals;     /* "source\ntarget" of the metrics' tags -> bytes since the start */
    json_t *run_sent;   /* the same -> bytes in the last run */
    json_t *run_received;
    json_t *run_new; /* names of relations that were not there before */
    json_t *run_checks;
    json_t *run_health;
    json_t *run_deleted;
};

struct vfl_landscape *vfl_landscape_new(void)
{
    struct vfl_landscape *landscape = calloc(1, sizeof *landscape);
    if (landscape == NULL)
        return NULL;
    landscape->components = json_object();
    landscape->relations = json_object();
    landscape->totals = json_object();
    vfl_landscape_begin_run(landscape);
    return landscape;
}

static void forget_run(struct vfl_landscape *landscape)
{
    json_decref(landscape->run_sent);
    json_decref(landscape->run_received);
    json_decref(landscape->run_new);
    json_decref(landscape->run_checks);
    json_decref(landscape->run_health);
    json_decref(landscape->run_deleted);
}

void vfl_landscape_free(struct vfl_landscape *landscape)
{
    if (landscape == NULL)
        return;
    forget_run(landscape);
    json_decref(landscape->components);
    json_decref(landscape->relations);
    json_decref(landscape->totals);
    free(landscape);
}

void vfl_landscape_begin_run(struct vfl_landscape *landscape)
{
    forget_run(landscape);
    landscape->run_sent = json_object();
    landscape->run_received = json_object();
    landscape->run_new = json_object();
    landscape->run_checks = json_array();
    landscape->run_health = json_array();
    landscape->run_deleted = json_array();
}

static const char *text_at(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text == NULL ? "" : text;
}

/* Joins two texts with a separator on the heap; NULL without memory. */
static char *join(const char *left, const char *separator, const char *right)
{
    size_t size = strlen(left) + strlen(separator) + strlen(right) + 1;
    char *text = malloc(size);
    if (text != NULL)
        (void)snprintf(text, size, "%s%s%s", left, separator, right);
    return text;
}

static void apply_relation(struct vfl_landscape *landscape, json_t *call)
{
    char *left = join(text_at(call, "source"), "-", text_at(call, "type"));
    char *name = left == NULL ? NULL : join(left, "-", text_at(call, "target"));
    if (name != NULL) {
        if (json_object_get(landscape->relations, name) == NULL)
            (void)json_object_set_new(landscape->run_new, name, json_true());
        (void)json_object_set(landscape->relations, name, call);
    }
    free(name);
    free(left);
}

static const char *tag_value(const json_t *call, const char *prefix)
{
    size_t index;
    const json_t *tag;
    json_array_foreach(json_object_get(call, "tags"), index, tag)
    {
        const char *text = json_string_value(tag);
        if (text != NULL && strncmp(text, prefix, strlen(prefix)) == 0)
            return text + strlen(prefix);
    }
    return NULL;
}

static void add_bytes(json_t *sums, const char *pair, double bytes)
{
    double sum = json_number_value(json_object_get(sums, pair)) + bytes;
    (void)json_object_set_new(sums, pair, json_real(sum));
}

static void apply_metric(struct vfl_landscape *landscape, json_t *call)
{
    const char *source = tag_value(call, "source:");
    const char *target = tag_value(call, "target:");
    if (source == NULL || target == NULL) {
        (void)json_array_append(landscape->run_health, call);
        return;
    }
    bool is_sent = strcmp(text_at(call, "name"), SENT) == 0;
    if (!is_sent && strcmp(text_at(call, "name"), RECEIVED) != 0)
        return;
    char *pair = join(source, "\n", target);
    if (pair == NULL)
        return;
    double bytes = json_number_value(json_object_get(call, "value"));
    add_bytes(is_sent ? landscape->run_sent : landscape->run_received, pair, bytes);
    add_bytes(landscape->totals, pair, bytes);
    free(pair);
}

static void apply_delete(struct vfl_landscape *landscape, const json_t *call)
{
    const char *id = text_at(call, "id");
    (void)json_array_append(landscape->run_deleted, json_object_get(call, "id"));
    (void)json_object_del(landscape->components, id);
    (void)json_object_del(landscape->relations, id);
}

void vfl_landscape_apply(struct vfl_landscape *landscape, json_t *call)
{
    const char *name = text_at(call, "call");
    if (strcmp(name, "submit_metric") == 0)
        apply_metric(landscape, call);
    else if (strcmp(name, "submit_relation") == 0)
        apply_relation(landscape, call);
    else if (strcmp(name, "submit_component") == 0)
        (void)json_object_set(landscape->components, text_at(call, "id"), call);
    else if (strcmp(name, "submit_delete") == 0)
        apply_delete(landscape, call);
    else if (strcmp(name, "submit_service_check") == 0)
        (void)json_array_append(landscape->run_checks, call);
}

static void copy_text(char *out, size_t out_size, const char *text, size_t length)
{
    if (length > out_size - 1)
        length = out_size - 1;
    memcpy(out, text, length);
    out[length] = '\0';
    for (char *c = out; *c != '\0'; c++) /* a terminal must not take data for commands */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

void vfl_landscape_endpoint(const struct vfl_landscape *landscape, const char *component_id,
                            struct vfl_endpoint *ret_endpoint)
{
    static const char private_prefix[] = "urn:vpcip:";
    static const char public_prefix[] = "urn:host:/";
    struct vfl_endpoint endpoint = {0};
    const json_t *call = json_object_get(landscape->components, component_id);
    const json_t *urns = json_object_get(json_object_get(call, "data"), "URN");
    const char *own = component_id; /* the id is its private URN, where it follows the convention */
    const char *slash = NULL;
    if (strncmp(own, private_prefix, sizeof private_prefix - 1) == 0)
        slash = strchr(own, '/');
    if (slash != NULL) {
        own += sizeof private_prefix - 1;
        copy_text(endpoint.vpc, sizeof endpoint.vpc, own, (size_t)(slash - own));
        copy_text(endpoint.address, sizeof endpoint.address, slash + 1, strlen(slash + 1));
    } else {
        if (strncmp(own, public_prefix, sizeof public_prefix - 1) == 0)
            own += sizeof public_prefix - 1;
        copy_text(endpoint.address, sizeof endpoint.address, own, strlen(own));
    }
    size_t index;
    const json_t *urn;
    json_array_foreach(urns, index, urn)
    {
        const char *text = json_string_value(urn);
        if (text == NULL || strncmp(text, public_prefix, sizeof public_prefix - 1) != 0)
            continue;
        text += sizeof public_prefix - 1;
        if (strcmp(text, endpoint.address) == 0)
            continue;
        size_t used = strlen(endpoint.public_hosts);
        if (used > 0 && used + 3 < sizeof endpoint.public_hosts) {
            memcpy(endpoint.public_hosts + used, ", ", 3);
            used += 2;
        }
        copy_text(endpoint.public_hosts + used, sizeof endpoint.public_hosts - used, text,
                  strlen(text));
    }
    *ret_endpoint = endpoint;
}

static double sum_of(const json_t *sums, const json_t *data)
{
    char *pair = join(text_at(data, "source"), "\n", text_at(data, "target"));
    double sum = pair == NULL ? 0 : json_number_value(json_object_get(sums, pair));
    free(pair);
    return sum;
}

static int by_traffic(const void *left, const void *right)
{
    const struct vfl_relation *a = left;
    const struct vfl_relation *b = right;
    double run_a = a->run_sent_bytes + a->run_received_bytes;
    double run_b = b->run_sent_bytes + b->run_received_bytes;
    if (run_a != run_b)
        return run_a < run_b ? 1 : -1;
    if (a->total_bytes != b->total_bytes)
        return a->total_bytes < b->total_bytes ? 1 : -1;
    int order = strcmp(a->source_id, b->source_id);
    return order != 0 ? order : strcmp(a->target_id, b->target_id);
}

size_t vfl_landscape_relations(const struct vfl_landscape *landscape,
                               struct vfl_relation **ret_relations)
{
    size_t capacity = json_object_size(landscape->relations);
    struct vfl_relation *relations = calloc(capacity + 1, sizeof *relations);
    size_t count = 0;
    const char *name;
    json_t *call;
    if (relations == NULL)
        return 0;
    json_object_foreach(landscape->relations, name, call)
    {
        const json_t *data = json_object_get(call, "data");
        const char *direction = text_at(data, "direction");
        struct vfl_relation relation = {
            .source_id = text_at(call, "source"),
            .target_id = text_at(call, "target"),
            .verdict = text_at(data, "verdict"),
            .is_direction_known = direction[0] != '\0' && strcmp(direction, "unknown") != 0,
            .data = data,
            .run_sent_bytes = sum_of(landscape->run_sent, data),
            .run_received_bytes = sum_of(landscape->run_received, data),
            .total_bytes = sum_of(landscape->totals, data),
        };
        relation.is_active = relation.run_sent_bytes + relation.run_received_bytes > 0 ||
                             json_object_get(landscape->run_new, name) != NULL;
        relations[count++] = relation;
    }
    qsort(relations, count, sizeof *relations, by_traffic);
    *ret_relations = relations;
    return count;
}

/* Appends the array's members, numbers or texts, separated by ", ". */
static void append_list(char *text, size_t text_size, const json_t *list)
{
    size_t index;
    const json_t *member;
    json_array_foreach(list, index, member)
    {
        char piece[40] = "";
        if (json_is_string(member))
            copy_text(piece, sizeof piece, json_string_value(member), json_string_length(member));
        else if (json_is_integer(member))
            (void)snprintf(piece, sizeof piece, "%lld", (long long)json_integer_value(member));
        size_t used = strlen(text);
        (void)snprintf(text + used, text_size - used, "%s%s", index == 0 ? "" : ", ", piece);
    }
}

void vfl_relation_service(const struct vfl_relation *relation, char *text, size_t text_size)
{
    const json_t *ports = json_object_get(relation->data, "ports");
    text[0] = '\0';
    append_list(text, text_size, json_object_get(relation->data, "protocols"));
    size_t used = strlen(text);
    if (json_array_size(ports) == 0 || used + 2 > text_size)
        return;
    if (used > 0)
        memcpy(text + used, " ", 2);
    append_list(text, text_size, ports);
}

json_t *vfl_landscape_components(const struct vfl_landscape *landscape)
{
    return landscape->components;
}

const json_t *vfl_landscape_service_checks(const struct vfl_landscape *landscape)
{
    return landscape->run_checks;
}

const json_t *vfl_landscape_health(const struct vfl_landscape *landscape)
{
    return landscape->run_health;
}

const json_t *vfl_landscape_deleted(const struct vfl_landscape *landscape)
{
    return landscape->run_deleted;
}
