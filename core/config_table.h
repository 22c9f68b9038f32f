/* The table of configuration keys: what the parser and the documentation both go by. */
#ifndef VFL_CONFIG_TABLE_H
#define VFL_CONFIG_TABLE_H

#include "core/config.h"

#define VFL_CONFIG_TOPOLOGY_INSTANCE "instance.topology_instance" /* the scope of its keys */

/* What the keys write to: the result, and what only the last step of parsing needs. */
struct vfl_config_draft {
    struct vfl_config config;
    char *flowlog_bucket_name;
    char *log_bucket_name;
    bool has_topology_instance;
};

enum vfl_config_kind {
    VFL_CONFIG_TEXT,    /* writes a char * */
    VFL_CONFIG_BOOLEAN, /* writes a bool */
    VFL_CONFIG_SECONDS, /* writes an unsigned */
    VFL_CONFIG_NUMBER,  /* writes an unsigned */
    VFL_CONFIG_CHOICE,  /* writes a bool: which of two words */
    VFL_CONFIG_LIST,    /* writes a char ** and a size_t */
    VFL_CONFIG_MAP,     /* writes a bool: it is there. Its keys have its path as their scope */
};

struct vfl_config_rule {
    enum vfl_config_kind kind;
    size_t offset;         /* of the value in struct vfl_config_draft */
    size_t count_offset;   /* of a list's count */
    unsigned min;          /* seconds; number */
    unsigned max;          /* seconds; number; bytes of a text or of one list item */
    size_t max_count;      /* items of a list */
    bool is_secret;        /* never quoted in a message */
    const char *words[2];  /* of a choice: for false, for true */
    const char *missing;   /* required: what is expected, in words; NULL for an optional key */
    const char *skip_item; /* a list item that is left out */
    /* NULL: fine. Else what is expected instead, in words. May shorten text in place. */
    const char *(*check)(char *text);
};

/* NULL: no such key. */
const struct vfl_config_key *vfl_config_key_find(struct vfl_span name);
bool vfl_config_key_is_in_scope(const struct vfl_config_key *key, const char *scope);
/* Whether the agent or the wider AWS check knows the key there, so that it means nothing here. */
bool vfl_config_key_is_foreign(struct vfl_span name, const char *scope);
/* The key of that scope that was probably meant; NULL when none is near. */
const struct vfl_config_key *vfl_config_key_nearest(struct vfl_span name, const char *scope);

#endif
