/* EC2 DescribeNetworkInterfaces. */
#ifndef VFL_AWS_EC2_H
#define VFL_AWS_EC2_H

#include "core/aws/session.h"
#include "core/interface.h"

/* Passes every interface of the region to sink, page by page (NextToken). On failure some
 * interfaces may have been passed on already. VFL_DENIED names the missing permission
 * (ec2:DescribeNetworkInterfaces). */
enum vfl_status vfl_ec2_describe_interfaces(struct vfl_aws_session *session, const char *region,
                                            struct vfl_interface_sink sink,
                                            struct vfl_error *err) VFL_MUST_CHECK;

#endif
