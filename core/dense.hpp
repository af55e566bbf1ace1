// The linear head on the final state of one tile. Letters as in kernels.hpp.
#pragma once

#include "simd.hpp"

namespace gatecast::GATECAST_ISA {

template <int NV>
void dense_forward(int H, int O, const float* weight, const float* bias, const float* h,
                   float* out) {
  constexpr int L = NV * kWidth;
  for (int o = 0; o < O; ++o) {
    Vec acc[NV];
    for (int v = 0; v < NV; ++v) acc[v] = broadcast(bias[o]);
    for (int k = 0; k < H; ++k)
      for (int v = 0; v < NV; ++v)
        acc[v] =
            fma(broadcast(weight[std::size_t(o) * H + k]), load(h + k * L + v * kWidth), acc[v]);
    for (int v = 0; v < NV; ++v) store(out + o * L + v * kWidth, acc[v]);
  }
}

template <int NV>
void dense_backward(int H, int O, const float* weight, const float* dout, const float* h, float* dh,
                    float* weight_sum, float* bias_sum) {
  constexpr int L = NV * kWidth;
  for (int k = 0; k < H; ++k) {
    Vec acc[NV] = {};
    Vec state[NV];
    for (int v = 0; v < NV; ++v) state[v] = load(h + k * L + v * kWidth);
    for (int o = 0; o < O; ++o) {
      Vec product{};
      for (int v = 0; v < NV; ++v) {
        const Vec d = load(dout + o * L + v * kWidth);
        acc[v] = fma(broadcast(weight[std::size_t(o) * H + k]), d, acc[v]);
        product = fma(d, state[v], product);
      }
      weight_sum[std::size_t(o) * H + k] += sum(product);
    }
    for (int v = 0; v < NV; ++v) store(dh + k * L + v * kWidth, acc[v]);
  }
  for (int o = 0; o < O; ++o) {
    Vec total{};
    for (int v = 0; v < NV; ++v) total += load(dout + o * L + v * kWidth);
    bias_sum[o] += sum(total);
  }
}

}  // namespace gatecast::GATECAST_ISA
