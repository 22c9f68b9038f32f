/* The builds of vfl_record_scan for different processors. Private to it, which takes the best one
 * that the processor can run, and to the tests, which hold them against each other. */
#ifndef VFL_FLOWLOG_RECORD_SCANNERS_H
#define VFL_FLOWLOG_RECORD_SCANNERS_H

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

/* As vfl_record_scan, whose contract is theirs. */
typedef enum vfl_status vfl_record_scanner(const struct vfl_record_format *format,
                                           struct vfl_span block, int64_t now_epoch_s,
                                           struct vfl_record_sink sink, struct vfl_error *err);

vfl_record_scanner vfl_record_scan_portable;

/* Of compilers that know them all. */
#if defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8))
#define VFL_RECORD_HAS_VECTOR_BUILDS 1
/* Each only where the processor can run it. */
vfl_record_scanner vfl_record_scan_avx2;
vfl_record_scanner vfl_record_scan_avx512;
bool vfl_record_can_run_avx2(void);
bool vfl_record_can_run_avx512(void);
#endif

enum { PIECE_BYTES = 64 };

/* What a scanner sees in a piece of text, a bit for each byte. */
struct piece {
    uint64_t ends; /* spaces, tabs and newlines */
    uint64_t newlines;
    uint64_t has_nul; /* not 0: there is a NUL */
};

/* A number of any length, digit by digit; false when it is none or over 64 bits. */
bool vfl_record_read_number(struct vfl_span value, uint64_t *ret_number);

#endif
