/* Where a service is: partitions, host names, and how a bucket becomes part of an address.
 *
 * Source: "AWS service endpoints" in the AWS general reference; "Virtual hosting of buckets" in the
 * S3 user guide. Pure functions; nothing is allocated. */
#ifndef VFL_AWS_ENDPOINT_H
#define VFL_AWS_ENDPOINT_H

#include <stdbool.h>

#include "core/error.h"
#include "core/span.h"

#define VFL_ENDPOINT_HOST_SIZE 320
#define VFL_ENDPOINT_PATH_SIZE 256

/* A plain value. */
struct vfl_endpoint {
    char host[VFL_ENDPOINT_HOST_SIZE];      /* as in the Host header: port only if not the
                                               scheme's own, IPv6 in brackets */
    char base_path[VFL_ENDPOINT_PATH_SIZE]; /* "" or "/x/y", without a slash at the end */
    bool is_https;
    bool is_ip_literal;
    bool is_loopback; /* localhost, 127.0.0.0/8 or [::1]: never through a proxy */
};

/* "eu-west-1" and the like: 1 to 63 of a-z, 0-9 and "-"; it becomes part of a host name. */
bool vfl_endpoint_is_region(const char *region);

/* The partition's name for a region, "aws" for an unknown one. */
const char *vfl_endpoint_partition_of_region(const char *region);

/* The regional endpoint of "sts", "ec2" or "s3". VFL_CONFIG: not a region. */
enum vfl_status vfl_endpoint_for_service(const char *service, const char *region,
                                         struct vfl_endpoint *ret_endpoint,
                                         struct vfl_error *err) VFL_MUST_CHECK;

/* Two switches of the AWS SDKs: addresses that answer over IPv6 too, and servers with validated
 * cryptography. */
struct vfl_endpoint_variant {
    bool is_dual_stack;
    bool is_fips;
};

/* AWS_USE_DUALSTACK_ENDPOINT and AWS_USE_FIPS_ENDPOINT. VFL_CONFIG: neither true nor false. */
enum vfl_status vfl_endpoint_variant_from_environment(struct vfl_endpoint_variant *ret_variant,
                                                      struct vfl_error *err) VFL_MUST_CHECK;

/* Like vfl_endpoint_for_service. VFL_CONFIG also: the partition has no such servers. */
enum vfl_status vfl_endpoint_for_variant(const char *service, const char *region,
                                         struct vfl_endpoint_variant variant,
                                         struct vfl_endpoint *ret_endpoint,
                                         struct vfl_error *err) VFL_MUST_CHECK;

/* A configured URL; setting names it in messages. http is accepted here and nowhere else.
 * VFL_CONFIG: not scheme://host[:port][/path], or with user info, query or fragment. */
enum vfl_status vfl_endpoint_parse(const char *url, const char *setting,
                                   struct vfl_endpoint *ret_endpoint,
                                   struct vfl_error *err) VFL_MUST_CHECK;

/* Refuses what cannot be a bucket's name, and the kinds that need another protocol (access point
 * ARNs, S3 Express directory buckets). */
enum vfl_status vfl_endpoint_check_bucket(const char *bucket, struct vfl_error *err) VFL_MUST_CHECK;

/* Puts the bucket into the host where the name, the endpoint and is_path_style_forced allow that.
 * *ret_is_path_style says that the caller must put it into the path instead. The bucket was
 * checked before. */
enum vfl_status vfl_endpoint_for_bucket(const struct vfl_endpoint *service, const char *bucket,
                                        bool is_path_style_forced,
                                        struct vfl_endpoint *ret_endpoint, bool *ret_is_path_style,
                                        struct vfl_error *err) VFL_MUST_CHECK;

#endif
