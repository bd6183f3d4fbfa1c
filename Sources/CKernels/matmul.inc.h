// See include/training.h. Included once an implementation; MATMUL_ROWS and MATMUL_VECTORS size the tile that stays in registers.
#include "lanes.h"

// Depth of a pass: the columns of b that a tile reads stay in the first cache meanwhile.
enum { MATMUL_DEPTH = 128 };

// rows <= MATMUL_ROWS, vectors <= MATMUL_VECTORS; the last vector has `last` columns (1…16).
CK_INLINE void matmul_tile(
    const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c, size_t c_row, int rows, int vectors,
    size_t last, size_t depth, bool accumulate) {
    f32x16 sum[MATMUL_ROWS][MATMUL_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            const float *from = c + i * c_row + v * LANES;
            sum[i][v] = !accumulate ? splat(0) : v + 1 < vectors || last == LANES ? load(from) : load_part(from, last);
        }
    for (size_t k = 0; k < depth; k++) {
        f32x16 right[MATMUL_VECTORS];
        for (int v = 0; v < vectors; v++) {
            const float *from = b + k * b_row + v * LANES;
            right[v] = v + 1 < vectors || last == LANES ? load(from) : load_part(from, last);
        }
        for (int i = 0; i < rows; i++) {
            f32x16 left = splat(a[i * a_row + k * a_step]);
            for (int v = 0; v < vectors; v++) sum[i][v] = fma16(left, right[v], sum[i][v]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            float *to = c + i * c_row + v * LANES;
            if (v + 1 < vectors || last == LANES)
                store(to, sum[i][v]);
            else
                store_part(to, sum[i][v], last);
        }
}

// The columns of one tile, all rows.
CK_INLINE void matmul_columns(
    const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c, size_t c_row, size_t rows, int vectors,
    size_t last, size_t depth, bool accumulate) {
    size_t i = 0;
    for (; i + MATMUL_ROWS <= rows; i += MATMUL_ROWS)
        matmul_tile(a + i * a_row, a_row, a_step, b, b_row, c + i * c_row, c_row, MATMUL_ROWS, vectors, last, depth, accumulate);
    for (; i < rows; i++)
        matmul_tile(a + i * a_row, a_row, a_step, b, b_row, c + i * c_row, c_row, 1, vectors, last, depth, accumulate);
}

static void matmul(
    const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c, size_t c_row, size_t rows, size_t columns,
    size_t depth, bool accumulate) {
    enum { WIDE = MATMUL_VECTORS * LANES };
    size_t first = 0;
    do {
        size_t count = depth - first < MATMUL_DEPTH ? depth - first : MATMUL_DEPTH;
        const float *left = a + first * a_step, *right = b + first * b_row;
        bool adds = accumulate || first > 0;
        size_t j = 0;
        for (; j + WIDE <= columns; j += WIDE)
            matmul_columns(left, a_row, a_step, right + j, b_row, c + j, c_row, rows, MATMUL_VECTORS, LANES, count, adds);
        for (; j + LANES <= columns; j += LANES)
            matmul_columns(left, a_row, a_step, right + j, b_row, c + j, c_row, rows, 1, LANES, count, adds);
        if (j < columns) matmul_columns(left, a_row, a_step, right + j, b_row, c + j, c_row, rows, 1, columns - j, count, adds);
        first += count;
    } while (first < depth);
}
