// See include/low_rank_int8.h. Included once an implementation, after quantize.inc.h.
#include "include/low_rank_int8.h"

enum { INT8_ROWS = 4 };

// MARK: Packing

CK_INLINE void load_32(ck_source_type type, const uint8_t *p, size_t count, f32x16 *low, f32x16 *high) {
    uint8_t padded[128];
    if (count < 32) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, p, count * (type == CK_SOURCE_F32 ? 4 : 2));
        p = padded;
    }
    switch (type) {
    case CK_SOURCE_F16: *low = load_half((const uint16_t *)p), *high = load_half((const uint16_t *)p + 16); break;
    case CK_SOURCE_BF16: *low = load_bfloat((const uint16_t *)p), *high = load_bfloat((const uint16_t *)p + 16); break;
    default: *low = load((const float *)p), *high = load((const float *)p + 16);
    }
}

// 32 weights to bytes with an offset of 128; returns the scale's bf16. Scales too small for that become zero.
CK_INLINE uint16_t int8_block(f32x16 low, f32x16 high, uint8_t *bytes) {
    i32x16 magnitude = __builtin_elementwise_max(bits_of(low) & 0x7fffffff, bits_of(high) & 0x7fffffff);
    float largest = __builtin_bit_cast(float, __builtin_reduce_max(magnitude));
    if (!(largest >= 1e-30f)) {
        memset(bytes, 128, 32);
        return 0;
    }
    uint32_t scale = (__builtin_bit_cast(uint32_t, largest / 127.0f) + 0xffff) >> 16;
    f32x16 inverse = splat(1.0f / bfloat_to_float((uint16_t)scale));
    const f32x16 magic = splat(12582912.0f);
    typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));
    u8x16 first = __builtin_convertvector(bits_of(low * inverse + magic) - bits_of(magic) + 128, u8x16);
    u8x16 second = __builtin_convertvector(bits_of(high * inverse + magic) - bits_of(magic) + 128, u8x16);
    memcpy(bytes, &first, 16);
    memcpy(bytes + 16, &second, 16);
    return (uint16_t)scale;
}

CK_INLINE void int8_pack_of(const ck_int8_matrix *m, ck_source_type type, const uint8_t *elements, uint8_t *data) {
    size_t size = type == CK_SOURCE_F32 ? 4 : 2, lanes = m->lanes, groups = LANES / lanes;
    size_t panels = ck_int8_panels(m), vectors = ck_int8_vectors(m), blocks = ck_int8_blocks(m);
    uint16_t *scales = (uint16_t *)(data + ck_int8_scales_offset(m));
    for (size_t panel = 0; panel < panels; panel++) {
        uint8_t *target = data + panel * vectors * 64;
        // Lanes without an output, and groups of four after the last input in its vector, are zero.
        if ((panel + 1) * lanes > m->outputs || vectors * 4 * groups != (m->inputs + 3) / 4 * 4) memset(target, 128, vectors * 64);
        for (size_t lane = 0; lane < lanes; lane++) {
            size_t output = panel * lanes + lane;
            for (size_t block = 0; block < blocks; block++) {
                uint16_t *scale = scales + (panel * blocks + block) * lanes + lane;
                *scale = 0;
                if (output >= m->outputs) continue;
                size_t count = m->inputs - 32 * block < 32 ? m->inputs - 32 * block : 32;
                f32x16 low, high;
                load_32(type, elements + (output * m->inputs + 32 * block) * size, count, &low, &high);
                uint8_t bytes[32];
                *scale = int8_block(low, high, bytes);
                for (size_t i = 0; i < (count + 3) / 4; i++) {
                    size_t group = 8 * block + i;
                    memcpy(target + group / groups * 64 + 4 * (lane * groups + group % groups), bytes + 4 * i, 4);
                }
            }
        }
    }
}

static void int8_pack(const ck_int8_matrix *m, ck_source_type type, const void *elements, uint8_t *data) {
    switch (type) {
    case CK_SOURCE_F16: int8_pack_of(m, CK_SOURCE_F16, elements, data); break;
    case CK_SOURCE_BF16: int8_pack_of(m, CK_SOURCE_BF16, elements, data); break;
    default: int8_pack_of(m, CK_SOURCE_F32, elements, data);
    }
}

// MARK: Products

// The sums of an output's lanes, in each of them.
CK_INLINE i32x16 join_groups(i32x16 v, int groups) {
    if (groups >= 2) v += __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    if (groups == 4) v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    return v;
}

CK_INLINE f32x16 load_scales(const uint16_t *p, int groups) {
    if (groups == 1) return load_bfloat(p);
    uint16_t lanes[LANES];
    for (int l = 0; l < LANES; l++) lanes[l] = p[l / groups];
    return load_bfloat(lanes);
}

// One block of 32 inputs, or what is left of it, for some rows: `vectors` and `rows` are constants where this is inlined
// in the common cases.
CK_INLINE void int8_block_products(
    const uint8_t *bytes, int vectors, int groups, f32x16 d, const ck_row_block *const *x, int rows, f32x16 *acc
) {
    weights64 w[8];
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) w[j] = load_bytes(bytes + 64 * j);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        i32x16 even = (i32x16)0, odd = (i32x16)0;
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) {
            spread64 four = spread(x[r]->q + 4 * groups * j, groups);
            if (j % 2) odd = dot4_biased(odd, w[j], four);
            else even = dot4_biased(even, w[j], four);
        }
        i32x16 isum = join_groups(even + odd, groups) + wide_start(x[r]);
        acc[r] = fma16(__builtin_convertvector(isum, f32x16), d * splat(x[r]->scale), acc[r]);
    }
}

// The last block's number of vectors as a constant.
CK_INLINE void int8_last_block(
    const uint8_t *bytes, size_t vectors, int groups, f32x16 d, const ck_row_block *const *x, int rows, f32x16 *acc
) {
    switch (vectors) {
#define CASE(n) case n: int8_block_products(bytes, n, groups, d, x, rows, acc); break;
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#undef CASE
    }
}

// The factors of a panel's outputs, of which `count` are there.
CK_INLINE f32x16 load_factors(const ck_int8_matrix *m, size_t output, size_t count) {
    if (!m->factors) return splat(1);
    return load_first(m->factors + output, count);
}

// All inputs of one panel: acc is added to. `factor` is that of each lane.
CK_INLINE void int8_panel(
    const uint8_t *bytes, const uint16_t *scales, f32x16 factor, const uint8_t *next, size_t vectors, int groups,
    const ck_row_block *const *x, int rows, f32x16 *acc
) {
    const ck_row_block *at[INT8_ROWS];
    for (int r = 0; r < rows; r++) at[r] = x[r];
    const int whole = 8 / groups, lanes = LANES / groups;
    while (vectors > (size_t)whole) {
        if (next) for (int j = 0; j < whole; j++) __builtin_prefetch(next + 64 * j);
        int8_block_products(bytes, whole, groups, load_scales(scales, groups) * factor, at, rows, acc);
        bytes += 64 * whole;
        if (next) next += 64 * whole;
        scales += lanes;
        vectors -= (size_t)whole;
        for (int r = 0; r < rows; r++) at[r]++;
    }
    if (next) for (size_t j = 0; j < vectors; j++) __builtin_prefetch(next + 64 * j);
    int8_last_block(bytes, vectors, groups, load_scales(scales, groups) * factor, at, rows, acc);
}

// Where the i-th row begins, `stride` elements a row.
CK_INLINE size_t row_offset(const int32_t *indices, size_t i, size_t stride) { return (indices ? (size_t)indices[i] : i) * stride; }

CK_INLINE void int8_shrink_rows(
    const ck_row_block *const *sources, int rows, const ck_int8_matrix *a, const uint8_t *next, int groups, float scale,
    ck_row_block *const *targets
) {
    const size_t lanes = (size_t)(LANES / groups), vectors = ck_int8_vectors(a), blocks = ck_int8_blocks(a);
    const uint16_t *scales = (const uint16_t *)(a->data + ck_int8_scales_offset(a));
    for (size_t rank = 0; rank < a->outputs; rank += 32) {
        float values[INT8_ROWS][32];
        size_t end = a->outputs - rank < 32 ? a->outputs : rank + 32;
        for (size_t output = rank; output < end; output += lanes) {
            f32x16 acc[INT8_ROWS];
            for (int r = 0; r < rows; r++) acc[r] = splat(0);
            size_t panel = output / lanes;
            size_t offset = panel * vectors * 64;
            int8_panel(
                a->data + offset, scales + panel * blocks * lanes, splat(1), next ? next + offset : 0, vectors, groups, sources, rows, acc);
            for (int r = 0; r < rows; r++) {
                if (groups == 1) {
                    store(values[r] + (output - rank), splat(scale) * load_factors(a, output, a->outputs - output) * acc[r]);
                    continue;
                }
                f32x16 scaled = splat(scale) * acc[r];
                for (size_t l = 0; l < lanes; l++) values[r][output - rank + l] = scaled[l * (size_t)groups];
                if (a->factors) for (size_t l = 0; l < end - output && l < lanes; l++) values[r][output - rank + l] *= a->factors[output + l];
            }
        }
        for (int r = 0; r < rows; r++) quantize(values[r], end - rank, 1, targets[r] + rank / 32);
    }
}

CK_INLINE void int8_shrink_of(
    const ck_row_block *x, size_t x_stride, const int32_t *x_rows, size_t rows, const ck_int8_matrix *a, const uint8_t *next,
    int groups, float scale, ck_row_block *h, size_t h_stride, const int32_t *h_rows
) {
    const ck_row_block *sources[INT8_ROWS];
    ck_row_block *targets[INT8_ROWS];
    size_t i = 0;
    for (; i + INT8_ROWS <= rows; i += INT8_ROWS) {
        for (size_t r = 0; r < INT8_ROWS; r++) {
            sources[r] = x + row_offset(x_rows, i + r, x_stride);
            targets[r] = h + row_offset(h_rows, i + r, h_stride);
        }
        int8_shrink_rows(sources, INT8_ROWS, a, next, groups, scale, targets);
    }
    for (; i < rows; i++) {
        sources[0] = x + row_offset(x_rows, i, x_stride);
        targets[0] = h + row_offset(h_rows, i, h_stride);
        int8_shrink_rows(sources, 1, a, next, groups, scale, targets);
    }
}

static void int8_shrink(
    const ck_row_block *x, size_t x_stride, const int32_t *x_rows, size_t rows, const ck_int8_matrix *a, const uint8_t *next,
    float scale, ck_row_block *h, size_t h_stride, const int32_t *h_rows
) {
    switch (a->lanes) {
    case 4: int8_shrink_of(x, x_stride, x_rows, rows, a, next, 4, scale, h, h_stride, h_rows); break;
    case 8: int8_shrink_of(x, x_stride, x_rows, rows, a, next, 2, scale, h, h_stride, h_rows); break;
    default: int8_shrink_of(x, x_stride, x_rows, rows, a, next, 1, scale, h, h_stride, h_rows);
    }
}

// `single`: there is one block, and `vectors` (1…8) is a constant.
CK_INLINE void int8_expand_rows(
    const ck_row_block *const *sources, int rows, const ck_int8_matrix *b, const uint8_t *next, bool single, size_t vectors,
    size_t begin, size_t end, float *const *targets
) {
    const size_t blocks = ck_int8_blocks(b);
    const uint16_t *scales = (const uint16_t *)(b->data + ck_int8_scales_offset(b));
    for (size_t output = begin; output < end; output += LANES) {
        size_t panel = output / LANES, width = end - output < LANES ? end - output : LANES;
        const uint8_t *bytes = b->data + panel * vectors * 64, *same = next ? next + panel * vectors * 64 : 0;
        f32x16 acc[INT8_ROWS], factor = load_factors(b, output, width);
        for (int r = 0; r < rows; r++) {
            const float *p = targets[r] + output;
            acc[r] = load_first(p, width);
        }
        if (single) {
            if (same) for (size_t j = 0; j < vectors; j++) __builtin_prefetch(same + 64 * j);
            int8_block_products(bytes, (int)vectors, 1, load_bfloat(scales + panel * LANES) * factor, sources, rows, acc);
        } else {
            int8_panel(bytes, scales + panel * blocks * LANES, factor, same, vectors, 1, sources, rows, acc);
        }
        for (int r = 0; r < rows; r++) {
            float *p = targets[r] + output;
            if (width == LANES) store(p, acc[r]);
            else store_part(p, acc[r], width);
        }
    }
}

CK_INLINE void int8_expand_of(
    const ck_row_block *h, size_t h_stride, const int32_t *h_rows, size_t rows, const ck_int8_matrix *b, const uint8_t *next,
    bool single, size_t vectors, size_t begin, size_t end, float *y, size_t y_stride, const int32_t *y_rows
) {
    const ck_row_block *sources[INT8_ROWS];
    float *targets[INT8_ROWS];
    size_t i = 0;
    for (; i + INT8_ROWS <= rows; i += INT8_ROWS) {
        for (size_t r = 0; r < INT8_ROWS; r++) {
            sources[r] = h + row_offset(h_rows, i + r, h_stride);
            targets[r] = y + row_offset(y_rows, i + r, y_stride);
        }
        int8_expand_rows(sources, INT8_ROWS, b, next, single, vectors, begin, end, targets);
    }
    for (; i < rows; i++) {
        sources[0] = h + row_offset(h_rows, i, h_stride);
        targets[0] = y + row_offset(y_rows, i, y_stride);
        int8_expand_rows(sources, 1, b, next, single, vectors, begin, end, targets);
    }
}

static void int8_expand(
    const ck_row_block *h, size_t h_stride, const int32_t *h_rows, size_t rows, const ck_int8_matrix *b, const uint8_t *next,
    size_t begin, size_t end, float *y, size_t y_stride, const int32_t *y_rows
) {
    size_t vectors = ck_int8_vectors(b);
    switch (vectors) {
#define CASE(n) case n: int8_expand_of(h, h_stride, h_rows, rows, b, next, true, n, begin, end, y, y_stride, y_rows); break;
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#undef CASE
    default: int8_expand_of(h, h_stride, h_rows, rows, b, next, false, vectors, begin, end, y, y_stride, y_rows);
    }
}
