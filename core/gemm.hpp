// The small matrix products of an LSTM on a tile, blocked for registers.
//
// Letters: L lanes of a tile (NV vectors), K features summed over, R rows of a block.
// Included only by the kernels_*.cpp files.
#pragma once

#include "simd.hpp"

namespace gatecast::GATECAST_ISA {

// acc[r][lane] += sum over k of weights[k][r] * in[k][lane]
// weights: [K][R], in: [K][L]
template <int R, int NV>
inline void accumulate_product(Vec (&acc)[R][NV], const float* weights, const float* in, int K) {
  for (int k = 0; k < K; ++k, weights += R, in += NV * kWidth) {
    Vec x[NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) x[v] = load(in + v * kWidth);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec w = broadcast(weights[r]);
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) acc[r][v] = fma(w, x[v], acc[r][v]);
    }
  }
}

// R rows of out [R][L] = (or +=) packed [K][R] transposed times in [K][L]
template <int R, int NV>
inline void product_rows(const float* packed, const float* in, int K, float* out, bool add) {
  Vec acc[R][NV];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) acc[r][v] = add ? load(out + (r * NV + v) * kWidth) : Vec{};
  accumulate_product<R, NV>(acc, packed, in, K);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) store(out + (r * NV + v) * kWidth, acc[r][v]);
}

template <int N>
struct Size {
  static constexpr int value = N;
};

// Cuts `rows` into blocks of R, what remains into blocks of R / 2, and so on down to 1:
// f(Size<block>, first row of it).
template <int R, class F>
inline void for_each_block(int rows, F f, int row = 0) {
  for (; row + R <= rows; row += R) f(Size<R>{}, row);
  if constexpr (R > 1) for_each_block<R / 2>(rows, f, row);
}

template <int NV>
inline constexpr int kRowBlock = kAccumulators / NV;

// out [rows][L] = (or +=) weights transposed times in [K][L]; weights packed block by block, [K][R]
template <int NV>
inline void product(const float* packed, const float* in, int K, int rows, float* out, bool add) {
  constexpr int L = NV * kWidth;
  for_each_block<kRowBlock<NV>>(rows, [&](auto block, int row) {
    product_rows<block.value, NV>(packed + row * K, in, K, out + row * L, add);
  });
}

// out [L][padded] <- in [rows][L] transposed, rows padded with zeros to whole vectors
template <int NV>
inline void transpose_tile(const float* in, int rows, float* out) {
  constexpr int L = NV * kWidth;
  const int padded = (rows + kWidth - 1) / kWidth * kWidth;
  for (int row = 0; row < padded; row += kWidth)
    for (int v = 0; v < NV; ++v) {
      Vec block[kWidth];
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i)
        block[i] = row + i < rows ? load(in + (row + i) * L + v * kWidth) : Vec{};
      transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) store(out + (v * kWidth + i) * padded + row, block[i]);
    }
}

// acc[4][N vectors] of sum [rows][padded] += delta [4][L] times in_transposed [L][padded]
template <int N>
inline void outer_block(const float* delta, const float* in_transposed, int L, int padded,
                        float* sum) {
  Vec acc[4][N];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) acc[r][n] = load(sum + r * padded + n * kWidth);
  for (int lane = 0; lane < L; ++lane) {
    Vec x[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) x[n] = load(in_transposed + lane * padded + n * kWidth);
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const Vec d = broadcast(delta[r * L + lane]);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) acc[r][n] = fma(d, x[n], acc[r][n]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) store(sum + r * padded + n * kWidth, acc[r][n]);
}

// sum [rows][padded] += delta [rows][L] times in [K][L] transposed; rows is a multiple of 4
template <int NV>
inline void accumulate_outer(const float* delta, int rows, const float* in_transposed, int padded,
                             float* sum) {
  constexpr int L = NV * kWidth, N = kAccumulators / 4;
  for (int row = 0; row < rows; row += 4, delta += 4 * L, sum += 4 * padded) {
    for_each_block<N>(padded / kWidth, [&](auto vectors, int v) {
      const int k = v * kWidth;
      outer_block<vectors.value>(delta, in_transposed + k, L, padded, sum + k);
    });
  }
}

}  // namespace gatecast::GATECAST_ISA
