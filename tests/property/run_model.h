/* The world of run_model.c: flow logs whose objects come when they like, and the bucket that they
 * come to, which fails as drawn. All of it is of one life; one thread. */
#ifndef VFL_RUN_MODEL_H
#define VFL_RUN_MODEL_H

#include "core/config.h"
#include "core/store/store.h"

#define MODEL_HOUR 3600
#define MODEL_DAY 86400
#define MODEL_TICK_S 300 /* a flow log's objects come so often */
#define MODEL_MAX_OBJECTS 20000
#define MODEL_MAX_FLOW_LOGS 80
#define MODEL_REGION_COUNT 2
#define MODEL_NEVER INT64_MAX
#define MODEL_KEY_SIZE 512

struct model_flow_log {
    unsigned number, region;
    bool is_hive, is_hourly;
    int64_t first_epoch_s, last_epoch_s;
    int64_t newest_shown_epoch_s; /* in this process */
};

struct model_object {
    char key[MODEL_KEY_SIZE];
    unsigned flow_log, version;
    uint64_t bytes;
    int64_t time_epoch_s;
    int64_t arrival_s; /* of the true clock */
    bool is_odd;       /* its date is not where its flow log is */
    bool is_there, is_bad, is_shown;
    bool is_on_time; /* by what was known when it came */
    unsigned arrival_run, shown_run, read_run, counted;
};

/* What goes wrong in a round: one in so many, 0 for never. */
struct model_weather {
    unsigned restart, lost, slow, listing, get, removal, emission, bad, odd, versioning;
    bool has_clock_steps;
    bool is_full_endless; /* listings of everything take longer than a run */
};

struct model {
    uint64_t seed;
    struct model_flow_log flow_logs[MODEL_MAX_FLOW_LOGS];
    unsigned flow_log_count;
    struct model_object *objects[MODEL_MAX_OBJECTS]; /* in the order of their keys */
    unsigned object_count;
    struct model_weather weather;
    bool had_odd_names; /* also when none are made any more: they stay in the bucket */
    struct vfl_config config;
    int64_t true_s; /* monotonic, too */
    int64_t tick_epoch_s;
    unsigned run_number;
    /* of the run */
    unsigned listing_count[MODEL_REGION_COUNT];
    bool has_listed[MODEL_REGION_COUNT], has_listing_failed[MODEL_REGION_COUNT];
};

extern struct model model;
extern const char *const model_regions[MODEL_REGION_COUNT];
/* Holds objects; ends the program when it is asked for what no run may do. */
extern struct vfl_store model_bucket;

/* Ends the program: the seed, the run, what is wrong, with which object (or NULL). */
void model_give_up(const char *what, const struct model_object *object);

void model_start_random(uint64_t seed);
unsigned model_below(unsigned bound);
bool model_is_one_in(unsigned count);
bool model_happens(unsigned one_in); /* 0: never */
enum vfl_status model_draw_status(struct vfl_error *ret_err);

/* Has the flow logs write up to then, and what has had its delay come into the bucket. */
void model_make_objects_until(int64_t epoch_s);
void model_let_arrive(void);
bool model_has_come(const struct model_object *object);
int64_t model_age_s(const struct model_object *object); /* since it came */

#endif
