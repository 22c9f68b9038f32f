/* The header must stand alone in strict C11. */
#include "abi/stackstate_check.h"

#include "abi/stackstate_check.h" /* and twice */
