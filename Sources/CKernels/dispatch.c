// Chooses among the tables that this CPU can run.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/kernels.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

extern const ck_kernels ck_kernels_scalar;

#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2, ck_kernels_avx512, ck_kernels_avx512_bf16;

static const ck_kernels *avx2(void) {
    bool here = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    return here ? &ck_kernels_avx2 : NULL;
}

static const ck_kernels *avx512(void) {
    bool here = avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    return here ? &ck_kernels_avx512 : NULL;
}

static const ck_kernels *avx512_bf16(void) { return avx512() && __builtin_cpu_supports("avx512bf16") ? &ck_kernels_avx512_bf16 : NULL; }
#endif

#if defined(__aarch64__)
extern const ck_kernels ck_kernels_neon, ck_kernels_neon_i8mm;

static const ck_kernels *neon(void) {
#if defined(__linux__)
    return getauxval(AT_HWCAP) & (1 << 20) /* HWCAP_ASIMDDP */ ? &ck_kernels_neon : NULL;
#else
    return &ck_kernels_neon;
#endif
}

static const ck_kernels *neon_i8mm(void) {
#if defined(__linux__)
    return neon() && getauxval(AT_HWCAP2) & (1 << 13) /* HWCAP2_I8MM */ ? &ck_kernels_neon_i8mm : NULL;
#else
    return NULL;
#endif
}
#endif

const ck_kernels *ck_kernels_named(const char *name) {
    if (strcmp(name, "scalar") == 0) return &ck_kernels_scalar;
#if defined(__x86_64__)
    if (strcmp(name, "avx2") == 0) return avx2();
    if (strcmp(name, "avx512") == 0) return avx512();
    if (strcmp(name, "avx512_bf16") == 0) return avx512_bf16();
#endif
#if defined(__aarch64__)
    if (strcmp(name, "neon") == 0) return neon();
    if (strcmp(name, "neon_i8mm") == 0) return neon_i8mm();
#endif
    return NULL;
}

static const ck_kernels *best(void) {
    static const char *const best_first[] = {"avx512_bf16", "avx512", "avx2", "neon_i8mm", "neon"};
    for (size_t i = 0; i < sizeof best_first / sizeof *best_first; i++) {
        const ck_kernels *kernels = ck_kernels_named(best_first[i]);
        if (kernels) return kernels;
    }
    return &ck_kernels_scalar;
}

const ck_kernels *ck_kernels_chosen(void) {
    const char *wanted = getenv("LMOE_KERNELS");
    if (!wanted || !*wanted) return best();
    const ck_kernels *kernels = ck_kernels_named(wanted);
    if (kernels) return kernels;
    kernels = best();
    fprintf(stderr,
            "lmoe: LMOE_KERNELS is '%.64s': expected scalar, avx2, avx512, avx512_bf16, neon or neon_i8mm, and a CPU that has it; using %s\n",
            wanted, kernels->name);
    return kernels;
}
