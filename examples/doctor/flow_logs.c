#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/flowlog/gunzip.h"
#include "core/flowlog/lines.h"
#include "core/flowlog/object_key.h"
#include "core/flowlog/record.h"
#include "examples/doctor/examination.h"
#include "examples/doctor/policy.h"

#define LOOK_BACK_DAYS 3
#define DAY_S 86400
#define MAX_LISTED 20000u /* enough to know what is delivered */
#define MAX_SAMPLED_LINES 2000u
#define GOOD_INTERVAL_S 60

static const char recommended_format[] =
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
    "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status} ${vpc-id} "
    "${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction}";

/* --- what is delivered for a region --- */

struct delivery {
    const struct vfl_config *config;
    const char *region;
    uint32_t text_count, parquet_count, hourly_count, hive_count;
    bool is_more; /* the listing was broken off */
    int64_t newest_epoch_s;
    struct vfl_strbuf newest_key, newest_etag; /* of the texts that can be read */
    int64_t newest_size_bytes;
};

static uint32_t count_of(const struct delivery *delivery)
{
    return delivery->text_count + delivery->parquet_count;
}

static enum vfl_status on_object(void *ctx, const struct vfl_s3_object *object,
                                 struct vfl_error *err)
{
    struct delivery *delivery = ctx;
    struct vfl_object_key key;
    if (vfl_object_key_parse(object->key, vfl_span_from_string(delivery->config->log_prefix),
                             vfl_span_from_string(delivery->config->account),
                             vfl_span_from_string(delivery->region), &key, NULL) != VFL_OK)
        return VFL_OK;
    delivery->is_more = count_of(delivery) == MAX_LISTED;
    if (delivery->is_more)
        return vfl_error_set(err, VFL_LIMIT, "enough was seen");
    delivery->hourly_count += key.is_hourly;
    delivery->hive_count += key.layout == VFL_KEY_LAYOUT_HIVE;
    delivery->parquet_count += key.form == VFL_KEY_FORM_PARQUET;
    delivery->text_count += key.form == VFL_KEY_FORM_TEXT;
    if (key.form != VFL_KEY_FORM_TEXT || object->is_archived ||
        (delivery->newest_key.len > 0 && key.time_epoch_s < delivery->newest_epoch_s))
        return VFL_OK;
    delivery->newest_epoch_s = key.time_epoch_s;
    delivery->newest_size_bytes = object->size_bytes;
    vfl_strbuf_reset(&delivery->newest_key);
    vfl_strbuf_append(&delivery->newest_key, object->key);
    vfl_strbuf_reset(&delivery->newest_etag);
    vfl_strbuf_append(&delivery->newest_etag, object->etag);
    enum vfl_status st = vfl_strbuf_check(&delivery->newest_key, "object key", err);
    return st == VFL_OK ? vfl_strbuf_check(&delivery->newest_etag, "object's ETag", err) : st;
}

/* day_epoch_s negative: all days. */
static enum vfl_status list_day(struct vfl_examination *examination, struct delivery *delivery,
                                enum vfl_key_layout layout, int64_t day_epoch_s,
                                struct vfl_error *err)
{
    struct vfl_strbuf prefix = VFL_STRBUF_INIT(VFL_S3_MAX_KEY_BYTES);
    const struct vfl_s3_object_sink sink = {on_object, delivery};
    vfl_object_key_append_prefix(
        &prefix, layout, vfl_span_from_string(delivery->config->log_prefix),
        vfl_span_from_string(delivery->config->account), vfl_span_from_string(delivery->region));
    if (day_epoch_s >= 0)
        vfl_object_key_append_day(&prefix, layout, day_epoch_s);
    enum vfl_status st = vfl_strbuf_check(&prefix, "prefix", err);
    if (st == VFL_OK && !delivery->is_more)
        st = vfl_s3_list(examination->bucket, vfl_strbuf_string(&prefix), "", sink, err);
    vfl_strbuf_fini(&prefix);
    return delivery->is_more ? VFL_OK : st;
}

/* The last days; all days only when those have nothing. */
static enum vfl_status list_region(struct vfl_examination *examination, struct delivery *delivery,
                                   struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    for (int day = LOOK_BACK_DAYS - 1; st == VFL_OK && day >= 0; day--)
        for (int layout = 0; st == VFL_OK && layout < VFL_KEY_LAYOUT_COUNT; layout++)
            st = list_day(examination, delivery, (enum vfl_key_layout)layout,
                          examination->now_epoch_s - (int64_t)day * DAY_S, err);
    for (int layout = 0; st == VFL_OK && layout < VFL_KEY_LAYOUT_COUNT && count_of(delivery) == 0;
         layout++)
        st = list_day(examination, delivery, (enum vfl_key_layout)layout, -1, err);
    return st;
}

static void advise_flow_log(struct vfl_examination *examination, const char *region)
{
    const struct vfl_config *config = examination->config;
    vfl_report_remedy(examination->report, NULL,
                      "If no agent runs yet, make a flow log for each VPC of %s, and look again "
                      "10 minutes later:\n"
                      "     aws ec2 create-flow-logs --region %s --resource-type VPC "
                      "--resource-ids VPC-ID \\\n"
                      "       --traffic-type ALL --max-aggregation-interval 60 "
                      "--log-destination-type s3 \\\n"
                      "       --log-destination 'arn:%s:s3:::%s/%s' \\\n"
                      "       --log-format '%s'",
                      region, region, config->partition, config->bucket, config->log_prefix,
                      recommended_format);
}

static void tell_delivery(struct vfl_examination *examination, const struct delivery *delivery)
{
    struct vfl_report *report = examination->report;
    uint32_t count = count_of(delivery);
    vfl_report_tell(report, VFL_VERDICT_OK, "s3:ListBucket",
                    "%s: %s%u flow-log objects, %u with folders per hour, %u Hive-compatible",
                    delivery->region, delivery->is_more ? "more than " : "", count,
                    delivery->hourly_count, delivery->hive_count);
    if (delivery->parquet_count == 0)
        return;
    vfl_report_tell(report, VFL_VERDICT_WRONG, "Parquet",
                    "%s: %u objects are Parquet, which is not read: they would stay for ever",
                    delivery->region, delivery->parquet_count);
    vfl_report_remedy(
        report, NULL,
        "AWS cannot edit a flow log: make one with FileFormat=plain-text, then delete "
        "the one that\n     writes Parquet.");
}

/* --- regions in which nothing is now: an agent that keeps up leaves none --- */

/* What of the flow logs was there before. */
struct past {
    const struct vfl_config *config;
    const char *region;
    bool has_flow_log;
};

static void on_past_key(void *ctx, struct vfl_span key)
{
    struct past *past = ctx;
    struct vfl_object_key parsed;
    past->has_flow_log |=
        vfl_object_key_parse(key, vfl_span_from_string(past->config->log_prefix),
                             vfl_span_from_string(past->config->account),
                             vfl_span_from_string(past->region), &parsed, NULL) == VFL_OK;
}

static enum vfl_status find_past(struct vfl_examination *examination, const char *region,
                                 bool *ret_has_flow_log, struct vfl_error *err)
{
    struct past past = {.config = examination->config, .region = region};
    enum vfl_status st = VFL_OK;
    for (int layout = 0; st == VFL_OK && layout < VFL_KEY_LAYOUT_COUNT; layout++) {
        struct vfl_strbuf prefix = VFL_STRBUF_INIT(VFL_S3_MAX_KEY_BYTES);
        vfl_object_key_append_prefix(
            &prefix, (enum vfl_key_layout)layout, vfl_span_from_string(past.config->log_prefix),
            vfl_span_from_string(past.config->account), vfl_span_from_string(region));
        st = vfl_strbuf_check(&prefix, "prefix", err);
        if (st == VFL_OK && !past.has_flow_log)
            st = vfl_s3_list_past(examination->bucket, vfl_strbuf_string(&prefix), on_past_key,
                                  &past, err);
        vfl_strbuf_fini(&prefix);
    }
    if (st == VFL_OK)
        *ret_has_flow_log = past.has_flow_log;
    return st;
}

/* Whether some region has, or had, flow logs; the first that had is enough. */
static enum vfl_status find_any_past(struct vfl_examination *examination, bool *ret_has_flow_log,
                                     struct vfl_error *err)
{
    const struct vfl_config *config = examination->config;
    enum vfl_status st = VFL_OK;
    bool has_flow_log = false;
    for (size_t i = 0; st == VFL_OK && !has_flow_log && i < config->region_count; i++)
        st = find_past(examination, config->regions[i], &has_flow_log, err);
    if (st == VFL_OK)
        *ret_has_flow_log = has_flow_log;
    return st;
}

/* is_empty: for each region of the configuration. Nothing is a fault only where nothing ever was:
 * in no region. */
static void tell_absences(struct vfl_examination *examination, const bool *is_empty,
                          bool is_any_there)
{
    struct vfl_error err = {0};
    const struct vfl_config *config = examination->config;
    bool had_any = is_any_there;
    enum vfl_status st = VFL_OK;
    if (!is_any_there)
        st = find_any_past(examination, &had_any, &err);
    for (size_t i = 0; i < config->region_count; i++) {
        const char *region = config->regions[i];
        if (!is_empty[i])
            continue;
        if (st != VFL_OK)
            vfl_report_tell(examination->report, VFL_VERDICT_NOT_CHECKED, "flow logs",
                            "%s: none now: an agent has read all, or there never were any: %s",
                            region,
                            st == VFL_DENIED ? "only s3:ListBucketVersions could tell, which the "
                                               "check itself does not need"
                                             : err.text);
        else if (had_any)
            vfl_report_tell(examination->report, VFL_VERDICT_ADVICE, "flow logs",
                            "%s: none now: an agent has read all, or no flow log publishes there",
                            region);
        else
            vfl_report_tell(examination->report, VFL_VERDICT_MISSING, "flow logs",
                            "%s: none in the bucket, now or before, as far as it keeps versions",
                            region);
        if (!had_any)
            advise_flow_log(examination, region);
    }
}

/* --- what the newest object is like --- */

struct sample {
    struct vfl_gunzip *gunzip;
    struct vfl_lines lines;
    struct vfl_record_format format;
    bool has_format;
    bool is_enough;
    unsigned line_count;
    int64_t longest_s; /* negative: no record had times */
    int64_t now_epoch_s;
};

static enum vfl_status on_record(void *ctx, const struct vfl_record *record, struct vfl_span line,
                                 struct vfl_error *err)
{
    (void)line;
    struct sample *sample = ctx;
    sample->is_enough = sample->line_count == MAX_SAMPLED_LINES;
    if (sample->is_enough)
        return vfl_error_set(err, VFL_LIMIT, "enough was seen");
    sample->line_count++;
    if (record->kind == VFL_RECORD_FLOW && record->has_times &&
        record->end_epoch_s - record->start_epoch_s > sample->longest_s)
        sample->longest_s = record->end_epoch_s - record->start_epoch_s;
    return VFL_OK;
}

static enum vfl_status on_block(void *ctx, struct vfl_span block, struct vfl_error *err)
{
    struct sample *sample = ctx;
    if (!sample->has_format) {
        struct vfl_span rest = block;
        struct vfl_span line = {NULL, 0};
        bool is_header = true;
        (void)vfl_lines_next(&rest, &line);
        enum vfl_status st = vfl_record_format_parse(line, &sample->format, &is_header, err);
        if (st != VFL_OK)
            return st;
        sample->has_format = true;
        if (is_header)
            block = rest;
    }
    return vfl_record_scan(&sample->format, block, sample->now_epoch_s,
                           (struct vfl_record_sink){on_record, sample}, err);
}

static enum vfl_status on_text(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    return vfl_lines_feed(&((struct sample *)ctx)->lines, chunk, err);
}

static enum vfl_status on_bytes(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    return vfl_gunzip_feed(((struct sample *)ctx)->gunzip, chunk, err);
}

static enum vfl_status read_sample(struct vfl_examination *examination,
                                   const struct delivery *delivery, struct sample *sample,
                                   struct vfl_error *err)
{
    static const struct vfl_gunzip_limits limits = {VFL_GUNZIP_MAX_OUTPUT_BYTES,
                                                    VFL_GUNZIP_MAX_RATIO};
    const struct vfl_s3_object object = {
        .key = vfl_strbuf_span(&delivery->newest_key),
        .etag = vfl_strbuf_span(&delivery->newest_etag),
        .size_bytes = delivery->newest_size_bytes,
    };
    struct vfl_gunzip_summary summary;
    enum vfl_status st = vfl_gunzip_new(&sample->gunzip, err);
    if (st == VFL_OK)
        st = vfl_lines_init(&sample->lines, (struct vfl_line_sink){on_block, sample}, err);
    if (st != VFL_OK)
        goto out;
    vfl_gunzip_start(sample->gunzip, limits, (struct vfl_sink){on_text, sample});
    st = vfl_s3_get(examination->bucket, &object, (struct vfl_sink){on_bytes, sample}, err);
    if (st == VFL_OK)
        st = vfl_gunzip_finish(sample->gunzip, &summary, err);
    if (st == VFL_OK)
        st = vfl_lines_finish(&sample->lines, err);
out:
    vfl_lines_fini(&sample->lines);
    vfl_gunzip_free(sample->gunzip);
    return sample->is_enough ? VFL_OK : st;
}

/* AWS names the key in its refusal. */
static struct vfl_span find_key_arn(const char *text)
{
    const char *key = strstr(text, ":kms:");
    const char *start = key;
    while (start != NULL && start > text && start[-1] != ' ' && start[-1] != '"')
        start--;
    if (start == NULL || strncmp(start, "arn:", 4) != 0 || strstr(start, ":key/") == NULL)
        return (struct vfl_span){NULL, 0};
    size_t len = strcspn(start, " \",");
    bool is_cut = len >= 3 && memcmp(start + len - 3, "...", 3) == 0;
    return is_cut ? (struct vfl_span){NULL, 0} : (struct vfl_span){start, len};
}

static void tell_read_failure(struct vfl_examination *examination, enum vfl_status status,
                              const struct vfl_error *err)
{
    const struct vfl_config *config = examination->config;
    if (status == VFL_DENIED && strstr(err->text, "kms:Decrypt denied") != NULL)
        vfl_examination_fail(
            examination, "kms:Decrypt",
            vfl_policy_decrypt(config, examination->bucket_region, find_key_arn(err->text)), err);
    else if (status == VFL_DENIED)
        vfl_examination_fail(examination, "s3:GetObject", vfl_policy_read(config), err);
    else
        vfl_report_tell(examination->report, VFL_VERDICT_WRONG, "newest object", "%s", err->text);
}

static void tell_columns(struct vfl_examination *examination, const struct sample *sample)
{
    static const enum vfl_field recommended[] = {
        VFL_FIELD_INTERFACE_ID, VFL_FIELD_SRCPORT,       VFL_FIELD_DSTPORT,   VFL_FIELD_PROTOCOL,
        VFL_FIELD_BYTES,        VFL_FIELD_START,         VFL_FIELD_END,       VFL_FIELD_ACTION,
        VFL_FIELD_LOG_STATUS,   VFL_FIELD_VPC_ID,        VFL_FIELD_TCP_FLAGS, VFL_FIELD_PKT_SRCADDR,
        VFL_FIELD_PKT_DSTADDR,  VFL_FIELD_FLOW_DIRECTION};
    struct vfl_strbuf absent = VFL_STRBUF_INIT(1024);
    for (size_t i = 0; i < sizeof recommended / sizeof recommended[0]; i++)
        if (!sample->format.has_column[recommended[i]])
            vfl_strbuf_appendf(&absent, " %s", vfl_field_name(recommended[i]));
    if (absent.len == 0) {
        vfl_report_tell(examination->report, VFL_VERDICT_OK, "columns", "all that are recommended");
    } else {
        vfl_report_tell(examination->report, VFL_VERDICT_ADVICE, "columns", "without%s",
                        vfl_strbuf_string(&absent));
        vfl_report_remedy(examination->report, NULL,
                          "For the columns, make a new flow log, then delete the old one. "
                          "docs/OPERATIONS.md says what\n     each is good for.\n     "
                          "--log-format '%s'",
                          recommended_format);
    }
    vfl_strbuf_fini(&absent);
}

static void tell_interval(struct vfl_examination *examination, const struct sample *sample)
{
    struct vfl_report *report = examination->report;
    if (sample->longest_s < 0) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "aggregation interval",
                        "no record with start and end in the newest object");
    } else if (sample->longest_s <= GOOD_INTERVAL_S) {
        vfl_report_tell(report, VFL_VERDICT_OK, "aggregation interval",
                        "60 seconds, by the newest object");
    } else {
        vfl_report_tell(report, VFL_VERDICT_ADVICE, "aggregation interval",
                        "records span up to %" PRId64 " seconds: relations appear late, and bytes "
                        "per second are blurred",
                        sample->longest_s);
        vfl_report_remedy(report, NULL,
                          "For the interval, make a new flow log with --max-aggregation-interval "
                          "60, then delete the old one.");
    }
}

static void examine_newest(struct vfl_examination *examination, const struct delivery *delivery)
{
    struct vfl_error err = {0};
    struct sample sample = {.longest_s = -1, .now_epoch_s = examination->now_epoch_s};
    if (delivery->newest_key.len == 0) {
        vfl_report_tell(examination->report, VFL_VERDICT_NOT_CHECKED, "s3:GetObject",
                        "%s: there is no object to read", delivery->region);
        return;
    }
    enum vfl_status st = read_sample(examination, delivery, &sample, &err);
    if (st == VFL_OK && !sample.has_format)
        st = vfl_error_set(&err, VFL_FORMAT, "it is empty");
    if (st == VFL_DENIED || (st != VFL_OK && !sample.has_format && sample.line_count == 0)) {
        if (st != VFL_DENIED)
            (void)vfl_error_wrap(&err, st, "%s", vfl_strbuf_string(&delivery->newest_key));
        tell_read_failure(examination, st, &err);
        return;
    }
    if (st != VFL_OK)
        vfl_report_tell(examination->report, VFL_VERDICT_WRONG, "newest object", "%s: %s",
                        vfl_strbuf_string(&delivery->newest_key), err.text);
    else
        vfl_report_tell(examination->report, VFL_VERDICT_OK, "s3:GetObject", "%s: %s",
                        delivery->region, vfl_strbuf_string(&delivery->newest_key));
    tell_columns(examination, &sample);
    tell_interval(examination, &sample);
}

/* False: it would be refused for the next region too. */
static bool examine_region(struct vfl_examination *examination, const char *region,
                           bool *ret_is_empty)
{
    struct vfl_error err = {0};
    struct delivery delivery = {.config = examination->config, .region = region};
    vfl_strbuf_init(&delivery.newest_key, VFL_S3_MAX_KEY_BYTES);
    vfl_strbuf_init(&delivery.newest_etag, VFL_S3_MAX_KEY_BYTES);
    enum vfl_status st = list_region(examination, &delivery, &err);
    if (st == VFL_OK) {
        *ret_is_empty = count_of(&delivery) == 0;
        tell_delivery(examination, &delivery);
        examine_newest(examination, &delivery);
    } else {
        vfl_examination_fail(examination, "s3:ListBucket",
                             st == VFL_DENIED ? vfl_policy_list(examination->config) : NULL, &err);
    }
    vfl_strbuf_fini(&delivery.newest_key);
    vfl_strbuf_fini(&delivery.newest_etag);
    return st == VFL_OK;
}

void vfl_examine_flow_logs(struct vfl_examination *examination)
{
    const struct vfl_config *config = examination->config;
    bool is_any_there = false;
    bool *is_empty = calloc(config->region_count, sizeof *is_empty);
    if (is_empty == NULL) {
        vfl_report_tell(examination->report, VFL_VERDICT_NOT_CHECKED, "flow logs", "no memory");
        return;
    }
    for (size_t i = 0; i < config->region_count; i++) {
        if (!examine_region(examination, config->regions[i], &is_empty[i])) {
            vfl_report_tell(examination->report, VFL_VERDICT_NOT_CHECKED, "s3:GetObject",
                            "without a listing there is no object to read");
            goto out;
        }
        is_any_there |= !is_empty[i];
    }
    tell_absences(examination, is_empty, is_any_there);
out:
    free(is_empty);
}
