// One step of an optimiser over a stretch of parameters. Formulas as PyTorch's AdamW and RMSprop:
// weight decay is decoupled from the gradient in both.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace gatecast::GATECAST_ISA {

inline void adam(AdamStep s, float scale, std::size_t n, float* parameters, const float* gradient,
                 float* mean, float* square) {
  const Vec shrink = broadcast(1.0f - s.learning_rate * s.decay);
  const Vec rate = broadcast(s.learning_rate * s.correction1);
  for (std::size_t j = 0; j < n; j += kWidth) {
    const Vec g = load(gradient + j) * scale;
    const Vec m = fma(broadcast(s.beta1), load(mean + j), g * (1.0f - s.beta1));
    const Vec v = fma(broadcast(s.beta2), load(square + j), g * g * (1.0f - s.beta2));
    store(mean + j, m);
    store(square + j, v);
    const Vec root = sqrt(v * s.correction2) + s.epsilon;
    store(parameters + j, load(parameters + j) * shrink - rate * m / root);
  }
}

inline void rmsprop(float learning_rate, float decay, float alpha, float epsilon, float scale,
                    std::size_t n, float* parameters, const float* gradient, float* square) {
  const Vec shrink = broadcast(1.0f - learning_rate * decay);
  for (std::size_t j = 0; j < n; j += kWidth) {
    const Vec g = load(gradient + j) * scale;
    const Vec v = fma(broadcast(alpha), load(square + j), g * g * (1.0f - alpha));
    store(square + j, v);
    store(parameters + j, load(parameters + j) * shrink - learning_rate * g / (sqrt(v) + epsilon));
  }
}

inline void add(std::size_t n, const float* from, float* to) {
  std::size_t j = 0;
  for (; j + kWidth <= n; j += kWidth) store(to + j, load(to + j) + load(from + j));
  for (; j < n; ++j) to[j] += from[j];
}

// Sixteen sums and no fused multiply-add, however many lanes a vector has.
inline float dot(std::size_t n, const float* a, const float* b) {
  float sums[16] = {};
  for (std::size_t j = 0; j < n; j += 16)
    for (int lane = 0; lane < 16; ++lane) sums[lane] += a[j + lane] * b[j + lane];
  float total = 0;
  for (float sum : sums) total += sum;
  return total;
}

inline void subtract(std::size_t n, float scale, const float* from, float* to) {
  for (std::size_t j = 0; j < n; ++j) to[j] -= scale * from[j];
}

// In double: the squares of a great gradient leave the range of a float.
inline double sum_of_squares(std::size_t n, const float* values) {
  double sums[16] = {};
  for (std::size_t j = 0; j < n; j += 16)
    for (int lane = 0; lane < 16; ++lane) {
      const double x = values[j + lane];
      sums[lane] += x * x;
    }
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace gatecast::GATECAST_ISA
