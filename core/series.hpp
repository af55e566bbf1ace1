// One LSTM layer at one time step of one series: a matrix times a vector, with vectors running over
// the units. Weights go [1 + I + H][vectors of units][4 gates], so that each is read once, in
// order. Included only by the kernels_*.cpp files.
#pragma once

#include "lstm.hpp"

namespace gatecast::GATECAST_ISA {

// Vectors of units that fit the registers with their four gates.
inline constexpr int kUnitVectors = kAccumulators / 4;

inline std::size_t series_state_size(LayerShape s) { return padded(s.units); }
inline std::size_t series_packed_size(LayerShape s) {
  return std::size_t(1 + s.inputs + s.units) * 4 * padded(s.units);
}

// Rows of `weight` of one gate and one vector of units, from number k on, turned so that result[j]
// holds number k + j of all units.
inline void gate_columns(const float* weight, int gate, int unit, int H, int k, int K,
                         Vec (&columns)[kWidth]) {
  for (int u = 0; u < kWidth; ++u)
    columns[u] = unit + u < H ? row_words<Float32>(weight + (gate * H + unit + u) * K, k, K,
                                                   gate_scale(gate))
                              : Vec{};
  transpose(columns);
}

// Block by block of N vectors of units: [1 + I + H][N][4] vectors.
inline void series_pack(LayerShape s, const float* w_ih, const float* w_hh, const float* bias,
                        float* packed) {
  const int H = s.units;
  Blocks<kUnitVectors>(padded(H) / kWidth).for_each([&](auto vectors, int first) {
    constexpr int kColumn = 4 * vectors.value * kWidth;
    const auto pack = [&](const float* weight, int K) {
      for (int n = 0; n < 4 * vectors.value; ++n)
        for (int k = 0; k < K; k += kWidth) {
          Vec columns[kWidth];
          gate_columns(weight, n % 4, (first + n / 4) * kWidth, H, k, K, columns);
          for (int j = 0; j < kWidth && k + j < K; ++j)
            store(packed + (k + j) * kColumn + n * kWidth, columns[j]);
        }
      packed += K * kColumn;
    };
    pack(bias, 1);
    pack(w_ih, s.inputs);
    pack(w_hh, H);
  });
}

template <int N>
inline const float* accumulate_column(Vec (&acc)[N][4], const float* packed, float x) {
  const Vec value = broadcast(x);
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n)
#pragma GCC unroll 4
    for (int gate = 0; gate < 4; ++gate)
      acc[n][gate] = fma(value, load(packed + (4 * n + gate) * kWidth), acc[n][gate]);
  return packed + 4 * N * kWidth;
}

inline void series_lstm_step(LayerShape s, const float* packed, const float* x, const float* h,
                             float* c, float* h_next) {
  Blocks<kUnitVectors>(padded(s.units) / kWidth).for_each([&](auto vectors, int first) {
    constexpr int N = vectors.value;
    // Two sums in turn, so that few vectors do not wait for their own last addition.
    Vec acc[N][4], other[N][4] = {};
    for (int n = 0; n < N; ++n)
      for (int gate = 0; gate < 4; ++gate) acc[n][gate] = load(packed + (4 * n + gate) * kWidth);
    packed += 4 * N * kWidth;
    for (int k = 0; k < s.inputs; ++k) packed = accumulate_column<N>(acc, packed, x[k]);
    int k = 0;
    for (; k + 1 < s.units; k += 2) {
      packed = accumulate_column<N>(acc, packed, h[k]);
      packed = accumulate_column<N>(other, packed, h[k + 1]);
    }
    if (k < s.units) packed = accumulate_column<N>(acc, packed, h[k]);
    for (int n = 0; n < N; ++n) {
      Vec pre[4];
      for (int gate = 0; gate < 4; ++gate) pre[gate] = acc[n][gate] + other[n][gate];
      const int at = (first + n) * kWidth;
      store(h_next + at, activate<Float32>(pre, c + at, nullptr, 0, 0));
    }
  });
}

inline void series_dense(int H, int O, const float* weight, const float* bias, const float* h,
                         float* out) {
  for (int o = 0; o < O; ++o) {
    Vec sums{};
    for (int k = 0; k < H; k += kWidth)
      sums = fma(row_words<Float32>(weight + std::size_t(o) * H, k, H, 1.0f), load(h + k), sums);
    out[o] = bias[o] + sum(sums);
  }
}

}  // namespace gatecast::GATECAST_ISA
