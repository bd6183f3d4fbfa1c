// See include/low_rank.h. Included once an implementation.
#include "half.h"
#include "include/low_rank.h"

enum { SHRINK_ROWS = 4, EXPAND_ROWS = 4 };

CK_INLINE f32x16 load_weight(const void *w, ck_low_rank_element element, size_t index) {
    return element == CK_LOW_RANK_F32 ? load((const float *)w + index) : load_bfloat((const uint16_t *)w + index);
}

CK_INLINE f32x16 load_weight_part(const void *w, ck_low_rank_element element, size_t index, size_t count) {
    if (element == CK_LOW_RANK_F32) return load_part((const float *)w + index, count);
    uint16_t lanes[LANES] = {0};
    memcpy(lanes, (const uint16_t *)w + index, count * 2);
    return load_bfloat(lanes);
}

// `ranks` x `rows` dot products; both are constants where this is inlined.
CK_INLINE void shrink_tile(
    const float *x, size_t x_stride, int rows, const void *a, ck_low_rank_element element, const float *factors, size_t first,
    int ranks, size_t inputs, float scale, float *h, size_t h_stride
) {
    f32x16 acc[4][SHRINK_ROWS];
    for (int r = 0; r < ranks; r++)
        for (int i = 0; i < rows; i++) acc[r][i] = splat(0);
    size_t k = 0;
    for (; k + LANES <= inputs; k += LANES) {
        f32x16 values[SHRINK_ROWS];
        for (int i = 0; i < rows; i++) values[i] = load(x + i * x_stride + k);
        for (int r = 0; r < ranks; r++) {
            f32x16 w = load_weight(a, element, (first + r) * inputs + k);
            for (int i = 0; i < rows; i++) acc[r][i] = fma16(w, values[i], acc[r][i]);
        }
    }
    if (k < inputs) {
        for (int r = 0; r < ranks; r++) {
            f32x16 w = load_weight_part(a, element, (first + r) * inputs + k, inputs - k);
            for (int i = 0; i < rows; i++) acc[r][i] = fma16(w, load_part(x + i * x_stride + k, inputs - k), acc[r][i]);
        }
    }
    for (int r = 0; r < ranks; r++)
        for (int i = 0; i < rows; i++)
            h[i * h_stride + first + r] = (factors ? scale * factors[first + r] : scale) * sum_lanes(acc[r][i]);
}

CK_INLINE void shrink_of(
    const float *x, size_t x_stride, size_t rows, const void *a, ck_low_rank_element element, const float *factors, size_t rank,
    size_t inputs, float scale, float *h, size_t h_stride
) {
    size_t i = 0;
    for (; i + SHRINK_ROWS <= rows; i += SHRINK_ROWS) {
        size_t r = 0;
        for (; r + 4 <= rank; r += 4)
            shrink_tile(x + i * x_stride, x_stride, SHRINK_ROWS, a, element, factors, r, 4, inputs, scale, h + i * h_stride, h_stride);
        for (; r < rank; r++)
            shrink_tile(x + i * x_stride, x_stride, SHRINK_ROWS, a, element, factors, r, 1, inputs, scale, h + i * h_stride, h_stride);
    }
    for (; i < rows; i++) {
        size_t r = 0;
        for (; r + 4 <= rank; r += 4)
            shrink_tile(x + i * x_stride, x_stride, 1, a, element, factors, r, 4, inputs, scale, h + i * h_stride, h_stride);
        for (; r < rank; r++) shrink_tile(x + i * x_stride, x_stride, 1, a, element, factors, r, 1, inputs, scale, h + i * h_stride, h_stride);
    }
}

static void shrink(
    const float *x, size_t x_stride, size_t rows, const void *a, ck_low_rank_element element, const float *factors, size_t rank,
    size_t inputs, float scale, float *h, size_t h_stride
) {
    if (element == CK_LOW_RANK_F32) shrink_of(x, x_stride, rows, a, CK_LOW_RANK_F32, factors, rank, inputs, scale, h, h_stride);
    else shrink_of(x, x_stride, rows, a, CK_LOW_RANK_BF16, factors, rank, inputs, scale, h, h_stride);
}

// `width` vectors of outputs x `rows` rows, both constants where this is inlined.
CK_INLINE void expand_tile(
    const float *h, size_t h_stride, int rows, const void *b, ck_low_rank_element element, const float *factors, size_t rank,
    size_t output, int width, size_t total_outputs, float *y, size_t y_stride
) {
    f32x16 acc[EXPAND_ROWS][4];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < width; v++) acc[i][v] = load(y + i * y_stride + output + LANES * v);
    for (size_t r = 0; r < rank; r++) {
        f32x16 w[4];
        for (int v = 0; v < width; v++) w[v] = load_weight(b, element, r * total_outputs + output + LANES * v);
        if (factors) for (int v = 0; v < width; v++) w[v] = load(factors + output + LANES * v) * w[v];
        for (int i = 0; i < rows; i++) {
            f32x16 factor = splat(h[i * h_stride + r]);
            for (int v = 0; v < width; v++) acc[i][v] = fma16(factor, w[v], acc[i][v]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < width; v++) store(y + i * y_stride + output + LANES * v, acc[i][v]);
}

CK_INLINE void expand_rows(
    const float *h, size_t h_stride, int rows, const void *b, ck_low_rank_element element, const float *factors, size_t rank,
    size_t begin, size_t end, size_t total_outputs, float *y, size_t y_stride
) {
    size_t output = begin;
    for (; output + 4 * LANES <= end; output += 4 * LANES)
        expand_tile(h, h_stride, rows, b, element, factors, rank, output, 4, total_outputs, y, y_stride);
    for (; output + LANES <= end; output += LANES)
        expand_tile(h, h_stride, rows, b, element, factors, rank, output, 1, total_outputs, y, y_stride);
    if (output == end) return;
    f32x16 factor = factors ? load_part(factors + output, end - output) : splat(1);
    for (int i = 0; i < rows; i++) {
        f32x16 acc = load_part(y + i * y_stride + output, end - output);
        for (size_t r = 0; r < rank; r++)
            acc = fma16(splat(h[i * h_stride + r]), factor * load_weight_part(b, element, r * total_outputs + output, end - output), acc);
        store_part(y + i * y_stride + output, acc, end - output);
    }
}

CK_INLINE void expand_of(
    const float *h, size_t h_stride, size_t rows, const void *b, ck_low_rank_element element, const float *factors, size_t rank,
    size_t begin, size_t end, size_t total_outputs, float *y, size_t y_stride
) {
    size_t i = 0;
    for (; i + EXPAND_ROWS <= rows; i += EXPAND_ROWS)
        expand_rows(h + i * h_stride, h_stride, EXPAND_ROWS, b, element, factors, rank, begin, end, total_outputs, y + i * y_stride, y_stride);
    for (; i < rows; i++)
        expand_rows(h + i * h_stride, h_stride, 1, b, element, factors, rank, begin, end, total_outputs, y + i * y_stride, y_stride);
}

static void expand(
    const float *h, size_t h_stride, size_t rows, const void *b, ck_low_rank_element element, const float *factors, size_t rank,
    size_t begin, size_t end, size_t total_outputs, float *y, size_t y_stride
) {
    if (element == CK_LOW_RANK_F32) expand_of(h, h_stride, rows, b, CK_LOW_RANK_F32, factors, rank, begin, end, total_outputs, y, y_stride);
    else expand_of(h, h_stride, rows, b, CK_LOW_RANK_BF16, factors, rank, begin, end, total_outputs, y, y_stride);
}
