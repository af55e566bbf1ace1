// The small matrix products of an LSTM on a tile, blocked for registers, and the blocking itself.
//
// Letters: L lanes of a tile (NV vectors), K features summed over, R rows of a block. A "word" is
// what one lane of a vector holds: a float, or a pair of bfloat16 that are two neighbours of K.
// Included only by the kernels_*.cpp files.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace gatecast::GATECAST_ISA {

// How numbers are multiplied: the one thing that differs between the two precisions here.
struct Float32 {
  static constexpr int kDepth = 1;       // numbers in a word
  static constexpr int kRoundUnits = 1;  // units are rounded up to whole blocks of so many
  static constexpr Exactness kExactness = Exactness::kFloat;
  using Storage = FloatStorage;
  static Vec dot(Vec a, Vec b, Vec acc) { return fma(a, b, acc); }
};
struct Bfloat16 {
  static constexpr int kDepth = 2;
  static constexpr int kRoundUnits = 1;
  static constexpr Exactness kExactness = Exactness::kCoarse;
  using Storage = HalfStorage;
  static Vec dot(Vec a, Vec b, Vec acc) { return dot_pairs(a, b, acc); }
};

constexpr int padded(int n) { return (n + kWidth - 1) / kWidth * kWidth; }
// Words that hold n numbers.
template <class P>
int words(int n) {
  return (n + P::kDepth - 1) / P::kDepth;
}

template <class P>
int rounded_units(int units) {
  return (units + P::kRoundUnits - 1) / P::kRoundUnits * P::kRoundUnits;
}

template <int N>
struct Size {
  static constexpr int value = N;
};
// f(Size<n>), for an n from 1 to Max that is known only at run time.
template <int Max, class F>
inline void with_size(int n, F f) {
  if constexpr (Max > 1)
    if (n < Max) return with_size<Max - 1>(n, f);
  f(Size<Max>{});
}

// n rows in as few blocks of at most Max as can be, of sizes that differ by 1 at most: a small last
// block would leave the multipliers waiting for one another.
template <int Max>
struct Blocks {
  explicit Blocks(int n) : count((n + Max - 1) / Max), size(count ? n / count : 0), n(n) {}
  int begin(int block) const {
    return block * size + (block < n - count * size ? block : n - count * size);
  }

  // f(Size<rows>, first row) for block number first ... last - 1
  template <class F>
  void for_each(int first, int last, F f) const {
    for (int block = first; block < last; ++block)
      with_size<Max>(begin(block + 1) - begin(block), [&](auto rows) { f(rows, begin(block)); });
  }
  template <class F>
  void for_each(F f) const {
    for_each(0, count, f);
  }

  int count, size, n;
};

// acc[r][lane] += sum over k of weights[k][r] * in[k][lane]
// weights: [K words][R], in: [K words][L]
template <class P, int R, int NV>
inline void accumulate_product(Vec (&acc)[R][NV], const float* weights, const float* in, int K) {
  for (int k = 0; k < K; ++k, weights += R, in += NV * kWidth) {
    Vec x[NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) x[v] = load(in + v * kWidth);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec w = broadcast(weights[r]);
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) acc[r][v] = P::dot(w, x[v], acc[r][v]);
    }
  }
}

// R rows of out [R][L] = (or +=) packed [K words][R] transposed times in [K words][L]
template <class P, int R, int NV>
inline void product_rows(const float* packed, const float* in, int K, float* out, bool add) {
  Vec acc[R][NV];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) acc[r][v] = add ? load(out + (r * NV + v) * kWidth) : Vec{};
  accumulate_product<P, R, NV>(acc, packed, in, K);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) store(out + (r * NV + v) * kWidth, acc[r][v]);
}

template <int NV>
inline constexpr int kRowBlock = kAccumulators / NV;

// out [rows][L] = (or +=) weights transposed times in [K words][L]; packed block by block
template <class P, int NV>
inline void product(const float* packed, const float* in, int K, int rows, float* out, bool add) {
  Blocks<kRowBlock<NV>>(rows).for_each([&](auto block, int row) {
    product_rows<P, block.value, NV>(packed + row * K, in, K, out + row * NV * kWidth, add);
  });
}

// rows [n][L] of floats -> pairs of rows [n / 2 rounded up][L]
template <int NV>
void to_words(int n, const float* rows, float* words) {
  constexpr int L = NV * kWidth;
  for (int row = 0; row < n; row += 2, rows += 2 * L, words += L)
#pragma GCC unroll 2
    for (int v = 0; v < L; v += kWidth)
      store(words + v, pair_rows(load(rows + v), row + 1 < n ? load(rows + L + v) : Vec{}));
}

// out [L words][padded K] <- rows(word) [L]: words of neighbours in K become words of neighbouring
// lanes. `rows` gives the row of a word of K, or null beyond the last: zeros.
template <class P, int NV, class Rows>
inline void transpose_tile(Rows rows, int K, float* out) {
  constexpr int L = NV * kWidth, kLaneWords = L / P::kDepth;
  for (int k = 0; k < K; k += kWidth)
    for (int lane = 0; lane < kLaneWords; lane += kWidth) {
      Vec block[kWidth];
      if constexpr (P::kDepth == 1) {
#pragma GCC unroll 16
        for (int i = 0; i < kWidth; ++i) {
          const float* row = rows(k + i);
          block[i] = row ? load(row + lane) : Vec{};
        }
      } else {
#pragma GCC unroll 8
        for (int i = 0; i < kWidth; i += 2) {
          const float* pair = rows((k + i) / 2);
          block[i] = pair ? load(pair) : Vec{};
          block[i + 1] = NV == 2 && pair ? load(pair + kWidth) : Vec{};
          repair(block[i], block[i + 1]);
        }
      }
      transpose(block);
      constexpr int kRows = kLaneWords < kWidth ? kLaneWords : kWidth;
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) store(out + (lane + i) * padded(K) + k, block[i]);
    }
}

// sum [R][N vectors] += over steps and lanes: delta [R][lane words] times in [lane words][padded]
template <class P, int R, int N, int kLaneWords>
inline void outer_block(int steps, Steps delta, Steps in, int padded, float* sum) {
  Vec acc[R][N];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) acc[r][n] = load(sum + r * padded + n * kWidth);
  for (int step = 0; step < steps; ++step) {
    const float *d = delta.at(step), *x = in.at(step);
    for (int lane = 0; lane < kLaneWords; ++lane, ++d, x += padded) {
      Vec row[N];
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) row[n] = load(x + n * kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Vec w = broadcast(d[r * kLaneWords]);
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) acc[r][n] = P::dot(w, row[n], acc[r][n]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) store(sum + r * padded + n * kWidth, acc[r][n]);
}

// sum [rows][padded K] += over steps: delta [rows][lane words] times in [lane words][padded K]
template <class P, int NV>
inline void accumulate_outer(int steps, Steps delta, int rows, Steps in, int padded, float* sum) {
  constexpr int kLaneWords = NV * kWidth / P::kDepth, kColumns = kAccumulators / 4;
  Blocks<kColumns>(padded / kWidth).for_each([&](auto columns, int column) {
    constexpr int N = columns.value;
    Blocks<kAccumulators / N>(rows).for_each([&](auto block, int row) {
      outer_block<P, block.value, N, kLaneWords>(
          steps, {delta.data + row * kLaneWords, delta.stride},
          {in.data + column * kWidth, in.stride}, padded, sum + row * padded + column * kWidth);
    });
  });
}

}  // namespace gatecast::GATECAST_ISA
