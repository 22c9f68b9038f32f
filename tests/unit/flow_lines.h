/* Tables filled with lines of one format, for the tests of flow tables. */
#ifndef VFL_TEST_FLOW_LINES_H
#define VFL_TEST_FLOW_LINES_H

#include "tests/recorder/recorder.h"

#define COLUMNS                                                                                    \
    "interface-id srcaddr dstaddr srcport dstport protocol bytes start end action tcp-flags "      \
    "log-status"
#define RECORD(ports_and_protocol, bytes_and_times, tail)                                          \
    "eni-a 10.0.0.1 10.0.0.2 " ports_and_protocol " " bytes_and_times " " tail " OK"
#define TIMES "100 1700000000 1700000060"

static inline void fill(struct vfl_flow_table *table, const char *flow_log_id,
                        const char *const *lines, size_t count)
{
    struct vfl_record_format format;
    recorder_start_object(table, &format, "eu-west-1", flow_log_id, COLUMNS);
    for (size_t i = 0; i < count && lines[i] != NULL; i++)
        recorder_add_line(table, &format, lines[i]);
}

#endif
