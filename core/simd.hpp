// One vector type per instruction set, and the elementary functions on it.
//
// Included only by the kernels_*.cpp files, each compiled with its own instruction set. Everything
// lives in the namespace GATECAST_ISA, so that the linker can never mix two instruction sets, and
// nothing here uses the standard library's templates, for the same reason.
#pragma once

#include <cstdint>

#if defined(GATECAST_PORTABLE)  // no intrinsics, whatever the compiler was told of the machine
#define GATECAST_VECTOR_BYTES 16
#elif defined(__AVX512F__)
#include <immintrin.h>
#define GATECAST_AVX512 1
#define GATECAST_VECTOR_BYTES 64
#if defined(__AVX512BF16__)
#define GATECAST_AVX512BF16 1
#endif
#elif defined(__AVX2__)
#include <immintrin.h>
#define GATECAST_AVX2 1
#define GATECAST_VECTOR_BYTES 32
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define GATECAST_NEON_VECTORS 1
#define GATECAST_VECTOR_BYTES 16
#endif

namespace gatecast::GATECAST_ISA {

inline constexpr int kWidth = GATECAST_VECTOR_BYTES / 4;  // floats in a vector
// Accumulators that fit the register file beside the operands.
#if GATECAST_AVX512 || GATECAST_NEON_VECTORS  // 32 registers
inline constexpr int kAccumulators = 16;
#else
inline constexpr int kAccumulators = 8;
#endif

typedef float Vec __attribute__((vector_size(GATECAST_VECTOR_BYTES)));
typedef float UnalignedVec __attribute__((vector_size(GATECAST_VECTOR_BYTES), aligned(4)));
typedef int32_t IntVec __attribute__((vector_size(GATECAST_VECTOR_BYTES)));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
// Written with intrinsics so that a float in memory is broadcast by the load itself.
inline Vec broadcast(float x) {
#if GATECAST_AVX512
  return (Vec)_mm512_set1_ps(x);
#elif GATECAST_AVX2
  return (Vec)_mm256_set1_ps(x);
#else
  return Vec{x, x, x, x};
#endif
}

// a * b + c, rounded once where the hardware can.
inline Vec fma(Vec a, Vec b, Vec c) {
#if GATECAST_AVX512
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif GATECAST_AVX2
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif GATECAST_NEON_VECTORS
  return (Vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

// How exact 2^y is: to a few units in the last place of a float, or to the 1e-5 that is lost anyway
// where products are taken in bfloat16.
enum class Exactness { kFloat, kCoarse };

// 1 / x for 1 <= x < 1e38. Not for zero or infinity: the Newton step would give NaN.
inline Vec reciprocal(Vec x) {
#if GATECAST_AVX512
  const Vec y = (Vec)_mm512_maskz_rcp14_ps(0xffff, (__m512)x);
  return fma(y, fma(-x, y, broadcast(1.0f)), y);
#else
  return broadcast(1.0f) / x;
#endif
}

inline Vec sqrt(Vec x) {
#if GATECAST_AVX512
  return (Vec)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#elif GATECAST_AVX2
  return (Vec)_mm256_sqrt_ps((__m256)x);
#elif GATECAST_NEON_VECTORS
  return (Vec)vsqrtq_f32((float32x4_t)x);
#else
  for (int j = 0; j < kWidth; ++j) x[j] = __builtin_sqrtf(x[j]);
  return x;
#endif
}

// In this order of operands a NaN comes through instead of being replaced by the bound.
inline Vec at_most(Vec x, float high) {
#if GATECAST_AVX512
  return (Vec)_mm512_maskz_min_ps(0xffff, (__m512)broadcast(high), (__m512)x);
#elif GATECAST_AVX2
  return (Vec)_mm256_min_ps((__m256)broadcast(high), (__m256)x);
#else
  return x > broadcast(high) ? broadcast(high) : x;
#endif
}
// Unused with AVX-512, whose times_exp2 needs no lower bound.
inline Vec at_least(Vec x, float low) {
#if GATECAST_AVX2
  return (Vec)_mm256_max_ps((__m256)broadcast(low), (__m256)x);
#else
  return x < broadcast(low) ? broadcast(low) : x;
#endif
}

// y = n + r with n the integer nearest to y and |r| <= 1/2, and 2^r - 1 = r p(r): p a minimax
// polynomial of relative error 1.1e-8, or 1.5e-5.
struct Exp2 {
  Vec n, r, p;
};
template <Exactness E>
inline Exp2 split_exp2(Vec y) {
#if GATECAST_AVX512
  const Vec r = (Vec)_mm512_maskz_reduce_ps(0xffff, (__m512)y, 8), n = y - r;
#else
  // Adding 1.5 * 2^23 rounds to an integer.
  const Vec magic = broadcast(12582912.0f), n = (y + magic) - magic, r = y - n;
#endif
  if constexpr (E == Exactness::kCoarse) {
    Vec p = broadcast(9.6181106071e-3f);
    p = fma(p, r, broadcast(5.5837288855e-2f));
    p = fma(p, r, broadcast(2.4023252169e-1f));
    return {n, r, fma(p, r, broadcast(6.9313685778e-1f))};
  } else {
    Vec p = broadcast(1.5403512623e-4f);
    p = fma(p, r, broadcast(1.3390735556e-3f));
    p = fma(p, r, broadcast(9.6182374946e-3f));
    p = fma(p, r, broadcast(5.5503574335e-2f));
    p = fma(p, r, broadcast(2.4022649795e-1f));
    return {n, r, fma(p, r, broadcast(6.9314718793e-1f))};
  }
}

// x * 2^n for whole n; without AVX-512 -126 <= n <= 127.
inline Vec times_exp2(Vec x, Vec n) {
#if GATECAST_AVX512
  return (Vec)_mm512_maskz_scalef_ps(0xffff, (__m512)x, (__m512)n);
#else
  // Adding 1.5 * 2^23 leaves the integer in the low bits of the mantissa.
  const Vec magic = broadcast(12582912.0f);
  return x * (Vec)(((IntVec)(n + magic) - (IntVec)magic + 127) << 23);
#endif
}

// Within the range in which 2^y is a normal number.
inline Vec within_exp2(Vec y, float high) {
#if GATECAST_AVX512
  return at_most(y, high);  // times_exp2 takes care of the rest
#else
  return at_least(at_most(y, high), -126.0f);
#endif
}

// Arguments come scaled, by factors that the weights are packed with, so that 2^y is all it takes:
// sigmoid x from y = -x / ln 2, tanh x from y = 2 x / ln 2.
inline constexpr float kSigmoidScale = -1.44269504088896341f, kTanhScale = 2.88539008177792681f;

template <Exactness E>
inline Vec sigmoid_scaled(Vec y) {
  const Exp2 e = split_exp2<E>(within_exp2(y, 126.0f));
  return reciprocal(times_exp2(fma(e.p, e.r, broadcast(1.0f)), e.n) + 1.0f);
}

// D / (D + 2) with D = 2^y - 1, as 2^n (2^r - 1) + (2^n - 1): exact near zero.
template <Exactness E>
inline Vec tanh_scaled(Vec y) {
  const Exp2 e = split_exp2<E>(within_exp2(y, 60.0f));
  const Vec scale = times_exp2(broadcast(1.0f), e.n);
  const Vec d = fma(scale, e.p * e.r, scale - 1.0f);
  return d * reciprocal(d + 2.0f);
}

inline float sum(Vec v) {
  // Pairwise, in a fixed order.
  for (int d = kWidth / 2; d > 0; d /= 2)
    for (int j = 0; j < d; ++j) v[j] += v[j + d];
  return v[0];
}

namespace detail {
template <int... J>
struct Indices {};
template <int N, int... J>
struct MakeIndices : MakeIndices<N - 1, N - 1, J...> {};
template <int... J>
struct MakeIndices<0, J...> {
  using type = Indices<J...>;
};
// Exchanges the off-diagonal D x D blocks of two rows.
template <int D, int... J>
inline void exchange(Vec& a, Vec& b, Indices<J...>) {
  const Vec low = __builtin_shufflevector(a, b, ((J & D) == 0 ? J : kWidth + J - D)...);
  const Vec high = __builtin_shufflevector(a, b, ((J & D) == 0 ? J + D : kWidth + J)...);
  a = low;
  b = high;
}
template <int D>
inline void transpose_stage(Vec (&rows)[kWidth]) {
  if constexpr (D < kWidth) {
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i)
      if ((i & D) == 0) exchange<D>(rows[i], rows[i + D], typename MakeIndices<kWidth>::type{});
    transpose_stage<2 * D>(rows);
  }
}
}  // namespace detail

inline void transpose(Vec (&rows)[kWidth]) { detail::transpose_stage<1>(rows); }

// Two bfloat16 in a word, the first in the low half. A Vec of words is kept as a Vec: only its bits
// count.
namespace detail {
template <int Odd, int... J>
inline Vec every_other(Vec a, Vec b, Indices<J...>) {
  return __builtin_shufflevector(a, b, (2 * J + Odd)...);
}
// The nearest bfloat16, even at a tie, in the high half of each word.
inline IntVec round_to_high(Vec x) {
  const IntVec bits = (IntVec)x;
  const IntVec rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return x == x ? rounded & int32_t(0xffff0000) : bits | 0x00400000;
}
inline Vec join(IntVec low, IntVec high) {
  return (Vec)(((low >> 16) & 0xffff) | (high & int32_t(0xffff0000)));
}
}  // namespace detail

// Word j: (low[j], high[j])
inline Vec pair_rows(Vec low, Vec high) {
#if GATECAST_AVX512BF16
  alignas(64) static constexpr uint16_t kInterleave[32] = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
  return (Vec)_mm512_maskz_permutexvar_epi16(~0u, *(const __m512i*)kInterleave, both);
#else
  return detail::join(detail::round_to_high(low), detail::round_to_high(high));
#endif
}

// Word j: (lane 2j, lane 2j + 1) of a followed by b
inline Vec pair_lanes(Vec a, Vec b) {
#if GATECAST_AVX512BF16
  return (Vec)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a);
#else
  using All = typename detail::MakeIndices<kWidth>::type;
  return pair_rows(detail::every_other<0>(a, b, All{}), detail::every_other<1>(a, b, All{}));
#endif
}

// From words of row pairs, a followed by b, to words of lane pairs: of their low halves, then of
// their high halves.
inline void repair(Vec& a, Vec& b) {
  using All = typename detail::MakeIndices<kWidth>::type;
  const IntVec even = (IntVec)detail::every_other<0>(a, b, All{});
  const IntVec odd = (IntVec)detail::every_other<1>(a, b, All{});
  a = (Vec)((even & 0xffff) | (odd << 16));
  b = detail::join(even, odd);
}

// Half a vector; what is read is followed by zeros.
inline Vec load_half(const float* p) {
  Vec v{};
  __builtin_memcpy(&v, p, sizeof(Vec) / 2);
  return v;
}
inline void store_half(float* p, Vec v) { __builtin_memcpy(p, &v, sizeof(Vec) / 2); }

// One row of a tile, [NV vectors] of floats, as pairs of lanes: half as many words.
template <int NV>
inline void store_lane_pairs(float* out, const Vec (&row)[NV]) {
  if constexpr (NV == 2)
    store(out, pair_lanes(row[0], row[1]));
  else
    store_half(out, pair_lanes(row[0], Vec{}));
}

// What the backward pass needs of the forward one: five vectors for each unit, i, f, g, o and the
// cell before. Kept as floats, or in half the room where the products are in bfloat16 and the
// hardware converts.
struct Saved {
  Vec i, f, g, o, before;
  Vec f_slope;  // f (1 - f)
};
struct FloatStorage {
  static constexpr int kPerFloat = 1;
  // `at` is the place of i, the others follow at distances of L.
  static void put(float* array, int at, int L, Vec i, Vec f, Vec g, Vec o, Vec before) {
    store(array + at, i);
    store(array + at + L, f);
    store(array + at + 2 * L, g);
    store(array + at + 3 * L, o);
    store(array + at + 4 * L, before);
  }
  static Saved get(const float* array, int at, int L) {
    const Vec f = load(array + at + L);
    return {load(array + at),         f,
            load(array + at + 2 * L), load(array + at + 3 * L),
            load(array + at + 4 * L), f * (1.0f - f)};
  }
};
#if GATECAST_AVX512
struct HalfStorage {
  static constexpr int kPerFloat = 2;
  static void put(float* array, int at, int L, Vec i, Vec f, Vec g, Vec o, Vec before) {
    auto* half = reinterpret_cast<uint16_t*>(array) + at;
    put_half<kNearest>(half, i);
    // A forget gate near 1 is what long memory is made of, and there the half is coarse: as f - 1.
    const __mmask16 open = _mm512_cmp_ps_mask((__m512)f, (__m512)broadcast(0.5f), _CMP_GT_OQ);
    put_half<kNearest>(
        half + L, (Vec)_mm512_mask_sub_ps((__m512)f, open, (__m512)f, (__m512)broadcast(1.0f)));
    put_half<kNearest>(half + 2 * L, g);
    put_half<kNearest>(half + 3 * L, o);
    // A cell beyond the range of the half becomes the end of it, not infinity.
    put_half<kTowardsZero>(half + 4 * L, before);
  }
  static Saved get(const float* array, int at, int L) {
    const auto* half = reinterpret_cast<const uint16_t*>(array) + at;
    const Vec near = get_half(half + L);
    const __mmask16 open = _mm512_cmp_ps_mask((__m512)near, (__m512)Vec{}, _CMP_LT_OQ);
    const Vec f =
        (Vec)_mm512_mask_add_ps((__m512)near, open, (__m512)near, (__m512)broadcast(1.0f));
    const Vec distance = (Vec)_mm512_abs_ps((__m512)near);
    return {get_half(half),         f,
            get_half(half + 2 * L), get_half(half + 3 * L),
            get_half(half + 4 * L), distance * (1.0f - distance)};
  }

 private:
  static constexpr int kNearest = 8, kTowardsZero = 8 + 3;
  template <int Rounding>
  static void put_half(uint16_t* p, Vec v) {
    _mm256_storeu_si256((__m256i*)p, _mm512_maskz_cvtps_ph(0xffff, (__m512)v, Rounding));
  }
  static Vec get_half(const uint16_t* p) {
    return (Vec)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256((const __m256i*)p));
  }
};
#else
using HalfStorage = FloatStorage;
#endif

// acc + a.first * b.first + a.second * b.second, of pairs of bfloat16
inline Vec dot_pairs(Vec a, Vec b, Vec acc) {
#if GATECAST_AVX512BF16
  return (Vec)_mm512_dpbf16_ps((__m512)acc, (__m512bh)a, (__m512bh)b);
#else
  const IntVec high = (IntVec)broadcast(0) | int32_t(0xffff0000);
  acc = fma((Vec)((IntVec)a << 16), (Vec)((IntVec)b << 16), acc);
  return fma((Vec)((IntVec)a & high), (Vec)((IntVec)b & high), acc);
#endif
}

}  // namespace gatecast::GATECAST_ISA
