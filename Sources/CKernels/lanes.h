// Sixteen lanes of f32 in clang's vector extension: the one notation in which every implementation is written.
//
// A source that is included under a target attribute (see kernels_avx512.c) is compiled to the instructions of that target. The
// operations, and so the results, are the same in all. Macros name the target's extensions: CK_AVX512 (with BF16 CK_AVX512_BF16,
// too), CK_AVX2, CK_NEON (with matrix products of bytes CK_I8MM, too).
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(CK_AVX512) || defined(CK_AVX2)
#include <immintrin.h>
#endif
#if defined(CK_NEON)
#include <arm_neon.h>
#endif

// Vectors pass between inlined functions only, so that no calling convention is involved.
#pragma clang diagnostic ignored "-Wpsabi"

// a * b + c is fused only where it is written so.
#pragma STDC FP_CONTRACT OFF

// With UndefinedBehaviorSanitizer's checks of each load, unrolled loops took over four times as long to compile. AddressSanitizer, which runs
// with it, finds reads outside of memory without them.
#define CK_INLINE static inline __attribute__((always_inline, no_sanitize("null", "alignment", "object-size", "pointer-overflow")))

enum { LANES = 16 };
typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef float f32x8 __attribute__((ext_vector_type(8)));
typedef float f32x4 __attribute__((ext_vector_type(4)));
typedef int8_t i8x16 __attribute__((ext_vector_type(16)));
typedef int32_t i32x4 __attribute__((ext_vector_type(4)));
typedef int32_t i32x8 __attribute__((ext_vector_type(8)));
typedef int32_t i32x16 __attribute__((ext_vector_type(16)));
typedef uint32_t u32x16 __attribute__((ext_vector_type(16)));
typedef uint16_t u16x16 __attribute__((ext_vector_type(16)));

CK_INLINE f32x16 load(const float *p) {
    f32x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE void store(float *p, f32x16 v) { memcpy(p, &v, sizeof v); }

// The first `count` (1…15) lanes; the others are zero.
CK_INLINE f32x16 load_part(const float *p, size_t count) {
#if defined(CK_AVX512)
    return (f32x16)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#else
    float lanes[LANES] = {0};
    for (size_t i = 0; i < count; i++) lanes[i] = p[i];
    return load(lanes);
#endif
}

// The first `count` lanes, all of them if there are 16 and more; the others are zero.
CK_INLINE f32x16 load_first(const float *p, size_t count) { return count >= LANES ? load(p) : load_part(p, count); }

CK_INLINE void store_part(float *p, f32x16 v, size_t count) {
#if defined(CK_AVX512)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
#else
    float lanes[LANES];
    store(lanes, v);
    for (size_t i = 0; i < count; i++) p[i] = lanes[i];
#endif
}

CK_INLINE f32x16 splat(float value) { return (f32x16)value; }
CK_INLINE i32x16 bits_of(f32x16 v) { return __builtin_bit_cast(i32x16, v); }
CK_INLINE f32x16 of_bits(i32x16 v) { return __builtin_bit_cast(f32x16, v); }

// a * b + c, rounded once.
CK_INLINE f32x16 fma16(f32x16 a, f32x16 b, f32x16 c) {
#if defined(CK_AVX512)
    return (f32x16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
    return __builtin_elementwise_fma(a, b, c);
#endif
}

// mask lanes are all ones or all zeros.
CK_INLINE f32x16 choose(i32x16 mask, f32x16 yes, f32x16 no) { return of_bits((mask & bits_of(yes)) | (~mask & bits_of(no))); }
// The second operand where either is NaN, as x86 has it.
CK_INLINE f32x16 larger(f32x16 a, f32x16 b) {
#if defined(CK_AVX512)
    return (f32x16)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return choose(a > b, a, b);
#endif
}
CK_INLINE f32x16 smaller(f32x16 a, f32x16 b) {
#if defined(CK_AVX512)
    return (f32x16)_mm512_min_ps((__m512)a, (__m512)b);
#else
    return choose(a < b, a, b);
#endif
}

// ((l0 + l8) + (l4 + l12)) + … : lane i with lane i + 8, then + 4, + 2, + 1.
CK_INLINE float sum_lanes(f32x16 v) {
    f32x8 a = v.lo + v.hi;
    f32x4 b = a.lo + a.hi;
    return (b.x + b.z) + (b.y + b.w);
}

CK_INLINE float max_lanes(f32x16 v) {
    float result = v[0];
    for (int i = 1; i < LANES; i++) result = v[i] > result ? v[i] : result;
    return result;
}

// exp, within 2 units in the last place; 0 below -87.3, infinity above 88.7, NaN stays.
CK_INLINE f32x16 exp16(f32x16 x) {
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    f32x16 y = larger(smaller(x, splat(88.72283f)), splat(-87.33654f));
    f32x16 t = fma16(y, splat(1.44269504f), splat(magic));
    f32x16 n = t - splat(magic);
    f32x16 r = fma16(n, splat(-0.693359375f), y);
    r = fma16(n, splat(2.12194440e-4f), r);
    f32x16 p = splat(1.9875691500e-4f);
    p = fma16(p, r, splat(1.3981999507e-3f));
    p = fma16(p, r, splat(8.3334519073e-3f));
    p = fma16(p, r, splat(4.1665795894e-2f));
    p = fma16(p, r, splat(1.6666665459e-1f));
    p = fma16(p, r, splat(5.0000001201e-1f));
    p = fma16(p, r * r, r) + splat(1.0f);
    // Halves of the exponent, so that 2^128 and 2^-126 times a fraction stay in range.
    i32x16 whole = bits_of(t) - bits_of(splat(magic));
    i32x16 half = whole >> 1;
    f32x16 result = p * of_bits((half + 127) << 23) * of_bits((whole - half + 127) << 23);
    result = choose(x < splat(-87.33654f), splat(0.0f), result);
    result = choose(x > splat(88.72283f), splat(INFINITY), result);
    return choose(x != x, x, result);
}

// exp of x <= 0, within 2^-18 of it; the least is exp(-80). NaN stays, if its low 9 bits are zero, as those of a default NaN are.
CK_INLINE f32x16 exp_short(f32x16 x) {
    const float magic = 12582912.0f;
    f32x16 y = larger(splat(-80.0f), x);
    f32x16 t = fma16(y, splat(1.44269504f), splat(magic));
    f32x16 r = fma16(y, splat(1.44269504f), splat(magic) - t);  // 2^r is left, r in -1/2…1/2
    f32x16 p = fma16(splat(9.5701021e-3f), r, splat(5.5917859e-2f));
    p = fma16(p, r, splat(2.4024744e-1f));
    p = fma16(p, r, splat(6.9312179e-1f));
    p = fma16(p, r, splat(9.9999928e-1f));
    return of_bits(bits_of(p) + (bits_of(t) << 23));
}

CK_INLINE f32x16 sigmoid16(f32x16 x) { return splat(1.0f) / (splat(1.0f) + exp16(-x)); }
