// The header must stand alone in C++, with C linkage for what the library exports.
#include "abi/stackstate_check.h"

#include "abi/stackstate_check.h" // and twice
