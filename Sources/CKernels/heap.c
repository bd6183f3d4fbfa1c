// See include/heap.h.
#include "include/heap.h"

#if defined(__linux__)
#include <malloc.h>
#endif

void ck_heap_trim(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
