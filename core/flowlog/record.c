#include "core/flowlog/record_scanners.h"

#ifdef VFL_RECORD_HAS_VECTOR_BUILDS
bool vfl_record_can_run_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

bool vfl_record_can_run_avx512(void)
{
    return vfl_record_can_run_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi2");
}
#endif

enum vfl_status vfl_record_scan(const struct vfl_record_format *format, struct vfl_span block,
                                int64_t now_epoch_s, struct vfl_record_sink sink,
                                struct vfl_error *err)
{
#ifdef VFL_RECORD_HAS_VECTOR_BUILDS
    if (vfl_record_can_run_avx512())
        return vfl_record_scan_avx512(format, block, now_epoch_s, sink, err);
    if (vfl_record_can_run_avx2())
        return vfl_record_scan_avx2(format, block, now_epoch_s, sink, err);
#endif
    return vfl_record_scan_portable(format, block, now_epoch_s, sink, err);
}
