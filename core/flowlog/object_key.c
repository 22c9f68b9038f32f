#include "core/flowlog/object_key.h"

#include <limits.h>

#define MAX_TOKEN_BYTES 64 /* region, flow-log id, hash: far above what AWS makes */

/* The part of the key that is not parsed yet. Every eat_ and take_ function moves on over what it
 * accepts and answers false, wherever it then stands, otherwise. */
struct cursor {
    const char *at;
    const char *end;
};

struct date {
    unsigned year, month, day, hour, minute;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool eat(struct cursor *cursor, struct vfl_span literal)
{
    struct vfl_span rest = {cursor->at, (size_t)(cursor->end - cursor->at)};
    if (!vfl_span_has_prefix(rest, literal))
        return false;
    cursor->at += literal.len;
    return true;
}

#define EAT(cursor, literal) eat(cursor, VFL_SPAN_LITERAL(literal))

static bool take_number(struct cursor *cursor, unsigned digit_count, unsigned *ret_number)
{
    unsigned number = 0;
    for (unsigned i = 0; i < digit_count; i++, cursor->at++) {
        if (cursor->at == cursor->end || !is_digit(*cursor->at))
            return false;
        number = number * 10 + (unsigned)(*cursor->at - '0');
    }
    *ret_number = number;
    return true;
}

/* Takes the bytes that accepts likes; at least one. */
static bool take_token(struct cursor *cursor, bool (*accepts)(char c), struct vfl_span *ret_token)
{
    const char *first = cursor->at;
    while (cursor->at < cursor->end && accepts(*cursor->at))
        cursor->at++;
    *ret_token = (struct vfl_span){first, (size_t)(cursor->at - first)};
    return ret_token->len > 0 && ret_token->len <= MAX_TOKEN_BYTES;
}

static bool take_account(struct cursor *cursor, struct vfl_span *ret_account)
{
    return take_token(cursor, is_digit, ret_account) && ret_account->len == 12;
}

/* "eu-west-1", "us-gov-east-1", "us-isob-east-1": words of letters, then a number. */
static bool take_region(struct cursor *cursor, struct vfl_span *ret_region)
{
    const char *first = cursor->at;
    struct vfl_span part;
    unsigned word_count = 0;
    while (take_token(cursor, is_lower, &part)) {
        word_count++;
        if (!EAT(cursor, "-"))
            return false;
    }
    if (word_count < 2 || !take_token(cursor, is_digit, &part) || part.len > 2)
        return false;
    *ret_region = (struct vfl_span){first, (size_t)(cursor->at - first)};
    return ret_region->len <= MAX_TOKEN_BYTES;
}

/* The id after "fl-" is opaque. */
static bool take_flow_log_id(struct cursor *cursor, struct vfl_span *ret_id)
{
    const char *first = cursor->at;
    struct vfl_span opaque;
    if (!EAT(cursor, "fl-") || !take_token(cursor, is_alnum, &opaque))
        return false;
    *ret_id = (struct vfl_span){first, (size_t)(cursor->at - first)};
    return true;
}

/* The folders from the account to the hour. */
static bool take_path(struct cursor *cursor, struct vfl_object_key *key, struct date *date)
{
    bool is_hive = EAT(cursor, "aws-account-id=");
    key->layout = is_hive ? VFL_KEY_LAYOUT_HIVE : VFL_KEY_LAYOUT_DEFAULT;
    if (!take_account(cursor, &key->account))
        return false;
    if (is_hive ? !EAT(cursor, "/aws-service=vpcflowlogs/aws-region=")
                : !EAT(cursor, "/vpcflowlogs/"))
        return false;
    if (!take_region(cursor, &key->region) || !EAT(cursor, "/") ||
        (is_hive && !EAT(cursor, "year=")) || !take_number(cursor, 4, &date->year) ||
        !EAT(cursor, "/") || (is_hive && !EAT(cursor, "month=")) ||
        !take_number(cursor, 2, &date->month) || !EAT(cursor, "/") ||
        (is_hive && !EAT(cursor, "day=")) || !take_number(cursor, 2, &date->day) ||
        !EAT(cursor, "/"))
        return false;
    /* A file name starts with twelve digits, so two digits and a slash can only be the hour. */
    struct cursor hour = *cursor;
    if ((is_hive && !EAT(&hour, "hour=")) || !take_number(&hour, 2, &date->hour) ||
        !EAT(&hour, "/")) {
        date->hour = 0;
        return true;
    }
    key->is_hourly = true;
    *cursor = hour;
    return true;
}

/* {account}_vpcflowlogs_{region}_{flow-log id}_{YYYYMMDDTHHmmZ}_{hash}.{form} */
static bool take_name(struct cursor *cursor, struct vfl_object_key *key, struct date *date)
{
    struct vfl_span account, region, hash;
    if (!take_account(cursor, &account) || !vfl_span_equal(account, key->account) ||
        !EAT(cursor, "_vpcflowlogs_") || !take_region(cursor, &region) ||
        !vfl_span_equal(region, key->region) || !EAT(cursor, "_") ||
        !take_flow_log_id(cursor, &key->flow_log_id) || !EAT(cursor, "_") ||
        !take_number(cursor, 4, &date->year) || !take_number(cursor, 2, &date->month) ||
        !take_number(cursor, 2, &date->day) || !EAT(cursor, "T") ||
        !take_number(cursor, 2, &date->hour) || !take_number(cursor, 2, &date->minute) ||
        !EAT(cursor, "Z_") || !take_token(cursor, is_alnum, &hash) || !EAT(cursor, ".log"))
        return false;
    if (EAT(cursor, ".parquet"))
        key->form = VFL_KEY_FORM_PARQUET;
    else if (cursor->at == cursor->end || EAT(cursor, ".gz"))
        key->form = VFL_KEY_FORM_TEXT;
    return cursor->at == cursor->end;
}

static bool is_leap_year(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool is_possible(const struct date *date)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date->year < 1970 || date->month < 1 || date->month > 12 || date->hour > 23 ||
        date->minute > 59)
        return false;
    unsigned last_day = days[date->month - 1] + (date->month == 2 && is_leap_year(date->year));
    return date->day >= 1 && date->day <= last_day;
}

static int64_t epoch_s_of(const struct date *date)
{
    static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t years_before = (int64_t)date->year - 1;
    int64_t days = years_before * 365 + years_before / 4 - years_before / 100 + years_before / 400;
    days += days_before[date->month - 1] + (date->month > 2 && is_leap_year(date->year));
    days += (int64_t)date->day - 1 - 719162; /* days from 0001-01-01 to 1970-01-01 */
    return (days * 24 + date->hour) * 3600 + date->minute * INT64_C(60);
}

/* The inverse of epoch_s_of. */
static struct date date_of(int64_t epoch_s)
{
    if (epoch_s < 0)
        epoch_s = 0;
    /* No year is longer than 366 days, so this one is not too late. */
    struct date date = {.year = 1970 + (unsigned)(epoch_s / 86400 / 366), .month = 1, .day = 1};
    while (epoch_s_of(&(struct date){.year = date.year + 1, .month = 1, .day = 1}) <= epoch_s)
        date.year++;
    while (date.month < 12 && epoch_s_of(&(struct date){
                                  .year = date.year, .month = date.month + 1, .day = 1}) <= epoch_s)
        date.month++;
    int64_t rest_s = epoch_s - epoch_s_of(&date);
    date.day += (unsigned)(rest_s / 86400);
    date.hour = (unsigned)(rest_s / 3600 % 24);
    date.minute = (unsigned)(rest_s / 60 % 60);
    return date;
}

static enum vfl_status not_ours(struct vfl_span key, const char *reason, struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NOT_FOUND, "%.*s %s", key.len < INT_MAX ? (int)key.len : INT_MAX,
                         key.len > 0 ? key.ptr : "", reason);
}

enum vfl_status vfl_object_key_parse(struct vfl_span key, struct vfl_span folder,
                                     struct vfl_span account, struct vfl_span region,
                                     struct vfl_object_key *ret_key, struct vfl_error *err)
{
    struct vfl_object_key parsed = {0};
    struct date path_date = {0};
    struct date name_date = {0};
    if (key.len == 0)
        return not_ours(key, "is no flow-log file", err);
    struct cursor cursor = {key.ptr, key.ptr + key.len};
    if (folder.len > 0 && (!eat(&cursor, folder) || !EAT(&cursor, "/")))
        return not_ours(key, "is outside the flow log's folder", err);
    if (!EAT(&cursor, "AWSLogs/") || !take_path(&cursor, &parsed, &path_date) ||
        !take_name(&cursor, &parsed, &name_date))
        return not_ours(key, "is no flow-log file", err);
    if (account.ptr != NULL && !vfl_span_equal(account, parsed.account))
        return not_ours(key, "belongs to another account", err);
    if (region.ptr != NULL && !vfl_span_equal(region, parsed.region))
        return not_ours(key, "belongs to another region", err);
    if (!is_possible(&path_date) || !is_possible(&name_date))
        return vfl_error_set(err, VFL_FORMAT, "%.*s names an impossible date",
                             key.len < INT_MAX ? (int)key.len : INT_MAX, key.ptr);
    parsed.time_epoch_s = epoch_s_of(&name_date);
    parsed.folder_epoch_s = epoch_s_of(&path_date);
    *ret_key = parsed;
    return VFL_OK;
}

void vfl_object_key_append_prefix(struct vfl_strbuf *out, enum vfl_key_layout layout,
                                  struct vfl_span folder, struct vfl_span account,
                                  struct vfl_span region)
{
    bool is_hive = layout == VFL_KEY_LAYOUT_HIVE;
    if (folder.len > 0) {
        vfl_strbuf_append(out, folder);
        vfl_strbuf_append_char(out, '/');
    }
    vfl_strbuf_append_string(out, is_hive ? "AWSLogs/aws-account-id=" : "AWSLogs/");
    vfl_strbuf_append(out, account);
    vfl_strbuf_append_string(out,
                             is_hive ? "/aws-service=vpcflowlogs/aws-region=" : "/vpcflowlogs/");
    vfl_strbuf_append(out, region);
    vfl_strbuf_append_char(out, '/');
}

void vfl_object_key_append_day(struct vfl_strbuf *out, enum vfl_key_layout layout, int64_t epoch_s)
{
    struct date date = date_of(epoch_s);
    vfl_strbuf_appendf(
        out, layout == VFL_KEY_LAYOUT_HIVE ? "year=%04u/month=%02u/day=%02u/" : "%04u/%02u/%02u/",
        date.year, date.month, date.day);
}

void vfl_object_key_append_hour(struct vfl_strbuf *out, enum vfl_key_layout layout, int64_t epoch_s)
{
    struct date date = date_of(epoch_s);
    vfl_strbuf_appendf(out, layout == VFL_KEY_LAYOUT_HIVE ? "hour=%02u/" : "%02u/", date.hour);
}

void vfl_object_key_append_name(struct vfl_strbuf *out, struct vfl_span account,
                                struct vfl_span region, struct vfl_span flow_log_id)
{
    vfl_strbuf_append(out, account);
    vfl_strbuf_append_string(out, "_vpcflowlogs_");
    vfl_strbuf_append(out, region);
    vfl_strbuf_append_char(out, '_');
    vfl_strbuf_append(out, flow_log_id);
    vfl_strbuf_append_char(out, '_');
}

void vfl_object_key_append_time(struct vfl_strbuf *out, int64_t epoch_s)
{
    struct date date = date_of(epoch_s);
    vfl_strbuf_appendf(out, "%04u%02u%02uT%02u%02uZ", date.year, date.month, date.day, date.hour,
                       date.minute);
}
