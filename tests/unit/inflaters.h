/* The decoders that tests hold to the same: both of them, or zlib alone where ISA-L is not. */
#ifndef VFL_TEST_INFLATERS_H
#define VFL_TEST_INFLATERS_H

#include "core/flowlog/inflate.h"

static const struct vfl_inflater *const inflaters[] = {
    &vfl_inflater_zlib,
#if defined(VFL_TEST_ISAL)
    &vfl_inflater_isal,
#endif
};
enum { INFLATER_COUNT = sizeof inflaters / sizeof inflaters[0] };

#endif
