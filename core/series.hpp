// One LSTM layer at one time step of one series: a matrix times a vector, with vectors running over
// the units. Weights go [1 + I + H][vectors of units][4 gates], so that each is read once, in order.
// Included only by the kernels_*.cpp files.
#pragma once

#include "lstm.hpp"

namespace gatecast::GATECAST_ISA {

// Vectors of units that fit the registers with their four gates.
inline constexpr int kUnitVectors = kAccumulators / 4;

inline std::size_t series_state_size(LayerShape s) { return padded(s.units); }
inline std::size_t series_packed_size(LayerShape s) {
  return std::size_t(1 + s.inputs + s.units) * 4 * padded(s.units);
}

// Block by block of N vectors of units: [1 + I + H][N][4] vectors.
inline void series_pack(LayerShape s, const float* w_ih, const float* w_hh, const float* bias,
                        float* packed) {
  const int H = s.units, I = s.inputs;
  Blocks<kUnitVectors>(padded(H) / kWidth).for_each([&](auto vectors, int first) {
    const auto column = [&](const float* weight, int stride) {
      for (int v = first; v < first + vectors.value; ++v)
        for (int gate = 0; gate < 4; ++gate)
          for (int u = v * kWidth; u < (v + 1) * kWidth; ++u)
            *packed++ = u < H ? weight[(gate * H + u) * stride] * gate_scale(gate) : 0.0f;
    };
    column(bias, 1);
    for (int k = 0; k < I; ++k) column(w_ih + k, I);
    for (int k = 0; k < H; ++k) column(w_hh + k, H);
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

}  // namespace gatecast::GATECAST_ISA
