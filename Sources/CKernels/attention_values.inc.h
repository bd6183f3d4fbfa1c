// Sums of values, each times its exponential.
#include "attention_tile.inc.h"

// The elements of a unit at position p whose positions are in begin..<end; the others may hold any bits.
CK_INLINE f32x16 only_seen(ck_kv_element element, f32x16 units, size_t p, size_t begin, size_t end) {
    if (element != CK_KV_BF16) return units;
    if (p < begin) units = of_bits(bits_of(units) & (i32x16)(0xffff0000));
    if (p + 1 == end) units = of_bits(bits_of(units) & (i32x16)(0xffff));
    return units;
}

// output[d] = fma(e[p], V[p][d], output[d]) for p in begin..<end (of pairs see `dot_pairs`), over queries
// from..<from + queries and `vectors` vectors of dimensions.
CK_INLINE void add_values(
    const query_tile *tile, int from, int queries, const key_values *kv, ck_kv_element element, size_t dimension, int vectors,
    size_t begin, size_t end
) {
    f32x16 acc[QUERY_TILE][DIMENSION_TILE];
    for (int t = 0; t < queries; t++)
        for (int v = 0; v < vectors; v++) acc[t][v] = load(tile->outputs[from + t] + dimension + v * LANES);
    size_t step = elements_in_unit(element);
    for (size_t p = begin / step * step; p < end;) {
        const char *block = block_at(kv, p / LANES);
        const char *next = tile->fetches ? block_ahead(kv, element, p / LANES) : block;
        size_t stop = p / LANES * LANES + LANES < end ? p / LANES * LANES + LANES : end;
        for (; p < stop; p += step) {
            f32x16 values[DIMENSION_TILE];
            size_t index = kv->value_offset + p % LANES / step * kv->dimension + dimension;
            if (tile->fetches)
                for (size_t v = 0; v < vectors * LANES * unit_bytes(element); v += 64)
                    fetch_line(next + index * unit_bytes(element) + v);
            for (int v = 0; v < vectors; v++)
                values[v] = only_seen(element, load_units(block, element, index + v * LANES), p, begin, end);
            for (int t = 0; t < queries; t++) {
                f32x16 e = splat(tile->scores[from + t][p / step]);
                for (int v = 0; v < vectors; v++) acc[t][v] = multiply_add(element, e, values[v], acc[t][v]);
            }
        }
    }
    for (int t = 0; t < queries; t++)
        for (int v = 0; v < vectors; v++) store(tile->outputs[from + t] + dimension + v * LANES, acc[t][v]);
}

CK_INLINE void add_values_part(
    const query_tile *tile, int from, int queries, const key_values *kv, ck_kv_element element, size_t dimension, size_t begin, size_t end
) {
    size_t left = kv->dimension - dimension, step = elements_in_unit(element);
    for (int t = from; t < from + queries; t++) {
        f32x16 acc = load_part(tile->outputs[t] + dimension, left);
        for (size_t p = begin / step * step; p < end; p += step) {
            size_t index = kv->value_offset + p % LANES / step * kv->dimension + dimension;
            f32x16 values = load_units_part(block_at(kv, p / LANES), element, index, left);
            acc = multiply_add(element, splat(tile->scores[t][p / step]), only_seen(element, values, p, begin, end), acc);
        }
        store_part(tile->outputs[t] + dimension, acc, left);
    }
}

CK_INLINE void values_of(
    const query_tile *tile, int from, int queries, const key_values *kv, ck_kv_element element, size_t begin, size_t end
) {
    if (begin >= end) return;
    size_t d = 0;
    for (; d + DIMENSION_TILE * LANES <= kv->dimension; d += DIMENSION_TILE * LANES)
        add_values(tile, from, queries, kv, element, d, DIMENSION_TILE, begin, end);
    for (; d + LANES <= kv->dimension; d += LANES) add_values(tile, from, queries, kv, element, d, 1, begin, end);
    if (d < kv->dimension) add_values_part(tile, from, queries, kv, element, d, begin, end);
}
