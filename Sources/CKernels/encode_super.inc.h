// f32 to the types with super-blocks of 256: see include/encode.h. Included once an implementation, after encode.inc.h.
//
// ggml tries scales for each sub-block and sums errors element by element. Here a lane is a sub-block, so that sixteen sums run side by side,
// each in ggml's order.

enum { SUPER = 256 };

// To nearest even, as ggml has it: by the bits of a sum, also beyond the numbers for which that is right.
CK_INLINE i32x16 nearest_ints(f32x16 v) { return (bits_of(v + splat(12582912.0f)) & 0x7fffff) - 0x400000; }
CK_INLINE int32_t nearest_int(float v) { return (__builtin_bit_cast(int32_t, v + 12582912.0f) & 0x7fffff) - 0x400000; }
CK_INLINE i32x16 clamped(i32x16 v, int32_t least, int32_t most) {
    return __builtin_elementwise_max(__builtin_elementwise_min(v, (i32x16)(most)), (i32x16)(least));
}
CK_INLINE f32x16 floats_of(i32x16 v) { return __builtin_convertvector(v, f32x16); }
CK_INLINE i32x16 chosen_ints(i32x16 mask, i32x16 yes, i32x16 no) { return (mask & yes) | (~mask & no); }

CK_INLINE bool is_finite_super(const float *x, ck_encoding_loss *loss) {
    i32x16 top = (i32x16)(0);
    for (int i = 0; i < SUPER; i += LANES) top = __builtin_elementwise_max(top, bits_of(load(x + i)) & 0x7fffffff);
    if (__builtin_reduce_max(top) < INFINITE) return true;
    count_losses(x, SUPER, INFINITE, loss);
    return false;
}

// MARK: q6_K

// The scale of each lane's 16 elements, with the quants of `l` (-32…31) it was found with: of those of largest |x| / (32 + is / 10) the one with the
// least error, weighted by x². Lanes of zeros have scale zero.
CK_INLINE f32x16 signed_scales(const f32x16 x[16], i32x16 l[16]) {
    f32x16 extreme = splat(0), largest = splat(0);
    for (int i = 0; i < 16; i++) {
        f32x16 magnitude = of_bits(bits_of(x[i]) & 0x7fffffff);
        i32x16 larger = magnitude > largest;
        largest = choose(larger, magnitude, largest);
        extreme = choose(larger, x[i], extreme);
    }
    f32x16 scale = splat(0), best = splat(0), best_inverse = splat(0);
    for (int step = -10; step <= 9; step++) {
        // First the plain one.
        int is = step == -10 ? 0 : step;
        if (step == 0) continue;
        f32x16 inverse = splat(-(32 + 0.1f * (float)is)) / extreme;
        f32x16 sum_lx = splat(0), sum_l2 = splat(0);
        for (int i = 0; i < 16; i++) {
            f32x16 q = floats_of(clamped(nearest_ints(inverse * x[i]), -32, 31)), weight = x[i] * x[i];
            sum_lx += weight * x[i] * q;
            sum_l2 += weight * q * q;
        }
        i32x16 better = step == -10 ? (i32x16)(-1) : (sum_l2 > splat(0)) & (sum_lx * sum_lx > best * sum_l2);
        f32x16 candidate = sum_lx / sum_l2;
        if (step == -10) candidate = choose(sum_l2 != splat(0), candidate, splat(0));
        scale = choose(better, candidate, scale);
        best = choose(better, candidate * sum_lx, best);
        best_inverse = choose(better, inverse, best_inverse);
    }
    i32x16 counts = largest >= splat(1e-15f);
    // ggml's quants of such a lane are those of -32, which its zero scale hides.
    for (int i = 0; i < 16; i++) l[i] = chosen_ints(counts, clamped(nearest_ints(best_inverse * x[i]), -32, 31), (i32x16)(-32));
    return choose(counts, scale, splat(0));
}

CK_INLINE void pack_q6_K(const uint8_t quants[SUPER], uint8_t *out) {
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 32; i++) {
            const uint8_t *q = quants + 128 * half + i;
            out[64 * half + i] = (uint8_t)((q[0] & 15) | (q[64] & 15) << 4);
            out[64 * half + 32 + i] = (uint8_t)((q[32] & 15) | (q[96] & 15) << 4);
            out[128 + 32 * half + i] = (uint8_t)(q[0] >> 4 | q[32] >> 4 << 2 | q[64] >> 4 << 4 | q[96] >> 4 << 6);
        }
}

CK_INLINE void encode_super_q6_K(const float *x, uint8_t *out, ck_encoding_loss *loss) {
    memset(out, 0, 210);
    if (!is_finite_super(x, loss)) {
        uint16_t nan = float_to_half(NAN);
        memcpy(out + 208, &nan, 2);
        return;
    }
    f32x16 columns[16];
    i32x16 l[16];
    for (int i = 0; i < 16; i++)
        for (int lane = 0; lane < LANES; lane++) columns[i][lane] = x[16 * lane + i];
    f32x16 scales = signed_scales(columns, l);
    float largest = 0;
    // Sums of squares are infinite for elements far beyond those of a scale.
    bool overflows = false;
    for (int lane = 0; lane < LANES; lane++) {
        if (fabsf(scales[lane]) > fabsf(largest)) largest = scales[lane];
        overflows |= magnitude_of(scales[lane]) >= INFINITE;
    }
    float inverse = -128.0f / largest;
    uint16_t half = float_to_half(1 / inverse);
    loss->overflows += overflows || (half & 0x7c00) == 0x7c00;
    if (fabsf(largest) < 1e-15f) return;

    f32x16 d;
    for (int lane = 0; lane < LANES; lane++) {
        int32_t s = nearest_int(inverse * scales[lane]);
        int8_t scale = (int8_t)(s < 127 ? s : 127);
        out[192 + lane] = (uint8_t)scale;
        d[lane] = half_to_float(half) * (float)scale;
    }
    uint8_t quants[SUPER];
    for (int i = 0; i < 16; i++) {
        l[i] = chosen_ints(d != splat(0), clamped(nearest_ints(columns[i] / d), -32, 31), l[i]) + 32;
        for (int lane = 0; lane < LANES; lane++) quants[16 * lane + i] = (uint8_t)l[i][lane];
    }
    pack_q6_K(quants, out);
    memcpy(out + 208, &half, 2);
}

// MARK: q4_K and q5_K

typedef struct minimum_scales {
    f32x16 scale, minimum;  // x is near scale * l - minimum
} minimum_scales;

// Of each lane's 32 elements, with the quants 0…most they were found with: of least-squares fits to several roundings the one with the least
// error, weighted by the root mean square of the lane plus |x|.
CK_INLINE minimum_scales fitted_scales(const f32x16 x[32], i32x16 l[32], int most, float first, int steps) {
    f32x16 squares = splat(0), weight[32];
    for (int i = 0; i < 32; i++) squares += x[i] * x[i];
    f32x16 root = __builtin_elementwise_sqrt(squares / splat(32));
    for (int i = 0; i < 32; i++) weight[i] = root + of_bits(bits_of(x[i]) & 0x7fffffff);

    f32x16 least = x[0], greatest = x[0], sum_w = weight[0], sum_x = sum_w * x[0];
    for (int i = 1; i < 32; i++) {
        least = choose(x[i] < least, x[i], least);
        greatest = choose(x[i] > greatest, x[i], greatest);
        sum_w += weight[i];
        sum_x += weight[i] * x[i];
    }
    least = choose(least > splat(0), splat(0), least);
    i32x16 flat = greatest == least;
    f32x16 flat_minimum = -least;

    f32x16 inverse = splat((float)most) / (greatest - least), scale = splat(1) / inverse, best = splat(0);
    for (int i = 0; i < 32; i++) {
        l[i] = clamped(nearest_ints(inverse * (x[i] - least)), 0, most);
        f32x16 difference = scale * floats_of(l[i]) + least - x[i];
        best += weight[i] * (difference * difference);
    }
    for (int is = 0; is <= steps; is++) {
        inverse = splat(first + 0.1f * (float)is + (float)most) / (greatest - least);
        f32x16 sum_l = splat(0), sum_l2 = splat(0), sum_xl = splat(0);
        i32x16 other[32];
        for (int i = 0; i < 32; i++) {
            other[i] = clamped(nearest_ints(inverse * (x[i] - least)), 0, most);
            f32x16 q = floats_of(other[i]);
            sum_l += weight[i] * q;
            sum_l2 += weight[i] * q * q;
            sum_xl += weight[i] * q * x[i];
        }
        f32x16 determinant = sum_w * sum_l2 - sum_l * sum_l;
        f32x16 new_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant, new_least = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
        i32x16 positive = new_least > splat(0);
        new_least = choose(positive, splat(0), new_least);
        new_scale = choose(positive, sum_xl / sum_l2, new_scale);
        f32x16 error = splat(0);
        for (int i = 0; i < 32; i++) {
            f32x16 difference = new_scale * floats_of(other[i]) + new_least - x[i];
            error += weight[i] * (difference * difference);
        }
        i32x16 better = (determinant > splat(0)) & (error < best);
        if (!__builtin_reduce_or(better)) continue;
        for (int i = 0; i < 32; i++) l[i] = chosen_ints(better, other[i], l[i]);
        best = choose(better, error, best);
        scale = choose(better, new_scale, scale);
        least = choose(better, new_least, least);
    }
    for (int i = 0; i < 32; i++) l[i] &= ~flat;
    return (minimum_scales){.scale = choose(flat, splat(0), scale), .minimum = choose(flat, flat_minimum, -least)};
}

// Six bits of each of eight scales and minimums, of the lanes from `first` on, and what they stand for.
CK_INLINE void put_k_scales(minimum_scales fit, int first, uint8_t *out, f32x16 *d, f32x16 *dm, ck_encoding_loss *loss) {
    float scale = 0, minimum = 0;
    bool overflows = false;
    for (int lane = first; lane < first + 8; lane++) {
        overflows |= magnitude_of(fit.scale[lane]) >= INFINITE || magnitude_of(fit.minimum[lane]) >= INFINITE;
        scale = fit.scale[lane] > scale ? fit.scale[lane] : scale;
        minimum = fit.minimum[lane] > minimum ? fit.minimum[lane] : minimum;
    }
    float scale_inverse = scale > 0 ? 63.0f / scale : 0, minimum_inverse = minimum > 0 ? 63.0f / minimum : 0;
    uint8_t *packed = put_half(put_half(out, scale / 63.0f, true, &overflows), minimum / 63.0f, true, &overflows);
    loss->overflows += overflows;
    float scale_unit = half_to_float(float_to_half(scale / 63.0f)), minimum_unit = half_to_float(float_to_half(minimum / 63.0f));
    for (int j = 0; j < 8; j++) {
        uint8_t s = (uint8_t)nearest_int(scale_inverse * fit.scale[first + j]), m = (uint8_t)nearest_int(minimum_inverse * fit.minimum[first + j]);
        s = s < 63 ? s : 63;
        m = m < 63 ? m : 63;
        if (j < 4) {
            packed[j] = s;
            packed[j + 4] = m;
        } else {
            packed[j + 4] = (uint8_t)((s & 15) | (m & 15) << 4);
            packed[j - 4] |= (uint8_t)(s >> 4 << 6);
            packed[j] |= (uint8_t)(m >> 4 << 6);
        }
        (*d)[first + j] = scale_unit * (float)s;
        (*dm)[first + j] = minimum_unit * (float)m;
    }
}

// One super-block of q4_K (`most` 15) or q5_K (31) from its 256 quants.
CK_INLINE void pack_k(const uint8_t quants[SUPER], int most, uint8_t *out) {
    uint8_t *nibbles = most == 31 ? out + 48 : out + 16;
    if (most == 31) {
        for (int i = 0; i < 32; i++) {
            uint8_t bits = 0;
            for (int j = 0; j < 8; j++) bits |= (uint8_t)(quants[32 * j + i] >> 4 << j);
            out[16 + i] = bits;
        }
    }
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 32; i++) nibbles[32 * j + i] = (uint8_t)((quants[64 * j + i] & 15) | (quants[64 * j + 32 + i] & 15) << 4);
}

CK_INLINE void encode_k(const float *x, size_t count, uint8_t *out, int most, float first, int steps, ck_encoding_loss *loss) {
    size_t bytes = most == 31 ? 176 : 144;
    for (size_t at = 0; at < count; at += 2 * SUPER, out += 2 * bytes) {
        int blocks = count - at > SUPER ? 2 : 1;
        bool finite[2] = {is_finite_super(x + at, loss), blocks == 2 && is_finite_super(x + at + SUPER, loss)};
        f32x16 columns[32], d, dm;
        i32x16 l[32];
        for (int i = 0; i < 32; i++)
            for (int lane = 0; lane < LANES; lane++) columns[i][lane] = finite[lane / 8] ? x[at + (size_t)(32 * lane + i)] : 0;
        minimum_scales fit = fitted_scales(columns, l, most, first, steps);
        for (int b = 0; b < 2; b++) {
            uint8_t unused[176];
            ck_encoding_loss none = {0};
            put_k_scales(fit, 8 * b, b < blocks ? out + bytes * (size_t)b : unused, &d, &dm, b < blocks ? loss : &none);
        }
        uint8_t quants[2 * SUPER];
        for (int i = 0; i < 32; i++) {
            l[i] = chosen_ints(d != splat(0), clamped(nearest_ints((columns[i] + dm) / d), 0, most), l[i]);
            for (int lane = 0; lane < LANES; lane++) quants[32 * lane + i] = (uint8_t)l[i][lane];
        }
        for (int b = 0; b < blocks; b++) {
            pack_k(quants + SUPER * b, most, out + bytes * (size_t)b);
            if (finite[b]) continue;
            uint16_t nan = float_to_half(NAN);
            memcpy(out + bytes * (size_t)b, &nan, 2);
        }
    }
}

static void encode_q4_K(const float *x, size_t count, void *out, ck_encoding_loss *loss) { encode_k(x, count, out, 15, -1.0f, 20, loss); }
static void encode_q5_K(const float *x, size_t count, void *out, ck_encoding_loss *loss) { encode_k(x, count, out, 31, -0.5f, 15, loss); }
static void encode_q6_K(const float *x, size_t count, void *out, ck_encoding_loss *loss) {
    for (size_t at = 0; at < count; at += SUPER) encode_super_q6_K(x + at, (uint8_t *)out + at / SUPER * 210, loss);
}
