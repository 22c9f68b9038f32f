#include "core/config_text.h"

#include <string.h>

#define ALNUM_LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define ALNUM ALNUM_LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define ACCOUNT_DIGITS 12

static bool consists_of(const char *text, size_t min_bytes, size_t max_bytes, const char *allowed)
{
    size_t length = strlen(text);
    return length >= min_bytes && length <= max_bytes && strspn(text, allowed) == length;
}

static bool is_visible_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f)
            return false;
    return true;
}

static void trim_trailing_slashes(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '/')
        text[--length] = '\0';
}

/* A colon-separated field of an ARN; absent when there are not so many. */
static struct vfl_span arn_field(const char *arn, int index)
{
    for (; index > 0; index--) {
        const char *colon = strchr(arn, ':');
        if (colon == NULL)
            return (struct vfl_span){NULL, 0};
        arn = colon + 1;
    }
    return (struct vfl_span){arn, strcspn(arn, ":")};
}

struct vfl_span vfl_config_arn_partition(const char *role_arn)
{
    return arn_field(role_arn, 1);
}

struct vfl_span vfl_config_arn_account(const char *role_arn)
{
    return arn_field(role_arn, 4);
}

const char *vfl_config_check_role_arn(char *text)
{
    static const char expected[] = VFL_CONFIG_ROLE_ARN_FORM;
    struct vfl_span partition = vfl_config_arn_partition(text);
    struct vfl_span account = vfl_config_arn_account(text);
    struct vfl_span resource = arn_field(text, 5);
    if (!vfl_span_equal_string(arn_field(text, 0), "arn") ||
        !vfl_span_equal_string(arn_field(text, 2), "iam") || arn_field(text, 3).len != 0)
        return expected;
    if (partition.len == 0 || partition.len > 32 ||
        strspn(partition.ptr, ALNUM_LOWER "-") != partition.len)
        return expected;
    if (account.len != ACCOUNT_DIGITS || strspn(account.ptr, DIGITS) != ACCOUNT_DIGITS)
        return "the role's ARN with an account id of 12 digits, "
               "arn:aws:iam::123456789012:role/NAME";
    if (!vfl_span_has_prefix(resource, VFL_SPAN_LITERAL("role/")) || !is_visible_ascii(text))
        return expected;
    const char *name = strrchr(text, '/') + 1; /* after the optional path */
    return consists_of(name, 1, 64, ALNUM "_+=,.@-") ? NULL : expected;
}

const char *vfl_config_check_region(char *text)
{
    /* The name becomes part of a host name. */
    return consists_of(text, 1, 63, ALNUM_LOWER "-") ? NULL : "a region's name such as eu-west-1";
}

const char *vfl_config_check_bucket(char *text)
{
    size_t length = strlen(text);
    if (strncmp(text, "arn:", 4) == 0)
        return "the bucket's name, not an ARN (access points are not supported)";
    if (strchr(text, '/') != NULL)
        return "the bucket's name alone (a folder belongs in log_prefix)";
    if (length >= 6 && strcmp(text + length - 6, "--x-s3") == 0)
        return "a general purpose bucket (directory buckets of S3 Express, --x-s3, are not "
               "supported)";
    /* Buckets of us-east-1 made before March 2018 may be longer, with capitals and underscores. */
    if (!consists_of(text, 3, 255, ALNUM "._-") || text[0] == '.' || strstr(text, "..") != NULL)
        return "a bucket's name: 3 to 63 of the characters a-z 0-9 . -";
    return NULL;
}

const char *vfl_config_check_log_prefix(char *text)
{
    size_t outer = strspn(text, "/");
    memmove(text, text + outer, strlen(text + outer) + 1);
    trim_trailing_slashes(text);
    for (const char *segment = text; *segment != '\0';) {
        struct vfl_span name = {segment, strcspn(segment, "/")};
        if (vfl_span_equal_string(name, ".") || vfl_span_equal_string(name, ".."))
            return "a folder without '.' and '..'";
        /* Reserved: User Guide, Create a flow log that publishes to Amazon S3. */
        if (vfl_span_equal_string(name, "AWSLogs"))
            return "the folder before AWSLogs, without AWSLogs itself";
        segment += name.len;
        segment += strspn(segment, "/");
    }
    return NULL;
}

/* host[:port], with an IPv6 host in brackets. */
static bool is_authority(struct vfl_span authority)
{
    char text[300];
    if (authority.len == 0 || authority.len >= sizeof text)
        return false;
    memcpy(text, authority.ptr, authority.len);
    text[authority.len] = '\0';
    size_t host_bytes;
    if (text[0] == '[') {
        host_bytes = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        if (host_bytes < 3 || text[host_bytes] != ']')
            return false;
        host_bytes++;
    } else {
        host_bytes = strspn(text, ALNUM ".-_");
        if (host_bytes == 0)
            return false;
    }
    unsigned port;
    return text[host_bytes] == '\0' ||
           (text[host_bytes] == ':' &&
            vfl_config_parse_number(vfl_span_from_string(text + host_bytes + 1), 1, 65535, &port));
}

const char *vfl_config_check_url(char *text)
{
    static const char expected[] = "a URL, https://HOST[:PORT][/PATH]";
    size_t scheme_bytes;
    if (strncmp(text, "https://", 8) == 0)
        scheme_bytes = 8;
    else if (strncmp(text, "http://", 7) == 0)
        scheme_bytes = 7;
    else
        return expected;
    if (strchr(text, '@') != NULL)
        return "a URL without user name and password (credentials are keys of init_config)";
    if (strpbrk(text, "?#") != NULL)
        return "a URL without query and fragment";
    const char *authority = text + scheme_bytes;
    if (!is_visible_ascii(text) || strpbrk(text, "\\\"<>^`{|}") != NULL ||
        !is_authority((struct vfl_span){authority, strcspn(authority, "/")}))
        return expected;
    trim_trailing_slashes(text);
    return NULL;
}

const char *vfl_config_url_folder(const char *url)
{
    return strncmp(url, "file://", 7) == 0 ? url + 7 : NULL;
}

const char *vfl_config_check_url_or_folder(char *text)
{
    if (vfl_config_url_folder(text) == NULL)
        return vfl_config_check_url(text);
    if (text[7] != '/')
        return "an absolute path after file:// (three slashes: file:///FOLDER)";
    trim_trailing_slashes(text + 7);
    return text[7] == '\0' ? "a folder other than / after file://" : NULL;
}

const char *vfl_config_check_topology_type(char *text)
{
    return strcmp(text, "aws-v2") != 0
               ? NULL
               : "another type: snapshots of aws-v2 belong to the account scan, and ours would "
                 "delete its components";
}

const char *vfl_config_check_access_key_id(char *text)
{
    /* It is a field of the Authorization header, which separates fields by these. */
    return is_visible_ascii(text) && strpbrk(text, "/,=\"") == NULL
               ? NULL
               : "an access key id (letters and digits, no spaces)";
}

const char *vfl_config_check_secret_access_key(char *text)
{
    return is_visible_ascii(text) ? NULL : "a secret access key (ASCII without spaces)";
}

bool vfl_config_is_external_id(const char *text)
{
    return consists_of(text, 2, 1224, ALNUM "_+=,.@:/-");
}

bool vfl_config_parse_boolean(struct vfl_span text, bool *ret_value)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true", true}, {"True", true},   {"TRUE", true},   {"yes", true},    {"Yes", true},
        {"YES", true},  {"on", true},     {"On", true},     {"ON", true},     {"y", true},
        {"Y", true},    {"false", false}, {"False", false}, {"FALSE", false}, {"no", false},
        {"No", false},  {"NO", false},    {"off", false},   {"Off", false},   {"OFF", false},
        {"n", false},   {"N", false},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (vfl_span_equal_string(text, words[i].word)) {
            *ret_value = words[i].value;
            return true;
        }
    }
    return false;
}

static size_t skip(struct vfl_span text, size_t at, const char *set)
{
    while (at < text.len && text.ptr[at] != '\0' && strchr(set, text.ptr[at]) != NULL)
        at++;
    return at;
}

static bool is_based_number(struct vfl_span text)
{
    static const struct {
        const char *prefix;
        const char *digits;
    } bases[] = {{"0x", "0123456789abcdefABCDEF_"},
                 {"0X", "0123456789abcdefABCDEF_"},
                 {"0o", "01234567_"},
                 {"0O", "01234567_"},
                 {"0b", "01_"},
                 {"0B", "01_"}};
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++)
        if (vfl_span_has_prefix(text, vfl_span_from_string(bases[i].prefix)))
            return text.len > 2 && skip(text, 2, bases[i].digits) == text.len;
    return false;
}

/* YYYY-M-D, alone or before a time of day. */
static bool is_date(struct vfl_span text)
{
    size_t year = skip(text, 0, DIGITS);
    if (year != 4 || year == text.len || text.ptr[year] != '-')
        return false;
    size_t month = skip(text, year + 1, DIGITS);
    if (month - year < 2 || month - year > 3 || month == text.len || text.ptr[month] != '-')
        return false;
    size_t day = skip(text, month + 1, DIGITS);
    return day - month >= 2 && day - month <= 3 &&
           (day == text.len || (strchr("Tt ", text.ptr[day]) != NULL && text.ptr[day] != '\0'));
}

bool vfl_config_is_like_number(struct vfl_span text)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};
    if (is_date(text))
        return true;
    if (text.len > 0 && (*text.ptr == '+' || *text.ptr == '-'))
        text = (struct vfl_span){text.ptr + 1, text.len - 1};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (vfl_span_equal_string(text, words[i]))
            return true;
    if (is_based_number(text))
        return true;
    /* Digits; in groups of sixty; a fraction; an exponent. */
    size_t at = skip(text, 0, DIGITS "_:");
    size_t digit_count = skip(text, 0, DIGITS);
    bool has_point = at < text.len && text.ptr[at] == '.';
    if (has_point) {
        size_t end = skip(text, at + 1, DIGITS "_");
        digit_count += end - at - 1;
        at = end;
    }
    if (digit_count > 0 && at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        at += at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-');
        size_t end = skip(text, at, DIGITS);
        if (end == at)
            return false;
        at = end;
    }
    return at == text.len && digit_count > 0;
}

bool vfl_config_parse_number(struct vfl_span text, unsigned min, unsigned max, unsigned *ret_value)
{
    unsigned value = 0;
    /* A leading zero means octal to YAML 1.1, so it would not be what it looks like. */
    if (text.len == 0 || text.len > 9 || (text.ptr[0] == '0' && text.len > 1))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.ptr[i] - '0');
    }
    if (value < min || value > max)
        return false;
    *ret_value = value;
    return true;
}
