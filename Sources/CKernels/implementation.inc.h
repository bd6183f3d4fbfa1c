// All kernels of one instruction set; the including source defines CK_NAME, CK_TABLE, the sizes of tiles and the target.
#include "attention.inc.h"
#include "elementwise.inc.h"
#include "hash.inc.h"
#include "include/kernels.h"
#include "key_value_store.inc.h"
#include "low_rank.inc.h"
#include "merge.inc.h"
#include "nearest.inc.h"
#include "quantize.inc.h"
#include "encode.inc.h"
#include "encode_super.inc.h"
#include "packed.inc.h"
#include "peak.inc.h"
#include "sampling.inc.h"
#include "low_rank_int8.inc.h"
#include "matmul.inc.h"
#include "pairs.inc.h"
#include "gradients.inc.h"

const ck_kernels CK_TABLE = {
    .name = CK_NAME,
    .elementwise = {
        .rms_norm = rms_norm, .layer_norm = layer_norm, .add = add, .multiply = multiply_elements, .scale = scale,
        .silu_multiply = silu_multiply, .gelu_tanh_multiply = gelu_tanh_multiply, .clamped_multiply = clamped_multiply, .gelu = gelu, .gelu_tanh = gelu_tanh,
        .rotate_halves = rotate_halves, .softmax = softmax, .maximum_index = maximum_index, .dot = dot,
        .dots = dots,
    },
    .packed = {.quantize = quantize, .norm_quantize = norm_quantize, .multiply = multiply_packed},
    .attention = {.store_keys = store_keys, .store_values = store_values, .causal = causal_attention, .bidirectional = bidirectional_attention,
        .soft_cap = soft_cap},
    .sampling = {.exp_sum = exp_sum, .exp_scaled = exp_scaled, .select = select_from},
    .hash = {.chunks = hash_chunks, .parents = hash_parents},
    .low_rank = {.shrink = shrink, .expand = expand},
    .peak = {.int8 = peak_int8, .f32 = peak_f32},
    .training = {
        .matmul = matmul, .matmul_pairs = matmul_pairs, .round_pairs = round_pairs, .unpack_pairs = unpack_pairs,
        .unpack_output_pairs = unpack_output_pairs, .pairs_product = pairs_product, .round_bfloats = round_bfloats, .widen_bfloats = widen_bfloats,
        .rms_norm_gradient = rms_norm_gradient, .silu_multiply_gradient = silu_multiply_gradient,
        .gelu_tanh_multiply_gradient = gelu_tanh_multiply_gradient, .softmax_logsumexp = softmax_logsumexp, .exp_minus = exp_minus, .exp_shifted = exp_shifted,
        .softmax_gradient = softmax_gradient, .add_product = add_product,
    },
    .nearest = {.hamming = hamming, .dot = dot_int8},
    .encode = {
        .f32 = encode_f32, .f16 = encode_f16, .bf16 = encode_bf16, .q4_0 = encode_q4_0, .q4_1 = encode_q4_1, .q5_0 = encode_q5_0,
        .q5_1 = encode_q5_1, .q8_0 = encode_q8_0, .q4_K = encode_q4_K, .q5_K = encode_q5_K, .q6_K = encode_q6_K,
    },
    .merge = {
        .subtract = merge_subtract, .add_product = merge_add_product, .vote = merge_vote, .combine = merge_combine, .dots = merge_dots,
        .magnitudes = merge_magnitudes, .count_buckets = merge_count_buckets, .count_parts = merge_count_parts, .keep_range = merge_keep_range,
        .keep_random = merge_keep_random, .variance = merge_variance, .non_finite = merge_non_finite,
    },
    .low_rank_int8 = {.pack = int8_pack, .shrink = int8_shrink, .expand = int8_expand},
};
