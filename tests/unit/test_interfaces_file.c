#include "core/interfaces_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/run_suite.h"

static char path[200];
static struct vfl_error err;

static void write_path(const char *content)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(path, sizeof path, "%s/interfaces-XXXXXX", tmp != NULL ? tmp : "/tmp");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    ck_assert_int_eq(close(fd), 0);
    err = (struct vfl_error){0};
}

/* Everything of every interface in one line each: compact, but complete. */
struct record {
    char text[4000];
    size_t count;
    size_t stop_at;
};

static void put(struct record *record, const char *name, struct vfl_span value)
{
    size_t used = strlen(record->text);
    if (value.ptr != NULL)
        (void)snprintf(record->text + used, sizeof record->text - used, " %s=%.*s", name,
                       (int)value.len, value.ptr);
}

static enum vfl_status record_interface(void *ctx, const struct vfl_interface *interface,
                                        struct vfl_error *sink_err)
{
    struct record *record = ctx;
    put(record, "id", interface->id);
    put(record, "vpc", interface->vpc_id);
    put(record, "subnet", interface->subnet_id);
    put(record, "region", interface->region);
    put(record, "type", interface->type);
    put(record, "description", interface->description);
    put(record, "requester", interface->requester_id);
    put(record, "owner", interface->owner_id);
    put(record, "attach_owner", interface->attachment_owner_id);
    put(record, "instance", interface->attachment_instance_id);
    if (interface->attach_epoch_s != 0) {
        char number[30];
        (void)snprintf(number, sizeof number, "%lld", (long long)interface->attach_epoch_s);
        put(record, "attached", vfl_span_from_string(number));
    }
    if (interface->is_requester_managed)
        put(record, "managed", VFL_SPAN_LITERAL("1"));
    for (size_t i = 0; i < interface->address_count; i++) {
        ck_assert_uint_gt(interface->addresses[i].private_ip.len, 0);
        put(record, interface->addresses[i].is_primary ? "PRIMARY" : "ip",
            interface->addresses[i].private_ip);
        put(record, "public", interface->addresses[i].public_ip);
        put(record, "carrier", interface->addresses[i].carrier_ip);
        put(record, "coip", interface->addresses[i].customer_owned_ip);
    }
    for (size_t i = 0; i < interface->ipv6_address_count; i++)
        put(record, "ipv6", interface->ipv6_addresses[i]);
    for (size_t i = 0; i < interface->prefix_count; i++)
        put(record, "prefix", interface->prefixes[i]);
    (void)strcat(record->text, "\n");
    if (++record->count == record->stop_at)
        return vfl_error_set(sink_err, VFL_LIMIT, "directory is full");
    return VFL_OK;
}

static enum vfl_status read_path(struct record *record)
{
    return vfl_interfaces_file_read(path, (struct vfl_interface_sink){record_interface, record},
                                    &err);
}

static void expect_read(const char *content, const char *text)
{
    struct record record = {0};
    write_path(content);
    enum vfl_status st = read_path(&record);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_msg(st == VFL_OK, "%s", err.text);
    ck_assert_str_eq(record.text, text);
}

START_TEST(reads_what_the_command_line_tool_prints)
{
    expect_read(
        "{\"NetworkInterfaces\": [{\n"
        "  \"NetworkInterfaceId\": \"eni-04be3f7132dd24e01\", \"VpcId\": \"vpc-1\",\n"
        "  \"SubnetId\": \"subnet-1\", \"AvailabilityZone\": \"eu-west-1a\",\n"
        "  \"InterfaceType\": \"interface\", \"Description\": \"\", \"OwnerId\": "
        "\"120431062118\",\n"
        "  \"RequesterId\": \"AIDA\", \"RequesterManaged\": true, \"Groups\": [{\"x\": []}],\n"
        "  \"Attachment\": {\"InstanceId\": \"i-1\", \"InstanceOwnerId\": \"amazon-elb\",\n"
        "    \"AttachTime\": \"2021-06-22T03:12:28+00:00\", \"DeviceIndex\": 0},\n"
        "  \"Association\": {\"PublicIp\": \"198.51.100.9\"},\n"
        "  \"PrivateIpAddress\": \"10.0.0.1\",\n"
        "  \"PrivateIpAddresses\": [\n"
        "    {\"Primary\": true, \"PrivateIpAddress\": \"10.0.0.1\",\n"
        "     \"Association\": {\"PublicIp\": \"198.51.100.9\", \"IpOwnerId\": \"amazon\"}},\n"
        "    {\"Primary\": false, \"PrivateIpAddress\": \"10.0.0.2\",\n"
        "     \"Association\": {\"CarrierIp\": \"155.146.1.1\", \"CustomerOwnedIp\": "
        "\"192.0.2.7\"}}],\n"
        "  \"Ipv6Addresses\": [{\"Ipv6Address\": \"2001:db8::1\"}, {\"Ipv6Address\": "
        "\"2001:db8::2\"}],\n"
        "  \"Ipv4Prefixes\": [{\"Ipv4Prefix\": \"10.0.1.16/28\"}],\n"
        "  \"Ipv6Prefixes\": [{\"Ipv6Prefix\": \"2001:db8:1::/80\"}]},\n"
        "  {\"NetworkInterfaceId\": \"eni-2\"}], \"NextToken\": null}\n",
        " id=eni-04be3f7132dd24e01 vpc=vpc-1 subnet=subnet-1 region=eu-west-1 type=interface"
        " requester=AIDA owner=120431062118 attach_owner=amazon-elb instance=i-1"
        " attached=1624331548 managed=1 PRIMARY=10.0.0.1 public=198.51.100.9 ip=10.0.0.2"
        " carrier=155.146.1.1 coip=192.0.2.7 ipv6=2001:db8::1 ipv6=2001:db8::2"
        " prefix=10.0.1.16/28 prefix=2001:db8:1::/80\n"
        " id=eni-2\n");
}
END_TEST

START_TEST(missing_and_null_members_are_absent)
{
    expect_read("{\"NetworkInterfaces\": []}", "");
    expect_read("{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"e\", \"VpcId\": null,"
                "\"Attachment\": null, \"PrivateIpAddresses\": null, \"Ipv6Addresses\": [],"
                "\"RequesterManaged\": null, \"Ipv4Prefixes\": [{}]},"
                "{\"NetworkInterfaceId\": \"f\", \"PrivateIpAddresses\": [{},"
                "{\"PrivateIpAddress\": \"10.0.0.2\"}]}]}",
                " id=e\n id=f ip=10.0.0.2\n");
}
END_TEST

START_TEST(primary_address_alone_is_enough)
{
    expect_read(
        "{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"e\","
        "\"PrivateIpAddress\": \"10.0.0.1\", \"Association\": {\"PublicIp\": \"192.0.2.1\"}}]}",
        " id=e PRIMARY=10.0.0.1 public=192.0.2.1\n");
}
END_TEST

START_TEST(zones_of_the_usual_form_tell_the_region)
{
    const char *const cases[][2] = {
        {"eu-west-1a", " region=eu-west-1"},
        {"us-gov-east-1b", " region=us-gov-east-1"},
        {"ap-southeast-12c", " region=ap-southeast-12"},
        {"us-west-2-lax-1a", ""},
        {"us-east-1-wl1-bos-wlz-1", ""},
        {"eu-west-1", ""},
        {"eu-west-1ab", ""},
        {"west-1a", ""},
        {"EU-west-1a", ""},
        {"-", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char content[200];
        char text[100];
        (void)snprintf(content, sizeof content,
                       "{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"e\","
                       "\"AvailabilityZone\": \"%s\"}]}",
                       cases[i][0]);
        (void)snprintf(text, sizeof text, " id=e%s\n", cases[i][1]);
        expect_read(content, text);
    }
}
END_TEST

/* Expected values by `date -u -d TEXT +%s`. */
START_TEST(attach_times_are_read_in_every_usual_form)
{
    const char *const cases[][2] = {
        {"2021-06-22T03:12:28+00:00", " attached=1624331548"},
        {"2021-06-22T03:12:28Z", " attached=1624331548"},
        {"2021-06-22T03:12:28.000Z", " attached=1624331548"},
        {"2021-06-22T05:12:28+02:00", " attached=1624331548"},
        {"2021-06-21T22:42:28-0430", " attached=1624331548"},
        {"2000-02-29T00:00:00Z", " attached=951782400"},
        {"2024-12-31T23:59:59Z", " attached=1735689599"},
        {"2024-03-01T00:00:00Z", " attached=1709251200"},
        {"1970-01-01T00:00:01Z", " attached=1"},
        {"9999-12-31T23:59:59Z", " attached=253402300799"},
        {"2023-02-29T00:00:00Z", ""},
        {"1900-02-29T00:00:00Z", ""},
        {"2021-13-01T00:00:00Z", ""},
        {"2021-00-01T00:00:00Z", ""},
        {"2021-04-31T00:00:00Z", ""},
        {"2021-06-22T24:00:00Z", ""},
        {"2021-06-22 03:12:28Z", ""},
        {"2021-06-22T03:12:28", ""},
        {"2021-06-22T03:12:28+", ""},
        {"2021-06-22T03:12:28Zx", ""},
        {"2021", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char content[200];
        char text[100];
        (void)snprintf(content, sizeof content,
                       "{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"e\","
                       "\"Attachment\": {\"AttachTime\": \"%s\"}}]}",
                       cases[i][0]);
        (void)snprintf(text, sizeof text, " id=e%s\n", cases[i][1]);
        expect_read(content, text);
    }
}
END_TEST

#define ONE(members) "{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"e\"," members "}]}"

START_TEST(wrong_content_is_named_by_place)
{
    const struct {
        const char *content;
        const char *text; /* after the file's name */
    } cases[] = {
        {"[]", "found a list without a list NetworkInterfaces, expected what aws ec2 "
               "describe-network-interfaces prints"},
        {"{\"NetworkInterfaces\": {}}",
         "found an object without a list NetworkInterfaces, expected what aws ec2 "
         "describe-network-interfaces prints"},
        {"{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"e\"}, 7]}",
         "NetworkInterfaces[1]: found a number, expected an object"},
        {"{\"NetworkInterfaces\": [{\"VpcId\": \"v\"}]}",
         "NetworkInterfaces[0].NetworkInterfaceId: found nothing, expected a text"},
        {ONE("\"VpcId\": 1"), "NetworkInterfaces[0].VpcId: found a number, expected a text"},
        {ONE("\"RequesterManaged\": \"true\""),
         "NetworkInterfaces[0].RequesterManaged: found a text, expected true or false"},
        {ONE("\"Attachment\": []"),
         "NetworkInterfaces[0].Attachment: found a list, expected an object"},
        {ONE("\"PrivateIpAddresses\": \"10.0.0.1\""),
         "NetworkInterfaces[0].PrivateIpAddresses: found a text, expected a list"},
        {ONE("\"PrivateIpAddresses\": [{}, \"10.0.0.1\"]"),
         "NetworkInterfaces[0].PrivateIpAddresses[1]: found a text, expected an object"},
        {ONE("\"PrivateIpAddresses\": [{\"Association\": {\"PublicIp\": true}}]"),
         "NetworkInterfaces[0].PrivateIpAddresses[0].Association.PublicIp: found a boolean, "
         "expected a text"},
        {ONE("\"Ipv6Addresses\": [{\"Ipv6Address\": {}}]"),
         "NetworkInterfaces[0].Ipv6Addresses[0].Ipv6Address: found an object, expected a text"},
        {ONE("\"Ipv6Prefixes\": {}"),
         "NetworkInterfaces[0].Ipv6Prefixes: found an object, expected a list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[600];
        struct record record = {0};
        write_path(cases[i].content);
        ck_assert_int_eq(read_path(&record), VFL_FORMAT);
        (void)snprintf(text, sizeof text, "interfaces file %s: %s", path, cases[i].text);
        ck_assert_str_eq(err.text, text);
        ck_assert_int_eq(unlink(path), 0);
    }
}
END_TEST

START_TEST(syntax_errors_tell_the_line)
{
    const struct {
        const char *content;
        const char *place;
    } cases[] = {
        {"", ": line 1 column 0 is not valid JSON: "},
        {"{\n\"NetworkInterfaces\": [\n{]}", ": line 3 column 2 is not valid JSON: "},
        {"{\"NetworkInterfaces\": [", ": line 1 column 23 is not valid JSON: "},
        {"{\"NetworkInterfaces\": []} x", ": line 1 column 27 is not valid JSON: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct record record = {0};
        write_path(cases[i].content);
        ck_assert_int_eq(read_path(&record), VFL_FORMAT);
        ck_assert_msg(strstr(err.text, cases[i].place) != NULL, "%s", err.text);
        ck_assert_int_eq(unlink(path), 0);
    }
}
END_TEST

START_TEST(sink_stops_the_reading)
{
    struct record record = {.stop_at = 1};
    write_path("{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"a\"},"
               "{\"NetworkInterfaceId\": \"b\"}]}");
    ck_assert_int_eq(read_path(&record), VFL_LIMIT);
    ck_assert_uint_eq(record.count, 1);
    ck_assert_ptr_nonnull(strstr(err.text, ": directory is full"));
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named)
{
    struct record record = {0};
    write_path("");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(read_path(&record), VFL_IO);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_ptr_nonnull(strstr(err.text, ": cannot be opened: No such file or directory"));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(read_path(&record), VFL_IO);
    ck_assert_ptr_nonnull(strstr(err.text, ": is not a regular file"));
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(size_is_bounded)
{
    struct record record = {0};
    write_path("[");
    ck_assert_int_eq(truncate(path, (off_t)VFL_INTERFACES_FILE_MAX_BYTES + 1), 0);
    ck_assert_int_eq(read_path(&record), VFL_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, ": is longer than 268435456 bytes"));
    ck_assert_int_eq(unlink(path), 0);
    /* one interface's list: 65537 empty objects */
    const size_t size = 65537 * 3 + 200;
    char *content = malloc(size);
    ck_assert_ptr_nonnull(content);
    size_t used = (size_t)snprintf(content, size,
                                   "{\"NetworkInterfaces\": [{"
                                   "\"NetworkInterfaceId\": \"e\","
                                   "\"PrivateIpAddresses\": [{}");
    for (int i = 0; i < 65536; i++, used += 3)
        memcpy(content + used, ",{}", 3);
    memcpy(content + used, "]}]}", 5);
    write_path(content);
    free(content);
    ck_assert_int_eq(read_path(&record), VFL_FORMAT);
    ck_assert_ptr_nonnull(
        strstr(err.text, "NetworkInterfaces[0].PrivateIpAddresses: found a list"));
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        reads_what_the_command_line_tool_prints,
        missing_and_null_members_are_absent,
        primary_address_alone_is_enough,
        zones_of_the_usual_form_tell_the_region,
        attach_times_are_read_in_every_usual_form,
        wrong_content_is_named_by_place,
        syntax_errors_tell_the_line,
        sink_stops_the_reading,
        files_that_cannot_be_read_are_named,
        size_is_bounded,
    };
    return RUN_SUITE("interfaces_file", cases);
}
