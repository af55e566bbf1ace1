// One LSTM layer at one time step of one tile: forward, and its backward pass in three parts.
//
//   i = sigmoid(.)  f = sigmoid(.)  g = tanh(.)  o = sigmoid(.)     (.) = W_ih x + W_hh h' + b
//   c = f c' + i g      h = o tanh(c)                     ' marks the step before
// Included only by the kernels_*.cpp files; letters as in kernels.hpp.
#pragma once

#include "gemm.hpp"
#include "kernels.hpp"

namespace gatecast::GATECAST_ISA {

template <int NV>
inline constexpr int kUnitBlock = kAccumulators / (4 * NV);

inline int padded(int n) { return (n + kWidth - 1) / kWidth * kWidth; }

// Block by block of U units: [bias; W_ih; W_hh] as [1 + I + H][U][4].
template <int NV>
void pack_forward(LayerShape s, const float* w_ih, const float* w_hh, const float* bias,
                  float* packed) {
  const int H = s.units;
  const auto pack = [&](int unit, int U) {
    for (int u = unit; u < unit + U; ++u)
      for (int gate = 0; gate < 4; ++gate) *packed++ = bias[gate * H + u];
    for (int k = 0; k < s.inputs; ++k)
      for (int u = unit; u < unit + U; ++u)
        for (int gate = 0; gate < 4; ++gate) *packed++ = w_ih[(gate * H + u) * s.inputs + k];
    for (int k = 0; k < H; ++k)
      for (int u = unit; u < unit + U; ++u)
        for (int gate = 0; gate < 4; ++gate) *packed++ = w_hh[(gate * H + u) * H + k];
  };
  for_each_block<kUnitBlock<NV>>(H, [&](auto block, int unit) { pack(unit, block.value); });
}

template <int U, int NV>
inline const float* forward_units(LayerShape s, const float* packed, const float* x,
                                  const float* h_before, const float* c_before, float* gates,
                                  float* c, float* h) {
  constexpr int L = NV * kWidth, R = 4 * U;
  Vec acc[R][NV];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) acc[r][v] = broadcast(packed[r]);
  packed += R;
  accumulate_product<R, NV>(acc, packed, x, s.inputs);
  packed += s.inputs * R;
  accumulate_product<R, NV>(acc, packed, h_before, s.units);
  packed += s.units * R;
#pragma GCC unroll 4
  for (int u = 0; u < U; ++u)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      const Vec i = sigmoid(acc[4 * u][v]), f = sigmoid(acc[4 * u + 1][v]);
      const Vec g = tanh(acc[4 * u + 2][v]), o = sigmoid(acc[4 * u + 3][v]);
      const int at = u * L + v * kWidth;
      const Vec cell = fma(f, load(c_before + at), i * g);
      store(gates + 4 * u * L + v * kWidth, i);
      store(gates + (4 * u + 1) * L + v * kWidth, f);
      store(gates + (4 * u + 2) * L + v * kWidth, g);
      store(gates + (4 * u + 3) * L + v * kWidth, o);
      store(c + at, cell);
      store(h + at, o * tanh(cell));
    }
  return packed;
}

template <int NV>
void lstm_forward(LayerShape s, const float* packed, const float* x, const float* h_before,
                  const float* c_before, float* gates, float* c, float* h) {
  constexpr int L = NV * kWidth;
  for_each_block<kUnitBlock<NV>>(s.units, [&](auto block, int unit) {
    packed = forward_units<block.value, NV>(s, packed, x, h_before, c_before + unit * L,
                                            gates + 4 * unit * L, c + unit * L, h + unit * L);
  });
}

template <int NV>
void lstm_backward_gates(int units, float* gates, const float* c, const float* c_before,
                         const float* dh, float* dc) {
  constexpr int L = NV * kWidth;
  for (int u = 0; u < units; ++u)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      const int at = u * L + v * kWidth;
      float* gate = gates + 4 * u * L + v * kWidth;
      const Vec i = load(gate), f = load(gate + L), g = load(gate + 2 * L), o = load(gate + 3 * L);
      const Vec squashed = tanh(load(c + at)), dh_ = load(dh + at);
      const Vec dcell = fma(dh_ * o, 1.0f - squashed * squashed, load(dc + at));
      store(gate, dcell * g * i * (1.0f - i));
      store(gate + L, dcell * load(c_before + at) * f * (1.0f - f));
      store(gate + 2 * L, dcell * i * (1.0f - g * g));
      store(gate + 3 * L, dh_ * squashed * o * (1.0f - o));
      store(dc + at, dcell * f);
    }
}

// weight [4H][K] gate by gate -> blocks of K's rows over delta's order, unit by unit
template <int NV>
void pack_backward(int units, int K, const float* weight, float* packed) {
  for_each_block<kRowBlock<NV>>(K, [&](auto block, int row) {
    for (int u = 0; u < units; ++u)
      for (int gate = 0; gate < 4; ++gate)
        for (int r = row; r < row + block.value; ++r)
          *packed++ = weight[(gate * units + u) * K + r];
  });
}

template <int NV>
void lstm_backward_input(int units, int K, const float* packed, const float* delta, float* out,
                         bool add) {
  product<NV>(packed, delta, 4 * units, K, out, add);
}

template <int NV>
void lstm_backward_weights(LayerShape s, const float* delta, const float* x, const float* h_before,
                           LayerSums sums, float* scratch) {
  constexpr int L = NV * kWidth;
  const int rows = 4 * s.units;
  transpose_tile<NV>(h_before, s.units, scratch);
  accumulate_outer<NV>(delta, rows, scratch, padded(s.units), sums.recurrent);
  if (!s.narrow()) {
    transpose_tile<NV>(x, s.inputs, scratch);
    accumulate_outer<NV>(delta, rows, scratch, padded(s.inputs), sums.input);
  }
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      const Vec d = load(delta + r * L + v * kWidth);
      float* bias = sums.bias + r * L + v * kWidth;
      store(bias, load(bias) + d);
      if (s.narrow())
        for (int k = 0; k < s.inputs; ++k) {
          float* sum = sums.input + (r * s.inputs + k) * L + v * kWidth;
          store(sum, fma(d, load(x + k * L + v * kWidth), load(sum)));
        }
    }
}

template <int NV>
inline float sum_lanes(const float* lanes) {
  Vec total = load(lanes);
  if constexpr (NV == 2) total += load(lanes + kWidth);
  return sum(total);
}

template <int NV>
void lstm_reduce(LayerShape s, LayerSums sums, float* w_ih, float* w_hh, float* bias) {
  constexpr int L = NV * kWidth;
  const int H = s.units, I = s.inputs;
  for (int gate = 0; gate < 4; ++gate)
    for (int u = 0; u < H; ++u) {
      const int from = 4 * u + gate, to = gate * H + u;
      bias[to] = sum_lanes<NV>(sums.bias + from * L);
      for (int k = 0; k < H; ++k) w_hh[to * H + k] = sums.recurrent[from * padded(H) + k];
      for (int k = 0; k < I; ++k)
        w_ih[to * I + k] = s.narrow() ? sum_lanes<NV>(sums.input + (from * I + k) * L)
                                      : sums.input[from * padded(I) + k];
    }
}

}  // namespace gatecast::GATECAST_ISA
