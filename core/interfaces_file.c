#include "core/interfaces_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#define MAX_LIST_ITEMS 65536 /* addresses or prefixes of one interface */

/* Where a value stands, for messages: "NetworkInterfaces[3].Association.PublicIp". */
struct place {
    const struct place *outer;
    const char *member; /* NULL: the item of a list */
    size_t index;
};

/* Room for the lists of one interface, used again for the next. */
struct lists {
    struct vfl_interface_address *addresses;
    size_t addresses_allocated;
    struct vfl_span *ipv6_addresses;
    size_t ipv6_addresses_allocated;
    struct vfl_span *prefixes;
    size_t prefixes_allocated;
};

/* ---- values by type ---- */

static void format_place(const struct place *place, char *text, size_t size)
{
    if (place->outer != NULL)
        format_place(place->outer, text, size);
    size_t used = strlen(text);
    if (place->member == NULL)
        (void)snprintf(text + used, size - used, "[%zu]", place->index);
    else
        (void)snprintf(text + used, size - used, "%s%s", used > 0 ? "." : "", place->member);
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static enum vfl_status refuse(const struct place *place, const json_t *found, const char *expected,
                              struct vfl_error *err)
{
    char text[200] = "";
    format_place(place, text, sizeof text);
    return vfl_error_set(err, VFL_FORMAT, "%s: found %s, expected %s", text,
                         found == NULL ? "nothing" : type_name(found), expected);
}

/* NULL when absent or null, which AWS tools print alike. */
static const json_t *member_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

static enum vfl_status read_text(const json_t *object, const char *name, const struct place *outer,
                                 struct vfl_span *ret_text, struct vfl_error *err)
{
    struct place place = {outer, name, 0};
    const json_t *value = member_of(object, name);
    if (value == NULL)
        return VFL_OK;
    if (!json_is_string(value))
        return refuse(&place, value, "a text", err);
    if (json_string_length(value) > 0)
        *ret_text = (struct vfl_span){json_string_value(value), json_string_length(value)};
    return VFL_OK;
}

static enum vfl_status read_boolean(const json_t *object, const char *name,
                                    const struct place *outer, bool *ret_value,
                                    struct vfl_error *err)
{
    struct place place = {outer, name, 0};
    const json_t *value = member_of(object, name);
    if (value == NULL)
        return VFL_OK;
    if (!json_is_boolean(value))
        return refuse(&place, value, "true or false", err);
    *ret_value = json_is_true(value);
    return VFL_OK;
}

static enum vfl_status read_object(const json_t *object, const char *name,
                                   const struct place *outer, const json_t **ret_object,
                                   struct vfl_error *err)
{
    struct place place = {outer, name, 0};
    const json_t *value = member_of(object, name);
    if (value != NULL && !json_is_object(value))
        return refuse(&place, value, "an object", err);
    *ret_object = value;
    return VFL_OK;
}

/* A list of objects; an absent one is empty. */
static enum vfl_status read_list(const json_t *object, const char *name, const struct place *outer,
                                 const json_t **ret_list, struct vfl_error *err)
{
    struct place place = {outer, name, 0};
    const json_t *value = member_of(object, name);
    if (value != NULL && !json_is_array(value))
        return refuse(&place, value, "a list", err);
    if (json_array_size(value) > MAX_LIST_ITEMS)
        return refuse(&place, value, "fewer items", err);
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place item = {&place, NULL, i};
        if (!json_is_object(json_array_get(value, i)))
            return refuse(&item, json_array_get(value, i), "an object", err);
    }
    *ret_list = value;
    return VFL_OK;
}

/* Room for count items and one more, in items or in its place; the content is lost. NULL without
 * memory: items then stays as it is. */
static void *reserve(void *items, size_t *allocated, size_t count, size_t item_bytes)
{
    if (count < *allocated)
        return items;
    void *room = calloc(count + 1, item_bytes);
    if (room == NULL)
        return NULL;
    free(items);
    *allocated = count + 1;
    return room;
}

static enum vfl_status reserve_addresses(struct lists *lists, size_t count, struct vfl_error *err)
{
    void *room =
        reserve(lists->addresses, &lists->addresses_allocated, count, sizeof *lists->addresses);
    if (room == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for %zu addresses", count);
    lists->addresses = room;
    return VFL_OK;
}

static enum vfl_status reserve_texts(struct vfl_span **texts, size_t *allocated, size_t count,
                                     struct vfl_error *err)
{
    void *room = reserve(*texts, allocated, count, sizeof **texts);
    if (room == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for %zu addresses", count);
    *texts = room;
    return VFL_OK;
}

/* ---- time ---- */

static bool read_digits(const char **at, int count, int min, int max, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        value = value * 10 + (**at - '0');
    }
    if (value < min || value > max)
        return false;
    *ret_value = value;
    return true;
}

/* Days from 1970-01-01 in the Gregorian calendar; years are counted from March, so that the leap
 * day is the last of its year. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t shifted_year = month > 2 ? year : year - 1;
    int64_t shifted_month = (month + 9) % 12;
    int64_t day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    return shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 +
           day_of_year - 719468;
}

static bool read_zone(const char *at, int *ret_offset_s)
{
    int hours = 0;
    int minutes = 0;
    if (strcmp(at, "Z") == 0) {
        *ret_offset_s = 0;
        return true;
    }
    int sign = *at == '+' ? 1 : -1;
    if (*at != '+' && *at != '-')
        return false;
    at++;
    if (!read_digits(&at, 2, 0, 23, &hours))
        return false;
    if (*at == ':')
        at++;
    if (!read_digits(&at, 2, 0, 59, &minutes) || *at != '\0')
        return false;
    *ret_offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool skip_char(const char **at, char expected)
{
    if (**at != expected)
        return false;
    (*at)++;
    return true;
}

/* YYYY-MM-DDTHH:MM:SS[.fraction](Z|+HH:MM). 0 for anything else: the time only serves to tell which
 * of two interfaces came first. */
static int64_t parse_time(const char *text)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *at = text;
    int year, month, day, hour, minute, second, offset_s;
    if (!read_digits(&at, 4, 1970, 9999, &year) || !skip_char(&at, '-') ||
        !read_digits(&at, 2, 1, 12, &month) || !skip_char(&at, '-') ||
        !read_digits(&at, 2, 1, month_days[month - 1], &day) || !skip_char(&at, 'T') ||
        !read_digits(&at, 2, 0, 23, &hour) || !skip_char(&at, ':') ||
        !read_digits(&at, 2, 0, 59, &minute) || !skip_char(&at, ':') ||
        !read_digits(&at, 2, 0, 60, &second))
        return 0;
    bool is_leap_year = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2 && day == 29 && !is_leap_year)
        return 0;
    if (*at == '.')
        at += 1 + strspn(at + 1, "0123456789");
    if (!read_zone(at, &offset_s))
        return 0;
    return days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
           offset_s;
}

/* ---- one interface ---- */

/* "eu-west-1a" -> "eu-west-1". Zones of other forms (local zones, Wavelength) do not tell. */
static struct vfl_span region_of_zone(struct vfl_span zone)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static const struct vfl_span none = {NULL, 0};
    if (zone.ptr == NULL)
        return none;
    const char *at = zone.ptr;
    size_t word_count = 0;
    for (size_t length = strspn(at, letters); length > 0 && at[length] == '-';
         length = strspn(at, letters)) {
        at += length + 1;
        word_count++;
    }
    size_t digits = strspn(at, "0123456789");
    if (word_count < 2 || digits == 0 || strspn(at + digits, letters) != 1 ||
        at[digits + 1] != '\0')
        return none;
    return (struct vfl_span){zone.ptr, zone.len - 1};
}

static enum vfl_status read_association(const json_t *object, const struct place *outer,
                                        struct vfl_interface_address *address,
                                        struct vfl_error *err)
{
    struct place place = {outer, "Association", 0};
    const json_t *association = NULL;
    enum vfl_status st = read_object(object, "Association", outer, &association, err);
    if (st == VFL_OK)
        st = read_text(association, "PublicIp", &place, &address->public_ip, err);
    if (st == VFL_OK)
        st = read_text(association, "CarrierIp", &place, &address->carrier_ip, err);
    if (st == VFL_OK)
        st = read_text(association, "CustomerOwnedIp", &place, &address->customer_owned_ip, err);
    return st;
}

static enum vfl_status read_addresses(const json_t *object, const struct place *outer,
                                      struct lists *lists, struct vfl_interface *interface,
                                      struct vfl_error *err)
{
    struct place place = {outer, "PrivateIpAddresses", 0};
    const json_t *list = NULL;
    enum vfl_status st = read_list(object, "PrivateIpAddresses", outer, &list, err);
    size_t count = json_array_size(list);
    size_t used = 0;
    if (st == VFL_OK)
        st = reserve_addresses(lists, count, err);
    for (size_t i = 0; st == VFL_OK && i < count; i++) {
        struct place item_place = {&place, NULL, i};
        const json_t *item = json_array_get(list, i);
        struct vfl_interface_address address = {0};
        st = read_text(item, "PrivateIpAddress", &item_place, &address.private_ip, err);
        if (st == VFL_OK)
            st = read_boolean(item, "Primary", &item_place, &address.is_primary, err);
        if (st == VFL_OK)
            st = read_association(item, &item_place, &address, err);
        if (st == VFL_OK && address.private_ip.len > 0)
            lists->addresses[used++] = address;
    }
    if (st == VFL_OK && used == 0) { /* output cut down by --query may keep only this */
        struct vfl_interface_address address = {.is_primary = true};
        st = read_text(object, "PrivateIpAddress", outer, &address.private_ip, err);
        if (st == VFL_OK)
            st = read_association(object, outer, &address, err);
        if (st == VFL_OK && address.private_ip.len > 0)
            lists->addresses[used++] = address;
    }
    interface->addresses = lists->addresses;
    interface->address_count = used;
    return st;
}

/* Appends the text `member` of each object in the list `name` to texts. */
static enum vfl_status read_texts(const json_t *list, const char *name, const char *member,
                                  const struct place *outer, struct vfl_span *texts, size_t *count,
                                  struct vfl_error *err)
{
    struct place place = {outer, name, 0};
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct place item_place = {&place, NULL, i};
        struct vfl_span text = {NULL, 0};
        enum vfl_status st = read_text(json_array_get(list, i), member, &item_place, &text, err);
        if (st != VFL_OK)
            return st;
        if (text.len > 0)
            texts[(*count)++] = text;
    }
    return VFL_OK;
}

static enum vfl_status read_ipv6_and_prefixes(const json_t *object, const struct place *outer,
                                              struct lists *lists, struct vfl_interface *interface,
                                              struct vfl_error *err)
{
    const json_t *ipv6 = NULL;
    const json_t *ipv4_prefixes = NULL;
    const json_t *ipv6_prefixes = NULL;
    enum vfl_status st = read_list(object, "Ipv6Addresses", outer, &ipv6, err);
    if (st == VFL_OK)
        st = read_list(object, "Ipv4Prefixes", outer, &ipv4_prefixes, err);
    if (st == VFL_OK)
        st = read_list(object, "Ipv6Prefixes", outer, &ipv6_prefixes, err);
    if (st == VFL_OK)
        st = reserve_texts(&lists->ipv6_addresses, &lists->ipv6_addresses_allocated,
                           json_array_size(ipv6), err);
    if (st == VFL_OK)
        st = reserve_texts(&lists->prefixes, &lists->prefixes_allocated,
                           json_array_size(ipv4_prefixes) + json_array_size(ipv6_prefixes), err);
    if (st == VFL_OK)
        st = read_texts(ipv6, "Ipv6Addresses", "Ipv6Address", outer, lists->ipv6_addresses,
                        &interface->ipv6_address_count, err);
    if (st == VFL_OK)
        st = read_texts(ipv4_prefixes, "Ipv4Prefixes", "Ipv4Prefix", outer, lists->prefixes,
                        &interface->prefix_count, err);
    if (st == VFL_OK)
        st = read_texts(ipv6_prefixes, "Ipv6Prefixes", "Ipv6Prefix", outer, lists->prefixes,
                        &interface->prefix_count, err);
    interface->ipv6_addresses = lists->ipv6_addresses;
    interface->prefixes = lists->prefixes;
    return st;
}

static enum vfl_status read_attachment(const json_t *object, const struct place *outer,
                                       struct vfl_interface *interface, struct vfl_error *err)
{
    struct place place = {outer, "Attachment", 0};
    const json_t *attachment = NULL;
    struct vfl_span time = {NULL, 0};
    enum vfl_status st = read_object(object, "Attachment", outer, &attachment, err);
    if (st == VFL_OK)
        st = read_text(attachment, "InstanceId", &place, &interface->attachment_instance_id, err);
    if (st == VFL_OK)
        st = read_text(attachment, "InstanceOwnerId", &place, &interface->attachment_owner_id, err);
    if (st == VFL_OK)
        st = read_text(attachment, "AttachTime", &place, &time, err);
    interface->attach_epoch_s = time.ptr != NULL ? parse_time(time.ptr) : 0;
    return st;
}

static enum vfl_status read_interface(const json_t *object, const struct place *place,
                                      struct lists *lists, struct vfl_interface *interface,
                                      struct vfl_error *err)
{
    struct vfl_span zone = {NULL, 0};
    const struct {
        const char *name;
        struct vfl_span *text;
    } texts[] = {
        {"NetworkInterfaceId", &interface->id},   {"VpcId", &interface->vpc_id},
        {"SubnetId", &interface->subnet_id},      {"InterfaceType", &interface->type},
        {"Description", &interface->description}, {"RequesterId", &interface->requester_id},
        {"OwnerId", &interface->owner_id},        {"AvailabilityZone", &zone},
    };
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; st == VFL_OK && i < sizeof texts / sizeof texts[0]; i++)
        st = read_text(object, texts[i].name, place, texts[i].text, err);
    if (st == VFL_OK && interface->id.len == 0) {
        struct place id_place = {place, "NetworkInterfaceId", 0};
        st = refuse(&id_place, NULL, "a text", err);
    }
    if (st == VFL_OK)
        st = read_boolean(object, "RequesterManaged", place, &interface->is_requester_managed, err);
    if (st == VFL_OK)
        st = read_attachment(object, place, interface, err);
    if (st == VFL_OK)
        st = read_addresses(object, place, lists, interface, err);
    if (st == VFL_OK)
        st = read_ipv6_and_prefixes(object, place, lists, interface, err);
    interface->region = region_of_zone(zone);
    return st;
}

static enum vfl_status walk_interfaces(const json_t *root, struct vfl_interface_sink sink,
                                       struct vfl_error *err)
{
    struct place place = {NULL, "NetworkInterfaces", 0};
    const json_t *list = member_of(root, "NetworkInterfaces");
    if (!json_is_array(list))
        return vfl_error_set(err, VFL_FORMAT,
                             "found %s without a list NetworkInterfaces, expected what aws ec2 "
                             "describe-network-interfaces prints",
                             type_name(root));
    struct lists lists = {0};
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; st == VFL_OK && i < json_array_size(list); i++) {
        struct place item_place = {&place, NULL, i};
        const json_t *item = json_array_get(list, i);
        struct vfl_interface interface = {0};
        if (!json_is_object(item))
            st = refuse(&item_place, item, "an object", err);
        else
            st = read_interface(item, &item_place, &lists, &interface, err);
        if (st == VFL_OK)
            st = sink.add(sink.ctx, &interface, err);
    }
    free(lists.addresses);
    free(lists.ipv6_addresses);
    free(lists.prefixes);
    return st;
}

/* ---- the file ---- */

struct reader {
    int fd;
    size_t read_bytes;
    int code; /* errno of a failed read */
    bool is_too_long;
};

static size_t read_some(void *buffer, size_t size, void *ctx)
{
    struct reader *reader = ctx;
    ssize_t got;
    do
        got = read(reader->fd, buffer, size);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        reader->code = errno;
        return (size_t)-1;
    }
    reader->read_bytes += (size_t)got;
    if (reader->read_bytes > VFL_INTERFACES_FILE_MAX_BYTES) {
        reader->is_too_long = true;
        return (size_t)-1;
    }
    return (size_t)got;
}

static enum vfl_status fail_io(int code, const char *action, struct vfl_error *err)
{
    char reason[128] = "";
    if (strerror_r(code, reason, sizeof reason) != 0)
        (void)snprintf(reason, sizeof reason, "error %d", code);
    return vfl_error_set(err, VFL_IO, "cannot be %s: %s", action, reason);
}

static enum vfl_status refuse_length(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_LIMIT, "is longer than %u bytes", VFL_INTERFACES_FILE_MAX_BYTES);
}

static enum vfl_status open_file(const char *path, int *ret_fd, struct vfl_error *err)
{
    struct stat info;
    /* O_NONBLOCK: a pipe of that name must not hold the run up. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail_io(errno, "opened", err);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        (void)close(fd);
        return vfl_error_set(err, VFL_IO, "is not a regular file");
    }
    if (info.st_size > (off_t)VFL_INTERFACES_FILE_MAX_BYTES) {
        (void)close(fd);
        return refuse_length(err);
    }
    *ret_fd = fd;
    return VFL_OK;
}

static enum vfl_status load(int fd, json_t **ret_root, struct vfl_error *err)
{
    struct reader reader = {.fd = fd};
    json_error_t problem;
    json_t *root = json_load_callback(read_some, &reader, 0, &problem);
    if (reader.is_too_long) {
        json_decref(root);
        return refuse_length(err);
    }
    if (reader.code != 0) {
        json_decref(root);
        return fail_io(reader.code, "read", err);
    }
    /* Where it runs out of memory, jansson mostly says nothing. */
    if (root == NULL && (problem.line < 0 || json_error_code(&problem) == json_error_out_of_memory))
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory to read it");
    if (root == NULL)
        return vfl_error_set(err, VFL_FORMAT, "line %d column %d is not valid JSON: %s",
                             problem.line, problem.column, problem.text);
    *ret_root = root;
    return VFL_OK;
}

enum vfl_status vfl_interfaces_file_read(const char *path, struct vfl_interface_sink sink,
                                         struct vfl_error *err)
{
    int fd = -1;
    json_t *root = NULL;
    enum vfl_status st = open_file(path, &fd, err);
    if (st == VFL_OK)
        st = load(fd, &root, err);
    if (st == VFL_OK)
        st = walk_interfaces(root, sink, err);
    json_decref(root);
    if (fd >= 0)
        (void)close(fd);
    return st == VFL_OK ? VFL_OK : vfl_error_wrap(err, st, "interfaces file %.200s", path);
}
