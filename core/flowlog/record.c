#include "core/flowlog/record_parser.h"

#ifdef VFL_RECORD_HAS_AVX2_BUILD
bool vfl_record_can_run_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}
#endif

void vfl_record_parse(const struct vfl_record_format *format, struct vfl_span line,
                      int64_t now_epoch_s, struct vfl_record *ret_record)
{
#ifdef VFL_RECORD_HAS_AVX2_BUILD
    if (vfl_record_can_run_avx2()) {
        vfl_record_parse_avx2(format, line, now_epoch_s, ret_record);
        return;
    }
#endif
    vfl_record_parse_portable(format, line, now_epoch_s, ret_record);
}
