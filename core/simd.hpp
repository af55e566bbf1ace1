// One vector type per instruction set, and the elementary functions on it.
//
// Included only by the kernels_*.cpp files, each compiled with its own instruction set. Everything
// lives in the namespace GATECAST_ISA, so that the linker can never mix two instruction sets, and
// nothing here uses the standard library's templates, for the same reason.
#pragma once

#include <cstdint>

#if defined(__AVX512F__)
#include <immintrin.h>
#define GATECAST_VECTOR_BYTES 64
#elif defined(__AVX2__)
#include <immintrin.h>
#define GATECAST_VECTOR_BYTES 32
#else
#define GATECAST_VECTOR_BYTES 16
#endif

namespace gatecast::GATECAST_ISA {

inline constexpr int kWidth = GATECAST_VECTOR_BYTES / 4;  // floats in a vector
// Accumulators that fit the register file beside the operands.
inline constexpr int kAccumulators = kWidth == 16 ? 16 : 8;

typedef float Vec __attribute__((vector_size(GATECAST_VECTOR_BYTES)));
typedef float UnalignedVec __attribute__((vector_size(GATECAST_VECTOR_BYTES), aligned(4)));
typedef int32_t IntVec __attribute__((vector_size(GATECAST_VECTOR_BYTES)));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
// Written with intrinsics so that a float in memory is broadcast by the load itself.
inline Vec broadcast(float x) {
#if defined(__AVX512F__)
  return (Vec)_mm512_set1_ps(x);
#elif defined(__AVX2__)
  return (Vec)_mm256_set1_ps(x);
#else
  return Vec{x, x, x, x};
#endif
}

// a * b + c, rounded once where the hardware can.
inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

// 1 / x for 1 <= x < 1e38. Not for zero or infinity: the Newton step would give NaN.
inline Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
  Vec y = (Vec)_mm512_maskz_rcp14_ps(0xffff, (__m512)x);
  return fma(y, fma(-x, y, broadcast(1.0f)), y);
#else
  return broadcast(1.0f) / x;
#endif
}

inline Vec sqrt(Vec x) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#elif defined(__AVX2__)
  return (Vec)_mm256_sqrt_ps((__m256)x);
#else
  for (int j = 0; j < kWidth; ++j) x[j] = __builtin_sqrtf(x[j]);
  return x;
#endif
}

// In this order of operands a NaN comes through instead of being replaced by the bound.
inline Vec clamp(Vec x, float low, float high) {
#if defined(__AVX512F__)
  x = (Vec)_mm512_maskz_max_ps(0xffff, (__m512)broadcast(low), (__m512)x);
  return (Vec)_mm512_maskz_min_ps(0xffff, (__m512)broadcast(high), (__m512)x);
#elif defined(__AVX2__)
  x = (Vec)_mm256_max_ps((__m256)broadcast(low), (__m256)x);
  return (Vec)_mm256_min_ps((__m256)broadcast(high), (__m256)x);
#else
  x = x < broadcast(low) ? broadcast(low) : x;
  return x > broadcast(high) ? broadcast(high) : x;
#endif
}

// e^x = scale * (1 + rest) with scale = 2^n and rest = e^r - 1, |r| <= ln(2)/2.
// The caller keeps |x| <= 87, so that 2^n is a normal number.
struct SplitExp {
  Vec scale, rest;
};
inline SplitExp split_exp(Vec x) {
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits of the mantissa.
  const Vec magic = broadcast(12582912.0f);
  const Vec shifted = fma(x, broadcast(1.44269504088896341f), magic);
  const Vec n = shifted - magic;
  Vec r = fma(n, broadcast(-0.693359375f), x);  // ln 2 in two parts, the first exact in n
  r = fma(n, broadcast(2.12194440e-4f), r);
  // e^r = 1 + r + r^2 p(r); minimax over |r| <= ln(2)/2, relative error 3.1e-9.
  Vec p = broadcast(1.3814466850e-3f);
  p = fma(p, r, broadcast(8.3687805481e-3f));
  p = fma(p, r, broadcast(4.1668394224e-2f));
  p = fma(p, r, broadcast(1.6666520107e-1f));
  p = fma(p, r, broadcast(4.9999993412e-1f));
  const Vec rest = fma(p * r, r, r);
#if defined(__AVX512F__)
  return {(Vec)_mm512_maskz_scalef_ps(0xffff, (__m512)broadcast(1.0f), (__m512)n), rest};
#else
  const IntVec exponent = ((IntVec)shifted - (IntVec)magic + 127) << 23;
  return {(Vec)exponent, rest};
#endif
}

inline Vec sigmoid(Vec x) {
  const SplitExp e = split_exp(clamp(-x, -87.0f, 87.0f));
  return reciprocal(fma(e.scale, e.rest, e.scale) + 1.0f);
}

// tanh x = E / (E + 2) with E = e^(2x) - 1, which keeps its relative precision near zero.
inline Vec tanh(Vec x) {
  const SplitExp e = split_exp(clamp(x + x, -20.0f, 20.0f));
  const Vec expm1 = fma(e.scale, e.rest, e.scale - 1.0f);
  return expm1 * reciprocal(expm1 + 2.0f);
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

}  // namespace gatecast::GATECAST_ISA
