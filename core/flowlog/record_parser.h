/* The builds of the record parser. Private to vfl_record_parse, which takes the best one that the
 * processor can run, and to the tests, which hold them against each other. */
#ifndef VFL_FLOWLOG_RECORD_PARSER_H
#define VFL_FLOWLOG_RECORD_PARSER_H

#include "core/flowlog/record.h"

/* Left to itself the compiler makes calls of them, and passes values through memory in pieces that
 * it then loads as a whole: 200 instead of 60 ns a record. */
#if defined(__GNUC__)
#define VFL_INLINE inline __attribute__((always_inline))
#define VFL_NOINLINE __attribute__((noinline))
#else
#define VFL_INLINE inline
#define VFL_NOINLINE
#endif

void vfl_record_parse_portable(const struct vfl_record_format *format, struct vfl_span line,
                               int64_t now_epoch_s, struct vfl_record *ret_record);

#if defined(__x86_64__) && defined(__GNUC__)
#define VFL_RECORD_HAS_AVX2_BUILD 1
/* Only where vfl_record_can_run_avx2. */
void vfl_record_parse_avx2(const struct vfl_record_format *format, struct vfl_span line,
                           int64_t now_epoch_s, struct vfl_record *ret_record);
bool vfl_record_can_run_avx2(void);
#endif

#endif
