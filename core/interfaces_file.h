/* Reads interfaces from the JSON that `aws ec2 describe-network-interfaces` prints. */
#ifndef VFL_INTERFACES_FILE_H
#define VFL_INTERFACES_FILE_H

#include "core/interface.h"

#define VFL_INTERFACES_FILE_MAX_BYTES (256u << 20)

/* Passes each element of "NetworkInterfaces" to sink; unknown members are ignored. region is taken
 * from the interface's AvailabilityZone without its letter where that has the usual form, else
 * absent. VFL_IO: cannot be read. VFL_FORMAT: not such JSON; the text names file, line and what was
 * expected. VFL_LIMIT: over VFL_INTERFACES_FILE_MAX_BYTES. Whatever sink returned. */
enum vfl_status vfl_interfaces_file_read(const char *path, struct vfl_interface_sink sink,
                                         struct vfl_error *err) VFL_MUST_CHECK;

#endif
